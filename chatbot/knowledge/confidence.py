"""How sure it is that the best passage holds the answer, and what follows: answer, ask back, or say that nobody knows. Pure.

A logistic over both channels' figures. Its numbers and the thresholds are set by `scripts/eval --calibrate` from questions
whose answers are known, half of them hidden (calibrated.py), and not by feel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from chatbot.knowledge.calibrated import COEFFICIENTS, THRESHOLDS
from chatbot.knowledge.fusion import Fused
from chatbot.knowledge.lexical import K1
from chatbot.reply import Language

Verdict = Literal["answer", "ask_back", "dont_know"]
Kind = Literal["lexical", "foreign_lexical", "hybrid", "foreign"]
# what is read of the best passage, in the order of the coefficients; the last ones only where it has a vector
FIGURES = (
    "coverage", "bm25", "letters", "bm25_lead", "coverage_lead", "stems", "cosine", "cosine_lead", "agreement", "score_lead",
)  # fmt: skip


def estimate(figures: Mapping[str, float], kind: Kind) -> float:
    """The probability that the first passage holds the answer; 0 where there is none."""
    if not figures:
        return 0.0
    first, *coefficients = COEFFICIENTS[kind]
    named = zip(FIGURES, coefficients, strict=False)
    return _squash(first + sum(coefficient * figures[name] for name, coefficient in named))


def decide(probability: float, kind: Kind) -> Verdict:
    ask_back, answer = THRESHOLDS[kind]
    if probability >= answer:
        return "answer"
    return "ask_back" if probability >= ask_back else "dont_know"


def tell_kind(fused: Sequence[Fused], language: Language) -> Kind:
    """Which figures there are: a passage in another language has few of the question's words, however right it is."""
    is_own = not fused or fused[0].candidate.language == language
    if not fused or fused[0].candidate.cosine is None:
        return "lexical" if is_own else "foreign_lexical"
    return "hybrid" if is_own else "foreign"


def read_figures(fused: Sequence[Fused], weights: Mapping[Language, Mapping[str, float]]) -> dict[str, float]:
    """FIGURES of the first passage, each about 0 to 1, whatever the size of the corpus."""
    if not fused:
        return {}
    best, others = fused[0].candidate, [f.candidate for f in fused[1:]]
    total = sum(weights[best.language].values()) * (K1 + 1) or 1.0
    words, second = best.words, max((o.words.bm25 for o in others), default=0.0)
    figures = {
        "coverage": words.coverage,
        "bm25": words.bm25 / total,
        "letters": words.letters or 0.0,
        "bm25_lead": (words.bm25 - second) / total,
        "coverage_lead": words.coverage - max((o.words.coverage for o in others), default=0.0),
        "stems": math.log1p(len(weights[best.language])) / 3,
    }
    if best.cosine is None:
        return figures
    cosines = [o.cosine for o in others if o.cosine is not None and o.language == best.language]
    nearest = max(cosines, default=best.cosine - 0.1)
    lead = (fused[0].score - fused[1].score) / 4 if others else 1.0
    return figures | {
        "cosine": best.cosine,
        "cosine_lead": (best.cosine - nearest) * 10,
        "agreement": float(words.bm25 >= second and best.cosine >= nearest),
        "score_lead": min(lead, 1.0),
    }


def _squash(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
