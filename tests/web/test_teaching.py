"""What the bot couldn't answer is shown once, with what a person wrote, until somebody says no."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select, update

from chatbot import teaching
from chatbot.content import load_draft
from chatbot.db import db
from chatbot.models import Turn, TurnTrace
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


def teach(client: FlaskClient, **changed: str) -> str:
    """Follows the first link to the form and saves it, with what is changed. Returns the form as it was."""
    address = re.search(r'data-edits[^>]* href="([^"]+)"', client.get("/teaching").text)
    assert address
    form = client.get(html.unescape(address[1])).text
    teaches = re.search(r'name="teaches" value="([^"]*)"', form)
    assert teaches
    data = {"teaches": html.unescape(teaches[1]), "answers_es": "No."}
    assert client.post("/content/faq", data=data | changed).status_code == 303
    return form


@pytest.mark.parametrize("question", ["¿Vendéis coches?", "Perdona, ¿vendeis coches?", "¿Hay automóviles a la venta?"])
def test_what_was_taught_leaves_as_it_stands_or_in_other_words(
    app: Flask, make_client: Callable[[str], FlaskClient], question: str
) -> None:
    add_questions(app)
    client = make_client("editor")
    teach(client, questions_es=question)
    assert client.get("/teaching").text.count("data-question") == 0


def test_accepting_takes_what_a_person_wrote_and_its_undo_brings_the_question_back(
    app: Flask, make_client: Callable[[str], FlaskClient]
) -> None:
    add_questions(app)
    client = make_client("editor")
    card = client.get("/teaching").text.split('action="/teaching/accept"')[1].split("</form>")[0]
    data = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', card)}
    page = client.post("/teaching/accept", data=data, follow_redirects=True).text
    assert "data-question" not in page
    client.post("/teaching/accept", data=data)  # another's page that shows it still
    assert entries(app) == {"vendeis-coches": ("vendeis COCHES", "No, solo <b>zapatos</b>.")}
    undo = re.search(r'action="(/content/faq/remove[^"]*)"', page)
    assert undo
    client.post(html.unescape(undo[1]))
    assert entries(app) == {}
    assert client.get("/teaching").text.count("data-question") == 1


def test_what_is_no_faq_as_it_stands_opens_as_a_form(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    data = {"key": teaching.find_key("¿Vendéis coches?", "es"), "question": "¿Vendéis coches?", "answer": "x" * 20_001}
    answer = make_client("editor").post("/teaching/accept", data=data)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/content/new/faq?untaught=")
    assert entries(app) == {}


def test_no_question_is_too_long_for_an_address(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    """A web server takes lines of 4,094 bytes; é takes 6 of them, an emoji 12."""
    question, answer = "¿Cuánto cuésta élla? 🧴 " * 20, "Sí, áéíóú. " * 400
    with app.app_context(), db.engine.begin() as connection:
        at = datetime.now(UTC) - timedelta(days=1)
        add_turn(connection, 1, question, at, reason="unsure", answer_of_a_person=answer.strip())
    client = make_client("editor")
    page = client.get("/teaching").text
    address = html.unescape(re.search(r'data-edits[^>]* href="([^"]+)"', page)[1])  # type: ignore[index]
    assert len(address) < 4_000
    assert answer.strip()[:3_000] in client.get(address).text
    begun = client.get("/conversations/1").text
    assert all(len(html.unescape(a)) < 4_000 for a in re.findall(r'href="([^"]+)"', begun))


def test_a_question_taught_in_other_words_can_be_brought_back(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    client = make_client("editor")
    teach(client, questions_es="¿Hay automóviles?", key="autos")
    undo = re.search(r'action="(/teaching/restore[^"]*)"', client.get("/content/faq").text)
    assert undo
    client.post(html.unescape(undo[1]))
    assert client.get("/teaching").text.count("data-question") == 1


def test_an_agent_accepts_nothing(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    client = make_client("agent")
    assert "data-accept" not in client.get("/teaching").text
    assert client.post("/teaching/accept", data={"key": "x", "question": "x", "answer": "x"}).status_code == 403


def entries(app: Flask) -> dict[str, tuple[str, str]]:
    with app.app_context(), db.engine.connect() as connection:
        return {entry.key: (entry.questions["es"][0], entry.answers["es"]) for entry in load_draft(connection).faq}


def test_what_was_taught_is_back_once_its_faq_is_taken_out(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    client = make_client("editor")
    teach(client, questions_es="¿Vendéis coches?", key="coches")
    client.post("/content/faq/remove", data={"key": "coches"})
    assert client.get("/teaching").text.count("data-question") == 1


def test_an_faq_that_is_switched_off_teaches_nothing(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_questions(app)
    client = make_client("editor")
    teach(client, questions_es="¿Vendéis coches?", key="coches", off="1")
    assert client.get("/teaching").text.count("data-question") == 1


def test_an_english_question_is_taught_in_english(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    at = datetime.now(UTC) - timedelta(days=1)
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, 1, "Do you sell cars?", at, reason="unsure", answer_of_a_person="We don't.")
        connection.execute(update(Turn).values(language="en"))
    form = teach(make_client("editor"), questions_en="Do you sell cars?", answers_en="We don't.", answers_es="")
    assert re.search(r'name="questions_en"[^>]*>Do you sell cars\?<', form)
    assert re.search(r'name="answers_en"[^>]*>We don&#39;t\.<', form)
    assert re.search(r'name="questions_es"[^>]*><', form)


def add_guess(app: Flask, number: int, question: str, **saw: object) -> None:
    """A question that the AI answered with "hola", and what its trace has of that."""
    at = datetime.now(UTC) - timedelta(days=1)
    look = {"responder": "assistant", "outcome": "replied", "why": "", "ms": 1.0, "saw": saw}
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, number, question, at)
        turn = connection.scalar(select(func.max(Turn.id)))
        connection.execute(update(Turn).where(Turn.id == turn).values(responder="assistant"))
        connection.execute(insert(TurnTrace).values(turn_id=turn, body={"version": 1, "looks": [look]}))


def test_what_the_ai_was_not_sure_of_is_there_with_what_it_said(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_guess(app, 1, "¿Vendéis coches?", kind="answer", confidence=0.6)
    add_guess(app, 2, "¿Cuánto tarda el envío?", kind="answer", confidence=0.9)
    add_guess(app, 3, "¿Qué tal?", kind="smalltalk", confidence=0.3)
    client = make_client("editor")
    page = client.get("/teaching").text
    assert re.findall(r'<h2 class="h6">([^<]*)<', page) == ["¿Vendéis coches?"]
    assert '<div class="bubble ours mb-3">hola</div>' in page
    assert ">hola</textarea>" in teach(client, questions_es="¿Vendéis coches?", answers_es="No.")
    assert "data-question" not in client.get("/teaching").text


def test_the_next_page_goes_on_where_the_first_ends(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    at = datetime.now(UTC) - timedelta(days=1)
    with app.app_context(), db.engine.begin() as connection:
        for number in range(1, 64):
            add_turn(connection, number, f"¿Vendéis artículo{number}?", at, reason="unsure")
        for number in range(64, 67):
            add_turn(connection, number, "¿Vendéis artículo7?", at, reason="unsure")
    client, address, seen = make_client("editor"), "/teaching", list[str]()
    while address:
        page = client.get(address).text
        seen += re.findall(r'<h2 class="h6">¿Vendéis (artículo\d+)', page)
        found = re.search(r'href="([^"]*)" rel="next"', page)
        address = html.unescape(found[1]) if found else ""
    assert seen[0] == "artículo7"
    assert sorted(seen) == sorted(f"artículo{n}" for n in range(1, 64))


@pytest.mark.parametrize("after", ["x", "WyJhIiwxXQ", "W10", "WzEsIngiXQ"])
def test_a_wrong_place_shows_the_first_page(app: Flask, make_client: Callable[[str], FlaskClient], after: str) -> None:
    add_questions(app)
    assert make_client("editor").get(f"/teaching?after={after}").text.count("data-question") == 1
