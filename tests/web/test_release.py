"""From the draft to the customer and back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from chatbot.bodies import FaqEntry
from chatbot.content import live_release_id, load_content, save_drafts
from chatbot.db import db
from chatbot.drafts import MOST_CHANGES, read_newest
from chatbot.models.people import AuditLine
from chatbot.web.database import writing

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
    assert editor.get("/content/faq/envios").status_code != 200
    assert "envios" in editor.get("/content/faq?state=bin").text


def test_a_discarded_change_is_brought_back_by_undo(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/release/publish")
    change_answer(app, editor, "Nunca.")
    press_undo(editor, "envios")
    assert "<del>Sí, en 24 horas</del><ins>Nunca</ins>" in editor.get("/release").text


def test_a_discarded_new_entry_is_brought_back_by_undo(editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    press_undo(editor, "envios")
    assert "1 change not published" in editor.get("/release").text
    assert "Sí, en 24 horas." in editor.get("/content/faq/envios").text


def test_a_discarded_removal_is_a_removal_again_by_undo(editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/release/publish")
    editor.post("/content/faq/remove", data={"key": "envios"})
    press_undo(editor, "envios")
    assert "taken out" in editor.get("/release").text


def press_undo(editor: FlaskClient, key: str) -> None:
    page = editor.post("/release/discard", data={"kind": "faq", "key": key}, follow_redirects=True).text
    assert "Everything is published" in page
    undo = re.search(r'action="(/release/discard/undo/[^"]+)"', page)
    assert undo, page
    assert editor.post(undo[1]).location == "/release"


def test_an_undo_of_another_entry_s_revision_changes_nothing(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/content/faq", data={**FAQ, "key": "pagos"})
    with app.app_context(), db.engine.connect() as connection:
        was = read_newest(connection, "faq", "envios").id
    for wrong in (f"faq/pagos/{was}", "faq/envios/999999999", f"nothing/envios/{was}", f"faq/envios/{10**30}", "faq/envios/x"):
        assert editor.post(f"/release/discard/undo/{wrong}").status_code == 404, wrong
    assert "2 changes not published" in editor.get("/release").text


def test_after_a_large_import_all_changes_are_counted_and_each_can_be_discarded(app: Flask, editor: FlaskClient) -> None:
    count = MOST_CHANGES + 1
    bodies = [FaqEntry(key=f"f{n:04}", questions={"es": (f"¿{n}?",)}, answers={"es": "Sí."}) for n in range(count)]
    with app.app_context(), writing() as connection:
        save_drafts(connection, bodies)
    page = editor.get("/release").text
    assert f"{count} changes not published" in page
    assert "f0000" in page
    assert f"The first {MOST_CHANGES} are shown; all are published." in page
    last = f"f{count - 1:04}"
    assert last not in page
    press_discard = editor.post("/release/discard", data={"kind": "faq", "key": last}, follow_redirects=True).text
    assert "The change is discarded" in press_discard
    assert f"{MOST_CHANGES} changes not published" in press_discard
    assert "are shown; all are published" not in press_discard
    assert last in editor.get(f"/content/faq?state=bin&q={last}").text


def test_where_there_is_nothing_to_discard_it_says_so_and_notes_nothing(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    editor.post("/release/publish")
    for key in ("envios", "never-there"):
        page = editor.post("/release/discard", data={"kind": "faq", "key": key}, follow_redirects=True).text
        assert "There was nothing to discard" in page
        assert "The change is discarded" not in page
    with app.app_context():
        assert "content.discard" not in set(db.session.scalars(select(AuditLine.act)))


def test_a_release_that_is_not_there_is_a_page_in_plain_words(editor: FlaskClient) -> None:
    assert editor.post("/release/999/roll-back").status_code == 404
