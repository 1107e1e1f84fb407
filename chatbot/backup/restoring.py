"""The way back: a bundle, proved once more, takes the place of the product's database, which starts held.

A worker then reads from Chatwoot what happened since and only then speaks (restore.py, docs/delivery.md).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import structlog
from pyrage import x25519
from sqlalchemy import Connection, create_engine, select, text, update
from sqlalchemy.pool import NullPool

from chatbot.backup import postgres
from chatbot.backup.manifest import count_tables
from chatbot.backup.places import BackupError, Places
from chatbot.backup.postgres import Database
from chatbot.backup.proof import Restored, Upgrade, read_bundle_settings, restored
from chatbot.backup.shelf import locked
from chatbot.config import Config
from chatbot.errors import ConfigError
from chatbot.models import Instance, Setting
from chatbot.restore import notice_restore
from chatbot.settings import Settings, make_cipher, read_environment, save_setting

log = structlog.get_logger(__name__)
KEY_FILES = ("secret_key", "webhook_token")
LEAVING_S = 5.0
# what a new installation has before anybody used it
NOT_CONTENT = {"alembic_version", "instance"}
# what only its owner makes
USED = ("entry", "setting")


def restore_backup(
    path: Path,
    keys: list[x25519.Identity],
    config: Config,
    places: Places,
    upgrade: Upgrade,
    *,
    replace: bool = False,
    settings_to: Path | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """What was found in the bundle, and what became of its settings. Until the last step nothing of the product is touched.

    again: a restore was cut off, so that what is in the product's place may be its copy: what that replaced stays aside.
    Raises BackupError where the product's database has content and `replace` isn't given, or somebody is connected to it.
    """
    with locked(places):
        product = postgres.make_database(config, places)
        former = product.beside("before_restore")
        has_content = _check_target(product, replace=replace)
        is_kept = again and postgres.exists(former, product) and _is_unspoken(product)
        aside = product.beside("cut_off") if is_kept else former
        with restored(path, keys, config, places, upgrade) as found:
            carried, left = _carry_settings(found)
            _hold(found)
            if settings_to is not None:
                _check_keys(found.settings)
                _write_settings(found.settings, settings_to)
            postgres.drop(aside, product.named("postgres"))
            postgres.swap(product, found.database, aside)
        if is_kept or not has_content:
            postgres.drop(aside, product)
    log.warning("backup_restored", bundle=path.name, rows=found.findings["rows"])
    return {
        **found.findings,
        "settings_carried": carried,
        "settings_left": left,
        "former_database": former.name if is_kept or has_content else None,
        "needs_its_key": found.config.secret_key != config.secret_key,
    }


def _check_target(product: Database, *, replace: bool) -> bool:
    """Whether there is anything that the restore would put aside. It is refused where the box was taught or set up; mere
    conversations, which may come while a new box waits for its backup, are put aside: Chatwoot is read for them anyway."""
    with product.connected() as connection:
        filled = {name: t.rows for name, t in count_tables(connection).items() if t.rows and name not in NOT_CONTENT}
    used = {name: filled[name] for name in USED if name in filled}
    if used and not replace:
        shown = ", ".join(f"{rows} rows of {name}" for name, rows in used.items())
        raise BackupError(
            f"refused: database {product.name!r} has content ({shown}). To put the backup in its place, add --replace "
            "(ansible: -e mostrador_restore_replace=true)"
        )
    if _is_in_use(product):
        raise BackupError(postgres.in_use(product))
    return bool(filled)


def _is_in_use(product: Database) -> bool:
    """Whoever was stopped a moment ago may not be gone yet."""
    end = time.monotonic() + LEAVING_S
    while product.count_others():
        if time.monotonic() > end:
            return True
        time.sleep(0.2)
    return False


def _is_unspoken(product: Database) -> bool:
    """Whether it came from a backup and has said nothing since."""
    with product.connected() as connection:
        return bool(postgres.fetch_row(connection, "SELECT count(*) FROM instance WHERE held_at = restored_at")[0])


def _carry_settings(found: Restored) -> tuple[list[str], list[str]]:
    """Business settings of the bundle's environment file that aren't in the environment here are stored in the database.

    So they hold on the new box too, and after the next run of the play. Returns their names, and those of what was left.
    """
    here = {name.upper() for name in read_environment()}
    values = read_bundle_settings(found.settings)
    carried, left = [], []
    engine = create_engine(found.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        for name, value in values.items():
            if name.lower() not in Settings.model_fields or name in here:
                continue
            try:
                save_setting(connection, found.config, name.lower(), value)
                carried.append(name)
            except ConfigError:
                left.append(name)
    return carried, left


def _hold(found: Restored) -> None:
    """A new installation id, and nothing is said until Chatwoot was read: also where the backup is of this very database."""
    engine = create_engine(found.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        _renew_secrets(connection, found.config)
        connection.execute(text("UPDATE instance SET fingerprint = 'a backup'"))
        notice_restore(connection)


def _renew_secrets(connection: Connection, config: Config) -> None:
    """What a former SECRET_KEY encrypted is encrypted with the bundle's own: SECRET_KEY_FALLBACKS needn't come along."""
    cipher = make_cipher(config)
    for key, secret in connection.execute(select(Setting.key, Setting.secret)).all():
        if secret is not None:
            connection.execute(update(Setting).where(Setting.key == key).values(secret=cipher.rotate(secret)))
    if known := connection.scalar(select(Instance.secrets_check)):
        connection.execute(update(Instance).values(secrets_check=cipher.rotate(known)))


def _check_keys(settings: dict[str, bytes]) -> None:
    """Before anything is put in another's place: without its keys the restored database couldn't be read."""
    missing = [name for name in KEY_FILES if not settings.get(name)]
    if missing:
        raise BackupError(f"the backup holds no {' and no '.join(missing)}: it was not made on a box of the playbook's")


def _write_settings(settings: dict[str, bytes], folder: Path) -> None:
    """For whoever may write the settings folder to take what is needed. Raises BackupError."""
    try:
        for name, content in settings.items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
    except OSError as e:
        raise BackupError(f"{folder} can't be written: {type(e).__name__}") from None
