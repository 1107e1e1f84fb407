"""The folder of bundles: which there are, which of them count, which stay, whether another one has room, and who may write."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Protocol

from chatbot.backup.places import BackupError, Places

NAME = re.compile(r"mostrador-(\d{8}T\d{6}Z)\.tar\.age")
NAME_TIME = "%Y%m%dT%H%M%SZ"
KEPT_DAYS = 7
KEPT_WEEKS = 4
# whatever their days: the last one is only seen to be still good when the next one is made
KEPT_NEWEST = 2
# those that don't count, for looking into
KEPT_UNPROVED = 2
GB = 1 << 30
PATIENCE_S = 600.0


class Room(Protocol):
    """As shutil.disk_usage() tells it."""

    @property
    def total(self) -> int: ...
    @property
    def free(self) -> int: ...


@dataclass(frozen=True)
class Bundle:
    """One file. It counts once it is proved: `.proved` lies beside it then, or `.failed` with the reason why not."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def made_at(self) -> datetime:
        match = NAME.fullmatch(self.name)
        if match is None:
            raise BackupError(f"{self.name} isn't named like a backup: mostrador-20261231T030000Z.tar.age")
        return datetime.strptime(match[1], NAME_TIME).replace(tzinfo=UTC)

    @property
    def proof(self) -> dict[str, Any] | None:
        return _read_json(self._beside("proved"))

    @property
    def problem(self) -> str | None:
        found = _read_json(self._beside("failed"))
        return str(found.get("problem", "")) if found else None

    @property
    def counts(self) -> bool:
        return self.proof is not None

    @property
    def is_intact(self) -> bool:
        """It counts, and is still what was proved; an older proof doesn't say what that was."""
        proof = self.proof
        return proof is not None and ("sha256" not in proof or proof["sha256"] == self.read_sha256())

    def read_sha256(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def note_proof(self, proof: dict[str, Any]) -> None:
        self._beside("failed").unlink(missing_ok=True)
        write_json(self._beside("proved"), proof)

    def note_failure(self, problem: str) -> None:
        self._beside("proved").unlink(missing_ok=True)
        write_json(self._beside("failed"), {"at": datetime.now(UTC).isoformat(), "problem": problem})

    def remove(self) -> None:
        """The proof goes last: what a kill leaves of it counts for nothing without its bundle."""
        for path in (self.path, self._beside("failed"), self._beside("proved")):
            path.unlink(missing_ok=True)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f"{self.name}.{ending}")


def name_bundle(made_at: datetime) -> str:
    return f"mostrador-{made_at.astimezone(UTC).strftime(NAME_TIME)}.tar.age"


def list_bundles(folder: Path) -> list[Bundle]:
    """The newest first."""
    try:
        names = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except OSError as e:
        raise BackupError(f"{folder} can't be read: {type(e).__name__}. Name the folder of backups: BACKUP_FOLDER") from None
    return sorted(map(Bundle, names), key=lambda bundle: bundle.made_at, reverse=True)


def find_counted_before(folder: Path, made_at: datetime) -> Bundle | None:
    return next((b for b in list_bundles(folder) if b.made_at < made_at and b.counts), None)


def choose_kept(times: Iterable[datetime]) -> set[datetime]:
    """Of the given times (UTC) those that stay: the newest of each of the last 7 days that have one, and before those the
    newest of each of the last 4 weeks that have one."""
    days: dict[Any, datetime] = {}
    weeks: dict[Any, datetime] = {}
    for time in sorted(times, reverse=True):
        if time.date() in days:
            continue
        if len(days) < KEPT_DAYS:
            days[time.date()] = time
        elif time.isocalendar()[:2] in weeks or len(weeks) < KEPT_WEEKS:
            weeks.setdefault(time.isocalendar()[:2], time)
    return {*days.values(), *weeks.values()}


def take_old_away(folder: Path, newest: Bundle) -> list[str]:
    """Names of the bundles that were removed. `newest` stays whatever the clock says, and what was spoiled since its proof
    pushes out nothing."""
    bundles = list_bundles(folder)
    for bundle in bundles:
        if bundle.counts and not bundle.is_intact:
            bundle.note_failure("it has changed since it was proved: the file or the disk is damaged")
    counting = [b.made_at for b in bundles if b.counts]
    kept = {*choose_kept(counting), *counting[:KEPT_NEWEST], newest.made_at}
    unproved = [b for b in bundles if not b.counts]
    gone = [b for b in bundles if b.counts and b.made_at not in kept] + unproved[KEPT_UNPROVED:]
    for bundle in gone:
        bundle.remove()
    return [bundle.name for bundle in gone]


def check_room(room: Room, database_bytes: int, bundle_bytes: int | None, folder: Path) -> None:
    """Raises BackupError where a backup wouldn't leave a fifth of the disk, or 1 GB, free.

    It takes the dump, the bundle, and for the proof a copy of the database, on what may be one disk.
    bundle_bytes: the last one's; without one, the database's size is as much as it can be.
    """
    needed = 2 * (int(1.25 * bundle_bytes) if bundle_bytes else database_bytes) + database_bytes
    reserve = min(room.total // 5, GB)
    if room.free - needed < reserve:
        raise BackupError(
            f"refused, because it could fill the disk: it may take {show_bytes(needed)} for a while and must leave "
            f"{show_bytes(reserve)}, but {show_bytes(room.free)} are free in {folder}. See what takes the room: "
            "sudo du -xh --max-depth=3 / | sort -h | tail -20"
        )


@contextmanager
def locked(places: Places, tell_waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Only one backup, proof or restore at a time. The lock goes with its process, and what a killed one left is removed.

    tell_waiting: is called once where another one is at work, whose end is then waited for up to ten minutes.
    """
    folder = places.backup_folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as e:
        raise BackupError(f"{folder} can't be written: {type(e).__name__}. Name the folder of backups: BACKUP_FOLDER") from None
    try:
        if not _take(lock) and not (tell_waiting and _wait_for(lock, tell_waiting)):
            raise BackupError("refused: another backup, proof or restore is running; wait until it has ended")
        with _emptied(places.work_folder):
            yield
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for(lock: int, tell_waiting: Callable[[], None]) -> bool:
    tell_waiting()
    ends_at = monotonic() + PATIENCE_S
    while monotonic() < ends_at:
        sleep(1)
        if _take(lock):
            return True
    return False


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """As a whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
    partial.replace(path)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def show_bytes(count: int) -> str:
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / (1 << 20):.1f} MB"
