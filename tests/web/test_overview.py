"""Inicio counts today, and never a mere handoff as an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient

from chatbot.db import db
from web.seeding import add_turn


def test_the_checklist_is_there_while_something_is_missing(make_client: Callable[[str], FlaskClient]) -> None:
    page = make_client("owner").get("/", headers={"Accept-Language": "en"}).text
    assert "Until all is ready" in page
    assert "Nothing: all is well." in page


def find_day(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo("Europe/Madrid")).date()


def wait_for_a_long_today() -> datetime:
    """The time now. A day that has just begun or is about to end is waited for: what is made here must all be today's."""
    while True:
        now = datetime.now(UTC)
        if find_day(now - timedelta(seconds=10)) == find_day(now + timedelta(seconds=60)):
            return now
        time.sleep(1)


def test_a_handoff_is_no_answer(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        at = wait_for_a_long_today() - timedelta(seconds=8)
        for n, reason in enumerate(["canned_handoff", "unsure", "unsure"]):
            add_turn(connection, n, "hola", at, reason=reason)
    page = client.get("/", headers={"Accept-Language": "en"}).text
    values = [part.split("</")[0].rsplit(">", 1)[1] for part in page.split('class="value">')[1:5]]
    assert values == ["3", "0", "1", "2"]
