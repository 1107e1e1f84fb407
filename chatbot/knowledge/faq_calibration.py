"""How often a question that isn't in the FAQ would be answered, as the FAQ's own entries tell: each hidden in turn. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# of the near ones never more than so many are answered, whatever is set
MOST_NEAR = 0.05
# a question outside the FAQ is about something else altogether four times out of five
NEAR_SHARE = 0.2
# with few entries nothing can be told from them: no threshold is lower than what held for other FAQs
LEAST_THRESHOLD = 0.28
STEP = 1e-6


@dataclass(frozen=True)
class Calibration:
    """Confidences (faq.Match) of three kinds of questions. near: of an entry that was hidden, (confidence, its key, the key of
    what would be answered); far: about something else; known: phrasings hidden alone, (confidence, whether it is right).

    thresholds: what find_threshold() found, by the share of false answers.
    """

    near: tuple[tuple[float, str, str], ...] = ()
    far: tuple[float, ...] = ()
    known: tuple[tuple[float, bool], ...] = ()
    least: float = LEAST_THRESHOLD
    thresholds: dict[float, float] = field(default_factory=dict, compare=False)

    def find_threshold(self, max_false: float) -> float:
        """The lowest one with at most max_false of the questions outside answered, and MOST_NEAR of the near ones.

        One near one fewer than were counted: a new question may be as near as the nearest (split conformal prediction,
        https://arxiv.org/abs/2107.07511).
        """
        if max_false not in self.thresholds:
            most_near = max(int(MOST_NEAR * (len(self.near) + 1)) - 1, 0)
            steps = [self.least, *(score + STEP for score in (*self._near, *self._far) if score >= self.least)]
            self.thresholds[max_false] = next(
                step
                for step in sorted(steps)
                if _count_from(self._near, step) <= most_near and self.rate_false(step) <= max_false
            )
        return self.thresholds[max_false]

    def rate_near(self, threshold: float) -> float:
        """The share of near questions outside that would be answered."""
        return _share_from(self._near, threshold)

    def rate_far(self, threshold: float) -> float:
        return _share_from(self._far, threshold)

    def rate_false(self, threshold: float) -> float:
        """The share of all questions outside that would be answered."""
        return NEAR_SHARE * self.rate_near(threshold) + (1 - NEAR_SHARE) * self.rate_far(threshold)

    def rate_right(self, threshold: float) -> float:
        """The share of questions that the FAQ has, in words that it hasn't, answered right."""
        right = [score for score, is_right in self.known if is_right and score >= threshold]
        return len(right) / len(self.known) if self.known else 0.0

    def list_collisions(self) -> list[tuple[str, str, int]]:
        """Pairs of entries of which one would answer for the other where nothing raised the threshold, most often first:
        (key, key, how many phrasings)."""
        pairs = Counter(tuple(sorted((hidden, said))) for score, hidden, said in self.near if score >= self.least)
        return [(one, other, count) for (one, other), count in pairs.most_common()]

    def to_json(self) -> dict[str, Any]:
        return {"near": self.near, "far": self.far, "known": self.known, "least": self.least}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Calibration:
        near = tuple((float(score), str(hidden), str(said)) for score, hidden, said in found["near"])
        known = tuple((float(score), bool(right)) for score, right in found["known"])
        return cls(near, tuple(found["far"]), known, found["least"])

    @cached_property
    def _near(self) -> list[float]:
        return sorted(score for score, _, _ in self.near)

    @cached_property
    def _far(self) -> list[float]:
        return sorted(self.far)


def _count_from(scores: Sequence[float], threshold: float) -> int:
    return len(scores) - bisect_left(scores, threshold)


def _share_from(scores: Sequence[float], threshold: float) -> float:
    return _count_from(scores, threshold) / len(scores) if scores else 0.0
