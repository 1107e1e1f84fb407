"""The conversations as a table and as JSON: each message and each reply, with what came of it and why."""

from __future__ import annotations

import csv
import io
import json

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from chatbot import conversations
from chatbot.content_export import write_csv
from chatbot.db import db
from chatbot.models import Message, Part, Turn
from chatbot.models.people import AuditLine
from web.test_conversations import EN, Make, add_messages, add_turn, shop, small_search

__all__ = ["shop", "small_search"]  # fixtures


def test_the_export_has_the_filters_lines_and_no_formulas(shop: Flask, make_client: Make) -> None:
    client = make_client("agent")
    rows = list(csv.DictReader(io.StringIO(client.get("/conversations/export.csv", headers=EN).text.removeprefix("\ufeff"))))
    assert [row["Conversation"] for row in rows] == ["901", "901", "902", "902"]
    assert "'=1+1 devolución" in [row["Text"] for row in rows]
    lines = client.get("/conversations/export.jsonl?state=answered").text.splitlines()
    assert [json.loads(line)["conversation_id"] for line in lines] == [901, 901]
    with shop.app_context(), db.engine.connect() as c:
        exports = select(AuditLine.subject).where(AuditLine.act == "conversation.export").order_by(AuditLine.id)
        assert c.scalars(exports).all() == ["conversations.csv", "conversations.jsonl"]


def test_the_export_has_what_was_said_on_both_sides_in_its_order_and_why(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["¿Cuánto tarda?", "¿Y a Canarias?"], language="es")
    with shop.app_context(), db.engine.begin() as c:
        c.execute(update(Turn).where(Turn.id == 9031).values(state="handed_off", handoff_reason="faq_handoff"))
        c.execute(update(Part).where(Part.turn_id == 9031).values(state="failed"))
        agent = {"conversation_id": 903, "chatwoot_id": 990, "author": "agent", "text": "Hola, soy Eva."}
        c.execute(insert(Message).values(agent))
        c.execute(insert(Message).values(agent | {"chatwoot_id": 991, "author": "customer", "ignore_rule": "campaign"}))
    answer = make_client("agent").get("/conversations/export.csv", headers=EN)
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    rows = [row for row in rows if row["Conversation"] == "903"]
    assert [(row["Who"], row["Text"], row["Outcome"]) for row in rows] == [
        ("Customer", "¿Cuánto tarda?", ""),
        ("The bot", "Reply 0", "answered"),
        ("Customer", "¿Y a Canarias?", ""),
        ("The bot", "Reply 1", "not delivered"),
        ("Person of the team", "Hola, soy Eva.", ""),
        ("Customer", "Hola, soy Eva.", ""),
    ]
    assert [row["Why"] for row in rows] == [
        "",
        "Answered with the FAQ «envios».",
        "",
        "Answered with the FAQ «envios». Then it was handed to a person: the FAQ says so.",
        "",
        "it belongs to a campaign",
    ]
    assert {(row["Inbox"], row["Contact"]) for row in rows} == {("Web", "Ana")}


def test_a_turn_without_words_has_its_line(shop: Flask, make_client: Make) -> None:
    lines = make_client("agent").get("/conversations/export.jsonl?state=ignored", headers=EN).text.splitlines()
    turn = next(line for line in map(json.loads, lines) if line["author"] == "bot")
    assert (turn["text"], turn["state"], turn["rule"]) == ("", "ignored", "paused")
    assert turn["why"] == "Nothing was said: everything was paused."


def test_a_spanish_readers_table_is_in_spanish_and_has_semicolons(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["¿Cuánto tarda?"], language="es")
    answer = make_client("agent").get("/conversations/export.csv", headers={"Accept-Language": "es"}).text
    assert answer.startswith("\ufeffConversación;Bandeja de entrada;Contacto;Cuándo;Quién;Texto;Resultado;")
    assert ";Reply 0;respondida;" in answer


def test_the_export_reads_any_number_of_conversations(shop: Flask, make_client: Make) -> None:
    add_messages(shop, ["hola"] * (2 * conversations.EXPORT_AT_ONCE + 1))
    lines = make_client("agent").get("/conversations/export.jsonl?q=hola").text.splitlines()
    assert len({json.loads(line)["conversation_id"] for line in lines}) == len(lines) == 2 * conversations.EXPORT_AT_ONCE + 1


@pytest.mark.usefixtures("small_search")
def test_the_export_leaves_none_out(shop: Flask, make_client: Make) -> None:
    add_messages(shop, ["pedido"] * 9)
    lines = make_client("agent").get("/conversations/export.jsonl?q=pedido").text.splitlines()
    assert [json.loads(line)["conversation_id"] for line in lines] == list(range(1008, 999, -1))


def test_a_spreadsheet_with_another_separator_finds_no_formula_either() -> None:
    said = "hola;=1+1;\t@x, -2+3"
    for delimiter in (",", ";"):
        file = b"".join(write_csv([["a", said]], delimiter, is_read_back=False)).decode("utf-8-sig")
        for other in (",", ";", "\t"):
            cells = [cell.strip() for row in csv.reader(io.StringIO(file), delimiter=other) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))], (delimiter, other, cells)
    assert b"hola;=1+1" in b"".join(write_csv([["a", said]], ",")), "what an import reads comes back as it was"
