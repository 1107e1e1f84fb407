"""How well a text has the words of a question: BM25 over stems, and a little of their letters, for what a stemmer misses. Pure.

Texts are stems with a blank between them, as chunks keep them; what is asked, stems with their weights.
Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from chatbot.reply import Language
from chatbot.text import FUNCTION_WORDS, split_words, stem_words

LANGUAGES: tuple[Language, ...] = ("es", "en")
MAX_STEMS = 40
LONGEST_QUESTION = 4_000
K1 = 1.2
B = 0.75
LETTERS = 4


@dataclass(frozen=True, slots=True)
class Words:
    """What a text has of a question. bm25: 0 to its weights' sum times K1 + 1.

    coverage: the share of the question's stems that are there, the rare ones counting more; matched: how many are;
    letters: the share of their runs of four letters, likewise; None where that wasn't measured.
    """

    bm25: float = 0.0
    coverage: float = 0.0
    matched: int = 0
    letters: float | None = 0.0


def pick_content(question: str) -> list[str]:
    """The distinct content words of a question, folded, in order; function words of both languages are left out."""
    left_out = FUNCTION_WORDS["es"] | FUNCTION_WORDS["en"]
    return [w for w in dict.fromkeys(split_words(question[:LONGEST_QUESTION])) if w not in left_out][:MAX_STEMS]


def stem_content(question: str) -> dict[Language, list[str]]:
    """The distinct content stems of a question under each language's stemmer."""
    return stem_each(pick_content(question))


def stem_each(words: Iterable[str]) -> dict[Language, list[str]]:
    joined = " ".join(words)
    return {lang: list(dict.fromkeys(stem_words(joined, lang))) for lang in LANGUAGES}


def weigh(frequency: float, size: int) -> float:
    """How telling a stem is that `frequency` of `size` texts have (BM25's idf, never negative)."""
    size = max(size, math.ceil(frequency))
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))


def read_text(stems: str) -> str:
    """A chunk's stems as measure() wants them: each between two blanks of its own."""
    return f" {stems.replace(' ', '  ')} "


def measure(text: str, weights: Mapping[str, float], average: float) -> Words:
    """All but the letters. text: of read_text(); weights: of the question's stems; average: the usual length of such a text, in
    characters."""
    total = sum(weights.values())
    if not total:
        return Words()
    room = K1 * (1 - B + B * len(text) / average) if average else K1
    bm25 = covered = 0.0
    matched = 0
    for stem, weight in weights.items():
        times = text.count(f" {stem} ")
        if times:
            bm25 += weight * times * (K1 + 1) / (times + room)
            covered += weight
            matched += 1
    return Words(bm25, covered / total, matched)


def measure_letters(text: str, weights: Mapping[str, float]) -> float:
    """Words.letters: ten times the work of the others, and only for the best of them."""
    total = sum(weights.values())
    found = 0.0
    for stem, weight in weights.items():
        if f" {stem} " in text:
            found += weight
            continue
        runs = split_letters(stem)
        found += weight * len([run for run in runs if run in text]) / len(runs)
    return found / total if total else 0.0


@lru_cache(maxsize=10_000)
def split_letters(stem: str) -> tuple[str, ...]:
    """The runs of four characters of a stem with a blank on either side."""
    framed = f" {stem} "
    return tuple(dict.fromkeys(framed[at : at + LETTERS] for at in range(max(1, len(framed) - LETTERS + 1))))
