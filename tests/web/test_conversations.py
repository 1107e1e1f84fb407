"""The list of conversations, one with its reasons, export and erasing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects import postgresql

from chatbot import conversations
from chatbot.db import db
from chatbot.models import Contact, Conversation, Inbox, Message, Part, Turn, TurnTrace, Webhook
from chatbot.models.people import AuditLine

Make = Callable[[str], FlaskClient]
MADRID = ZoneInfo("Europe/Madrid")  # the business's days, not those of UTC
EN = {"Accept-Language": "en"}
NASTY = "<img src=x onerror=alert(1)>"
LOOK = {"responder": "faq", "outcome": "replied", "why": "", "ms": 1.5, "saw": {"candidates": [["envios", 0.91]]}}


@pytest.fixture
def shop(app: Flask) -> Flask:
    """Conversation 1 answered by a FAQ, its contact has a nasty name; 2 ignored, its text a formula. 1 is the newer one."""
    now = datetime.now(UTC)
    with app.app_context(), db.engine.begin() as c:
        c.execute(insert(Inbox).values(id=901, chatwoot_id=901, name="Web"))
        c.execute(
            insert(Contact), [{"id": 901, "chatwoot_id": 901, "name": NASTY}, {"id": 902, "chatwoot_id": 902, "name": "Ana"}]
        )
        for n, text_in, state in ((901, "¿Cuánto tarda el envío?", "answered"), (902, "=1+1 devolución", "ignored")):
            at = now - timedelta(days=n - 901)
            c.execute(insert(Conversation).values(id=n, chatwoot_id=n, inbox_id=901, contact_id=n, updated_at=at))
            c.execute(insert(Message).values(id=n, conversation_id=n, chatwoot_id=n, seq=1, author="customer", text=text_in))
            responder, rule = ("faq", None) if n == 901 else (None, "paused")
            row = {"id": n, "conversation_id": n, "epoch": 1, "from_seq": 0, "to_seq": 1, "mode": "live", "state": state}
            row |= {"responder": responder, "rule": rule, "finished_at": now, "language": "es"}
            c.execute(insert(Turn).values(**row, sources=["faq:envios"] if n == 901 else []))
        c.execute(insert(TurnTrace).values(turn_id=901, body={"version": 1, "looks": [LOOK]}))
        c.execute(insert(Part).values(turn_id=901, conversation_id=901, ordinal=0, mark="m1", text="Cinco días", state="sent"))
        c.execute(insert(Webhook).values(conversation_chatwoot_id=901, body=b"{}"))
    return app


def test_the_list_is_newest_first_and_shows_names_as_text(shop: Flask, make_client: Make) -> None:
    page = make_client("agent").get("/conversations", headers=EN).text
    assert page.index("/conversations/901") < page.index("/conversations/902")
    assert NASTY not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize("words", ["envio", "ENVÍO", "cinco dias"])
def test_search_minds_neither_accents_nor_case_and_finds_our_replies(shop: Flask, make_client: Make, words: str) -> None:
    page = make_client("agent").get("/conversations", query_string={"q": words}).text
    assert "/conversations/901" in page
    assert "/conversations/902" not in page


@pytest.mark.parametrize("query", ["state=answered", "responder=faq", f"from={datetime.now(MADRID):%Y-%m-%d}"])
def test_filters_keep_what_fits(shop: Flask, make_client: Make, query: str) -> None:
    page = make_client("agent").get(f"/conversations?{query}").text
    assert "/conversations/901" in page
    assert "/conversations/902" not in page


def test_a_wrong_day_in_the_address_is_no_fault(shop: Flask, make_client: Make) -> None:
    assert make_client("agent").get("/conversations?from=9999-99-99&to=9999-12-31&inbox=x&after=WyJhIiwxXQ").status_code == 200


def test_a_reply_says_why_and_leads_to_its_faq(shop: Flask, make_client: Make) -> None:
    page = make_client("editor").get("/conversations/901", headers=EN).text
    assert "Answered with the FAQ «envios», 0.91 alike." in page
    assert "/faq/envios" in page
    assert "Nothing was said: everything was paused." in make_client("agent").get("/conversations/902", headers=EN).text


def test_a_poll_without_news_changes_nothing(shop: Flask, make_client: Make) -> None:
    client = make_client("agent")
    seen = client.get("/conversations/901").text.split("seen=")[1].split('"')[0]
    assert client.get(f"/conversations/901?seen={seen}").status_code == 204
    with shop.app_context(), db.engine.begin() as c:
        c.execute(insert(Message).values(conversation_id=901, chatwoot_id=990, seq=2, author="customer", text="¿Hola?"))
    assert "¿Hola?" in client.get(f"/conversations/901?seen={seen}").text


def test_the_export_has_the_filters_rows_and_no_formulas(shop: Flask, make_client: Make) -> None:
    client = make_client("agent")
    rows = list(csv.DictReader(io.StringIO(client.get("/conversations/export.csv").text.removeprefix("\ufeff"))))
    assert [row["id"] for row in rows] == ["901", "902"]
    assert rows[1]["text"] == "'=1+1 devolución"
    lines = client.get("/conversations/export.jsonl?state=answered").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [901]


def test_only_an_owner_exports_and_erases_a_contact(shop: Flask, make_client: Make) -> None:
    editor, owner = make_client("editor"), make_client("owner")
    assert editor.get("/conversations/contact/901/export").status_code == 403
    assert editor.post("/conversations/contact/901/erase", data={"name": NASTY}).status_code == 403
    found = json.loads(owner.get("/conversations/contact/901/export").text)
    assert found["conversations"][0]["messages"][0]["text"] == "¿Cuánto tarda el envío?"


def test_erasing_needs_the_name_and_leaves_nothing(shop: Flask, make_client: Make) -> None:
    owner = make_client("owner")
    assert owner.post("/conversations/contact/901/erase", data={"name": "Ana"}).status_code == 422
    assert owner.post("/conversations/contact/901/erase", data={"name": NASTY}).status_code == 303
    with shop.app_context(), db.engine.connect() as c:
        for column in (Message.conversation_id, Turn.conversation_id, Part.conversation_id, Webhook.conversation_chatwoot_id):
            assert c.scalar(select(func.count()).where(column == 901)) == 0
        line = c.execute(
            select(AuditLine.subject, AuditLine.before, AuditLine.after).where(AuditLine.act == "contact.erase")
        ).one()
        assert tuple(line) == ("contact:901", None, None)


@pytest.mark.parametrize(("search", "index"), [("", "ix_conversation_updated_at"), ("envio", "ix_message_search")])
def test_list_and_search_go_by_an_index(shop: Flask, search: str, index: str) -> None:
    statement = conversations.select_conversations(search, {})
    if not search:
        statement = statement.order_by(Conversation.updated_at.desc(), Conversation.id.desc()).limit(51)
    compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with shop.app_context(), db.engine.begin() as c:
        c.execute(text("SET LOCAL enable_seqscan = off"))
        c.execute(text("SET LOCAL enable_sort = off"))
        plan = "\n".join(c.exec_driver_sql(f"EXPLAIN {compiled}".replace("%%", "%").replace("%", "%%")).scalars())
    assert index in plan
