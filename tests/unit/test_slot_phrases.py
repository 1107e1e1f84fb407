"""Days and hours in words: every phrase of the tables is read as people mean it, asked back, or refused."""

from __future__ import annotations

from datetime import date

import pytest
from ruamel.yaml import YAML
from unit.slot_cases import PHRASES, load_cases, outcome, place

from chatbot.flows.slots import Heard, SlotSpec, Unclear, Where, read_slot

DATES = [*load_cases("dates_es.yaml", "date"), *load_cases("dates_en.yaml", "date", "en")]
HOURS = [*load_cases("times.yaml", "time"), *load_cases("moments.yaml", "datetime")]
WEEKDAYS = YAML(typ="safe").load((PHRASES / "weekdays.yaml").read_text("utf-8"))
WEEK = [f"2026-11-{day}T10:00" for day in range(23, 30)]


@pytest.mark.parametrize(("phrase", "spec", "where", "expected"), [*DATES, *HOURS], ids=lambda value: str(value)[:30])
def test_a_phrase_is_read_as_it_is_meant(phrase: str, spec: SlotSpec, where: Where, expected: str) -> None:
    assert outcome(phrase, spec, where) == expected, read_slot(spec, phrase, where)


@pytest.mark.parametrize(
    ("language", "phrase", "expected"),
    [(language, phrase, days) for language, rows in WEEKDAYS.items() for phrase, days in rows.items()],
)
def test_a_weekday_is_right_whatever_day_it_is_said_on(language: str, phrase: str, expected: list[str | int]) -> None:
    spec = SlotSpec(type="date")
    said = [outcome(phrase, spec, place(language, now)) for now in WEEK]
    assert said == [day if day == "ask" else f"2026-{_month_day(str(day))}" for day in expected]


def _month_day(written: str) -> str:
    return f"12-{int(written[1:]):02}" if written.startswith("d") else f"11-{int(written):02}"


@pytest.mark.parametrize(("phrase", "spec", "where", "expected"), [*DATES, *HOURS], ids=lambda value: str(value)[:30])
def test_what_is_said_back_or_offered_is_read_again_as_the_same(
    phrase: str, spec: SlotSpec, where: Where, expected: str
) -> None:
    result = read_slot(spec, phrase, where)
    if isinstance(result, Heard):
        assert read_slot(spec, result.said, where) == result
    if isinstance(result, Unclear) and spec.type != "datetime":
        for title, value in result.choices:
            chosen = read_slot(spec, value, where)
            assert isinstance(chosen, Heard), f"{value!r} is offered and not understood: {chosen}"
            assert chosen.said == title


def test_there_are_as_many_phrases_as_promised() -> None:
    assert sum(where.language == "es" for _, _, where, _ in DATES) >= 200
    assert sum(where.language == "en" for _, _, where, _ in DATES) >= 100


def test_both_days_are_offered_where_one_is_asked() -> None:
    monday = place("es", WEEK[0])
    result = read_slot(SlotSpec(type="date"), "el martes que viene", monday)
    assert isinstance(result, Unclear)
    assert [date.fromisoformat(value).day for _, value in result.choices] == [24, 1]


def test_what_is_certain_of_a_moment_is_kept_for_the_next_answer() -> None:
    spec, where = SlotSpec(type="datetime"), place()
    asked = read_slot(spec, "mañana por la tarde", where)
    assert isinstance(asked, Unclear)
    assert outcome(f"{asked.so_far} a las 5", spec, where) == "2026-11-26T17:00+01:00"
    asked = read_slot(spec, "a las 5 de la tarde", where)
    assert isinstance(asked, Unclear)
    assert outcome(f"{asked.so_far} el viernes", spec, where) == "2026-11-27T17:00+01:00"
