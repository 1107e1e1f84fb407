"""How many answers came from the cache, and what that saved, in the figures and on their page."""

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
ZONE = ZoneInfo("Europe/Madrid")


def add_some(connection: Connection) -> None:
    """Four answers of the AI, two of them from the cache: one had cost 250 micro-dollars, of the other nobody knows."""
    turns = [add_turn(connection, n, "¿Cuánto tarda?", NOW - timedelta(hours=n * 20)) for n in range(5)]
    connection.execute(text("UPDATE turn SET responder = 'assistant' WHERE id = ANY(:ids)"), {"ids": turns[:4]})
    for turn, micros in ((turns[0], 250), (turns[2], None)):
        values = {"turn": turn, "micros": micros}
        connection.execute(text("INSERT INTO cache_hit (turn_id, saved_micros) VALUES (:turn, :micros)"), values)


def test_the_figures_count_hits_and_the_money_saved(connection: Connection) -> None:
    add_some(connection)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    period = numbers.Period(NOW.date() - timedelta(days=6), NOW.date(), ZONE)
    for _ in range(2):
        report = numbers.read_report(connection, period)
        assert (report.total.cached, report.total.saved_micros, report.cached_share) == (2, 250, 0.5)
        assert report.by["day"]["2026-03-10"].cached == 1
        numbers.roll_up_days(connection, NOW, ZONE)  # the same from the days that are over
    none = numbers.read_report(connection, numbers.Period(NOW.date() + timedelta(days=9), NOW.date() + timedelta(days=9), ZONE))
    assert (none.total.cached, none.cached_share) == (0, 0.0)


def test_the_page_says_so_where_there_were_any(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
    page = client.get("/analytics?from=2026-03-01&to=2026-03-10", headers={"Accept-Language": "en"}).text
    assert "2 answers of the AI were given again from memory (50% of its answers)" in page.replace("\xa0", "").replace(
        "50 %", "50%"
    )
    before = client.get("/analytics?from=2026-02-01&to=2026-02-10", headers={"Accept-Language": "en"}).text
    assert "from memory" not in before
