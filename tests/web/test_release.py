"""From the draft to the customer and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from chatbot.content import live_release_id, load_content
from chatbot.db import db
from chatbot.drafts import read_newest
from chatbot.models.people import AuditLine

FAQ = {"questions_es": "¿Hacéis envíos?", "answers_es": "Sí, en 24 horas.", "key": "envios"}


@pytest.fixture
def editor(make_client: Callable[[str], FlaskClient]) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def live_answer(app: Flask) -> str:
    """What customers are answered from."""
    with app.app_context(), db.engine.connect() as connection:
        return load_content(connection, live_release_id(connection)).faq[0].answers["es"]


def change_answer(app: Flask, editor: FlaskClient, answer: str) -> None:
    with app.app_context(), db.engine.connect() as connection:
        row = read_newest(connection, "faq", "envios")
    data = {**FAQ, "answers_es": answer, "key_was": "envios", "opened_at": row.id if row else 0}
    assert editor.post("/content/faq", data=data).status_code == 303


def test_an_edit_reaches_customers_by_publishing_and_leaves_them_by_rolling_back(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/release/publish", data={"note": "Primera"})
    with app.app_context(), db.engine.connect() as connection:
        first = live_release_id(connection)
    change_answer(app, editor, "Sí, en 48 horas.")
    assert live_answer(app) == "Sí, en 24 horas."
    page = editor.get("/release").text
    assert "1 change not published" in page
    assert "<del>24</del><ins>48</ins>" in page
    editor.post("/release/publish", data={"note": "Más lento"})
    assert live_answer(app) == "Sí, en 48 horas."
    assert "Más lento" in editor.get("/release").text
    back = editor.post(f"/release/{first}/roll-back", follow_redirects=True)
    assert live_answer(app) == "Sí, en 24 horas."
    assert "The draft stayed as it was." in back.text
    assert "48 horas" in editor.get("/content/faq/envios").text
    with app.app_context():
        acts = list(db.session.scalars(select(AuditLine.act).order_by(AuditLine.id)))
    assert acts[-3:] == ["content.save", "content.publish", "content.roll_back"]


def test_a_discarded_change_is_what_customers_get_again(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/release/publish")
    change_answer(app, editor, "Nunca.")
    editor.post("/release/discard", data={"kind": "faq", "key": "envios"})
    assert "Sí, en 24 horas." in editor.get("/content/faq/envios").text
    assert "Everything is published" in editor.get("/release").text


def test_an_entry_that_customers_never_had_is_discarded_into_the_bin(editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/release/discard", data={"kind": "faq", "key": "envios"})
    assert editor.get("/content/faq/envios").status_code == 404
    assert "envios" in editor.get("/content/faq?state=bin").text


def test_a_release_that_is_not_there_is_a_page_in_plain_words(editor: FlaskClient) -> None:
    assert editor.post("/release/999/roll-back").status_code == 404
