"""What each responder looked at and why it passed: the reason behind every reply, kept as typed JSON.

A trace holds ids, codes and scores, not texts, so that a million of them fit a small disk.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

TRACE_VERSION = 1


@dataclass(slots=True)
class Look:
    """One responder's part in a turn.

    outcome: "replied", "passed" or "failed"; why: a code such as "no_match" or "below_threshold";
    saw: ids and scores, e.g. {"candidates": [["envios-canarias", 0.91]]}.
    """

    responder: str
    outcome: str = "passed"
    why: str = ""
    ms: float = 0.0
    saw: dict[str, Any] = field(default_factory=dict)

    def passed(self, why: str, **saw: Any) -> None:
        """Note that this isn't mine. Returns None, so that a responder can `return look.passed(...)`."""
        self.why = why
        self.saw.update(saw)

    def noted(self, **saw: Any) -> None:
        self.saw.update(saw)


@dataclass(slots=True)
class Trace:
    """The looks of one turn in their order, and what was decided about language and length."""

    looks: list[Look] = field(default_factory=list)
    language: str = ""
    language_by: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"version": TRACE_VERSION, **asdict(self)}
