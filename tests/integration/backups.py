"""A shop to back up: the sample content, stored secrets, conversations, a settings folder and a recovery key."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyrage
from conftest import ROOT, SECRET_KEY, make_config
from postgres import GivenPostgres, Postgres
from pydantic import SecretStr
from pyrage import x25519
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from chatbot.backup.making import make_backup
from chatbot.backup.places import Places
from chatbot.backup.restoring import restore_backup
from chatbot.backup.shelf import Bundle
from chatbot.cli.backup import upgrade
from chatbot.config import Config
from chatbot.content_file import load_sample
from chatbot.settings import check_secrets, save_setting

ENVIRONMENT_FILE = """\
# made by the play
ENVIRONMENT="production"
SECRET_KEY_FILE="/etc/mostrador/secret_key"
WEBHOOK_TOKEN_FILE="/etc/mostrador/webhook_token"
CHATWOOT_URL="https://chat.example.org"
LOG_LEVEL="INFO"
"""


@dataclass
class Shop:
    """One installation: a database, and the folders that its box would have."""

    config: Config
    places: Places

    @property
    def folder(self) -> Path:
        return self.places.backup_folder

    @property
    def key(self) -> x25519.Identity:
        return x25519.Identity.from_str(self.places.key_file.read_text().splitlines()[-1])

    @property
    def database(self) -> str:
        return make_url(self.config.database_url).database or ""

    def run(self, statement: str, **values: Any) -> list[Any]:
        engine = create_engine(self.config.database_url, poolclass=NullPool)
        with engine.begin() as connection:
            done = connection.execute(text(statement), values)
            return list(done.scalars()) if done.returns_rows else []

    def run_outside(self, statement: str) -> None:
        """What may not be in a transaction."""
        engine = create_engine(self.config.database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    def databases(self) -> set[str]:
        """Those of this shop: its own, and what a backup or a restore made beside it."""
        found = self.run("SELECT datname FROM pg_database")
        return {name for name in found if name == self.database or name.startswith(f"{self.database}_")}

    def talk(self, count: int = 1) -> None:
        """Customers write: a conversation with a message each."""
        self.run(
            """
            WITH i AS (INSERT INTO inbox (chatwoot_id, channel, heard_at) VALUES (1, 'Channel::WebWidget', now())
                 ON CONFLICT (chatwoot_id) DO UPDATE SET heard_at = now() RETURNING id),
            c AS (INSERT INTO conversation (chatwoot_id, inbox_id, in_seq, answered_seq)
                  SELECT coalesce((SELECT max(chatwoot_id) FROM conversation), 0) + n, i.id, 1, 1
                  FROM i, generate_series(1, :count) n RETURNING id, chatwoot_id)
            INSERT INTO message (conversation_id, chatwoot_id, seq, author, text)
            SELECT id, chatwoot_id, 1, 'customer', 'hola ' || repeat(md5(chatwoot_id::text), 20) FROM c
            """,
            count=count,
        )

    def make(self, made_at: datetime | None = None, **options: Any) -> Bundle:
        proof = make_backup(self.config, self.places, upgrade, made_at, **options)
        return Bundle(self.folder / proof["bundle"])

    def restore(self, bundle: Bundle, key: x25519.Identity, **options: Any) -> dict[str, Any]:
        return restore_backup(bundle.path, [key], self.config, self.places, upgrade, **options)

    def environment(self) -> dict[str, str]:
        return {
            # a process whose disk is full would leave half of a module that every later one reads
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.environ["PATH"],
            "ENV_FILE": os.devnull,
            "VAR_DIR": os.devnull,
            "ENVIRONMENT": "test",
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": self.config.database_url,
            "BACKUP_FOLDER": str(self.folder),
            "BACKUP_SETTINGS_FOLDER": str(self.places.backup_settings_folder),
            "PG_BIN": self.places.pg_bin,
        }

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """`flask backup ...` as a process of its own."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "backup", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        return subprocess.Popen(command, cwd=ROOT, env=self.environment(), text=True, **pipes, **options)

    def command(self, *words: str, given: str = "") -> tuple[int, str, str]:
        with self.start(*words) as process:
            out, err = process.communicate(given, timeout=120)
            return process.returncode, out, err


def open_shop(database_url: str, folder: Path, server: Postgres | GivenPostgres, secret_key: str = SECRET_KEY) -> Shop:
    """An installation as the play leaves it, without content."""
    settings = folder / "etc"
    settings.mkdir(parents=True)
    (settings / "secret_key").write_text(f"{secret_key}\n")
    (settings / "webhook_token").write_text("a-webhook-token-of-a-test-box\n")
    (settings / "mostrador.env").write_text(ENVIRONMENT_FILE)
    (settings / "backup.key").write_text(f"# a comment\n{x25519.Identity.generate()}\n")
    pg_bin = str(server.binaries) if isinstance(server, Postgres) else ""
    places = Places(backup_folder=folder / "backups", backup_settings_folder=settings, pg_bin=pg_bin)
    return Shop(make_config(database_url).model_copy(update={"secret_key": SecretStr(secret_key)}), places)


def fill(shop: Shop) -> Shop:
    """It gets content, secrets and customers."""
    engine = create_engine(shop.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        load_sample(connection)
        check_secrets(connection, shop.config)
        save_setting(connection, shop.config, "openai_api_key", "sk-stored-secret")
    shop.talk(40)
    return shop


def unpack(bundle: Bundle, key: x25519.Identity) -> dict[str, bytes]:
    plain = io.BytesIO(pyrage.decrypt(bundle.path.read_bytes(), [key]))
    with tarfile.open(fileobj=plain) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def repack(bundle: Bundle, key: x25519.Identity, members: dict[str, bytes], *, is_consistent: bool) -> None:
    """The bundle with other members. is_consistent: the manifest's checksums are made right for them."""
    if is_consistent:
        members = {**members, "manifest.json": _with_checksums(members)}
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    bundle.path.write_bytes(pyrage.encrypt(plain.getvalue(), [key.to_public()]))


def _with_checksums(members: dict[str, bytes]) -> bytes:
    manifest = json.loads(members["manifest.json"])
    manifest["files"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
        if name != "manifest.json"
    }
    return json.dumps(manifest).encode()
