"""text.py: texts become comparable, whatever is in them."""

from __future__ import annotations

import time

import pytest

from chatbot.text import fold, split_words, stem_words


def test_case_and_accents_fold_away() -> None:
    assert fold("¿Envíos a ESPAÑA?") == "¿envios a espana?"
    assert split_words("¿Cuánto vale el envío nº 3?") == ["cuanto", "vale", "el", "envio", "no", "3"]


def test_a_missing_accent_gives_the_same_stem() -> None:
    assert stem_words("devolución envíos", "es") == stem_words("devolucion envios", "es")
    assert stem_words("returned returning", "en") == ["return", "return"]


def test_there_is_one_stem_for_each_word() -> None:
    text = "hola ... 3,50 € ñandú x\u0301y"
    assert len(stem_words(text, "es")) == len(split_words(text))


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "a " * 50_000, "\u0316\u0301" * 50_000, "\ufdfa" * 5_000, "\ud800\x00" * 50_000, "\u202eabc", "🎉" * 40],
    ids=lambda text: ascii(text[:4]),
)
def test_hostile_texts_are_folded_fast(text: str) -> None:
    start = time.process_time()
    fold(text)
    split_words(text)
    stem_words(text, "es")
    assert time.process_time() - start < 2
