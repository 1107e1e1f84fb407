"""What the owner wants never said, what people are to talk about, and an inbox's own tone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from chatbot.bodies import Assistant, Content
from chatbot.knowledge.search import Passage
from chatbot.llm import Means
from chatbot.pipeline import make_reply, respond_to_topic
from chatbot.reply import CustomerMessage, InboxView, Language, TurnInput
from chatbot.responders.assistant import Given, Proposal, build_messages, judge
from chatbot.settings import Settings
from chatbot.trace import Look

PERSONA = Assistant(key="ana", name="Ana", instructions="Somos una tienda.", tone="cercano")
PASSAGE = Passage(1, 1, "envios", "Envíos", "Envíos", "Los envíos son gratis.", None, "es", 1.0, 1.0, 3)


def make_turn(text: str, language: Language = "es", tone: str = "") -> TurnInput:
    inbox = InboxView(1, "Web", "Channel::WebWidget", tone)
    message = CustomerMessage(seq=1, chatwoot_id=1, text=text)
    return TurnInput((message,), Content(assistant=(PERSONA,)), language, datetime(2026, 11, 25, tzinfo=UTC), inbox=inbox)


@pytest.mark.parametrize(
    ("text", "topics", "found"),
    [
        ("Voy a hablar con mis abogados", ("abogado",), "abogado"),
        ("quiero poner una RECLAMACIÓN oficial", ("denuncia", "reclamacion"), "reclamacion"),
        ("¿Hacéis factura rectificativa?", ("factura rectificativa",), "factura rectificativa"),
    ],
)
def test_a_topic_for_people_is_handed_over_before_anything_else(text: str, topics: tuple[str, ...], found: str) -> None:
    means = Means(cast(Engine, None), Settings(handoff_topics=topics))
    reply, trace = make_reply(make_turn(text), means)
    assert reply.handoff is not None
    assert (reply.responder, reply.handoff.reason, reply.handoff.detail) == ("topics", "topic", found)
    assert [look.responder for look in trace.looks] == ["people", "topics"]


@pytest.mark.parametrize("text", ["¿Tenéis factura?", "La rectificativa de la factura", "abogacía"])
def test_other_words_are_no_topic(text: str) -> None:
    settings = Settings(handoff_topics=("factura rectificativa", "abogado"))
    look = Look("topics")
    assert respond_to_topic(make_turn(text), look, Means(cast(Engine, None), settings)) is None
    assert look.why == "no_topic"


def judge_it(text: str, **more: Any) -> tuple[Any, Look]:
    look = Look("assistant")
    given = Given(make_turn("¿Cuánto cuesta el envío?"), PERSONA, (PASSAGE,), "es", never_say=("gratis", "te lo garantizo"))
    fields = {"kind": "answer", "knows": True, "sources": ["P1"], "confidence": 0.9, "handoff": False, "handoff_reason": ""}
    return judge(given, Proposal.model_validate({**fields, "text": text, **more}), look), look


def test_what_is_never_to_be_said_is_not_said() -> None:
    reply, look = judge_it("Los envíos son GRATIS.")
    assert reply is None
    assert look.saw["because"] == "never_say"
    assert judge_it("Los envíos no cuestan nada.")[0] is not None


def test_nor_is_it_said_with_a_handoff() -> None:
    reply, _ = judge_it("Te lo garantizo: los envíos llegan.", handoff=True, handoff_reason="pide una persona")
    assert "garantizo" not in reply.parts[0].text


def test_an_inbox_has_a_tone_of_its_own() -> None:
    for tone, expected in (("de usted, sin emojis", "Tone: de usted, sin emojis."), ("", "Tone: cercano.")):
        system = build_messages(Given(make_turn("hola", tone=tone), PERSONA, (), "es"))[0]["content"]
        assert expected in system
