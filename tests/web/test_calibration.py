"""The page that says how sure the bot must be of an FAQ: figures in plain words, the choice, collisions, learning again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from chatbot.bodies import FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.db import db
from chatbot.models import Setting, TrainedFaq
from chatbot.reply import Language

MakeClient = Callable[[str], FlaskClient]


def faq(key: str, *questions: str, language: Language = "es") -> FaqEntry:
    return FaqEntry(key=key, questions={language: questions}, answers={language: f"Respuesta {key}."})


# the first two collide: each would be given for the other's questions
ENTRIES = (
    faq(
        "correo",
        "¿Cómo contacto con vosotros por correo?",
        "Quiero escribiros un correo",
        "¿Cuál es vuestro correo de contacto?",
    ),
    faq("contacto", "¿Cómo contacto con vosotros?", "Quiero contactar por correo o teléfono", "¿Cuál es vuestro contacto?"),
    faq("canarias", "¿Hacéis envíos a Canarias?", "¿Enviáis a las islas Canarias?", "Envío a Canarias"),
    faq("tallas", "¿Qué talla me recomendáis?", "¿Tenéis guía de tallas?", "No sé qué talla pedir"),
)


@pytest.fixture
def published(app: Flask) -> Flask:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, ENTRIES)
        publish(connection)
    return app


def train(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["faq", "train"])
    assert done.exit_code == 0, done.output


def show(client: FlaskClient, language: str = "en") -> str:
    answer = client.get("/calibration", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.text.split("<main", 1)[1]


def test_without_faqs_there_is_one_way_on(make_client: MakeClient) -> None:
    page = show(make_client("editor"))
    assert "No FAQs are published" in page
    assert page.split('<div class="empty">', 1)[1].count("btn-primary") == 1


def test_until_it_is_trained_the_page_waits(published: Flask, make_client: MakeClient) -> None:
    client = make_client("agent")
    assert "Your FAQs are being learned." in show(client)
    assert 'hx-trigger="every 3s"' in show(client)
    train(published)
    assert "being learned" not in show(client)
    assert "every 3s" not in show(client)


def test_figures_stand_in_plain_words_in_both_languages(published: Flask, make_client: MakeClient) -> None:
    train(published)
    client = make_client("editor")
    page = show(client)
    assert "Of 100 questions that aren't in your FAQs, about" in page
    assert "4 FAQs" in page
    assert "12 ways to ask" in page
    assert "by words alone" in page
    spanish = show(client, "es")
    assert "De 100 preguntas que no están en tus preguntas frecuentes, unas" in spanish
    assert "solo por palabras" in spanish


def test_entries_that_collide_lead_to_both(published: Flask, make_client: MakeClient) -> None:
    train(published)
    page = show(make_client("editor")).split("FAQs that collide", 1)[1]
    assert "/content/faq/correo" in page
    assert "/content/faq/contacto" in page
    assert "/content/faq/tallas" not in page


def test_an_editor_chooses_and_an_agent_only_looks(published: Flask, make_client: MakeClient) -> None:
    train(published)
    agent = make_client("agent")
    assert "Save" not in show(agent)
    assert agent.post("/calibration", data={"most": "0.01"}).status_code == 403
    assert agent.post("/calibration/train").status_code == 403
    editor = make_client("editor")
    assert editor.post("/calibration", data={"most": "0.01"}).status_code == 303
    with published.app_context(), db.engine.connect() as connection:
        assert connection.scalar(select(Setting.value).where(Setting.key == "faq_false_answers")) == 0.01
    assert 'value="0.01" checked' in show(editor)
    assert editor.post("/calibration", data={"most": "0.9"}).status_code == 404


def test_learning_again_is_asked_of_the_worker(published: Flask, make_client: MakeClient) -> None:
    train(published)
    editor = make_client("editor")
    assert editor.post("/calibration/train").status_code == 303
    assert "Your FAQs are being learned." in show(editor)
    with published.app_context(), db.engine.connect() as connection:
        assert connection.scalars(select(TrainedFaq.is_stale)).all() == [True]
    assert published.test_cli_runner().invoke(args=["faq", "train", "--missing"]).exit_code == 0
    assert "being learned" not in show(editor)
