"""The pause switch in every page's head: for a while or until somebody ends it, and never further than that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db

Maker = Callable[[str], FlaskClient]


def read(app: Flask, column: str) -> Any:
    with app.app_context(), db.engine.begin() as connection:
        return connection.scalar(text(f"SELECT {column} FROM instance"))


def test_paused_for_an_hour_and_resumed(app: Flask, make_client: Maker) -> None:
    client = make_client("agent")
    client.post("/pause", data={"until": "hour"})
    assert read(app, "paused_until - paused_at").total_seconds() == pytest.approx(3_600, abs=5)
    assert "El bot está en pausa hasta" in client.get("/").text
    client.post("/resume")
    assert read(app, "paused_at") is None
    assert "El bot está en pausa" not in client.get("/").text


def test_until_tomorrow_means_eight_in_the_business_s_zone(app: Flask, make_client: Maker) -> None:
    make_client("agent").post("/pause", data={"until": "tomorrow"})
    until = read(app, "paused_until").astimezone(ZoneInfo("Europe/Madrid"))
    assert (until.hour, until.minute) == (8, 0)
    # midnight is eight hours from it, a night when the clocks change one more or less
    assert timedelta(hours=7) <= until - datetime.now(UTC) + timedelta(minutes=1) <= timedelta(hours=35)


def test_the_button_leads_back_to_its_page_and_never_elsewhere(make_client: Maker) -> None:
    client = make_client("agent")
    assert client.post("/pause", headers={"Referer": "http://evil.example/x"}).location == "/"
    assert client.post("/resume", headers={"Referer": "http://localhost/content/faq?q=a"}).location == "/content/faq?q=a"


def test_a_restored_copy_says_that_it_waits_and_no_button_ends_that(app: Flask, make_client: Maker) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET held_at = now()"))
    client = make_client("owner")
    assert "copia restaurada" in client.get("/").text
    client.post("/pause")
    client.post("/resume")
    assert read(app, "held_at") is not None
