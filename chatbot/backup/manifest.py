"""What a bundle says of itself: counted in the dump's own snapshot, and counted again wherever the dump is restored."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import psycopg
from cryptography.fernet import InvalidToken
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from chatbot.backup.places import BackupError
from chatbot.backup.postgres import fetch_row
from chatbot.config import Config
from chatbot.settings import make_cipher

TABLES = """
SELECT c.relname::text, array_remove(array_agg(a.attname::text ORDER BY a.attnum), NULL)
FROM pg_class c LEFT JOIN pg_attribute a
  ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'timestamptz'::regtype
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY c.relname ORDER BY c.relname
"""
SECRETS = """
SELECT 'instance.secrets_check', secrets_check FROM instance WHERE secrets_check IS NOT NULL
UNION ALL SELECT 'setting.' || key, secret FROM setting WHERE secret IS NOT NULL ORDER BY 1
"""
FACTS = """
SELECT current_setting('server_version'), pg_database_size(current_database()),
  (SELECT version_num FROM alembic_version), (SELECT installation_id::text FROM instance)
"""


class Counted(BaseModel):
    """newest: the largest value of each column that holds a time."""

    rows: int
    newest: dict[str, str | None]


class Kept(BaseModel):
    """One file of the bundle."""

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """secrets_sha256 is of the stored secrets as they are encrypted; revision: the migration that the database was at."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_at: datetime
    product: str
    server: str
    database_bytes: int
    revision: str
    installation: str
    tables: dict[str, Counted]
    secrets: int
    secrets_sha256: str
    files: dict[str, Kept]


def read_facts(connection: psycopg.Connection[Any], made_at: datetime) -> dict[str, Any]:
    """All of a Manifest but its files, as the connection's transaction sees the database. Raises BackupError."""
    try:
        found = fetch_row(connection, FACTS)
    except psycopg.errors.UndefinedTable:
        raise BackupError("the database has no tables yet; type: mostrador db upgrade") from None
    secrets = connection.execute(SECRETS).fetchall()
    names = ("server", "database_bytes", "revision", "installation")
    return {
        **dict(zip(names, found, strict=True)),
        "made_at": made_at,
        "product": read_version(),
        "tables": count_tables(connection),
        "secrets": len(secrets),
        "secrets_sha256": digest_secrets(secrets),
    }


def count_tables(connection: psycopg.Connection[Any]) -> dict[str, Counted]:
    """Every table's rows and newest times, in one reading of each."""
    found = {}
    for table, columns in connection.execute(TABLES).fetchall():
        wanted = [sql.SQL("count(*)"), *(sql.SQL("max({})").format(sql.Identifier(c)) for c in columns)]
        statement = sql.SQL("SELECT {} FROM public.{}").format(sql.SQL(", ").join(wanted), sql.Identifier(table))
        row = fetch_row(connection, statement)
        times = [value.astimezone(UTC).isoformat() if value else None for value in row[1:]]
        found[table] = Counted(rows=row[0], newest=dict(zip(columns, times, strict=True)))
    return found


def find_differences(wanted: dict[str, Counted], found: dict[str, Counted]) -> list[str]:
    """What isn't as the manifest says, one line each."""
    lines = [f"table {name} is missing" for name in sorted(wanted.keys() - found.keys())]
    lines += [f"table {name} isn't in the manifest" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name].rows != found[name].rows:
            lines.append(f"{name} has {found[name].rows} rows instead of {wanted[name].rows}")
        elif wanted[name].newest != found[name].newest:
            lines.append(f"{name}'s newest times are {found[name].newest} instead of {wanted[name].newest}")
    return lines


def digest_secrets(secrets: list[Any]) -> str:
    return hashlib.sha256(b"".join(b"%s\0%s\n" % (name.encode(), bytes(token)) for name, token in secrets)).hexdigest()


def check_stored_secrets(connection: psycopg.Connection[Any], manifest: Manifest, config: Config) -> int:
    """Every stored secret is the manifest's and is decrypted with `config`'s key. Returns how many there are."""
    secrets = connection.execute(SECRETS).fetchall()
    if (len(secrets), digest_secrets(secrets)) != (manifest.secrets, manifest.secrets_sha256):
        raise BackupError("the stored secrets aren't those of the manifest")
    cipher = make_cipher(config)
    for name, token in secrets:
        try:
            cipher.decrypt(bytes(token))
        except InvalidToken:
            raise BackupError(f"the key in the bundle can't decrypt the stored {name}") from None
    return len(secrets)


def read_version() -> str:
    try:
        return version("mostrador")
    except PackageNotFoundError:
        return "unknown"  # run from a source tree
