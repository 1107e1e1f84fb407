"""A set's figures on a channel, as a line of JSON or a row of the table; None is what doesn't apply."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

COLUMNS = ("accuracy", "right_answered", "false_answers", "r1", "r5", "mrr10", "auroc")


@dataclass(frozen=True, slots=True)
class Figures:
    """accuracy: the first candidate is right; right_answered: and was answered; false_answers: of what has no answer.

    r1, r5: the share of questions with the right passage among the first; mrr10: the mean of 1/place, 0 from the 11th on;
    auroc: how well the confidence tells questions with an answer from those whose answer is hidden.
    """

    set: str
    channel: str
    accuracy: float | None = None
    right_answered: float | None = None
    false_answers: float | None = None
    r1: float | None = None
    r5: float | None = None
    mrr10: float | None = None
    auroc: float | None = None

    def to_json(self) -> str:
        values = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return json.dumps(values, ensure_ascii=False)


def rate_places(places: Sequence[int | None]) -> dict[str, float]:
    """places: of each question's right passage, from 1; None where it wasn't found."""
    count = len(places) or 1
    return {
        "r1": sum(place == 1 for place in places) / count,
        "r5": sum(place is not None and place <= 5 for place in places) / count,
        "mrr10": sum(1 / place for place in places if place is not None and place <= 10) / count,
    }


def rate_scores(with_answer: Sequence[float], without: Sequence[float]) -> float | None:
    """The area under the ROC curve: how often one with an answer scores higher than one without; ties count half."""
    if not with_answer or not without:
        return None
    ordered = sorted([(score, 1) for score in with_answer] + [(score, 0) for score in without])
    total, at = 0.0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        total += (at + end + 1) / 2 * sum(label for _, label in ordered[at:end])
        at = end
    ones, zeros = len(with_answer), len(without)
    return (total - ones * (ones + 1) / 2) / (ones * zeros)


def show_table(lines: Sequence[Figures]) -> str:
    rows = [("set", "channel", *COLUMNS)]
    for line in lines:
        values = [getattr(line, name) for name in COLUMNS]
        rows.append((line.set, line.channel, *("" if value is None else f"{value:.3f}" for value in values)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    told = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([told[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *told[1:]])
