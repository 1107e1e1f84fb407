"""Teaching the bot in the browser: lists, forms, two editors, the bin, history."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from chatbot.bodies import Article, Assistant, CannedResponse, Document, FaqEntry, Flow
from chatbot.body_types import Body
from chatbot.content import live_release_id, load_content, load_draft, publish, remove_drafts, save_drafts
from chatbot.db import db
from chatbot.drafts import count_changes, read_newest
from chatbot.llm import Means
from chatbot.rehearse import rehearse
from chatbot.settings import Settings

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


def read_form(page: str) -> dict[str, str]:
    """What the form that saves would send as it stands: its hidden fields and its textareas."""
    form = page.split('action="/content/', 1)[1].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    found += re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', form)
    return {name: html.unescape(value) for name, value in found}


def test_two_editors_texts_can_become_one(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    both = {**FAQ, "key_was": "envios", "opened_at": newest_id(app, "envios")}
    editor.post("/content/faq", data={**both, "answers_es": "Sí, en 48 horas."})
    form = read_form(editor.post("/content/faq", data={**both, "answers_es": "Sí, gratis."}).text)
    assert form["answers_es"] == "Sí, gratis."
    assert form["questions_es"].split() == FAQ["questions_es"].split()
    assert editor.post("/content/faq", data=form | {"answers_es": "Sí, gratis y en 48 horas."}).status_code == 303
    assert draft_faq(app)["envios"].answers["es"] == "Sí, gratis y en 48 horas."


def test_what_another_took_out_meanwhile_can_be_left_out_or_saved(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ)
    opened_at = newest_id(app, "envios")
    editor.post("/content/faq/remove", data={"key": "envios"})
    page = editor.post("/content/faq", data={**FAQ, "key_was": "envios", "opened_at": opened_at, "answers_es": "No."})
    assert page.status_code == 409
    theirs = re.search(r'href="([^"]+)">Keep theirs', page.text)
    assert theirs
    assert editor.get(theirs[1]).status_code == 200
    assert draft_faq(app) == {}
    assert editor.post("/content/faq", data=read_form(page.text)).status_code == 303
    assert draft_faq(app)["envios"].answers["es"] == "No."


def test_what_is_saved_though_it_was_taken_out_keeps_what_the_form_does_not_show(app: Flask, editor: FlaskClient) -> None:
    page = Document(key="guia", title="Guía", source="page", url="https://example.com/guia")
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [page])
    opened_at = newest_of(app, "document", "guia")
    editor.post("/content/document/remove", data={"key": "guia"})
    data = {"key_was": "guia", "opened_at": opened_at, "title": "La guía", "url": page.url, "read_every_h": "24"}
    assert editor.post("/content/document", data=data).status_code == 409
    again = data | {"opened_at": newest_of(app, "document", "guia")}
    assert editor.post("/content/document", data=again).status_code == 303
    with app.app_context(), db.engine.connect() as connection:
        saved = load_draft(connection).document[0]
    assert (saved.title, saved.source) == ("La guía", "page")


@pytest.mark.parametrize("kind", ["faq", "canned", "article", "assistant", "document", "flow"])
def test_the_page_of_what_was_taken_out_is_its_history(app: Flask, editor: FlaskClient, kind: str) -> None:
    steps = [{"id": "a", "do": "say", "text": {"es": "x"}}]
    bodies: dict[str, Body] = {
        "faq": FaqEntry(key="x", questions={"es": ("¿Sí?",)}, answers={"es": "No."}),
        "canned": CannedResponse(key="x", texts={"es": "Hola"}, exact=("hola",)),
        "article": Article(key="x", title="X", text="x"),
        "assistant": Assistant(key="x", name="Ana", instructions="x"),
        "document": Document(key="x", title="X", source="page", url="https://example.com/"),
        "flow": Flow.model_validate({"key": "x", "title": {"es": "X"}, "steps": steps}),
    }
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [bodies[kind]])
        remove_drafts(connection, [(kind, "x")])
    page = editor.get(f"/content/{kind}/x", follow_redirects=True)
    assert page.request.path == f"/content/{kind}/x/history"
    assert page.status_code == 200
    assert "Bring this back" in page.text


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_question_is_taught_in_its_own_language(editor: FlaskClient, language: str) -> None:
    other = "es" if language == "en" else "en"
    form = read_form(editor.get(f"/content/new/faq?question=x+y&language={language}").text)
    assert form[f"questions_{language}"] == "x y"
    assert (form[f"questions_{other}"], form[f"answers_{other}"]) == ("", "")
    page = editor.get(f"/content/new/article?question=x+y&language={language}").text
    assert re.search(r'name="title" value="x y"', page)
    assert f'<option value="{language}" selected>' in page


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


def test_an_entry_is_found_by_a_word_with_an_accented_capital(editor: FlaskClient) -> None:
    editor.post("/content/faq", data={**FAQ, "questions_es": "¿Únicamente los martes?", "key": "martes"})
    assert "/content/faq/martes" in editor.get("/content/faq?q=unicamente").text


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


CANNED = {"texts_es": "Hola", "keywords": "hola"}


def ask(app: Flask, question: str) -> str:
    """What customers get of what is published."""
    with app.app_context(), db.engine.begin() as connection:
        publish(connection)
        content, means = load_content(connection, live_release_id(connection)), Means(db.engine, Settings())
        of_draft = load_draft(connection)
    reply, _parts, _trace = rehearse(means, content, question)
    assert rehearse(means, of_draft, question)[0].sources == reply.sources  # the test bot's draft agrees
    return " ".join(reply.sources)


def test_what_is_switched_off_is_kept_and_not_answered_with(app: Flask, editor: FlaskClient) -> None:
    article = {
        "title": "Lavado",
        "text": "Las colchas de algodón se lavan a treinta grados.",
        "language": "es",
        "key": "lavado",
    }
    editor.post("/content/faq", data=FAQ | {"key": "envios"})
    editor.post("/content/article", data=article)
    assert ask(app, "¿Hacéis envíos?") == "faq:envios"
    assert ask(app, "¿Cómo se lavan las colchas de algodón?") == "article:lavado"
    for kind, key in (("faq", "envios"), ("article", "lavado")):
        editor.post(f"/content/{kind}/switch", data={"key": key, "act": "off"})
    assert "faq:envios" not in ask(app, "¿Hacéis envíos?")
    assert "article:lavado" not in ask(app, "¿Cómo se lavan las colchas de algodón?")
    page = editor.get("/content/faq?state=off").text
    assert "envios" in page
    assert "switched off" in page
    for kind, key in (("faq", "envios"), ("article", "lavado")):
        editor.post(f"/content/{kind}/switch", data={"key": key, "act": "on"})
    assert ask(app, "¿Hacéis envíos?") == "faq:envios"
    assert ask(app, "¿Cómo se lavan las colchas de algodón?") == "article:lavado"


def test_off_and_on_again_is_no_change(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ | {"key": "envios"})
    editor.post("/release/publish")
    editor.post("/content/faq/switch", data={"key": "envios", "act": "off"})
    with app.app_context():
        assert count_changes(db.session.connection()) == 1
    editor.post("/content/faq/switch", data={"key": "envios", "act": "on"})
    with app.app_context():
        assert count_changes(db.session.connection()) == 0


def test_bulk_acts_are_undone_as_they_were(app: Flask, editor: FlaskClient) -> None:
    for key in ("uno", "dos"):
        editor.post("/content/faq", data=FAQ | {"key": key, "questions_es": f"¿Pregunta {key}?"})
    editor.post("/content/faq/switch", data={"key": "uno", "act": "off"})
    editor.get("/content/faq")
    editor.post("/content/faq/switch", data={"key": ["uno", "dos"], "act": "off"})
    undo = re.search(r'action="(/content/faq/back[^"]+)"', editor.get("/content/faq").text)
    assert undo is not None
    editor.post(undo[1].replace("&amp;", "&"))
    assert {key: faq.enabled for key, faq in draft_faq(app).items()} == {"uno": False, "dos": True}


def test_the_first_template_of_several_is_the_one_put_first(app: Flask, editor: FlaskClient) -> None:
    for key in ("aaa", "bbb"):
        editor.post("/content/canned", data=CANNED | {"key": key})
    assert ask(app, "hola") == "canned:aaa"
    editor.post("/content/canned/switch", data={"key": "bbb", "act": "first"})
    assert ask(app, "hola") == "canned:bbb"
    assert "priority 1" in editor.get("/content/canned").text
    form = {"key_was": "aaa", "opened_at": newest_of(app, "canned", "aaa"), "priority": "7"}
    editor.post("/content/canned", data=CANNED | form)
    assert ask(app, "hola") == "canned:aaa"


def test_order_is_offered_only_where_it_has_an_effect(editor: FlaskClient) -> None:
    editor.post("/content/faq", data=FAQ | {"key": "envios"})
    assert "Put first" not in editor.get("/content/faq").text
    assert editor.post("/content/faq/switch", data={"key": "envios", "act": "first"}).status_code == 400


def test_the_form_keeps_what_it_does_not_show(app: Flask, editor: FlaskClient) -> None:
    kept = Assistant(key="ana", name="Ana", instructions="Sé breve.", history_tokens=99)
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [kept])
    data = {"key_was": "ana", "opened_at": newest_of(app, "assistant", "ana"), "name": "Ana María", "instructions": "Sé breve."}
    data |= {"tone": "cercano", "languages": ["es", "en"], "default_language": "es", "length": "short", "off": "1"}
    assert editor.post("/content/assistant", data=data).status_code == 303
    with app.app_context(), db.engine.begin() as connection:
        saved = load_draft(connection).assistant[0]
    assert (saved.name, saved.history_tokens, saved.enabled) == ("Ana María", 99, False)
    assert "Switched off" in editor.get("/content/assistant/ana/history").text


def newest_of(app: Flask, kind: str, key: str) -> int:
    with app.app_context(), db.engine.begin() as connection:
        row = read_newest(connection, kind, key)
    assert row is not None
    return int(row.id)
