"""The search alone: what is found for a question, how well it fits, and what would come of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatbot.bodies import Article, FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.db import db

MakeClient = Callable[[str], FlaskClient]
FAQ = FaqEntry(key="envios", questions={"es": ("¿Hacéis envíos a Canarias?",)}, answers={"es": "Sí, en cinco días."})
WASHING = Article(
    key="lavado", title="Lavado", text="Las colchas de algodón se lavan a treinta grados.\n\n<img src=x onerror=a>"
)


@pytest.fixture
def agent(make_client: MakeClient, app: Flask) -> FlaskClient:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [FAQ, WASHING])
    client = make_client("agent")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def find(client: FlaskClient, question: str, of: str = "draft", language: str = "en") -> str:
    answer = client.get("/retrieval", query_string={"q": question, "of": of}, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.text.split("<main", 1)[1]


def test_a_passage_is_shown_with_how_well_it_fits_and_its_numbers(agent: FlaskClient) -> None:
    page = find(agent, "¿Cómo se lavan las colchas de algodón?")
    assert "It would answer from «lavado»." in page
    assert "fits well" in page
    assert "treinta grados" in page
    assert re.search(r'href="/documents/passage/\d+">Lavado', page)
    assert "<dt>Share of the question that it covers</dt>" in page
    assert "<img src=x" not in page


def test_an_faq_answers_without_passages(agent: FlaskClient) -> None:
    page = find(agent, "¿Hacéis envíos a Canarias?")
    assert "It would answer with «envios»" in page
    assert "Sí, en cinco días." in page


def test_what_nothing_fits_is_not_known(agent: FlaskClient) -> None:
    page = find(agent, "¿Vendéis bicicletas eléctricas plegables?")
    assert "It would say that it doesn&#39;t know" in page
    assert "Nothing is found" in page


def test_what_is_published_is_searched_apart_from_the_draft(agent: FlaskClient, app: Flask) -> None:
    question = "¿Cómo se lavan las colchas de algodón?"
    assert "treinta grados" not in find(agent, question, "live")
    with app.app_context(), db.engine.begin() as connection:
        publish(connection)
        save_drafts(connection, [WASHING.model_copy(update={"text": "Las colchas de algodón se lavan a cuarenta grados."})])
    assert "treinta grados" in find(agent, question, "live")
    assert "cuarenta grados" in find(agent, question, "draft")


def test_it_is_told_in_spanish(agent: FlaskClient) -> None:
    page = find(agent, "¿Cómo se lavan las colchas de algodón?", language="es")
    assert "Respondería a partir de «lavado»." in page
    assert "encaja bien" in page
    assert "Parte de la pregunta que cubre" in page


def test_an_empty_page_has_one_button_and_strange_words_do_no_harm(agent: FlaskClient) -> None:
    page = agent.get("/retrieval").text
    assert page.split('<div class="empty">', 1)[1].count("btn-primary") == 1
    for question in ("'; DROP TABLE chunk; --", "<script>alert(1)</script>", "a" * 5_000, "\u200b", "🦜"):
        assert "<script>alert(1)" not in find(agent, question)
