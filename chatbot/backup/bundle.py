"""The bundle's file: a tar (manifest.json, etc/..., database.dump) encrypted with age, written and read as a stream.

Nothing of it is ever held in memory as a whole. age authenticates each 64 KB: a changed or cut file can't be read to its end.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol

import pyrage
from pyrage import x25519

from chatbot.backup.places import BackupError

MANIFEST = "manifest.json"
DUMP = "database.dump"
SETTINGS = "etc"
CHUNK = 1 << 16
# all but the dump is read into memory; a settings folder has some kilobytes
MAX_SMALL_BYTES = 4 << 20


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Digesting:
    """Reads through to `source`, counting and hashing."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._hash.update(piece)
        self.size += len(piece)
        return piece

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def drain(self) -> Digesting:
        while self.read(CHUNK):
            pass
        return self


def write_bundle(target: Path, key: x25519.Identity, members: Iterable[tuple[str, Path | bytes]]) -> None:
    """Writes `target` and waits until it is on the disk. Raises BackupError; `target` may be left half written."""

    def pack(sink: BinaryIO) -> None:
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for name, content in members:
                _add(tar, name, content)

    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out, _piped_from(pack) as stream:
            pyrage.encrypt_io(stream, out, [key.to_public()])
            out.flush()
            os.fsync(out.fileno())
    except (OSError, pyrage.EncryptError) as e:
        raise BackupError(f"{target.name} can't be written: {e}. Is the disk full? df -h {target.parent}") from e


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o600
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.stat().st_size
    with content.open("rb") as file:
        tar.addfile(entry, file)


@contextmanager
def open_bundle(path: Path, keys: list[x25519.Identity]) -> Iterator[Iterator[tuple[str, Readable]]]:
    """Its members in their order, each to be read before the next. At the end the file was read, and proved, to its last byte.

    Raises BackupError where it is damaged, cut, or encrypted to another key.
    """

    def decrypt(sink: BinaryIO) -> None:
        with path.open("rb") as source:
            pyrage.decrypt_io(source, sink, keys)

    try:
        with _piped_from(decrypt) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                yield _read_members(tar)
            Digesting(stream).drain()
    except (FileNotFoundError, PermissionError) as e:
        raise BackupError(
            f"{path} can't be read by the product's user: {type(e).__name__}; put it into the backups' folder"
        ) from e
    except pyrage.DecryptError as e:
        raise BackupError(f"{path.name} can't be opened with this key, or its beginning is damaged: {e}") from e
    except (OSError, tarfile.TarError) as e:
        raise BackupError(f"{path.name} is damaged or cut: {e}") from e


def _read_members(tar: tarfile.TarFile) -> Iterator[tuple[str, Readable]]:
    for entry in tar:
        content = tar.extractfile(entry) if entry.isreg() else None
        path = PurePosixPath(entry.name)
        is_plain = str(path) == entry.name and not path.is_absolute() and ".." not in path.parts  # no "a//b" either
        if content is None or not is_plain:
            raise BackupError(f"the bundle holds {entry.name!r}, which no backup of ours does")
        yield entry.name, content


def read_small(name: str, content: Readable) -> bytes:
    found = content.read(MAX_SMALL_BYTES + 1)
    if len(found) > MAX_SMALL_BYTES:
        raise BackupError(f"{name} is larger than {MAX_SMALL_BYTES >> 20} MB, which no settings are")
    return found


@contextmanager
def _piped_from(produce: Callable[[BinaryIO], None]) -> Iterator[IO[bytes]]:
    """A stream of what `produce` writes in a thread of its own. Its error is raised here, before any that follows from it."""
    read_end, write_end = os.pipe()
    problems: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(write_end, "wb") as sink:
                produce(sink)
        except BrokenPipeError:
            return  # the reader has gone, and has its own reason
        except BaseException as e:
            problems.append(e)

    thread = threading.Thread(target=run, name="bundle")
    thread.start()
    try:
        with os.fdopen(read_end, "rb") as stream:
            yield stream
    except Exception as e:
        thread.join()
        if problems:
            raise problems[0] from e
        raise
    finally:
        thread.join()
    if problems:
        raise problems[0]
