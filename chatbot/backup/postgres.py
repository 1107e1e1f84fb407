"""PostgreSQL for backups: its programs, a snapshot, and a database beside the product's that a bundle is restored into."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from chatbot.backup.bundle import CHUNK, Readable
from chatbot.backup.places import BackupError, Places
from chatbot.config import Config

PROGRAM_TIMEOUT_S = 2 * 3_600
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 1_800
MAX_NAME = 63
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Database:
    """One database, and where PostgreSQL's programs are."""

    url: URL
    pg_bin: str

    @property
    def name(self) -> str:
        return self.url.database or ""

    def beside(self, suffix: str) -> Database:
        """Another one on the same server, named after this one."""
        return self.named(f"{self.name[: MAX_NAME - len(suffix) - 1]}_{suffix}")

    def named(self, name: str) -> Database:
        return Database(self.url.set(database=name), self.pg_bin)

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """Each statement is its own transaction unless begun otherwise. Raises BackupError where it can't be reached."""
        url = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        options = f"-c statement_timeout={STATEMENT_TIMEOUT_S * 1_000} -c idle_in_transaction_session_timeout=0 -c TimeZone=UTC"
        try:
            connection = psycopg.connect(
                url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="mostrador backup", options=options
            )
        except psycopg.OperationalError as e:
            raise BackupError(f"database {self.name!r} can't be reached: {str(e).strip().splitlines()[0]}") from None
        try:
            with connection:
                yield connection
        except psycopg.Error as e:
            raise BackupError(f"database {self.name!r}: {str(e).strip().splitlines()[0]}") from e

    def read_size(self) -> int:
        with self.connected() as connection:
            return int(fetch_row(connection, "SELECT pg_database_size(current_database())")[0])

    def count_others(self) -> int:
        """How many other clients are connected to it."""
        with self.connected() as connection:
            return int(fetch_row(connection, OTHERS, [self.name])[0])

    def dump(self, snapshot: str, target: Path) -> None:
        arguments = ["--format=custom", f"--snapshot={snapshot}", f"--file={target}", "--lock-wait-timeout=60s"]
        self._run("pg_dump", *arguments)

    def restore(self, dump: Readable) -> None:
        """The dump streams in; the first error ends it. Comments stay away: the one on an extension is its owner's to write."""
        try:
            self._run("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments", feed=dump)
        except BackupError as e:
            if "permission denied to create extension" not in str(e):
                raise
            raise BackupError(_explain_extension(self.url)) from None

    def _run(self, program: str, *arguments: str, feed: Readable | None = None) -> None:
        found = shutil.which(program, path=self.pg_bin or None)
        if found is None:
            raise BackupError(f"{program} is missing; type: sudo apt-get install postgresql-client")
        url = self.url.set(drivername="postgresql")
        target = url.set(password=None).render_as_string(hide_password=False)
        environment = {"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S)}
        if url.password:
            environment["PGPASSWORD"] = url.password  # as an argument every process on the machine could read it
        command = [found, "--no-password", f"--dbname={target}", *arguments]
        with tempfile.TemporaryFile() as told:
            code = _run_fed(command, environment, feed, told.fileno())
            told.seek(0)
            lines = told.read(20_000).decode(errors="replace").strip().splitlines()
        if code:
            raise BackupError(f"{program} failed: {next((x for x in lines if 'error' in x), 'it was ended')}")


def _run_fed(command: list[str], environment: dict[str, str], feed: Readable | None, told: int) -> int:
    stdin = subprocess.DEVNULL if feed is None else subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=subprocess.DEVNULL, stderr=told)  # noqa: S603
    watch = threading.Timer(PROGRAM_TIMEOUT_S, process.kill)
    watch.start()
    try:
        if feed is not None and process.stdin is not None:
            _feed(process.stdin.fileno(), feed)
            process.stdin.close()
        return process.wait()
    finally:
        watch.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _feed(sink: int, feed: Readable) -> None:
    """Until the end of either: a program that ended early has said why. What it didn't take is read all the same."""
    is_taken = True
    while piece := feed.read(CHUNK):
        try:
            while is_taken and piece:
                piece = piece[os.write(sink, piece) :]
        except BrokenPipeError:
            is_taken = False


def fetch_row(connection: psycopg.Connection[Any], statement: Any, values: list[Any] | None = None) -> tuple[Any, ...]:
    row = connection.execute(statement, values).fetchone()
    if row is None:
        raise BackupError("PostgreSQL answered with nothing")
    return tuple(row)


def make_database(config: Config, places: Places) -> Database:
    return Database(make_url(config.database_url), places.pg_bin)


def create(database: Database, product: Database) -> None:
    """From the template beside the product's, where a superuser made one with pgvector in it: this role may not."""
    template = product.beside("template")
    template_name = template.name if exists(template, product) else "template0"
    with product.connected() as connection:
        statement = "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' LOCALE 'C'"
        try:
            connection.execute(sql.SQL(statement).format(sql.Identifier(database.name), sql.Identifier(template_name)))
        except psycopg.errors.InsufficientPrivilege:
            raise BackupError(
                "this role may not create databases, and a backup is proved in one of its own; type: "
                f"sudo -u postgres psql -c 'ALTER ROLE {product.url.username or 'mostrador'} CREATEDB'"
            ) from None


def _explain_extension(scratch: URL) -> str:
    template = f"{(scratch.database or '').removesuffix('_proof')}_template"
    role = scratch.username or "mostrador"
    return (
        "this role may not make the extension `vector`, which the backup has; a database to copy it from does, type: "
        f"sudo -u postgres createdb --owner={role} --template=template0 --encoding=UTF8 --locale=C {template} && "
        f"sudo -u postgres psql -d {template} -c 'CREATE EXTENSION vector'"
    )


def exists(database: Database, product: Database) -> bool:
    with product.connected() as connection:
        return bool(fetch_row(connection, "SELECT count(*) FROM pg_database WHERE datname = %s", [database.name])[0])


def drop(database: Database, product: Database) -> None:
    """Also with whoever is still connected: what a killed run left may be at work yet."""
    with product.connected() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database.name)))


def swap(product: Database, restored: Database, former: Database) -> None:
    """`restored` takes the product's name, whose database becomes `former`, in one transaction."""
    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with product.named("postgres").connected() as connection:
        try:
            with connection.transaction():
                for old, new in ((product, former), (restored, product)):
                    connection.execute(statement.format(sql.Identifier(old.name), sql.Identifier(new.name)))
        except psycopg.errors.ObjectInUse:
            raise BackupError(in_use(product)) from None


def in_use(product: Database) -> str:
    return f"database {product.name!r} is in use; stop the product first: sudo systemctl stop mostrador.target"
