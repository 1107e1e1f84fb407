"""What follows of the verdict on what was found: an answer, a question back, "I don't know"; and when no model is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from standins.llm import LlmStandIn

from chatbot.bodies import Article, Assistant, Content
from chatbot.content import load_content, publish, save_drafts
from chatbot.llm import Means
from chatbot.reply import CustomerMessage, HistoryLine, InboxView, TurnInput
from chatbot.responders import assistant, fallback
from chatbot.settings import Settings
from chatbot.trace import Look

BIDDING = Assistant(key="lola", name="Lola", instructions="Responde siempre con amabilidad. No ofrezcas descuentos.")
ARTICLES = (
    Article(
        key="envios",
        title="Envíos a las islas",
        text="Los paquetes pequeños a las islas viajan en avión y tardan dos días. Los muebles viajan en barco.",
    ),
    Article(
        key="muebles",
        title="Montaje de muebles",
        text="El montaje de muebles lo hace un carpintero. Los paquetes de tornillos vienen aparte.",
    ),
)


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def content(own_engine: Engine) -> Content:
    with own_engine.begin() as connection:
        save_drafts(connection, [BIDDING, *ARTICLES])
        return load_content(connection, publish(connection))


@pytest.fixture
def server() -> Iterator[LlmStandIn]:
    with LlmStandIn() as server:
        yield server


@pytest.fixture
def means(own_engine: Engine, server: LlmStandIn) -> Means:
    given = {"openai_api_key": "sk-x", "openai_base_url": server.url, "llm_timeout_s": 5}
    return Means(own_engine, Settings.model_validate(given))


def make_turn(content: Content, text: str, **more: Any) -> TurnInput:
    return TurnInput((CustomerMessage(1, 1, text),), content, "es", datetime.now(UTC), inbox=InboxView(1), **more)


def test_no_model_is_asked_what_nothing_can_hold(content: Content, means: Means, server: LlmStandIn) -> None:
    look = Look("assistant")
    assert assistant.respond(make_turn(content, "¿Tenéis wifi gratuito para visitantes?"), look, means) is None
    assert (look.why, look.saw["because"], look.saw["verdict"]) == ("unsure", "doesnt_know", "dont_know")
    assert server.requests == []


def test_it_is_asked_where_something_might(content: Content, means: Means, server: LlmStandIn) -> None:
    fact = BIDDING.model_copy(update={"instructions": "Hay wifi en la tienda. Responde con amabilidad."})
    asked = (
        make_turn(content, "Quiero hablar con una persona"),
        make_turn(content, "¿Y el wifi gratuito?", history=(HistoryLine("customer", "Voy a la tienda"),)),
        make_turn(content.model_copy(update={"assistant": (fact,)}), "¿Se puede navegar por internet?"),
        make_turn(content, "¿Qué muebles tenéis de roble?"),
    )
    for number, turn in enumerate(asked, 1):
        assistant.respond(turn, Look("assistant"), means)
        assert len(server.requests) == number, turn.text


def test_where_two_topics_are_near_it_asks_which_and_then_answers(content: Content, own_engine: Engine) -> None:
    means, look = Means(own_engine, Settings()), Look("fallback")
    question = "envío de muebles"
    reply = fallback.respond(make_turn(content, question), look, means)
    assert look.saw["verdict"] == "ask_back", look
    assert reply.handoff is None
    titles = [title for title, _ in reply.parts[0].choices]
    assert sorted(titles) == ["Envíos a las islas", "Montaje de muebles"]
    history = (HistoryLine("customer", question), HistoryLine("assistant", reply.parts[0].text))
    picked = fallback.respond(make_turn(content, "Envíos a las islas", history=history), Look("fallback"), means)
    assert picked.sources == ("article:envios",)
    assert "islas" in picked.parts[0].text
    other = fallback.respond(make_turn(content, "ninguno", history=history), Look("fallback"), means)
    assert other.handoff is not None, "it doesn't ask twice"


def test_what_nothing_says_is_an_honest_handoff(content: Content, own_engine: Engine) -> None:
    look = Look("fallback")
    turn = make_turn(content, "¿Tenéis wifi gratuito para visitantes?")
    reply = fallback.respond(turn, look, Means(own_engine, Settings()))
    assert reply.handoff is not None
    assert (reply.handoff.reason, look.saw["verdict"]) == ("unsure", "dont_know")


def test_an_assistant_finds_only_what_is_meant_for_it(own_engine: Engine, server: LlmStandIn, means: Means) -> None:
    mine = ARTICLES[0].model_copy(update={"assistants": ("otra",)})
    with own_engine.begin() as connection:
        save_drafts(connection, [mine])
        limited = load_content(connection, publish(connection))
    question = "¿Cuánto tardan los paquetes pequeños a las islas?"
    assistant.respond(make_turn(limited, question), Look("assistant"), means)
    assert "viajan en avión" not in str(server.requests)
    other = limited.model_copy(update={"assistant": (BIDDING.model_copy(update={"key": "otra"}),)})
    reply = assistant.respond(make_turn(other, question), Look("assistant"), means)
    assert reply is not None
    assert "viajan en avión" in reply.parts[0].text
