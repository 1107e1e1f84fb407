"""What the play does as PostgreSQL's superuser in the product's databases is never the product's own role's to decide."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from local_postgres import _find_binaries
from postgres import GivenPostgres, Postgres
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from templates.render import ANSIBLE, evaluate

ROLE = f"taken_{os.getpid()}"
AS_SUPERUSER = ["runuser", "-u", "postgres", "--"]
# what somebody who has the product's password may prepare, and wait for the next play
TRAP = f"""
CREATE SCHEMA evil AUTHORIZATION {ROLE};
SET ROLE {ROLE};
CREATE FUNCTION evil.spring() RETURNS name LANGUAGE plpgsql AS
  $$ BEGIN EXECUTE 'ALTER ROLE {ROLE} SUPERUSER'; RETURN 'vector'; END $$;
CREATE VIEW evil.pg_extension AS SELECT evil.spring() AS extname;
ALTER DATABASE {ROLE} SET search_path = evil, pg_catalog;
"""


def find_commands() -> list[dict[str, Any]]:
    """All tasks of the plays that say something to one of the product's databases as the superuser."""
    tasks = [task for file in ANSIBLE.glob("roles/*/tasks/*.yml") for task in yaml.safe_load(file.read_text()) or []]
    return [task for task in tasks if "psql" in (said := str(task)) and "--dbname" in said]


def ask(postgres: Postgres | GivenPostgres, statement: str, database: str = "postgres") -> list[Any]:
    engine = create_engine(postgres.url(database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        found = connection.execute(text(statement))
        return list(found.scalars()) if found.returns_rows else []


@pytest.fixture
def trapped(postgres: Postgres | GivenPostgres) -> Iterator[str]:
    """A database of a plain role's, made ready against the superuser."""
    ask(postgres, f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER")
    ask(postgres, f"CREATE DATABASE {ROLE} OWNER {ROLE} TEMPLATE template0")
    ask(postgres, TRAP, ROLE)
    yield ROLE
    ask(postgres, f"DROP DATABASE {ROLE} WITH (FORCE)")
    ask(postgres, f"DROP ROLE {ROLE}")


def run(postgres: Postgres | GivenPostgres, task: dict[str, Any], database: str) -> str:
    """The task's own command in the task's own environment; only who runs it is the test's."""
    command = task["ansible.builtin.command"]["cmd"].replace("{{ item }}", database).replace("{{ item.item }}", database)
    words = shlex.split(command)
    assert words[:4] == AS_SUPERUSER
    url = make_url(postgres.url())
    place = {"PGHOST": str(url.query.get("host") or url.host), "PGUSER": str(url.username), "PGPASSWORD": url.password or ""}
    place |= {"PGPORT": str(url.port)} if url.port else {}
    asked = task.get("environment", "{}").strip("{} ")
    environment = dict(evaluate(asked)) if asked else {}
    program = str(_find_binaries() / words[4])
    done = subprocess.run([program, *words[5:]], env=place | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_trap_in_the_products_database_does_not_spring(postgres: Postgres | GivenPostgres, trapped: str) -> None:
    looks, gives = find_commands()
    assert run(postgres, looks, trapped) == "0", "not what a view of the role's says"
    run(postgres, gives, trapped)
    assert run(postgres, looks, trapped) == "1"
    assert ask(postgres, f"SELECT rolsuper FROM pg_roles WHERE rolname = '{trapped}'") == [False]
    place = "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
    assert ask(postgres, f"{place} WHERE e.extname = 'vector'", trapped) == ["public"]


def test_the_superusers_word_passes_through_the_change_of_user() -> None:
    """runuser keeps the environment unless it is asked for a login."""
    for task in find_commands():
        assert evaluate(task["environment"].strip("{} ")) == {"PGOPTIONS": "-c search_path=pg_catalog"}
        assert shlex.split(task["ansible.builtin.command"]["cmd"])[:4] == AS_SUPERUSER
