"""language.py: the language a customer is answered in."""

from __future__ import annotations

import time

import pytest

from chatbot.language import decide_language, read_courtesies
from chatbot.reply import Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Hacéis envíos a Canarias?", "es"),
        ("quiero cambiar la talla del vestido azul", "es"),
        ("Hi, do you ship to the Canary Islands?", "en"),
        ("my order #1234 hasn't arrived yet", "en"),
        ("Hola\nI need help with my order", "en"),
    ],
)
def test_a_clear_sentence_wins_over_what_is_known(text: str, language: Language) -> None:
    known: Language = "en" if language == "es" else "es"
    assert decide_language(text, conversation=known, contact=known) == (language, "detector")


@pytest.mark.parametrize(
    "text", ["hello", "ok", "order 1234", "", "🎉🎉", "مرحبا كيف حالك اليوم يا صديقي", "https://a.es/the-order"]
)
def test_a_short_or_foreign_text_stays_with_the_conversation(text: str) -> None:
    assert decide_language(text, conversation="es", contact="en") == ("es", "conversation")
    assert decide_language(text, contact="es") == ("es", "contact")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hola", "es"),
        ("Holaaaa!!", "es"),
        ("hi", "en"),
        ("buenas tardes", "es"),
        ("thanks", "en"),
        ("ok gracias", "es"),
        ("bye", "en"),
    ],
)
def test_courtesies_decide_where_nothing_is_known(text: str, language: Language) -> None:
    assert decide_language(text, default="en" if language == "es" else "es") == (language, "greeting")


@pytest.mark.parametrize("text", ["", " \n", "🎉🎉", "مرحبا", "ok", "1234", "Bonjour, où est ma commande ?", "\x00", "\ud800"])
def test_what_decides_nothing_leaves_the_default(text: str) -> None:
    assert decide_language(text, default="en") == ("en", "default")


def test_a_weaker_guess_comes_last() -> None:
    assert decide_language("tienda física", default="en") == ("es", "detector")


def test_only_allowed_languages_are_chosen() -> None:
    assert decide_language("Where is my order, please?", conversation="en", allowed=("es",)) == ("es", "default")
    assert decide_language("¿Dónde está mi pedido?", allowed=("en",), default="es") == ("en", "default")


def test_courtesies_are_read_longest_first() -> None:
    found, rest = read_courtesies(["muchas", "gracias", "y", "el", "envio"])
    assert found == [("thanks", "es"), ("filler", "es")]
    assert rest == ["el", "envio"]


@pytest.mark.parametrize("text", ["a" * 100_000, "hola " * 30_000, "\u0301" * 100_000, "@" * 100_000, "http://" * 15_000])
def test_hostile_texts_are_decided_fast(text: str) -> None:
    start = time.process_time()
    decide_language(text)
    assert time.process_time() - start < 2
