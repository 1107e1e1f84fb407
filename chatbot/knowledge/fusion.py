"""Puts what two channels found in one order, by scores. Pure.

Each channel's scores are told from their own best fifty (a z-score), and added. The lexical one counts as far as its best text
covers the question, since words shared by chance say little; dense ones are compared within a passage's language, since a model
finds texts in the question's own language nearer, whatever they say. By ranks instead, a question in Spanish would find nothing
in English: its words, which say nothing there, would count as much as its meaning.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.knowledge.lexical import Words
from chatbot.reply import Language

BEST = 50
# what each channel's score counts beside the dense one's
LEXICAL = 0.8
LETTERS = 0.2
# without a dense channel the letters do more of its work
LETTERS_ALONE = 0.5
# of equally good passages, the one that the customer can read; by words alone much more decides
OWN_LANGUAGE = 0.1
OWN_LANGUAGE_ALONE = 1.0
# a few scores don't say how far such scores lie apart: they are told as if there were some more of the others' kind
FEW = 4
# where all are nearly alike, it isn't their differences that decide: a share of the best score, and so much of a cosine
LEAST_SHARE = 0.05
LEAST_COSINE = 0.004


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may hold the answer. cosine: None where it has no vector, or there is no dense channel."""

    id: int
    language: Language
    words: Words
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Fused:
    """score: what candidates are ordered by; lexical and dense: what of it came from which channel."""

    candidate: Candidate
    score: float
    lexical: float
    dense: float | None


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a channel's best scores lie."""

    mean: float
    apart: float

    def place(self, value: float) -> float:
        return (value - self.mean) / self.apart


def fuse(candidates: Sequence[Candidate], language: Language) -> list[Fused]:
    """Best first. language: the customer's."""
    if not candidates:
        return []
    bm25 = _scale_words([c.words.bm25 for c in candidates])
    measured = [c.words.letters for c in candidates if c.words.letters is not None] or [0.0]
    letters, least = _scale_words(measured), min(measured)
    dense = _scale_languages(candidates)
    covered = max(candidates, key=lambda c: c.words.bm25).words.coverage
    fused = []
    for one in candidates:
        lexical, char = bm25.place(one.words.bm25), letters.place(one.words.letters if one.words.letters is not None else least)
        near = dense[one.language].place(one.cosine) if one.cosine is not None else None
        if not dense:
            by_words = lexical + LETTERS_ALONE * char
        else:
            by_words = LEXICAL * covered * lexical + LETTERS * char
            if near is None:  # it has no vector yet: its words stand in for it
                by_words += one.words.coverage * lexical
        own = (OWN_LANGUAGE if dense else OWN_LANGUAGE_ALONE) * (one.language == language)
        fused.append(Fused(one, by_words + (near or 0.0) + own, by_words, near))
    return sorted(fused, key=lambda f: -f.score)


def _scale_words(values: Sequence[float]) -> Scale:
    scale = _scale(values)
    return Scale(scale.mean, max(scale.apart, LEAST_SHARE * max(values), 1e-6))


def _scale(values: Sequence[float], like: Scale | None = None) -> Scale:
    """like: what a few values are told beside."""
    best = sorted(values, reverse=True)[:BEST]
    mean = math.fsum(best) / len(best)
    apart = math.sqrt(math.fsum((value - mean) ** 2 for value in best) / len(best))
    if like is not None:
        mean = (mean * len(best) + like.mean * FEW) / (len(best) + FEW)
        apart = (apart * len(best) + like.apart * FEW) / (len(best) + FEW)
    return Scale(mean, max(apart, LEAST_COSINE))


def _scale_languages(candidates: Sequence[Candidate]) -> dict[Language, Scale]:
    cosines: dict[Language, list[float]] = defaultdict(list)
    for one in candidates:
        if one.cosine is not None:
            cosines[one.language].append(one.cosine)
    if len(cosines) < 2:
        return {language: _scale(values) for language, values in cosines.items()}
    largest = _scale(max(cosines.values(), key=len))
    return {language: _scale(values, largest if len(values) < BEST else None) for language, values in cosines.items()}
