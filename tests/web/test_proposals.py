"""Proposals in the panel: asked for, how far they are, a yes, a change, a no, taken back; and without an AI."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, text, update

from chatbot import proposals
from chatbot.bodies import Content, Document
from chatbot.content import load_draft, save_drafts
from chatbot.db import db
from chatbot.models import Drafting, Proposal
from chatbot.models.people import AuditLine

MakeClient = Callable[[str], FlaskClient]
NASTY = "<img src=x onerror=alert(1)>"
SITE = "https://tienda.example/"


@pytest.fixture
def with_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-1234567890")


@pytest.fixture
def editor(make_client: MakeClient) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def add(app: Flask, *questions: str, state: str = "done", **columns: Any) -> list[int]:
    """Proposals of one drafting, as the indexer leaves them. Returns their ids."""
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [Document(key="web", title="La tienda", source="site", url=SITE)])
        values = {"who": "ana", "language": "es", "state": state, "steps": 3, "done_steps": 3}
        drafting = connection.execute(insert(Drafting).values(values).returning(Drafting.id)).scalar_one()
        row = {
            "drafting_id": drafting, "topic": "faq", "language": "es", "phrasings": ["¿Cuándo abrís?"], "answer": "De 9 a 14.",
            "quote": f"Abrimos de 9 a 14 horas. {NASTY}", "source_title": "Horario", "source_url": f"{SITE}horario",
            "source_key": "web", **columns,
        }  # fmt: skip
        made = insert(Proposal).returning(Proposal.id)
        return [connection.execute(made.values(question=question, **row)).scalar_one() for question in questions]


def read_draft(app: Flask) -> Content:
    with app.app_context(), db.engine.connect() as connection:
        return load_draft(connection)


def read_rows(app: Flask, statement: str) -> list[Any]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(text(statement)))


def read_acts(app: Flask) -> list[str]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.scalars(select(AuditLine.act).where(AuditLine.act.not_like("log%")).order_by(AuditLine.id)))


def test_a_sites_address_becomes_a_document_and_a_drafting(app: Flask, editor: FlaskClient, with_model: None) -> None:
    assert "Read it and propose" in editor.get("/proposals").text
    assert editor.post("/proposals/site", data={"url": "www.tienda.example", "language": "en"}).status_code == 303
    (document,) = read_draft(app).document
    assert (document.source, document.url, document.read_every_h) == ("site", "https://www.tienda.example", 24)
    assert read_rows(app, "SELECT address FROM page WHERE due_at <= now()")[0].address == "https://www.tienda.example"
    (drafting,) = read_rows(app, "SELECT who, language, state FROM drafting")
    assert tuple(drafting) == ("editor@example.com", "en", "waiting")
    page = editor.get("/proposals").text
    assert "Your pages are being read" in page
    assert "Pages read: 0 of 1" in page
    assert "Read it and propose" not in page
    assert read_acts(app) == ["content.save", "proposal.draft"]
    editor.post("/proposals/site", data={"url": "www.tienda.example"})
    assert len(read_draft(app).document) == len(read_rows(app, "SELECT FROM drafting")) == 1


@pytest.mark.parametrize("url", ["", "no address", "ftp://tienda.example", "javascript:alert(1)"])
def test_what_is_no_address_is_told_beside_the_field(app: Flask, editor: FlaskClient, with_model: None, url: str) -> None:
    page = editor.post("/proposals/site", data={"url": url})
    assert page.status_code == 422
    assert 'id="url-problem"' in page.text
    assert f'value="{url}"' in page.text
    assert read_draft(app).document == ()
    assert read_rows(app, "SELECT FROM drafting") == []


def test_how_far_it_is_is_told_as_it_is(app: Flask, editor: FlaskClient, with_model: None) -> None:
    editor.post("/proposals/site", data={"url": SITE})
    assert "Pages read: 0 of 1" in editor.get("/proposals/progress").text
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE page SET state = 'ready', due_at = NULL"))
    page = editor.get("/proposals/progress")
    assert "It begins in a moment." in page.text
    assert "<html" not in page.text
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Drafting).values(steps=5, done_steps=2, state="working"))
    assert "Step 3 of 5" in editor.get("/proposals/progress").text
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Drafting).values(state="done"))
    assert editor.get("/proposals/progress").headers["HX-Refresh"] == "true"
    assert "Nothing left to decide on" in editor.get("/proposals").text


def test_a_proposal_stands_beside_its_source_and_runs_nothing(app: Flask, editor: FlaskClient, with_model: None) -> None:
    add(app, NASTY, topic="hours")
    page = editor.get("/proposals").text
    assert "Opening hours" in page
    assert page.count("&lt;img src=x") == 2
    assert NASTY not in page
    assert f'href="{SITE}horario"' in page
    assert 'href="/documents/web"' in page


def test_a_yes_saves_it_in_the_draft_and_nothing_is_published(app: Flask, editor: FlaskClient) -> None:
    first, second = add(app, "¿Qué horario tenéis?", "¿Abrís los lunes?")
    answer = editor.post(f"/proposals/{first}/accept")
    assert (answer.status_code, answer.location) == (303, "/proposals#next")
    (faq,) = read_draft(app).faq
    assert faq.key == "que-horario-teneis"
    assert faq.questions == {"es": ("¿Qué horario tenéis?", "¿Cuándo abrís?")}
    assert faq.answers == {"es": "De 9 a 14."}
    page = editor.get("/proposals").text
    assert page.count("data-question") == 1
    assert f'action="/proposals/{first}/restore"' in page
    assert "2 changes aren't published yet" in page
    assert read_rows(app, "SELECT FROM release") == []
    assert read_acts(app) == ["proposal.accept", "content.save"]
    editor.post(f"/proposals/{first}/accept")
    assert "Somebody has decided on it already." in editor.get("/proposals").text
    assert len(read_draft(app).faq) == 1
    assert editor.post(f"/proposals/{second}/accept").status_code == 303
    assert len(read_draft(app).faq) == 2


def test_a_yes_is_taken_back_and_given_again(app: Flask, editor: FlaskClient) -> None:
    (only,) = add(app, "¿Qué horario tenéis?")
    for _ in range(2):
        editor.post(f"/proposals/{only}/accept")
        assert [faq.key for faq in read_draft(app).faq] == ["que-horario-teneis"]
        editor.post(f"/proposals/{only}/restore")
        assert read_draft(app).faq == ()
        assert editor.get("/proposals").text.count("data-question") == 1
    assert read_acts(app)[:4] == ["proposal.accept", "content.save", "proposal.restore", "content.remove"]


def test_a_key_that_is_taken_gets_a_number(app: Flask, editor: FlaskClient) -> None:
    for question in add(app, "¿Qué horario tenéis?", "¡Qué horario tenéis!"):
        editor.post(f"/proposals/{question}/accept")
    assert [faq.key for faq in read_draft(app).faq] == ["que-horario-teneis", "que-horario-teneis-2"]


def test_a_yes_with_changes_leads_to_the_entry(app: Flask, editor: FlaskClient) -> None:
    (only,) = add(app, "¿Qué horario tenéis?")
    answer = editor.post(f"/proposals/{only}/edit")
    assert answer.location == "/content/faq/que-horario-teneis"
    assert "De 9 a 14." in editor.get(answer.location).text
    assert editor.post(f"/proposals/{only}/edit").location == "/proposals"


def test_a_no_is_taken_back(app: Flask, editor: FlaskClient) -> None:
    (only,) = add(app, "¿Qué horario tenéis?")
    editor.post(f"/proposals/{only}/dismiss")
    page = editor.get("/proposals").text
    assert page.count("data-question") == 0
    assert "It won&#39;t be proposed again." in page
    editor.post(f"/proposals/{only}/restore")
    assert editor.get("/proposals").text.count("data-question") == 1
    assert read_acts(app) == ["proposal.dismiss", "proposal.restore"]
    assert read_draft(app).faq == ()


def test_what_was_taken_from_a_document_goes_with_it_and_comes_back_with_it(app: Flask, editor: FlaskClient) -> None:
    add(app, "¿Qué horario tenéis?")
    editor.post("/content/document/remove", data={"key": "web"})
    assert editor.get("/proposals").text.count("data-question") == 0
    editor.post("/content/document/restore", data={"key": "web"})
    assert editor.get("/proposals").text.count("data-question") == 1


@pytest.mark.parametrize("act", ["accept", "edit", "dismiss", "restore"])
def test_one_that_is_not_there_breaks_nothing(editor: FlaskClient, act: str) -> None:
    assert editor.post(f"/proposals/4711/{act}").status_code == 303


def test_a_failure_is_told_in_plain_words_and_tried_again(app: Flask, editor: FlaskClient, with_model: None) -> None:
    add(app, "¿Qué horario tenéis?", state="failed")
    for problem in (
        "off",
        "auth",
        "rate_limited",
        "connection",
        "timeout",
        "server",
        "nothing_read",
        "died",
        "fault",
        "cut",
        "x",
    ):
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(update(Drafting).values(problem=problem, done_steps=1))
        english, spanish = (
            re.search(r'role="alert"><p class="mb-2">(.*?)</p>', page.text)
            for page in (editor.get("/proposals"), editor.get("/proposals", headers={"Accept-Language": "es"}))
        )
        assert english is not None
        assert spanish is not None
        assert "It stopped before the end:" in english[1]
        assert "What was proposed before stays." in english[1]
        assert english[1].split(":")[1] != spanish[1].split(":")[1]
    (drafting,) = read_rows(app, "SELECT id FROM drafting")
    editor.post("/proposals/again", data={"drafting": "999"})
    assert read_rows(app, "SELECT state FROM drafting")[0].state == "failed"
    editor.post("/proposals/again", data={"drafting": drafting.id})
    (after,) = read_rows(app, "SELECT state, done_steps, problem FROM drafting")
    assert tuple(after) == ("waiting", 1, "")


def test_without_an_ai_the_site_is_read_and_the_page_says_what_then(app: Flask, editor: FlaskClient) -> None:
    page = editor.get("/proposals").text
    assert "No AI is connected, so nothing can be proposed." in page
    assert 'href="/teaching"' in page
    assert "Read it and propose" not in page
    assert editor.post("/proposals/site", data={"url": SITE}).status_code == 303
    assert [document.url for document in read_draft(app).document] == [SITE]
    assert read_rows(app, "SELECT FROM drafting") == []
    assert "In the draft, and read in a moment." in editor.get("/proposals").text
    assert editor.post("/proposals/draft").status_code == 400


def test_what_was_read_is_drafted_from_without_an_address(app: Flask, editor: FlaskClient, with_model: None) -> None:
    assert "Propose from what was read" not in editor.get("/proposals").text
    editor.post("/documents/web", data={"kind": "page", "url": SITE})
    assert "Propose from what was read" in editor.get("/proposals").text
    editor.post("/proposals/draft", data={"language": "es"})
    assert read_rows(app, "SELECT language FROM drafting")[0].language == "es"


def test_an_agent_may_not(app: Flask, make_client: MakeClient) -> None:
    (only,) = add(app, "¿Qué horario tenéis?")
    client = make_client("agent")
    assert client.get("/proposals").status_code == 403
    assert "/proposals" not in client.get("/").text
    for path in ("site", "draft", "again", f"{only}/accept", f"{only}/edit", f"{only}/dismiss", f"{only}/restore"):
        assert client.post(f"/proposals/{path}").status_code == 403
    with app.app_context(), db.engine.connect() as connection:
        assert len(proposals.list_open(connection)) == 1


def test_first_steps_and_empty_documents_lead_there(make_client: MakeClient) -> None:
    client = make_client("owner")
    for path in ("/first-steps/teach", "/documents"):
        assert 'href="/proposals"' in client.get(path).text.split("<main", 1)[1]


def test_the_command_asks_for_a_drafting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def propose() -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["documents", "propose"])
        return result.exit_code, result.output

    code, said = propose()
    assert (code, "OPENAI_API_KEY" in said) == (2, True)
    assert read_rows(app, "SELECT FROM drafting") == []
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-1234567890")
    code, said = propose()
    assert code == 0
    assert "/proposals" in said
    assert "under way already" in propose()[1]
    assert tuple(read_rows(app, "SELECT who, language FROM drafting")[0]) == ("flask documents propose", "es")
