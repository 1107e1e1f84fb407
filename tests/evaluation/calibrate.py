"""Sets the confidence of passages (knowledge/confidence.py) from questions of which half have no answer in the corpus.

A logistic regression for each kind of best passage, and the thresholds by how many of the hidden ones may be answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from chatbot.knowledge import calibrated, confidence
from evaluation.passages import Sample

TARGET = Path(calibrated.__file__)
ROUNDS = 40
# keeps coefficients small where figures say the same
SHRINK = 1.0
# as many of the questions without an answer are asked back at most, beside those that are answered
ASKED_BACK = 0.15
HEAD = '"""The numbers of confidence.py, written by `scripts/eval --calibrate`: don\'t change them by hand."""\n'

Numbers = list[float]


def calibrate(samples: Sequence[Sample], false_answers: float) -> str:
    """Writes calibrated.py. Returns what was done, in words. A kind of which there are no samples keeps its numbers."""
    coefficients, thresholds = dict(calibrated.COEFFICIENTS), dict(calibrated.THRESHOLDS)
    told = []
    used = [s for s in samples if s.channel in ("lexical", "hybrid") and s.figures]
    for kind in coefficients:
        of_kind = [s for s in used if s.kind == kind]
        if len({s.is_first and s.is_there for s in of_kind}) == 2:
            names = [name for name in confidence.FIGURES if all(name in s.figures for s in of_kind)]
            rows = [[1.0, *(s.figures[name] for name in names)] for s in of_kind]
            coefficients[kind] = tuple(round(c, 4) for c in fit(rows, [s.is_first and s.is_there for s in of_kind]))
            told.append(f"{kind}: {len(of_kind)} questions")
    for kind in thresholds:
        hidden = sorted(_estimate(s, coefficients) for s in used if s.kind == kind and not s.is_there)
        if hidden:
            thresholds[kind] = (_cut(hidden, false_answers + ASKED_BACK), _cut(hidden, false_answers))
    _write(calibrated.VERSION + 1, coefficients, thresholds)
    return f"{TARGET.name}: " + ", ".join(told)


def _estimate(sample: Sample, coefficients: dict[str, tuple[float, ...]]) -> float:
    first, *others = coefficients[sample.kind]
    value = first + sum(c * sample.figures[name] for name, c in zip(confidence.FIGURES, others, strict=False))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def _cut(ordered: Sequence[float], share: float) -> float:
    """What so large a share of them reaches at most."""
    return round(ordered[min(len(ordered) - 1, math.ceil(len(ordered) * (1 - share)))] + 5e-5, 4)


def fit(rows: Sequence[Numbers], labels: Sequence[bool]) -> Numbers:
    """The coefficients of a logistic regression by Newton's method; the first column is 1 and isn't shrunk."""
    width = len(rows[0])
    found = [0.0] * width
    for _ in range(ROUNDS):
        gradient = [0.0] * width
        hessian = [[0.0] * width for _ in range(width)]
        for row, label in zip(rows, labels, strict=True):
            p = 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(c * v for c, v in zip(found, row, strict=True))))))
            slope = p * (1 - p)
            for i, value in enumerate(row):
                gradient[i] += (p - label) * value
                line, factor = hessian[i], slope * value
                for j in range(i + 1):
                    line[j] += factor * row[j]
        for i in range(width):
            gradient[i] += SHRINK * found[i] * (i > 0)
            hessian[i][i] += SHRINK * (i > 0) + 1e-9
            for j in range(i):
                hessian[j][i] = hessian[i][j]
        step = solve(hessian, gradient)
        found = [c - s for c, s in zip(found, step, strict=True)]
        if max(abs(s) for s in step) < 1e-6:
            break
    return found


def solve(matrix: list[Numbers], right: Numbers) -> Numbers:
    """Gauss with pivots; the matrix is small and positive."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for at in range(size):
        pivot = max(range(at, size), key=lambda i: abs(rows[i][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for below in range(at + 1, size):
            factor = rows[below][at] / rows[at][at]
            rows[below] = [v - factor * top for v, top in zip(rows[below], rows[at], strict=True)]
    solved = [0.0] * size
    for at in reversed(range(size)):
        known = sum(rows[at][k] * solved[k] for k in range(at + 1, size))
        solved[at] = (rows[at][size] - known) / rows[at][at]
    return solved


def _write(version: int, coefficients: dict[str, tuple[float, ...]], thresholds: dict[str, tuple[float, float]]) -> None:
    lines = [HEAD, f"VERSION = {version}", "COEFFICIENTS: dict[str, tuple[float, ...]] = {"]
    lines += [f'    "{kind}": ({", ".join(map(str, numbers))}),' for kind, numbers in coefficients.items()]
    lines += ["}", "# below the first nobody knows; from the second on it is answered"]
    lines += ["THRESHOLDS: dict[str, tuple[float, float]] = {"]
    lines += [f'    "{kind}": ({", ".join(map(str, pair))}),' for kind, pair in thresholds.items()]
    TARGET.write_text("\n".join([*lines, "}", ""]), "utf-8")
