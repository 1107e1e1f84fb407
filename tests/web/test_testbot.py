"""The test bot: what a customer would get, live and draft side by side, and tests that are kept."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from standins.llm import LlmStandIn

from chatbot.bodies import Article, Assistant, CannedResponse, FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.db import db
from chatbot.models.people import AuditLine
from chatbot.prune import prune
from chatbot.settings import Settings
from chatbot.web import testbot

QUESTION = "¿Cuánto tarda un envío a Canarias?"
EN = {"Accept-Language": "en"}
Make = Callable[[str], FlaskClient]


@pytest.fixture
def shop(app: Flask) -> Flask:
    """«Tarda 5 días» is published and «Tarda 9 días» in the draft."""
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [make_faq("Tarda 5 días.")])
        publish(connection)
        save_drafts(connection, [make_faq("Tarda 9 días.")])
    return app


def make_faq(answer: str) -> FaqEntry:
    return FaqEntry(key="envios", questions={"es": (QUESTION,)}, answers={"es": answer})


def read_trial(page: str) -> str:
    """The trial that the page carries to the next message."""
    found = re.search(r'name="trial" value="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


def keep(client: FlaskClient, expected: str = "entry:faq:envios", **more: str) -> None:
    trial = read_trial(client.post("/test", data={"text": QUESTION}).text)
    answer = client.post("/test/keep", data={"trial": trial, "expected": expected, "name": "Canarias", **more})
    assert answer.status_code == 303, answer.text


def test_the_draft_is_shown_beside_what_customers_get_now(shop: Flask, make_client: Make) -> None:
    page = make_client("agent").post("/test", data={"text": QUESTION}, headers=EN).text
    assert page.index("Tarda 5 días.") < page.index("Tarda 9 días.")
    assert "The draft replies differently" in page
    assert page.count("Answered with the FAQ «envios»") == 2


def test_an_article_of_the_draft_is_found_before_it_is_published(app: Flask, make_client: Make) -> None:
    with app.app_context(), db.engine.begin() as connection:
        wool = Article(key="lana", title="Lavar mantas de lana", text="Las mantas de lana se lavan a mano con agua fría.")
        save_drafts(connection, [wool])
    page = make_client("agent").post("/test", data={"text": "¿Cómo se lavan las mantas de lana?"}, headers=EN).text
    assert "a mano con agua fría" in page
    assert "The draft replies differently" in page


def test_what_was_said_before_is_the_next_messages_history(shop: Flask, make_client: Make) -> None:
    with shop.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [CannedResponse(key="hola", texts={"es": "Bienvenida de nuevo"}, events=("new_conversation",))])
        publish(connection)
    client = make_client("agent")
    first = client.post("/test", data={"text": "hola"}).text
    assert first.count("Bienvenida de nuevo") >= 2
    second = client.post("/test", data={"text": "hello", "trial": read_trial(first)}).text
    assert "Bienvenida de nuevo" in read_trial(client.post("/test", data={"text": "hello"}).text)
    assert read_trial(second).count("Bienvenida de nuevo") == read_trial(first).count("Bienvenida de nuevo")


def test_nothing_of_a_trial_is_stored(shop: Flask, make_client: Make) -> None:
    make_client("agent").post("/test", data={"text": QUESTION, "contact": "Ana"})
    with shop.app_context(), db.engine.connect() as connection:
        for table in ("conversation", "message", "turn", "part", "contact", "turn_trace", "kept_test"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0, table


def test_a_new_customer_has_no_history_and_keeps_the_situation(shop: Flask, make_client: Make) -> None:
    client = make_client("agent")
    first = client.post("/test", data={"text": QUESTION, "contact": "Ana"}).text
    again = client.post("/test", data={"act": "new", "trial": read_trial(first), "contact": "Ana"}).text
    assert read_trial(again) == "[]"
    assert 'value="Ana"' in again


def test_the_contacts_name_and_the_channel_reach_the_reply(shop: Flask, make_client: Make) -> None:
    with shop.app_context(), db.engine.begin() as connection:
        hello = CannedResponse(key="hola", texts={"es": "**Hola**, {{contact.name}}"}, exact=("hola",))
        save_drafts(connection, [hello])
    client = make_client("agent")
    assert "**Hola**, Ana" in client.post("/test", data={"text": "hola", "contact": "Ana"}).text
    whatsapp = client.post("/test", data={"text": "hola", "contact": "Ana", "place": "Channel::Whatsapp"}).text
    assert "*Hola*, Ana" in whatsapp
    assert "**Hola**" not in whatsapp


def test_what_customers_and_admins_type_is_escaped(shop: Flask, make_client: Make) -> None:
    evil = "<img src=x onerror=alert(1)>"
    with shop.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [make_faq(evil)])
    client = make_client("editor")
    page = client.post("/test", data={"text": f"{QUESTION} {evil}", "contact": evil, "place": evil}).text
    drawer = client.post("/test", data={"text": QUESTION, "drawer": "1"}, headers={"HX-Request": "true"}).text
    keep(client, name=evil)
    client.post("/test/kept/run")
    for shown in (page, drawer, client.get("/test/kept").text, client.get("/test", query_string={"text": evil}).text):
        assert "&lt;img" in shown
        assert "<img" not in shown


def test_an_empty_message_and_a_wrong_hour_come_back_with_what_was_typed(shop: Flask, make_client: Make) -> None:
    client = make_client("agent")
    answer = client.post("/test", data={"text": " ", "contact": "Ana", "moment": "mañana"}, headers=EN)
    assert answer.status_code == 422
    assert "Write what a customer would write." in answer.text
    assert "Choose a day and an hour" in answer.text
    assert 'value="Ana"' in answer.text


def test_a_bent_trial_counts_as_none(shop: Flask, make_client: Make) -> None:
    answer = make_client("agent").post("/test", data={"text": QUESTION, "trial": '[{"text": 3}]'})
    assert answer.status_code == 200
    assert "Tarda 9 días." in answer.text


def test_the_page_is_prefilled_from_a_link(shop: Flask, make_client: Make) -> None:
    assert QUESTION in make_client("agent").get("/test", query_string={"text": QUESTION}).text


def test_the_drawer_shows_the_drafts_reply_alone(shop: Flask, make_client: Make) -> None:
    client = make_client("editor")
    fragment = client.post("/test", data={"text": QUESTION, "drawer": "1"}, headers={"HX-Request": "true"}).text
    assert "Tarda 9 días." in fragment
    assert "Tarda 5 días." not in fragment
    assert "<html" not in fragment
    assert "<html" in client.post("/test", data={"text": QUESTION, "drawer": "1"}).text  # without JavaScript


def test_a_kept_test_turns_red_when_the_answer_changes(shop: Flask, make_client: Make) -> None:
    client = make_client("editor")
    keep(client, expected="text", words="tarda 9 DIAS")
    client.post("/test/kept/run")
    page = client.get("/test/kept", headers=EN).text
    assert page.count("as expected") == 1  # the draft
    assert "something else came" in page
    assert "Tarda 5 días." in page
    with shop.app_context(), db.engine.begin() as connection:
        publish(connection)
    client.post("/test/kept/run")
    page = client.get("/test/kept", headers=EN).text
    assert page.count("as expected") == 2
    assert "something else came" not in page


def test_a_kept_test_expects_the_entry_or_a_person(shop: Flask, make_client: Make) -> None:
    client = make_client("editor")
    keep(client)
    keep(client, expected="handoff")
    client.post("/test/kept/run")
    page = client.get("/test/kept", headers=EN).text
    assert page.count("as expected") == 2
    assert page.count("something else came") == 2


def test_a_test_without_its_words_is_refused_with_what_was_typed(shop: Flask, make_client: Make) -> None:
    client = make_client("editor")
    trial = read_trial(client.post("/test", data={"text": QUESTION}).text)
    answer = client.post("/test/keep", data={"trial": trial, "expected": "text", "name": "Mi caso"}, headers=EN)
    assert answer.status_code == 422
    assert "Write the words that the reply must have." in answer.text
    assert 'value="Mi caso"' in answer.text


def test_a_deleted_test_comes_back_with_undo_and_both_are_recorded(shop: Flask, make_client: Make) -> None:
    client = make_client("editor")
    keep(client)
    client.post("/test/kept/1/delete")
    gone = client.get("/test/kept").text
    assert 'action="/test/kept/1/restore"' in gone
    assert "<strong>Canarias</strong>" not in gone
    client.post("/test/kept/1/restore")
    assert "<strong>Canarias</strong>" in client.get("/test/kept").text
    with shop.app_context(), db.engine.connect() as connection:
        acts = connection.scalars(select(AuditLine.act).order_by(AuditLine.id)).all()
    assert [act for act in acts if act.startswith("test.")] == ["test.keep", "test.delete", "test.restore"]


def test_a_deleted_test_is_gone_for_good_after_30_days(shop: Flask, make_client: Make) -> None:
    client = make_client("editor")
    keep(client)
    keep(client)
    keep(client)
    client.post("/test/kept/1/delete")
    client.post("/test/kept/2/delete")
    with shop.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE kept_test SET deleted_at = now() - interval '31 days' WHERE id = 1"))
        assert prune(db.engine, Settings())["kept_test"][0] == 1
    assert client.post("/test/kept/1/restore").status_code == 404
    assert client.post("/test/kept/2/restore").status_code == 303


def test_agents_may_try_and_run_but_neither_keep_nor_delete(shop: Flask, make_client: Make) -> None:
    keep(make_client("editor"))
    agent = make_client("agent")
    assert agent.post("/test/kept/run").status_code == 303
    assert agent.post("/test/keep", data={}).status_code == 403
    assert agent.post("/test/kept/1/delete").status_code == 403
    assert "/test/kept/1/delete" not in agent.get("/test/kept").text


@pytest.fixture
def model(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[LlmStandIn]:
    """An AI that is connected, with one article published and in the draft."""
    with LlmStandIn() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        with app.app_context(), db.engine.begin() as connection:
            wool = Article(key="lana", title="Lavar mantas de lana", text="Las mantas de lana se lavan a mano con agua fría.")
            save_drafts(connection, [Assistant(key="ana", name="Ana", instructions="Ayuda."), wool])
            publish(connection)
        yield server


def test_the_model_gets_what_was_said_before(model: LlmStandIn, make_client: Make) -> None:
    client = make_client("agent")
    first = client.post("/test", data={"text": "¿Las mantas de lana se lavan a mano?"}).text
    client.post("/test", data={"text": "¿y con qué agua?", "trial": read_trial(first)})
    asked = model.requests[-1]["messages"][-1]["content"]
    assert "¿Las mantas de lana se lavan a mano?" in asked
    assert "¿y con qué agua?" in asked


def test_a_model_is_asked_once_where_draft_and_published_are_the_same(model: LlmStandIn, app: Flask, make_client: Make) -> None:
    client = make_client("agent")
    client.post("/test", data={"text": "¿Las mantas de lana se lavan a mano?"})
    assert len(model.requests) == 1
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [make_faq("Tarda 9 días.")])
    client.post("/test", data={"text": "¿Las mantas de lana se lavan a mano?"})
    assert len(model.requests) == 3


def test_no_connection_waits_for_the_model(model: LlmStandIn, app: Flask, make_client: Make) -> None:
    client = make_client("agent")
    model.plan(delay_s=1)
    with app.app_context():
        pool = db.engine.pool
    with ThreadPoolExecutor(1) as threads:
        trial = threads.submit(client.post, "/test", data={"text": "¿Las mantas de lana se lavan a mano?"})
        while not model.requests and not trial.done():
            time.sleep(0.02)
        assert not trial.done()
        assert pool.checkedout() == 0  # type: ignore[attr-defined]
        assert trial.result().status_code == 200


def test_a_second_trial_with_a_model_is_told_to_wait(model: LlmStandIn, make_client: Make) -> None:
    client = make_client("agent")
    with testbot.model_trial:
        answer = client.post("/test", data={"text": QUESTION}, headers=EN)
        client.post("/test/kept/run")
    assert answer.status_code == 429
    assert QUESTION in answer.text
    assert "Try again in a moment" in answer.text
    assert model.requests == []
    assert client.post("/test", data={"text": QUESTION}).status_code == 200
