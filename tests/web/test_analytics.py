"""Figures agree with the rows that they were made from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from chatbot import numbers
from chatbot.db import db
from web.seeding import add_turn

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


def add_some(connection: Connection) -> None:
    for n in range(6):
        add_turn(connection, n, "¿Cuánto tarda?", NOW - timedelta(hours=n * 9))
    add_turn(connection, 10, "¿Vendéis coches?", NOW - timedelta(hours=2), reason="unsure")
    add_turn(connection, 11, "una persona", NOW - timedelta(hours=2), reason="canned_handoff")
    add_turn(connection, 12, "auto", NOW - timedelta(hours=2), state="ignored")


def read_all(connection: Connection) -> list[tuple[object, ...]]:
    columns = "hour, inbox_id, responder, language, outcome, turns, conversations, tokens, micros, unpriced, latency"
    return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM hourly ORDER BY 1, 2, 3, 4, 5"))]


def test_rolling_up_twice_gives_the_same_and_what_the_rows_say(connection: Connection) -> None:
    add_some(connection)
    numbers.roll_up(connection, NOW - timedelta(minutes=1))
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    once = read_all(connection)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    assert read_all(connection) == once
    zone = ZoneInfo("Europe/Madrid")
    period = numbers.Period(NOW.date() - timedelta(days=5), NOW.date(), zone)
    total = numbers.sum_total(connection, period)
    assert total.turns == total.conversations == connection.execute(text("SELECT count(*) FROM turn")).scalar() == 9
    assert (total.micros, total.tokens) == (900, 225)
    assert dict(total.counts) == {"answered": 6, "unanswered": 1, "handed_off": 1, "ignored": 1}
    assert sum(numbers.read_latency(connection, period)) == 8
    middle = numbers.find_quantile(numbers.read_latency(connection, period), 0.5)
    assert middle is not None
    assert 5 <= middle <= 8


def test_the_page_and_its_csv_show_the_figures(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
    page = client.get("/analytics?from=2026-03-01&to=2026-03-10")
    assert page.status_code == 200
    assert "¿Vendéis coches?" in page.text
    lines = client.get("/analytics.csv?from=2026-03-10&to=2026-03-10").text.splitlines()
    assert lines[1].split(",")[:6] == ["2026-03-10", "5", "2", "1", "1", "0"]


def test_a_period_that_makes_no_sense_shows_the_last_30_days(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    for query in ("from=x&to=y", "from=2026-05-01&to=2026-01-01", "days=9999999", "to=0001-01-01"):
        assert client.get(f"/analytics?{query}").status_code == 200
    assert len(client.get("/analytics.csv?from=0001-01-01").text.splitlines()) == 31


def test_the_nightly_prune_counts_first(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
    assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT sum(turns) FROM hourly")).scalar() == 9
