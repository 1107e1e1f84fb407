"""BM25 by hand, scores of two channels in one order, and what a confidence is made of."""

from __future__ import annotations

import math

import pytest

from chatbot.knowledge import calibrated
from chatbot.knowledge.confidence import FIGURES, decide, estimate, read_figures, tell_kind
from chatbot.knowledge.fusion import Candidate, fuse
from chatbot.knowledge.lexical import Words, measure, measure_letters, read_text, weigh
from chatbot.knowledge.spelling import choose
from chatbot.reply import Language


def test_bm25_is_what_the_formula_says() -> None:
    text = read_text("envi canari barc canari")
    measured = measure(text, {"canari": 2.0, "barc": 1.0, "avion": 4.0}, len(text))
    # as long as usual: tf * 2.2 / (tf + 1.2), each times its weight
    assert measured.bm25 == pytest.approx(2 * (2 * 2.2 / 3.2) + 1)
    assert measured.coverage == pytest.approx(3 / 7)
    assert measured.matched == 2


def test_longer_texts_than_usual_weigh_less_and_parts_of_words_do_not_count() -> None:
    text = read_text("canario canari")
    assert measure(text, {"canari": 1.0}, len(text) / 2).bm25 < measure(text, {"canari": 1.0}, len(text)).bm25
    assert measure(read_text("canario"), {"canari": 1.0}, 10) == Words()
    assert measure(read_text("si si si"), {"si": 1.0}, 8).bm25 == pytest.approx(3 * 2.2 / (3 + 1.2 * (0.25 + 0.75 * 12 / 8)))


def test_a_rare_stem_weighs_more_and_none_weighs_less_than_nothing() -> None:
    assert weigh(1, 100) == pytest.approx(math.log(1 + 99.5 / 1.5))
    assert weigh(1, 100) > weigh(50, 100) > weigh(100, 100) > 0
    assert weigh(7, 0) > 0  # counted at another moment


def test_letters_see_what_a_stemmer_takes_for_another_word() -> None:
    weights = {"produccion": 1.0}
    assert measure(read_text("product"), weights, 9).bm25 == 0
    assert 0.2 < measure_letters(read_text("product"), weights) < 1
    assert measure_letters(read_text("produccion"), weights) == 1
    assert measure_letters(read_text(""), weights) == measure_letters(read_text("x"), {}) == 0


def make(id_: int, bm25: float, cosine: float | None = None, coverage: float = 0.5, language: Language = "es") -> Candidate:
    return Candidate(id_, language, Words(bm25, coverage, 2, coverage), cosine)


def order(candidates: list[Candidate], language: Language = "es") -> list[int]:
    return [fused.candidate.id for fused in fuse(candidates, language)]


def test_words_alone_order_by_words() -> None:
    assert order([make(1, 2), make(2, 9), make(3, 5)]) == [2, 3, 1]
    assert fuse([], "es") == []


def test_what_covers_little_of_a_question_gives_way_to_meaning() -> None:
    """Words that are shared by chance don't drown the passage that means it, as they would by ranks."""
    by_chance = [make(n, 9 if n == 1 else 0, 0.80, coverage=0.2 if n == 1 else 0) for n in range(1, 20)]
    assert order([*by_chance, make(20, 0, 0.90, coverage=0)])[0] == 20
    by_right = [make(n, 9 if n == 1 else 0, 0.80, coverage=1.0 if n == 1 else 0) for n in range(1, 20)]
    assert order([*by_right, make(20, 0, 0.82, coverage=0)])[0] == 1


def test_another_languages_passages_are_told_from_their_own_kind() -> None:
    """A model finds texts in the question's language nearer, whatever they say."""
    own = [make(n, 0, 0.86 + n / 10_000, coverage=0) for n in range(1, 30)]
    foreign = [make(100 + n, 0, 0.80 + n / 10_000, coverage=0, language="en") for n in range(1, 30)]
    best = make(200, 0, 0.85, coverage=0, language="en")
    assert order([*own, *foreign, best])[0] == 200


def test_of_equals_the_one_in_the_customers_language_comes_first() -> None:
    both = [make(1, 5, 0.8, language="en"), make(2, 5, 0.8)]
    assert order(both) == [2, 1]
    assert order(both, "en") == [1, 2]


def test_a_text_without_a_vector_is_judged_by_its_words() -> None:
    others = [make(n, 0, 0.80, coverage=0) for n in range(1, 20)]
    assert order([*others, make(20, 9, None, coverage=1.0)])[0] == 20


def test_figures_come_with_their_names_and_lead_to_a_probability() -> None:
    good = fuse([make(1, 9, 0.93, coverage=1.0), *(make(n, 1, 0.80, coverage=0.1) for n in range(2, 30))], "es")
    poor = fuse([make(n, 1, 0.80, coverage=0.1) for n in range(1, 30)], "es")
    weights: dict[Language, dict[str, float]] = {"es": {"a": 2.0, "b": 3.0}, "en": {}}
    figures, low = read_figures(good, weights), read_figures(poor, weights)
    assert tuple(figures) == FIGURES
    assert figures["coverage_lead"] == pytest.approx(0.9)
    assert estimate(figures, "hybrid") > 0.7
    assert estimate(low, "hybrid") < 0.3
    assert estimate({}, "lexical") == 0
    assert read_figures([], weights) == {}


def test_the_kind_tells_what_there_is_to_go_by() -> None:
    assert tell_kind([], "es") == "lexical"
    assert tell_kind(fuse([make(1, 1)], "es"), "es") == "lexical"
    assert tell_kind(fuse([make(1, 1)], "en"), "en") == "foreign_lexical"
    assert tell_kind(fuse([make(1, 1, 0.8)], "es"), "es") == "hybrid"
    assert tell_kind(fuse([make(1, 1, 0.8)], "en"), "en") == "foreign"


@pytest.mark.parametrize("kind", ["lexical", "foreign_lexical", "hybrid", "foreign"])
def test_thresholds_divide_into_three(kind: str) -> None:
    ask_back, answer = calibrated.THRESHOLDS[kind]
    assert 0 < ask_back < answer < 1
    assert decide(answer, kind) == "answer"  # type: ignore[arg-type]
    assert decide(ask_back, kind) == "ask_back"  # type: ignore[arg-type]
    assert decide(ask_back - 0.001, kind) == "dont_know"  # type: ignore[arg-type]
    assert len(calibrated.COEFFICIENTS[kind]) in (7, 11)


def test_of_equally_near_words_the_commonest_in_use_is_meant() -> None:
    used = {"canarias": 3.0, "canaria": 9.0, "contar": 0.0}
    similar = {"canarai": ["canaria", "canarias"], "cantar": ["contar"]}
    assert choose(similar, lambda word: used[word]) == {"canarai": "canaria"}
