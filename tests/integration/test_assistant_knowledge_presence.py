"""What is taken away while a reply is made isn't used: the model thinks for seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, delete, select, update
from standins.llm import LlmStandIn, make_answer

from chatbot.bodies import Article, Assistant, Content, FaqEntry
from chatbot.content import load_content, publish, remove_drafts, roll_back, save_drafts
from chatbot.llm import Means
from chatbot.models import Page, PageCopy
from chatbot.reply import CustomerMessage, InboxView, TurnInput
from chatbot.responders import assistant, fallback
from chatbot.settings import Settings
from chatbot.trace import Look
from integration.stored_documents import make_file, store_document

QUESTION = "¿Cuántos días laborables tardan los pedidos a Canarias?"
ANSWER = "Los pedidos a Canarias tardan entre 5 y 7 días laborables."
PERSONA = Assistant(key="lola", name="Lola", instructions="Somos una tienda de cerámica.")
ARTICLE = Article(key="envios", title="Envíos", text=ANSWER)
FAQ = FaqEntry(key="plazos", questions={"es": (QUESTION,)}, answers={"es": ANSWER})
FILE = make_file("tarifa", "Tarifa de envíos")


@pytest.fixture
def own_engine(make_database: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database())
    yield engine
    engine.dispose()


@pytest.fixture
def server() -> Iterator[LlmStandIn]:
    with LlmStandIn() as server:
        yield server


@pytest.fixture
def means(own_engine: Engine, server: LlmStandIn) -> Means:
    given = {"openai_api_key": "sk-x", "openai_base_url": server.url, "llm_timeout_s": 5}
    return Means(own_engine, Settings.model_validate(given))


def store(engine: Engine, kind: str) -> Content:
    with engine.begin() as connection:
        empty = publish(connection)
        save_drafts(connection, [PERSONA])
        if kind == "document":
            store_document(connection, FILE, [ANSWER])
        else:
            save_drafts(connection, [FAQ if kind == "faq" else ARTICLE])
        release_id = publish(connection)
        assert release_id != empty
        return load_content(connection, release_id)


def make_turn(content: Content) -> TurnInput:
    return TurnInput((CustomerMessage(1, 1, QUESTION),), content, "es", datetime.now(UTC), inbox=InboxView(1))


def take_away(engine: Engine, kind: str) -> None:
    with engine.begin() as connection:
        remove_drafts(connection, [(kind, {"document": "tarifa", "faq": "plazos"}.get(kind, "envios"))])
        publish(connection)


def switch_off(engine: Engine, kind: str) -> None:
    body = {"document": FILE, "faq": FAQ}.get(kind, ARTICLE)
    with engine.begin() as connection:
        save_drafts(connection, [body.model_copy(update={"enabled": False})])
        publish(connection)


def let_expire(engine: Engine, kind: str) -> None:
    body = FILE if kind == "document" else ARTICLE
    with engine.begin() as connection:
        save_drafts(connection, [body.model_copy(update={"valid_until": (datetime.now(UTC) - timedelta(days=2)).date()})])
        publish(connection)


def go_back(engine: Engine, kind: str) -> None:
    with engine.begin() as connection:
        roll_back(connection, 1)


def erase_copies(engine: Engine, kind: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(Page).values(copy_id=None))
        connection.execute(delete(PageCopy))


CASES = [
    *((kind, act) for kind in ("article", "document", "faq") for act in (take_away, switch_off, go_back)),
    ("article", let_expire),
    ("document", let_expire),
    ("document", erase_copies),
]


@pytest.mark.parametrize(("kind", "act"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_what_goes_while_the_model_thinks_is_not_said(
    means: Means, server: LlmStandIn, own_engine: Engine, kind: str, act: Callable[[Engine, str], None]
) -> None:
    turn = make_turn(store(own_engine, kind))

    def think(body: dict[str, Any]) -> dict[str, Any]:
        act(own_engine, kind)
        return make_answer(body, {})

    server.plan(writer=think)
    look = Look("assistant")
    assert assistant.respond(turn, look, means) is None
    assert look.saw["because"] == "source_gone"
    assert ANSWER in str(server.requests), "it was given to the model, or this proves nothing"


@pytest.mark.parametrize(("kind", "act"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_what_went_just_before_is_neither_given_to_the_model_nor_quoted(
    means: Means, server: LlmStandIn, own_engine: Engine, kind: str, act: Callable[[Engine, str], None]
) -> None:
    turn = make_turn(store(own_engine, kind))
    assert ANSWER in fallback.respond(turn, Look("fallback"), means).parts[0].text
    act(own_engine, kind)
    assistant.respond(turn, Look("assistant"), means)
    assert ANSWER not in str(server.requests)
    reply = fallback.respond(turn, Look("fallback"), means)
    assert ANSWER not in reply.parts[0].text
    assert reply.handoff is not None


def test_what_stays_is_said(means: Means, own_engine: Engine) -> None:
    for kind in ("article", "document"):
        reply = assistant.respond(make_turn(store(own_engine, kind)), Look("assistant"), means)
        assert reply is not None
        assert reply.parts[0].text == ANSWER
    with own_engine.connect() as connection:
        assert connection.scalar(select(Page.copy_id)) is not None
