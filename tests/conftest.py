"""What all tests share: a real PostgreSQL migrated once, a real Redis, and an environment without settings."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# before chatbot is imported: a developer's .env and var/local.env are no part of the tests
os.environ["ENV_FILE"] = os.environ["VAR_DIR"] = os.devnull

import flask_migrate
import psycopg
import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from ports import find_free_port
from postgres import GivenPostgres, Postgres
from sqlalchemy import Connection, Engine, create_engine
from werkzeug.routing import Rule

from chatbot import create_app
from chatbot.config import Config, load_config
from chatbot.db import db
from chatbot.settings import EnvironmentSettings

SECRET_KEY = "a-key-only-for-tests-1234567890-abcdef"
TEMPLATE = "template_mostrador"
REDIS_HINT = "redis-server is missing, and no test is skipped for it; type: apt-get install redis-server"

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting of the machine reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*Config.model_fields, *EnvironmentSettings.model_fields):
            for variable in (name.upper(), f"{name.upper()}_FILE"):
                patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_routes() -> Iterator[None]:
    """Most of what an application costs is that werkzeug compiles how to build each route's address. Here: when it is used."""
    compile_now = Rule._compile_builder

    def compile_when_used(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        made: list[Callable[..., tuple[str, str]]] = []

        def build(*arguments: object, **values: object) -> tuple[str, str]:
            if not made:
                made.append(compile_now(rule, append_unknown))
            return made[0](*arguments, **values)

        return build

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_when_used)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | GivenPostgres]:
    """The session's server. `.url(database)`. A test that kills one starts its own Postgres()."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield GivenPostgres(given)
        return
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def template_database(postgres: Postgres | GivenPostgres) -> Iterator[str]:
    """The name of a database at the newest migration, made as `flask db upgrade` makes it."""
    with _made_database(postgres, TEMPLATE, "template0") as url:
        migrate(url)
        yield TEMPLATE


@pytest.fixture(scope="session")
def make_database_for_session(postgres: Postgres | GivenPostgres, template_database: str) -> Iterator[Callable[[], str]]:
    with _database_maker(postgres, template_database) as make:
        yield make


@pytest.fixture
def make_database(postgres: Postgres | GivenPostgres, template_database: str) -> Iterator[Callable[[], str]]:
    """make_database() -> URL of a new migrated database, dropped after the test with whoever is still connected."""
    with _database_maker(postgres, template_database) as make:
        yield make


@pytest.fixture(scope="session")
def database_url(make_database_for_session: Callable[[], str]) -> str:
    """The shared migrated database. Whoever commits here cleans up; else use make_database."""
    return make_database_for_session()


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """On the shared database."""
    engine = create_engine(database_url, pool_size=20)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """In a transaction that is rolled back. Code under test may not commit or roll back on it; begin_nested() is fine."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        if transaction.is_active:
            transaction.rollback()


@pytest.fixture
def config(database_url: str) -> Config:
    return make_config(database_url)


@pytest.fixture
def make_app() -> Iterator[Callable[[Config], Flask]]:
    """make_app(config) -> application whose connections are closed after the test."""
    made: list[Flask] = []

    def make(config: Config) -> Flask:
        made.append(create_quick_app(config))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[[Config], Flask], make_database: Callable[[], str]) -> Flask:
    """The application on a database of its own, so that views and commands may commit."""
    return make_app(make_config(make_database()))


@pytest.fixture(scope="module")
def make_module_app(make_database_for_session: Callable[[], str]) -> Iterator[Callable[[], Flask]]:
    """make_module_app() -> application on a database of its own, for the tests of a module."""
    made: list[Flask] = []

    def make() -> Flask:
        made.append(create_quick_app(make_config(make_database_for_session())))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis: TEST_REDIS_URL's, else the machine's redis-server on a free port."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    program = shutil.which("redis-server") or shutil.which("valkey-server") or pytest.fail(REDIS_HINT, pytrace=False)
    with tempfile.TemporaryDirectory() as folder:
        port = find_free_port()
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL) as server:
            wait_for_port(port)
            yield f"redis://127.0.0.1:{port}/0"
            server.terminate()


class CompiledTemplates(BytecodeCache):
    """Of all applications of this process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledTemplates()


def thorough(*values: object) -> list[Any]:
    """Values of a parametrize that the thorough tests add: ["one", *thorough("another")]."""
    return [pytest.param(value, marks=pytest.mark.thorough) for value in values]


def create_quick_app(config: Config) -> Flask:
    """One whose templates were compiled for the first, and whose passwords don't cost 0.2 s of work on purpose.

    test_security_login has one as it ships.
    """
    app = create_app(config)
    app.jinja_env.bytecode_cache = COMPILED
    app.extensions["security"].pwd_context.update(argon2__time_cost=1, argon2__memory_cost=8, argon2__parallelism=1)
    return app


def make_config(database_url: str, **overrides: object) -> Config:
    return load_config(database_url=database_url, secret_key=SECRET_KEY, environment="test", worker_threads=4, **overrides)


def migrate(database_url: str) -> None:
    with create_app(make_config(database_url)).app_context():
        flask_migrate.upgrade()


def wait_for_port(port: int, timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def _database_maker(postgres: Postgres | GivenPostgres, template: str) -> Iterator[Callable[[], str]]:
    made: list[str] = []

    def make() -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        # a copy of its files: half the work of PostgreSQL's default, which writes each page to its log
        _run_sql(postgres, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        made.append(name)
        return postgres.url(name)

    yield make
    for name in made:
        _run_sql(postgres, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def _made_database(postgres: Postgres | GivenPostgres, name: str, template: str) -> Iterator[str]:
    _run_sql(postgres, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _run_sql(postgres, f"CREATE DATABASE \"{name}\" TEMPLATE {template} ENCODING 'UTF8' LOCALE 'C'")
    yield postgres.url(name)
    _run_sql(postgres, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _run_sql(postgres: Postgres | GivenPostgres, statement: str) -> None:
    with psycopg.connect(postgres.url().replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(statement.encode())


ROOT = Path(__file__).parent.parent
