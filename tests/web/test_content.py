"""Teaching the bot in the browser: lists, forms, two editors, the bin, history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from chatbot.content import CannedResponse, FaqEntry, load_draft, save_drafts
from chatbot.db import db
from chatbot.drafts import read_newest

MakeClient = Callable[[str], FlaskClient]
NASTY = "<img src=x onerror=alert(1)>"
FAQ = {"questions_es": "¿Hacéis envíos?\r\n¿Enviáis a casa?", "answers_es": "Sí, en 24 horas.", "key": "envios"}


@pytest.fixture
def editor(make_client: MakeClient) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def newest_id(app: Flask, key: str) -> int:
    with app.app_context(), db.engine.connect() as connection:
        row = read_newest(connection, "faq", key)
        assert row is not None
        return int(row.id)


def draft_faq(app: Flask) -> dict[str, FaqEntry]:
    with app.app_context(), db.engine.connect() as connection:
        return {entry.key: entry for entry in load_draft(connection).faq}


def test_a_new_faq_gets_a_short_name_from_its_question(app: Flask, editor: FlaskClient) -> None:
    answer = editor.post("/content/faq", data={**FAQ, "key": ""})
    assert answer.status_code == 303
    assert draft_faq(app)["haceis-envios"].questions == {"es": ("¿Hacéis envíos?", "¿Enviáis a casa?")}
    assert "¿Hacéis envíos?" in editor.get("/content/faq").text


def test_what_was_typed_comes_back_with_the_error_beside_it(app: Flask, editor: FlaskClient) -> None:
    page = editor.post("/content/faq", data={**FAQ, "answers_es": ""})
    assert page.status_code == 422
    assert "These questions need an answer." in page.text
    assert "¿Enviáis a casa?" in page.text
    assert draft_faq(app) == {}


def test_the_second_of_two_editors_sees_both_texts(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    opened_at = newest_id(app, "envios")
    both = {**FAQ, "key_was": "envios", "opened_at": opened_at}
    assert editor.post("/content/faq", data={**both, "answers_es": "Sí, en 48 horas."}).status_code == 303
    page = editor.post("/content/faq", data={**both, "answers_es": "No, ya no."})
    assert page.status_code == 409
    assert "No, ya no." in page.text
    assert "<del>48" in page.text or "48" in page.text
    assert draft_faq(app)["envios"].answers["es"] == "Sí, en 48 horas."
    over = {**both, "opened_at": newest_id(app, "envios"), "answers_es": "No, ya no."}
    assert editor.post("/content/faq", data=over).status_code == 303
    assert draft_faq(app)["envios"].answers["es"] == "No, ya no."


def test_what_is_taken_out_lies_in_the_bin_and_comes_back(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    page = editor.post("/content/faq/remove", data={"key": ["envios"]}, follow_redirects=True)
    assert "/content/faq/restore?key=envios" in page.text
    assert draft_faq(app) == {}
    assert "envios" in editor.get("/content/faq?state=bin").text
    editor.post("/content/faq/restore?key=envios")
    assert draft_faq(app)["envios"].answers["es"] == "Sí, en 24 horas."


def test_a_former_state_is_brought_back_from_the_history(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    first = newest_id(app, "envios")
    editor.post("/content/faq", data={**FAQ, "answers_es": "Nunca.", "key_was": "envios", "opened_at": first})
    page = editor.get("/content/faq/envios/history")
    assert "<ins>Nunca</ins>" in page.text
    editor.post("/content/faq/restore?key=envios", data={"revision": first})
    assert draft_faq(app)["envios"].answers["es"] == "Sí, en 24 horas."


def test_a_copy_opens_as_a_new_entry_without_a_short_name(editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    page = editor.get("/content/new/faq?like=envios")
    assert "¿Enviáis a casa?" in page.text
    assert 'name="key" value=""' in page.text


def test_a_question_that_another_faq_answers_is_pointed_out(editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    page = editor.post("/content/faq/alike", data={"questions_es": "¿haceis envios?"})
    assert "/content/faq/envios" in page.text
    assert "/content/faq/envios" not in editor.post("/content/faq/alike", data={**FAQ, "key_was": "envios"}).text
    assert "/content/faq/envios" not in editor.post("/content/faq/alike", data={"questions_es": "¿Qué horario tenéis?"}).text


def test_a_page_is_shown_as_customers_would_read_it_without_its_scripts(editor: FlaskClient) -> None:
    page = editor.post("/content/preview", data={"text": f"# Envíos\n\n**Gratis**\n\n<script>alert(1)</script>{NASTY}"})
    assert "<strong>Gratis</strong>" in page.text
    assert "<script>alert" not in page.text
    assert "<img" not in page.text


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("faq", {"questions_es": NASTY, "answers_es": NASTY, "questions_en": NASTY, "answers_en": NASTY, "key": "x"}),
        ("canned", {"texts_es": NASTY, "texts_en": NASTY, "keywords": NASTY, "exact": NASTY, "patterns": NASTY, "key": "x"}),
        ("article", {"title": NASTY, "text": NASTY, "language": "es", "url": "https://example.com/", "key": "x"}),
        ("assistant", {"name": NASTY, "instructions": NASTY, "tone": NASTY, "languages": "es", "model": NASTY, "key": "x"}),
    ],
)
def test_no_field_of_any_kind_becomes_html(editor: FlaskClient, kind: str, data: dict[str, Any]) -> None:
    answer = editor.post(f"/content/{kind}", data=data)
    assert answer.status_code == 303, answer.text
    for path in (f"/content/{kind}", f"/content/{kind}/x", f"/content/{kind}/x/history", "/release"):
        page = editor.get(path).text
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page or "&lt;</ins><ins>img" in page or "&lt;img" in page


def test_an_agent_reads_but_does_not_edit(make_client: MakeClient, app: Flask) -> None:
    agent = make_client("agent")
    assert agent.get("/content/faq").status_code == 200
    assert agent.post("/content/faq", data=FAQ).status_code == 403
    assert agent.get("/content/new/faq").status_code == 403
    assert agent.post("/content/faq/remove", data={"key": "envios"}).status_code == 403
    assert agent.post("/release/publish").status_code == 403
    assert draft_faq(app) == {}


def test_two_thousand_faqs_are_listed_with_a_handful_of_queries(app: Flask, editor: FlaskClient) -> None:
    faqs = [FaqEntry(key=f"faq-{n:04}", questions={"es": (f"¿Pregunta {n}?",)}, answers={"es": "Sí."}) for n in range(2_000)]
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [*faqs, CannedResponse(key="hola", texts={"es": "Hola"}, exact=("hola",))])
        engine = db.engine
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    page = editor.get("/content/faq")
    assert len(statements) <= 10, statements
    assert page.text.count('name="key"') == 50
    assert (
        "faq-0050"
        in editor.get(page.text.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")).text
    )
    assert "faq-1234" in editor.get("/content/faq?q=pregunta+1234").text
