"""What the bot couldn't answer is shown once, with what a person wrote, until somebody says no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient

from chatbot import teaching
from chatbot.db import db
from web.seeding import add_turn


def add_questions(app: Flask) -> None:
    at = datetime.now(UTC) - timedelta(days=1)
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, 1, "¿Vendéis coches?", at, reason="unsure", answer_of_a_person="No, solo <b>zapatos</b>.")
        add_turn(connection, 2, "vendeis COCHES", at, reason="unsure")
        add_turn(connection, 3, "¿Cuánto tarda el envío?", at)


def test_alike_questions_are_one_with_a_persons_answer_proposed(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    page = make_client("editor").get("/teaching").text
    assert page.count("data-question") == 1
    assert "&lt;b&gt;zapatos" in page
    assert "Cuánto tarda" not in page


def test_dismissed_stays_away_until_undone(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    client = make_client("editor")
    key = teaching.find_key("¿Vendéis coches?", "es")
    assert client.post("/teaching/dismiss", data={"key": key, "question": "¿Vendéis coches?"}).status_code == 303
    assert client.get("/teaching").text.count("data-question") == 0
    assert client.post("/teaching/restore", data={"key": key}).status_code == 303
    assert client.get("/teaching").text.count("data-question") == 1


def test_an_agent_reads_and_may_not_dismiss(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    client = make_client("agent")
    assert "data-dismisses" not in client.get("/teaching").text
    assert client.post("/teaching/dismiss", data={"key": "x"}).status_code == 403
