"""Days and hours as somebody says them who looks for a mistake: right or asked back, none silently wrong."""

from __future__ import annotations

from datetime import date

import pytest
from ruamel.yaml import YAML
from unit.slot_cases import PHRASES, outcome, place

from chatbot.flows.slots import Heard, SlotSpec, Unclear, Where, Wrong, read_slot

GROUPS = YAML(typ="safe").load((PHRASES / "reviewers.yaml").read_text("utf-8"))
CASES = [
    pytest.param(group["slot"], str(phrase), str(expected), group, id=f"{group['about']}: {phrase}")
    for group in GROUPS
    for phrase, expected in group["phrases"].items()
]


def find_place(group: dict[str, str]) -> Where:
    return place(**{name: group[name] for name in ("language", "now", "zone") if name in group})


@pytest.mark.parametrize(("slot", "phrase", "expected", "group"), CASES)
def test_it_is_right_or_asked_back(slot: str, phrase: str, expected: str, group: dict[str, str]) -> None:
    where = find_place(group)
    assert outcome(phrase, SlotSpec(type=slot), where) == expected, read_slot(SlotSpec(type=slot), phrase, where)  # type: ignore[arg-type]


def test_there_are_a_hundred_days_that_no_other_table_has() -> None:
    others = {
        str(phrase).casefold()
        for path in PHRASES.glob("*.yaml")
        if path.name not in ("reviewers.yaml", "weekdays.yaml")
        for group in YAML(typ="safe").load(path.read_text("utf-8"))
        for phrase in group["phrases"]
    }
    fresh = [(group["language"], str(p).casefold()) for group in GROUPS if group["slot"] == "date" for p in group["phrases"]]
    assert not [phrase for _, phrase in fresh if phrase in others]
    assert len({p for language, p in fresh if language == "es"}) >= 100
    assert len({p for language, p in fresh if language == "en"}) >= 100


@pytest.mark.parametrize("now", ["2026-11-27T10:00", "2026-11-25T10:00", "2026-12-31T23:59", "2027-01-01T00:30"])
@pytest.mark.parametrize("limit", ["after", "before"])
def test_no_limit_is_silently_broken(limit: str, now: str) -> None:
    """Whatever day it is said on: what is heard lies on the side that the question asks for."""
    spec = SlotSpec(type="date", **{limit: "today"})  # type: ignore[arg-type]
    heard = []
    for group in (group for group in GROUPS if group["slot"] == "date"):
        where = place(group["language"], now)
        for phrase in map(str, group["phrases"]):
            result = read_slot(spec, phrase, where)
            assert result is None or isinstance(result, Heard | Unclear | Wrong)
            heard += [(phrase, date.fromisoformat(result.value))] if isinstance(result, Heard) else []
    today = date.fromisoformat(now[:10])
    assert len(heard) > 40
    assert not [(phrase, day) for phrase, day in heard if (day < today if limit == "after" else day > today)]
