"""Figures with their bounds: medians of the rounds, ratios, and the table."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

AIM = 2.0


@dataclass(frozen=True, slots=True)
class Figure:
    """ours, bound: medians. is_rate: more is better. aim: how many times the bound is allowed, None for no aim."""

    name: str
    unit: str
    ours: float
    bound: float | None
    is_rate: bool = False
    aim: float | None = AIM

    @property
    def ratio(self) -> float | None:
        """How many times worse than the bound."""
        if not self.bound or not self.ours:
            return None
        return self.bound / self.ours if self.is_rate else self.ours / self.bound

    @property
    def is_met(self) -> bool:
        return self.aim is None or self.ratio is None or self.ratio <= self.aim


def make_figure(name: str, unit: str, ours: Iterable[float], bound: Iterable[float], *, is_rate: bool = False) -> Figure:
    """From the value of each round."""
    return Figure(name, unit, statistics.median(ours), statistics.median(bound), is_rate)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest rank: a value that really occurred."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def show_table(figures: Sequence[Figure]) -> str:
    lines = [("figure", "ours", "bound", "ratio", "aim")]
    for figure in figures:
        bound = "" if figure.bound is None else f"{_round(figure.bound)} {figure.unit}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        aim = "" if figure.aim is None else ("met" if figure.is_met else "missed")
        lines.append((figure.name, f"{_round(figure.ours)} {figure.unit}", bound, ratio, aim))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([rows[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rows[1:]])


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def to_json(figures: Sequence[Figure]) -> str:
    return json.dumps([{**asdict(f), "ratio": f.ratio, "is_met": f.is_met} for f in figures], indent=1)
