"""Migrating from nothing gives exactly the models, and going back leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from conftest import ROOT, SECRET_KEY, _made_database, make_config, migrate
from postgres import GivenPostgres, Postgres
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

import chatbot.models.people  # noqa: F401
from chatbot import boot, create_app
from chatbot.db import Base, db
from chatbot.migrations import FOLDER, find_head, is_behind, read_revision

INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, generation_expression
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'"""
CONSTRAINTS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
                 WHERE connamespace = 'public'::regnamespace AND conrelid <> 0"""


@pytest.fixture
def empty_database(postgres: Postgres | GivenPostgres) -> Iterator[str]:
    with _made_database(postgres, "test_empty", "template0") as url:
        yield url


def test_upgrade_from_empty_equals_the_models(connection: Connection) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


@pytest.mark.parametrize("query", [INDEXES, COLUMNS, CONSTRAINTS], ids=["indexes", "columns", "constraints"])
def test_upgrade_from_empty_equals_create_all_to_the_letter(engine: Engine, empty_database: str, query: str) -> None:
    """compare_metadata doesn't see partial indexes' conditions, generated columns and checks. This does."""
    made = create_engine(empty_database, poolclass=NullPool)
    Base.metadata.create_all(made)
    assert read_rows(engine, query) == read_rows(made, query)


def test_upgrade_makes_the_one_row_of_instance(connection: Connection) -> None:
    assert connection.scalars(text("SELECT id FROM instance")).all() == [1]
    with pytest.raises(IntegrityError, match="only_row"), connection.begin_nested():
        connection.execute(text("INSERT INTO instance (id) VALUES (2)"))


def test_downgrade_leaves_nothing(empty_database: str) -> None:
    migrate(empty_database)
    with create_app(make_config(empty_database)).app_context():
        flask_migrate.downgrade(revision="base")
    engine = create_engine(empty_database, poolclass=NullPool)
    assert read_rows(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.thorough
def test_two_migrations_at_once_wait_for_each_other(empty_database: str) -> None:
    environment = {**os.environ, "DATABASE_URL": empty_database, "SECRET_KEY": SECRET_KEY, "ENVIRONMENT": "test"}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    both = [subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(p.communicate(timeout=60)[1], p.returncode) for p in both] == [("", 0), ("", 0)]


def test_head_is_what_alembic_says_it_is(engine: Engine) -> None:
    assert find_head() == ScriptDirectory(str(FOLDER)).get_current_head()
    with engine.connect() as connection:
        assert read_revision(connection) == find_head()


def test_no_migration_at_all_reads_as_none(empty_database: str) -> None:
    with create_engine(empty_database, poolclass=NullPool).connect() as connection:
        assert read_revision(connection) is None


def test_a_newer_releases_schema_does_not_stop_this_one(empty_database: str) -> None:
    """Migrations only add, so going back to a release never touches the schema."""
    assert (is_behind(None), is_behind(find_head()), is_behind("9999")) == (True, False, False)
    migrate(empty_database)
    with create_engine(empty_database, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    app = create_app(make_config(empty_database), role="web")
    boot(app)
    with app.app_context():
        assert app.test_client().get("/readyz").status_code == 200
        db.engine.dispose()


def test_every_foreign_key_has_an_index(connection: Connection) -> None:
    """A delete of a contact cascades through all of them."""
    missing = connection.execute(
        text("""SELECT conrelid::regclass::text, a.attname FROM pg_constraint c
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i
                    WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1] AND i.indpred IS NULL)""")
    ).all()
    assert missing == [("instance", "live_release_id")]  # one row


def test_migration_files_are_numbered_in_order() -> None:
    names = sorted(p.name for p in Path(FOLDER / "versions").glob("*.py"))
    assert [n[:4] for n in names] == [f"{i:04}" for i in range(1, len(names) + 1)]


@pytest.mark.thorough
def test_a_locked_table_stops_the_migration_soon_and_leaves_it_undone(empty_database: str) -> None:
    migrate(empty_database)
    blocker = create_engine(empty_database, poolclass=NullPool).connect()
    blocker.execute(text("SELECT 1 FROM setting"))
    with pytest.raises(OperationalError, match="lock timeout"), create_app(make_config(empty_database)).app_context():
        flask_migrate.downgrade(revision="base")
    blocker.rollback()
    assert read_revision(blocker) == "0002"  # the newest one that touches the locked table
    blocker.close()


def read_rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return sorted((tuple(r) for r in connection.execute(text(query)) if "alembic" not in str(r)), key=str)
