"""Specialised agents in the panel: the form with when and how much they answer, who answered and why, the test bot."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from werkzeug.datastructures import MultiDict

from chatbot.bodies import Assistant, FaqEntry, When
from chatbot.content import load_draft, publish, save_drafts
from chatbot.db import db
from chatbot.models import Conversation, Inbox, Message, Turn, TurnTrace
from chatbot.takeover import read_last_reply
from chatbot.why import tell_who, tell_why

Make = Callable[[str], FlaskClient]
EN = {"Accept-Language": "en"}
FORM = {
    "name": "Paco", "instructions": "Llevas los pedidos.", "tone": "claro", "length": "short", "languages": ["es", "en"],
    "default_language": "es", "about_es": "Pedidos y envíos", "about_en": "Orders", "phrases_es": "pedido\nplazo de entrega",
    "phrases_en": "my order", "when_labels": "vip", "when_inboxes": "7\n9", "max_replies": "12", "daily_budget": "0,5",
    "key": "pedidos",
}  # fmt: skip
LOOK = {"responder": "router", "outcome": "chosen", "why": "phrase", "ms": 0, "saw": {
    "assistant": "pedidos", "name": "Paco", "matched": "pedido"}}  # fmt: skip


def read_draft(app: Flask) -> tuple[Assistant, ...]:
    with app.app_context(), db.engine.begin() as connection:
        return load_draft(connection).assistant


def save(app: Flask, *bodies: Any) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, bodies)
        publish(connection)


def test_the_form_holds_when_it_answers_and_how_much(app: Flask, make_client: Make) -> None:
    editor = make_client("editor")
    page = editor.get("/content/new/assistant", headers=EN).text
    for label in ("What it looks after, in Spanish", "It answers when the message says", "Replies in one conversation at most"):
        assert label in page
    assert editor.post("/content/assistant", data=FORM).status_code == 303
    (saved,) = read_draft(app)
    assert saved.about == {"es": "Pedidos y envíos", "en": "Orders"}
    phrases = {"es": ("pedido", "plazo de entrega"), "en": ("my order",)}
    assert saved.when == When(phrases=phrases, labels=("vip",), inboxes=(7, 9))  # type: ignore[arg-type]
    assert (saved.max_replies, saved.daily_budget_micros) == (12, 500_000)
    page = editor.get("/content/assistant/pedidos", headers=EN).text
    assert re.search(r'name="daily_budget" value="0\.5"', page)
    assert "pedido\nplazo de entrega</textarea>" in page
    assert "Pedidos y envíos" in editor.get("/content/assistant", headers=EN).text
    assert "0.5" in editor.get("/content/assistant/pedidos/history", headers=EN).text


def test_saving_the_form_as_it_opens_changes_nothing(app: Flask, make_client: Make) -> None:
    editor = make_client("editor")
    for given in (FORM, {name: FORM[name] for name in ("name", "instructions", "tone", "length", "languages", "key")}):
        editor.post("/content/assistant", data=given | {"key": f"a{len(given)}", "default_language": "es"})
    before = read_draft(app)
    for body in before:
        page = editor.get(f"/content/assistant/{body.key}", headers=EN).text
        assert editor.post("/content/assistant", data=read_form(page)).status_code == 303
    assert read_draft(app) == before


def read_form(page: str) -> MultiDict[str, str]:
    """What a browser would send of the form with the name."""
    form = re.findall(r"<form[^>]*data-guarded.*?</form>", page, re.DOTALL)[0]
    found: list[tuple[str, str]] = []
    for tag in re.findall(r"<input[^>]*>", form):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if given.get("type") != "checkbox" or " checked" in tag:
            found.append((given["name"], html.unescape(given.get("value", ""))))
    found += [
        (name, html.unescape(text)) for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)<', form, re.DOTALL)
    ]
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found += [(name, value) for value in re.findall(r'value="([^"]*)" selected', options)]
    return MultiDict(found)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("max_replies", "muchas", "This must be a number."),
        ("max_replies", "0", "This is too small."),
        ("daily_budget", "diez", "This must be a number."),
        ("daily_budget", "-1", "This is too small."),
        ("daily_budget", "1e400", "This must be a number."),
        ("when_inboxes", "web", "This must be a number."),
        ("phrases_es", "¿?", "This has a sign that can&#39;t be used"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_nothing_is_lost(make_client: Make, field: str, value: str, said: str) -> None:
    answer = make_client("editor").post("/content/assistant", data=FORM | {field: value}, headers=EN)
    assert answer.status_code == 422
    place = answer.text.index(f'id="field-{field}-about"')
    assert said in answer.text[place : place + 300]
    if field not in {"phrases_es"}:
        assert re.search(r'<details class="mb-3" open><summary>More', answer.text), "the field is folded away"
    assert value in html.unescape(answer.text)


@pytest.fixture
def conversation(app: Flask) -> int:
    """One with Paco, and who was chosen in its trace."""
    with app.app_context(), db.engine.begin() as c:
        c.execute(insert(Inbox).values(id=901, chatwoot_id=901, name="Web"))
        c.execute(insert(Conversation).values(id=901, chatwoot_id=901, inbox_id=901, assistant="pedidos"))
        c.execute(
            insert(Message).values(id=901, conversation_id=901, chatwoot_id=901, seq=1, author="customer", text="¿Y mi pedido?")
        )
        row = {"id": 901, "conversation_id": 901, "epoch": 1, "from_seq": 0, "to_seq": 1, "mode": "live", "state": "answered"}
        c.execute(insert(Turn).values(row | {"responder": "assistant", "assistant": "pedidos", "finished_at": db.func.now()}))
        c.execute(insert(TurnTrace).values(turn_id=901, body={"looks": [LOOK]}))
    return 901


def test_a_conversation_says_who_answered_and_why(app: Flask, conversation: int, make_client: Make) -> None:
    save(app, *(Assistant(key=key, name=name, instructions="a") for key, name in (("pedidos", "Paco"), ("otra", "Ana"))))
    agent = make_client("agent")
    page = agent.get(f"/conversations/{conversation}", headers=EN).text
    assert "With «Paco»: the customer wrote «pedido»." in page
    assert "with «Paco»" in page
    assert (
        "Con «Paco»: el cliente escribió «pedido»."
        in agent.get(f"/conversations/{conversation}", headers={"Accept-Language": "es"}).text
    )
    assert "Web · Paco" in agent.get("/conversations", headers=EN).text


def test_with_one_specialised_agent_nobody_is_named(app: Flask, conversation: int, make_client: Make) -> None:
    save(app, Assistant(key="pedidos", name="Paco", instructions="a"))
    assert "Web · Paco" not in make_client("agent").get("/conversations", headers=EN).text


def test_the_note_of_bot_why_tells_it_too(app: Flask, conversation: int) -> None:
    with app.app_context(), db.engine.connect() as connection:
        last = read_last_reply(connection, conversation)
        assert connection.execute(select(Turn.assistant).where(Turn.id == 901)).scalar() == "pedidos"
    assert "With «Paco»: the customer wrote «pedido»." in tell_why(last, "en")
    assert "Con «Paco»: el cliente escribió «pedido»." in tell_why(last, "es")


@pytest.mark.parametrize("why", ["label", "phrase", "inbox", "kept", "first", "model"])
def test_every_way_of_choosing_has_its_words(why: str) -> None:
    said = tell_who({"looks": [{**LOOK, "why": why}]})
    assert said.startswith("With «Paco»: ")
    assert f": {why}." not in said


def test_the_test_bot_shows_who_answers_and_keeps_it(app: Flask, make_client: Make) -> None:
    paco = Assistant(key="pedidos", name="Paco", instructions="a", when=When(phrases={"es": ("pedido",)}))
    faq = FaqEntry(key="horario", questions={"es": ("¿A qué hora abrís?",)}, answers={"es": "A las diez."})
    save(app, Assistant(key="general", name="Lola", instructions="a", priority=9), paco, faq)
    agent = make_client("agent")
    first = agent.post("/test", data={"text": "hola, es por mi pedido"}, headers=EN).text
    assert "With «Paco»: the customer wrote «pedido»." in first
    carried = re.search(r'name="trial" value="([^"]*)"', first)
    assert carried
    second = agent.post("/test", data={"text": "¿A qué hora abrís?", "trial": html.unescape(carried[1])}, headers=EN).text
    assert "With «Paco»: the conversation was with it already." in second
    bent = html.unescape(carried[1]).replace('"pedidos"', '"../../x"')
    assert agent.post("/test", data={"text": "¿A qué hora abrís?", "trial": bent}, headers=EN).status_code == 200
