"""The assistant and the fallback on a real database and a real server of the OpenAI protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, select
from standins.llm import LlmStandIn

from chatbot.bodies import Article, Assistant, Content, FaqEntry
from chatbot.content import load_content, publish, save_drafts
from chatbot.errors import LLMError
from chatbot.llm import Means
from chatbot.models import LlmCall
from chatbot.reply import ContactView, CustomerMessage, HistoryLine, InboxView, Language, TurnInput
from chatbot.responders import assistant, fallback
from chatbot.settings import Settings
from chatbot.trace import Look

PERSONA = Assistant(key="lola", name="Lola", instructions="Somos una tienda de cerámica.", model="gpt-4.1-mini")
ARTICLES = (
    Article(
        key="envios",
        title="Envíos",
        text="## Canarias\n\nLos pedidos a Canarias viajan en barco. Tardan entre 5 y 7 días laborables. Cuestan 14,95 €.\n\n"
        "## Península\n\nLos pedidos a la península viajan por carretera.",
        url="https://tienda.example/envios",
    ),
    Article(key="cuidado", title="Cuidado", text="La cerámica esmaltada puede ir al lavavajillas.\n\n- Evite golpes."),
    Article(key="shipping", title="Shipping", text="Orders to Ireland travel by sea and take nine days.", language="en"),
)
FAQS = (
    FaqEntry(key="bizum", questions={"es": ("¿Puedo pagar con Bizum?",)}, answers={"es": "Sí, aceptamos Bizum."}),
    FaqEntry(key="rota", questions={"es": ("Mi pieza llegó rota",)}, answers={"es": "Guarde la caja."}, handoff=True),
)


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def content(own_engine: Engine) -> Content:
    with own_engine.begin() as connection:
        save_drafts(connection, [PERSONA, *ARTICLES, *FAQS])
        return load_content(connection, publish(connection))


@pytest.fixture
def server() -> Iterator[LlmStandIn]:
    with LlmStandIn() as server:
        yield server


@pytest.fixture
def means(own_engine: Engine, server: LlmStandIn) -> Means:
    given = {"openai_api_key": "sk-x", "openai_base_url": server.url, "llm_timeout_s": 2}
    return Means(own_engine, Settings.model_validate(given))


@pytest.fixture
def no_model(own_engine: Engine) -> Means:
    return Means(own_engine, Settings())


def make_turn(content: Content, text: str, language: Language = "es", **more: Any) -> TurnInput:
    message = CustomerMessage(seq=1, chatwoot_id=1, text=text)
    return TurnInput((message,), content, language, datetime(2026, 11, 24, tzinfo=UTC), inbox=InboxView(1), **more)


def test_an_answer_from_an_article_names_it(content: Content, means: Means, server: LlmStandIn) -> None:
    look = Look("assistant")
    reply = assistant.respond(make_turn(content, "¿Cuánto tarda un pedido a Canarias?"), look, means)
    assert reply is not None
    assert reply.parts[0].text == "Los pedidos a Canarias viajan en barco.\n\nMás detalles: https://tienda.example/envios"
    assert (reply.sources, reply.responder, reply.language) == (("article:envios",), "assistant", "es")
    assert look.saw["passages"][0][0] == "article:envios"
    assert look.saw["model"] == "gpt-4.1-mini"
    assert look.saw["cost_micros"] > 0
    assert server.requests[0]["model"] == "gpt-4.1-mini"
    json.dumps(look.saw)


def test_a_faq_is_a_passage_too(content: Content, means: Means) -> None:
    reply = assistant.respond(make_turn(content, "quisiera pagar por bizum"), Look("assistant"), means)
    assert reply is not None
    assert reply.parts[0].text == "Sí, aceptamos Bizum."
    assert reply.sources == ("faq:bizum",)


def test_a_short_question_is_understood_by_the_one_before(content: Content, means: Means, server: LlmStandIn) -> None:
    history = (HistoryLine("customer", "¿Cuánto tarda un pedido?"), HistoryLine("assistant", "¿Adónde?"))
    assistant.respond(make_turn(content, "A Canarias", history=history), Look("assistant"), means)
    prompt = server.requests[0]["messages"][1]["content"]
    assert "customer: ¿Cuánto tarda un pedido?\nyou: ¿Adónde?" in prompt
    assert "[P1] Envíos > Canarias" in prompt


def test_a_greeting_is_answered_without_passages(content: Content, means: Means, server: LlmStandIn) -> None:
    server.plan(answer={"text": "¡Hola! Dígame.", "kind": "smalltalk", "sources": []})
    reply = assistant.respond(make_turn(content, "hola"), Look("assistant"), means)
    assert reply is not None
    assert reply.parts[0].text == "¡Hola! Dígame."


def test_personal_data_of_a_whole_turn_never_leaves(content: Content, means: Means, server: LlmStandIn) -> None:
    server.plan(answer={"text": "Gracias, [EMAIL_1].", "kind": "smalltalk", "sources": []})
    turn = make_turn(
        content,
        "Soy Eva, eva@correo.es, mi DNI es 12345678Z",
        history=(HistoryLine("customer", "600 123 456"),),
        contact=ContactView("Eva", "eva@correo.es", "+34600123456", {"iban": "ES91 2100 0418 4502 0005 1332"}),
    )
    reply = assistant.respond(turn, Look("assistant"), means)
    sent = json.dumps(server.requests)
    for secret in ("eva@correo.es", "12345678Z", "600 123 456", "600123456", "2100 0418"):
        assert secret not in sent
    assert reply is not None
    assert reply.parts[0].text == "Gracias, eva@correo.es."


def test_a_model_that_does_not_know_leaves_it_to_the_fallback(content: Content, means: Means, server: LlmStandIn) -> None:
    server.plan(answer={"knows": False, "text": ""})
    look = Look("assistant")
    assert assistant.respond(make_turn(content, "¿Tenéis wifi?"), look, means) is None
    assert (look.why, look.saw["because"]) == ("unsure", "doesnt_know")


def test_a_model_that_wants_a_person_hands_off(content: Content, means: Means, server: LlmStandIn) -> None:
    server.plan(answer={"handoff": True, "handoff_reason": "pide hablar con alguien", "text": ""})
    reply = assistant.respond(make_turn(content, "Quiero hablar con una persona"), Look("assistant"), means)
    assert reply is not None
    assert reply.handoff is not None
    assert reply.handoff.reason == "model_asked"
    assert "persona del equipo" in reply.parts[0].text


@pytest.mark.parametrize("mode", ["half_json", "cut", "refuse", "wrong_schema", "close"])
def test_a_model_that_breaks_is_an_error_and_no_reply(content: Content, means: Means, server: LlmStandIn, mode: str) -> None:
    server.plan(mode=mode)
    with pytest.raises(LLMError):
        assistant.respond(make_turn(content, "¿Cuánto tarda?"), Look("assistant"), means)


def test_the_assistant_says_why_it_was_not_asked(content: Content, means: Means, no_model: Means, server: LlmStandIn) -> None:
    turn = make_turn(content, "¿Cuánto tarda?")
    cases = [
        (turn, no_model, "no_model"),
        (replace(turn, llm_allowed=False), means, "not_allowed"),
        (replace(turn, content=Content()), means, "no_persona"),
        (make_turn(content, " "), means, "no_text"),
    ]
    for asked, given, why in cases:
        look = Look("assistant")
        assert assistant.respond(asked, look, given) is None
        assert look.why == why
    assert server.requests == []


def test_a_persona_of_one_language_answers_in_it(content: Content, means: Means, server: LlmStandIn) -> None:
    spanish = content.model_copy(update={"assistant": (PERSONA.model_copy(update={"languages": ("es",)}),)})
    reply = assistant.respond(make_turn(spanish, "How long to Canarias?", "en"), Look("assistant"), means)
    assert reply is not None
    assert reply.language == "es"
    assert "Write in Spanish" in server.requests[0]["messages"][0]["content"]


def test_the_fallback_quotes_the_sentences_that_answer(content: Content, no_model: Means) -> None:
    look = Look("fallback")
    reply = fallback.respond(make_turn(content, "¿Cuántos días laborables tardan los pedidos a Canarias?"), look, no_model)
    assert reply.handoff is None
    assert reply.sources == ("article:envios",)
    intro, extract, more = reply.parts[0].text.split("\n\n")
    assert intro == "Esto es lo que dice nuestra información sobre ello:"
    assert "Tardan entre 5 y 7 días laborables." in extract
    assert more == "Más detalles: https://tienda.example/envios"
    assert look.saw["verdict"] == "answer"


def test_the_fallback_quotes_a_faq(content: Content, no_model: Means) -> None:
    reply = fallback.respond(make_turn(content, "se puede pagar con bizum"), Look("fallback"), no_model)
    assert "Sí, aceptamos Bizum." in reply.parts[0].text
    assert reply.sources == ("faq:bizum",)


def test_a_faq_that_wants_a_person_gets_one_from_the_fallback_too(content: Content, no_model: Means) -> None:
    reply = fallback.respond(make_turn(content, "la pieza llegó rota"), Look("fallback"), no_model)
    assert reply.handoff is not None
    assert reply.handoff.reason == "faq_handoff"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("¿Hacéis envíos a Portugal?", "es"),
        ("¿y para Canarias?", "es"),
        ("¿Vendéis bicicletas eléctricas plegables?", "es"),
        ("¿Puedo pagar con tarjeta?", "es"),
        ("Los pedidos a Canarias viajan en barco", "en"),
        ("🙂🙂🙂", "es"),
        ("مرحبا كيف حالك", "es"),
        ("", "es"),
    ],
)
def test_what_no_text_is_about_goes_to_a_person(content: Content, no_model: Means, question: str, language: Language) -> None:
    look = Look("fallback")
    reply = fallback.respond(make_turn(content, question, language), look, no_model)
    assert reply.handoff is not None, look
    assert reply.handoff.reason == "unsure"
    assert reply.parts[0].text.startswith("No tengo una respuesta" if language == "es" else "I don't have a sure answer")
    assert reply.language == language


def test_agents_learn_that_the_model_was_down(content: Content, means: Means) -> None:
    reply = fallback.respond(make_turn(content, "¿Tenéis wifi?"), Look("fallback"), means, failure="timeout")
    assert reply.handoff is not None
    assert (reply.handoff.reason, reply.handoff.detail) == ("llm_down", "timeout")


@pytest.mark.parametrize(("text", "language"), [("hola", "es"), ("Holaaa, buenas tardes!", "es"), ("hello", "en")])
def test_a_mere_greeting_fetches_nobody(content: Content, no_model: Means, text: str, language: Language) -> None:
    reply = fallback.respond(make_turn(content, text, language), Look("fallback"), no_model)
    assert reply.handoff is None
    assert reply.parts[0].text.startswith(("¡Hola!", "Hello!"))


def test_the_fallback_replies_with_empty_content(no_model: Means) -> None:
    reply = fallback.respond(make_turn(Content(), "¿Cuánto cuesta el envío?"), Look("fallback"), no_model)
    assert reply.handoff is not None


def test_every_call_left_a_settled_row(content: Content, means: Means, own_engine: Engine) -> None:
    assistant.respond(make_turn(content, "¿Cuánto tarda un pedido a Canarias?"), Look("assistant"), means)
    with own_engine.connect() as connection:
        open_rows = connection.scalar(select(func.count()).where(LlmCall.state == "reserved"))
        assert open_rows == 0
        assert connection.scalar(select(func.count()).where(LlmCall.purpose == "assistant")) > 0
