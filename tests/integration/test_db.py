"""How statements reach the database: what breaks on the way must not break what comes after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from chatbot.db import fetch_value, get_raw, run, sql, statements, together
from chatbot.worker import DATABASE_AWAY

BROKEN = sql("SELECT 1 / :n")
GOOD = sql("SELECT CAST(:n AS int) + 1 AS next")
WHO = sql("SELECT pg_backend_pid()")


@pytest.fixture
def engine(make_database: Callable[[], str]) -> Iterator[Engine]:
    made = create_engine(make_database(), pool_use_lifo=True, connect_args={"prepare_threshold": 1})
    yield made
    made.dispose()


def test_parameters_are_names_and_percent_and_casts_stay() -> None:
    assert sql("SELECT :a1::text LIKE '%,%'") == b"SELECT %(a1)s::text LIKE '%%,%%'"


def test_a_statement_behind_one_that_failed_works_at_the_next_use(engine: Engine) -> None:
    """The server skips what stands behind a failure, also its preparation."""
    for n in (1, 1, 0, 1, 1):
        with statements(engine) as connection:
            try:
                with together(connection):
                    run(connection, BROKEN, {"n": n})
                    good = run(connection, GOOD, {"n": n})
            except psycopg.errors.DivisionByZero:
                assert n == 0
            else:
                assert good.fetchone() == {"next": 2}


def test_when_the_database_was_away_one_failure_is_enough(engine: Engine) -> None:
    with statements(engine) as one, statements(engine) as two, statements(engine) as three:
        pids = [fetch_value(connection, WHO) for connection in (one, two, three)]
    with psycopg.connect(
        engine.url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as other:
        for pid in pids:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    failures = 0
    for _ in range(4):
        try:
            with statements(engine) as connection:
                assert fetch_value(connection, GOOD, {"n": 1}) == 2
        except DATABASE_AWAY:
            failures += 1
    assert failures == 1


def test_a_database_that_takes_no_writes_is_away(engine: Engine) -> None:
    with statements(engine) as connection:
        get_raw(connection).execute("SET default_transaction_read_only = on")
        with pytest.raises(DATABASE_AWAY):
            run(connection, sql("UPDATE instance SET muted_reason = 'x'"))
