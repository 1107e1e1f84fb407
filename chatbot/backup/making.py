"""A backup from beginning to end: snapshot, dump, bundle, proof, and only then older ones go and a copy leaves the box."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from pyrage import x25519

from chatbot.backup import postgres
from chatbot.backup.bundle import DUMP, MANIFEST, SETTINGS, Digesting, Readable, write_bundle
from chatbot.backup.manifest import Kept, Manifest, read_facts
from chatbot.backup.places import KEY_FILE, BackupError, Places, read_key_file
from chatbot.backup.postgres import Database
from chatbot.backup.proof import Upgrade, check_shrink, prove
from chatbot.backup.shelf import (
    Bundle,
    Room,
    check_room,
    find_counted_before,
    list_bundles,
    locked,
    name_bundle,
    show_bytes,
    take_old_away,
)
from chatbot.config import Config

log = structlog.get_logger(__name__)


def make_backup(
    config: Config,
    places: Places,
    upgrade: Upgrade,
    made_at: datetime | None = None,
    read_room: Callable[[Path], Room] = shutil.disk_usage,
    tell_waiting: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """A new bundle that counts, and what its proof found. Raises BackupError: then the ones before stay as they are.

    tell_waiting: says that another backup, proof or restore is waited for; without it this one is refused then.
    """
    with locked(places, tell_waiting):
        made_at = (made_at or datetime.now(UTC)).replace(microsecond=0)
        keys = read_key_file(places.key_file)
        product = postgres.make_database(config, places)
        postgres.drop(product.beside("proof"), product)
        last = find_counted_before(places.backup_folder, made_at)
        last_bytes = last.path.stat().st_size if last else None
        check_room(read_room(places.backup_folder), product.read_size(), last_bytes, places.backup_folder)
        bundle = _make_bundle(product, keys[0], places, made_at)
        proof = prove_and_note(bundle, keys, config, places, upgrade)
        gone = take_old_away(places.backup_folder, bundle)
    log.info("backup_proved", bundle=bundle.name, size=show_bytes(proof["bytes"]), rows=proof["rows"], removed=len(gone))
    return proof


def prove_again(
    name: str | None, keys: list[x25519.Identity], config: Config, places: Places, upgrade: Upgrade, *, smaller_is_right: bool
) -> dict[str, Any]:
    """Proves one bundle of the folder, the newest by default."""
    with locked(places):
        bundles = list_bundles(places.backup_folder)
        bundle = next((b for b in bundles if name in {None, b.name}), None)
        if bundle is None:
            raise BackupError(f"there is no {name or 'backup'} in {places.backup_folder}; see: mostrador backup list")
        return prove_and_note(bundle, keys, config, places, upgrade, smaller_is_right=smaller_is_right)


def prove_and_note(
    bundle: Bundle,
    keys: list[x25519.Identity],
    config: Config,
    places: Places,
    upgrade: Upgrade,
    *,
    smaller_is_right: bool = False,
) -> dict[str, Any]:
    """Notes beside the bundle whether it counts. Raises BackupError."""
    copied = {name: (bundle.proof or {}).get(name) for name in ("copied_at", "copied_to")}
    try:
        proof = prove(bundle, keys, config, places, upgrade)
        if not smaller_is_right:
            check_shrink(bundle, places.backup_folder)
    except Exception as e:
        bundle.note_failure(str(e))
        raise
    proof |= {"sha256": bundle.read_sha256(), "proved_at": datetime.now(UTC).isoformat(), **copied}
    bundle.note_proof(proof)
    return proof


def _make_bundle(product: Database, key: x25519.Identity, places: Places, made_at: datetime) -> Bundle:
    """It gets its name once it is complete and on the disk."""
    target = places.backup_folder / name_bundle(made_at)
    if target.exists():
        raise BackupError(f"{target.name} is there already; try again in a second")
    settings = read_settings_folder(places.backup_settings_folder)
    dump, partial = places.work_folder / DUMP, places.work_folder / target.name
    manifest = _dump_with_manifest(product, dump, settings, made_at)
    write_bundle(partial, key, [(MANIFEST, manifest.model_dump_json().encode()), *settings.items(), (DUMP, dump)])
    dump.unlink()
    partial.rename(target)
    _sync_folder(places.backup_folder)
    return Bundle(target)


def _dump_with_manifest(product: Database, dump: Path, settings: dict[str, bytes], made_at: datetime) -> Manifest:
    """The counts are those of the dump's own snapshot, whatever is written meanwhile."""
    with product.connected() as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        product.dump(postgres.fetch_row(connection, "SELECT pg_export_snapshot()")[0], dump)
        facts = read_facts(connection, made_at)
        connection.execute("COMMIT")
    files = {name: _measure(io.BytesIO(content)) for name, content in settings.items()}
    with dump.open("rb") as file:
        files[DUMP] = _measure(file)
    return Manifest(**facts, files=files)


def _measure(source: Readable) -> Kept:
    counted = Digesting(source).drain()
    return Kept(bytes=counted.size, sha256=counted.sha256)


def read_settings_folder(folder: Path) -> dict[str, bytes]:
    """Every file of it as a member of the bundle, but for the key that opens the bundle."""
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(KEY_FILE))
        found = {f"{SETTINGS}/{path.relative_to(folder)}": path.read_bytes() for path in paths}
    except OSError as e:
        raise BackupError(f"{e.filename} can't be read: {type(e).__name__}; type: sudo chgrp -R mostrador {folder}") from None
    if not found:
        raise BackupError(f"{folder} has no settings. Name the folder that has them: BACKUP_SETTINGS_FOLDER")
    return found


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
