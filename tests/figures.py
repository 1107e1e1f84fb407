"""Figures of a history that break no promise: how messages ended, and how long a take-over may stay unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from checker import Line, find_outcome, last_look, read_talks


def measure_looks(history: Iterable[Line]) -> list[float]:
    """For each public part, the seconds between our last look and its arrival: the window in which a human isn't seen."""
    windows = []
    for talk in read_talks(list(history)).values():
        for part in talk.stored:
            look = last_look(talk, part.received)
            if look is not None and not part.is_note:
                windows.append(part.received_t - look[1]["t"])
    return windows


def count_outcomes(history: Iterable[Line], bot_view: Mapping[Any, Any] | None = None) -> Counter[str]:
    """How the customers' messages ended, the lost ones under "" (all of them, accepted or not)."""
    talks = read_talks(list(history)).values()
    return Counter(find_outcome(talk, owed, bot_view or {})[0] for talk in talks for owed in talk.owed)
