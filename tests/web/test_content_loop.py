"""Content in the panel: what is edited waits in the draft, is published, answers customers, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.content import FaqEntry, live_release_id, load_content, publish, save_drafts
from chatbot.db import db

HOSTILE = "<img src=x onerror=alert(1)>"
FORM = {
    "key_was": "envios",
    "questions_es": "¿Cuánto tarda?\n¿Cuándo llega?",
    "answers_es": "Tarda 3 días.",
    "questions_en": "",
    "answers_en": "",
    "inboxes": "",
}
Maker = Callable[[str], FlaskClient]


@pytest.fixture
def shop(app: Flask) -> Flask:
    with app.app_context(), db.engine.begin() as connection:
        entry = FaqEntry(key="envios", questions={"es": ("¿Cuánto tarda?",)}, answers={"es": "Tarda 2 días."})
        save_drafts(connection, [entry], "test")
        publish(connection, "test")
    return app


def read_live(app: Flask) -> str:
    with app.app_context(), db.engine.begin() as connection:
        return load_content(connection, live_release_id(connection)).faq[0].answers["es"]


def read_revision(app: Flask) -> int:
    with app.app_context(), db.engine.begin() as connection:
        found: int = connection.scalar(text("SELECT max(id) FROM revision"))
        return found


def test_edited_published_and_rolled_back(shop: Flask, make_client: Maker) -> None:
    client = make_client("editor")
    assert "Tarda 2 días." in client.get("/content/faq/envios").text
    saved = client.post("/content/faq", data={**FORM, "opened_at": read_revision(shop)})
    assert saved.status_code == 303, saved.text
    assert read_live(shop) == "Tarda 2 días."
    page = client.get("/release").text
    assert "<del>2</del>" in page
    assert "<ins>3</ins>" in page
    client.post("/release/publish", data={"note": "envíos"})
    assert read_live(shop) == "Tarda 3 días."
    client.post("/release/1/roll-back")
    assert read_live(shop) == "Tarda 2 días."
    with shop.app_context(), db.engine.begin() as connection:
        acts = connection.scalars(text("SELECT act FROM audit_line WHERE act LIKE 'content.%' ORDER BY id")).all()
    assert acts == ["content.save", "content.publish", "content.roll_back"]


def test_two_editors_of_one_faq_lose_nothing(shop: Flask, make_client: Maker) -> None:
    client, opened_at = make_client("editor"), read_revision(shop)
    client.post("/content/faq", data={**FORM, "opened_at": opened_at, "answers_es": "Tarda 4 días."})
    second = client.post("/content/faq", data={**FORM, "opened_at": opened_at, "answers_es": "Tarda 5 días."})
    assert second.status_code == 409
    assert "<del>4</del>" in second.text
    assert "<ins>5</ins>" in second.text
    assert 'value="Tarda 5 días."' in second.text


def test_a_wrong_form_comes_back_with_what_was_typed(shop: Flask, make_client: Maker) -> None:
    client = make_client("editor")
    page = client.post("/content/faq", data={"questions_es": HOSTILE, "answers_es": ""})
    assert page.status_code == 422
    assert "&lt;img src=x" in page.text
    assert HOSTILE not in page.text


def test_taken_out_and_brought_back(shop: Flask, make_client: Maker) -> None:
    client = make_client("editor")
    client.post("/content/faq/remove", data={"key": "envios"})
    assert "/content/faq/envios" not in client.get("/content/faq").text.replace("key=envios", "")
    assert "envios" in client.get("/content/faq?state=bin").text
    client.post("/content/faq/restore", data={"key": "envios"})
    assert "Tarda 2 días." in client.get("/content/faq/envios").text
    assert client.get("/content/faq/envios/history").status_code == 200


def test_an_agent_reads_and_may_not_edit(shop: Flask, make_client: Maker) -> None:
    client = make_client("agent")
    assert client.get("/content/faq").status_code == 200
    assert client.get("/content/faq/envios").status_code == 403
    assert client.post("/content/faq", data=FORM).status_code == 403
    assert client.post("/release/publish").status_code == 403


def test_a_list_of_two_thousand_is_searched_and_paged(shop: Flask, make_client: Maker) -> None:
    with shop.app_context(), db.engine.begin() as connection:
        many = [FaqEntry(key=f"p{n:04}", questions={"es": (f"pregunta {n}",)}, answers={"es": HOSTILE}) for n in range(2_000)]
        save_drafts(connection, many, "test")
    client = make_client("editor")
    page = client.get("/content/faq?q=pregunta+1999").text
    assert "p1999" in page
    assert "p1998" not in page
    first = client.get("/content/faq").text
    assert first.count('name="key"') == 50
    following = first.split('rel="next"', 1)[0].rsplit('href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    assert "p0048" not in client.get(following).text or "p0050" in client.get(following).text
    assert client.get(f"/content/faq?q={'%27%22;DROP TABLE entry;--'}").status_code == 200


def test_the_owners_link_works_once(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    made = app.test_cli_runner().invoke(args=["user", "create", "--owner", "duena@example.com"])
    assert made.exit_code == 0, made.output
    path = "/welcome/" + made.output.strip().rsplit("/welcome/", 1)[1]
    client = app.test_client()
    word = "un-paraguas-verde-7"
    assert client.get(path).status_code == 200
    set_ = client.post(path, data={"name": "Dueña", "password": word, "again": word})
    assert set_.status_code == 303, set_.text
    assert client.get(path).status_code == 404
    assert client.post("/login", data={"email": "duena@example.com", "password": word}).status_code == 302
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200


def test_paused_and_resumed_from_the_head_of_a_page(app: Flask, make_client: Maker) -> None:
    client = make_client("agent")
    client.post("/pause", data={"until": "hour"}, headers={"Referer": "http://evil.example/x"})
    with app.app_context(), db.engine.begin() as connection:
        assert connection.scalar(text("SELECT paused_until - paused_at FROM instance")).total_seconds() == pytest.approx(
            3600, abs=5
        )
    assert "En pausa" in client.get("/").text or "en pausa" in client.get("/").text
    assert client.post("/resume", headers={"Referer": "http://evil.example/x"}).location == "/"
    with app.app_context(), db.engine.begin() as connection:
        assert connection.scalar(text("SELECT paused_at FROM instance")) is None
