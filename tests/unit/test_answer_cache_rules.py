"""Which questions are everybody's, so that one customer may get the answer that was made for another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chatbot.answer_cache import find_obstacle, normalise
from chatbot.bodies import Content
from chatbot.reply import Attachment, ContactView, CustomerMessage, HistoryLine, Language, TurnInput


def make_turn(text: str, language: Language = "es", **more: object) -> TurnInput:
    given = {"messages": (CustomerMessage(1, 1, text),), **more}
    return TurnInput(content=Content(), language=language, now=datetime(2026, 11, 24, tzinfo=UTC), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Hacéis envíos a Canarias?", "es"), ("¿Cuánto cuesta el envío a Portugal?", "es"),
        ("¿Puedo devolver un artículo?", "es"),
        ("¿Dónde está la tienda de Málaga?", "es"), ("¿Cuánto vale el jarrón de 2 kilos?", "es"),
        ("Quiero saber el horario de agosto", "es"),
        ("Do you ship to Ireland?", "en"), ("How long does shipping to Canarias take?", "en"),
    ],
)  # fmt: skip
def test_a_question_that_stands_alone_is_everybodys(text: str, language: Language) -> None:
    assert find_obstacle(make_turn(text, language)) == ""


@pytest.mark.parametrize(
    ("text", "language", "why"),
    [
        ("¿Dónde está mi pedido?", "es", "personal"), ("He comprado un jarrón, ¿llega el lunes?", "es", "personal"),
        ("¿Por qué me habéis cobrado dos veces el envío?", "es", "personal"),
        ("Soy Eva, ¿hacéis envíos a Canarias?", "es", "personal"),
        ("¿Llega el jarrón a eva@correo.es?", "es", "personal"),
        ("¿Podéis llamar al 612 345 678 por el envío?", "es", "personal"),
        ("Where is my order?", "en", "personal"), ("I ordered a vase last week", "en", "personal"),
        ("¿Cuándo llega el pedido 20318?", "es", "number"), ("¿Cuándo llega el paquete AZ-20318?", "es", "number"),
        ("¿Y el envío a Canarias cuánto cuesta?", "es", "leans_on_context"),
        ("¿Cuánto tarda eso en llegar a Canarias?", "es", "leans_on_context"),
        ("¿Puedo devolverlo en la tienda de Málaga?", "es", "leans_on_context"), ("¿Cuánto tarda?", "es", "leans_on_context"),
        ("Does it ship to Ireland?", "en", "leans_on_context"),
        ("¿Está abierta ahora la tienda de Málaga?", "es", "leans_on_context"),
        ("¿Hacéis envíos a Canarias? " * 20, "es", "not_a_question"),
    ],
)  # fmt: skip
def test_any_other_is_not(text: str, language: Language, why: str) -> None:
    assert find_obstacle(make_turn(text, language)) == why


def test_what_was_said_before_counts_unless_it_was_a_greeting() -> None:
    text = "¿Hacéis envíos a Canarias?"
    greeted = (HistoryLine("customer", "Hola, buenas"), HistoryLine("assistant", "¡Hola! ¿En qué le ayudo?"))
    assert find_obstacle(make_turn(text, history=greeted)) == ""
    asked = (HistoryLine("customer", "Vivo en Tenerife"), HistoryLine("assistant", "¿En qué le ayudo?"))
    assert find_obstacle(make_turn(text, history=asked)) == "has_history"
    assert find_obstacle(make_turn(text, history=(HistoryLine("agent", "Le atiendo yo"),))) == "personal"


def test_what_is_known_of_the_customer_counts() -> None:
    assert (
        find_obstacle(make_turn("¿Hacéis envíos a Canarias?", contact=ContactView(attributes={"tarifa": "oro"}))) == "personal"
    )
    photo = CustomerMessage(1, 1, "¿Hacéis envíos a Canarias?", attachments=(Attachment("image"),))
    assert find_obstacle(make_turn("", messages=(photo,))) == "not_a_question"


def test_case_blanks_and_signs_around_do_not_count_but_words_and_accents_do() -> None:
    assert normalise("  ¿Hacéis  ENVÍOS a\nCanarias?? ") == normalise("hacéis envíos a canarias")
    assert normalise("¿Hacéis envíos a Canarias?") != normalise("¿Haceis envios a Canarias?")
    assert normalise("¿Puedo devolver?") != normalise("¿No puedo devolver?")
    assert normalise("¿El de 2,5 kg?") != normalise("¿El de 25 kg?")
