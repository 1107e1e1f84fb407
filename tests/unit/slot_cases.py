"""The tables of phrases in tests/unit/phrases, read into cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from chatbot.flows.slots import Heard, SlotSpec, Unclear, Where, Wrong, read_slot

PHRASES = Path(__file__).parent / "phrases"
NOW = "2026-11-25T10:00"


@dataclass(frozen=True)
class SameHours:
    """Open in the same hours on every day: ("10:00-14:00",)."""

    ranges: tuple[str, ...]

    def opens(self, day: date) -> list[tuple[time, time]]:
        pairs = (r.split("-") for r in self.ranges)
        return [(time.fromisoformat(a), time.fromisoformat(b)) for a, b in pairs]


def place(language: str = "es", now: str = NOW, zone: str = "Europe/Madrid", country: str = "ES", hours: Any = ()) -> Where:
    """Where and when a phrase is said; now is the local time."""
    there = ZoneInfo(zone)
    opens = SameHours(tuple(hours)) if hours else None
    return Where(language, datetime.fromisoformat(now).replace(tzinfo=there), there, country, opens)


def load_cases(name: str, slot: str, language: str = "es") -> Iterator[tuple[str, SlotSpec, Where, str]]:
    """(phrase, spec, where, expected) of a file of groups."""
    for group in YAML(typ="safe").load((PHRASES / name).read_text("utf-8")):
        known = {key: group[key] for key in ("language", "now", "zone", "country", "hours") if key in group}
        where = place(**{"language": language, **known})
        spec = SlotSpec(type=slot, **group.get("limits", {}))
        yield from ((str(phrase), spec, where, str(expected)) for phrase, expected in group["phrases"].items())


def outcome(phrase: str, spec: SlotSpec, where: Where) -> str:
    """What reading a phrase comes to, as the tables write it."""
    result = read_slot(spec, phrase, where)
    if isinstance(result, Heard):
        return str(result.value)
    return {Unclear: "ask", Wrong: "wrong", type(None): "none"}[type(result)]
