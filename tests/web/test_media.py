"""What a conversation's page shows of voice notes, pictures, and messages that the customer deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from chatbot.db import db
from chatbot.models import Contact, Conversation, Inbox, Message, Turn, TurnTrace
from chatbot.settings import load_settings

NASTY = "<img src=x onerror=alert(1)>"
MESSAGES = [
    ("", [{"file_type": "audio", "transcript": f"¿Cuánto tarda? {NASTY}", "by": "whisper-1"}], None),
    ("¿Y este?", [{"file_type": "image", "transcript": "", "description": f"Una colcha azul {NASTY}"}], None),
    ("", [{"file_type": "audio", "transcript": "", "problem": "too_long"}], None),
    ("", [], "deleted"),
    ("", [{"file_type": "file"}], None),
]
LOOK = {"responder": "attachments", "outcome": "read", "why": "", "ms": 9, "saw": {"heard": [[701, "whisper-1"]]}}


@pytest.fixture
def shop(app: Flask) -> Flask:
    with app.app_context(), db.engine.begin() as c:
        c.execute(insert(Inbox).values(id=7, chatwoot_id=7, name="Web"))
        c.execute(insert(Contact).values(id=7, chatwoot_id=7, name="Ana"))
        c.execute(insert(Conversation).values(id=7, chatwoot_id=7, inbox_id=7, contact_id=7))
        for n, (words, files, rule) in enumerate(MESSAGES, start=1):
            row = {"conversation_id": 7, "chatwoot_id": 700 + n, "seq": n, "author": "customer", "text": words}
            c.execute(insert(Message).values(**row, attachments=files, ignore_rule=rule))
        turn = {"id": 7, "conversation_id": 7, "epoch": 1, "from_seq": 0, "to_seq": 1, "mode": "live", "state": "answered"}
        c.execute(insert(Turn).values(**turn, responder="faq"))
        c.execute(insert(TurnTrace).values(turn_id=7, body={"version": 1, "looks": [LOOK]}))
    return app


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["From a voice note", "What the picture shows", "Not read: it is too long.", "Deleted by the customer",
                "Voice note · Not read", "</i> File</div>",
                "A voice note was written down (whisper-1).", "Voice notes and pictures"]),
        ("es", ["De una nota de voz", "Lo que muestra la imagen",
                "Nota de voz · No se ha leído: es demasiado larga.", "</i> Archivo</div>",
                "Eliminado por el cliente", "Se transcribió una nota de voz (whisper-1).", "Notas de voz e imágenes"]),
    ],
)  # fmt: skip
def test_the_page_shows_what_was_said_seen_and_deleted(
    shop: Flask, make_client: Callable[[str], FlaskClient], language: str, texts: list[str]
) -> None:
    page = make_client("agent").get("/conversations/7", headers={"Accept-Language": language}).text
    for said in (*texts, "¿Cuánto tarda?", "¿Y este?", "Una colcha azul"):
        assert said in page, said
    assert NASTY not in page
    assert page.count("&lt;img src=x") >= 2


def test_the_list_tells_what_was_said_last(shop: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    with shop.app_context(), db.engine.begin() as c:
        row = {"conversation_id": 7, "chatwoot_id": 790, "seq": 90, "author": "customer", "text": ""}
        files = [{"file_type": "audio", "transcript": ""}, {"file_type": "audio", "transcript": "Llegó rota"}]
        c.execute(insert(Message).values(**row, attachments=files))
    assert "Llegó rota" in make_client("agent").get("/conversations").text


@pytest.mark.parametrize(
    ("name", "value", "stored", "bad"),
    [
        ("transcription_model", "whisper-1", "whisper-1", "x" * 201),
        ("voice_max_s", "90", 90, "0"),
        ("vision", "false", False, "perhaps"),
        ("media_max_mb", "2.5", 2.5, "200"),
        ("media_timeout_s", "8", 8, "-1"),
    ],
)
def test_an_owner_sets_what_is_read(
    app: Flask, make_client: Callable[[str], FlaskClient], name: str, value: str, stored: object, bad: str
) -> None:
    client = make_client("owner")
    for given in (value, bad):
        client.post(f"/settings/{name}", data={"value": given})
    with app.app_context(), db.engine.connect() as connection:
        assert getattr(load_settings(connection, app.config["CONFIG"]), name) == stored
