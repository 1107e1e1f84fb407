"""Days and hours in words, over every weekday, zone and hour: what is heard satisfies what the phrase says, or it is asked."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.flows.slots import Found, Heard, SlotSpec, Unclear, Where, Wrong, find_slot, read_slot

ZONES = (
    "Europe/Madrid", "Atlantic/Canary", "America/Mexico_City", "America/Argentina/Buenos_Aires", "America/New_York",
    "America/Santiago", "Pacific/Auckland", "Asia/Kathmandu",
)  # fmt: skip
DATE, TIME, MOMENT = SlotSpec(type="date"), SlotSpec(type="time"), SlotSpec(type="datetime")


def listed(words: str) -> list[str]:
    return words.split()


ES_DAYS = listed("lunes martes miércoles jueves viernes sábado domingo")
EN_DAYS = listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
ES_MONTHS = listed("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
EN_MONTHS = list(calendar.month_name)[1:]
ES_COUNT = {2: "dos", 3: "tres", 5: "cinco", 10: "diez", 21: "veintiún", 30: "treinta"}


@dataclass(frozen=True)
class Phrase:
    """What is said, and whether a day satisfies it, said on another. is_possible: there is such a day at all."""

    language: str
    text: str
    holds: Callable[[date, date], bool]
    is_possible: bool = True


def _weekday(wanted: int, least: int, most: int) -> Callable[[date, date], bool]:
    return lambda day, today: day.weekday() == wanted and least <= (day - today).days <= most


def _ahead(days: int) -> Callable[[date, date], bool]:
    return lambda day, today: (day - today).days == days


def _next_week(wanted: int) -> Callable[[date, date], bool]:
    return lambda day, today: day == today - timedelta(today.weekday()) + timedelta(7 + wanted)


def _day_month(day_number: int, month: int) -> Callable[[date, date], bool]:
    return lambda day, today: (day.day, day.month) == (day_number, month) and 0 <= (day - today).days <= 366


def _weekday_phrases() -> list[Phrase]:
    found = []
    for n, (es, en) in enumerate(zip(ES_DAYS, EN_DAYS, strict=True)):
        coming, later = _weekday(n, 0, 7), _weekday(n, 1, 13)
        found += [Phrase("es", text, coming) for text in (es, f"el {es}", f"este {es}", f"para el {es}", f"pues el {es}")]
        found += [Phrase("en", text, coming) for text in (en, f"on {en}", f"this {en}", f"maybe {en}")]
        found += [Phrase("es", text, later) for text in (f"el {es} que viene", f"el próximo {es}", f"el {es} próximo")]
        found += [Phrase("en", text, later) for text in (f"next {en}", f"the coming {en}")]
        found += [
            Phrase("es", f"el {es} de la semana que viene", _next_week(n)),
            Phrase("en", f"{en} next week", _next_week(n)),
        ]
        found += [Phrase("es", f"el {es} en ocho", _weekday(n, 7, 14)), Phrase("en", f"a week from {en}", _weekday(n, 7, 14))]
        found += [Phrase("es", f"el {es} pasado", _weekday(n, -13, -1)), Phrase("en", f"last {en}", _weekday(n, -13, -1))]
    return found


def _counted_phrases() -> list[Phrase]:
    found = [Phrase("es", "hoy", _ahead(0)), Phrase("es", "mañana", _ahead(1)), Phrase("es", "pasado mañana", _ahead(2))]
    found += [Phrase("en", "today", _ahead(0)), Phrase("en", "tomorrow", _ahead(1))]
    found += [Phrase("en", "the day after tomorrow", _ahead(2)), Phrase("es", "de hoy en ocho", _ahead(7))]
    for n, word in ES_COUNT.items():
        found += [Phrase("es", text, _ahead(n)) for text in (f"en {n} días", f"dentro de {word} días")]
        found += [Phrase("es", f"dentro de {word} semanas", _ahead(7 * n)), Phrase("en", f"in {n} days", _ahead(n))]
        found += [Phrase("en", f"{n} weeks from now", _ahead(7 * n))]
    return found


def _date_phrases() -> list[Phrase]:
    found = []
    for month, day in product(range(1, 13), range(1, 33)):
        exists = day <= calendar.monthrange(2024, month)[1]
        es, en, holds = ES_MONTHS[month - 1], EN_MONTHS[month - 1], _day_month(day, month)
        found += [Phrase("es", text, holds, exists) for text in (f"el {day} de {es}", f"{day} {es[:3]}")]
        found += [Phrase("en", f"{en} {day}", holds, exists)]
        if day <= 31:
            found.append(Phrase("es", f"{day}/{month}", holds, exists))
    for day in range(1, 32):
        found.append(Phrase("es", f"el día {day}", lambda d, t, n=day: d.day == n and 0 <= (d - t).days <= 62))
    return found


PHRASES = [*_weekday_phrases(), *_counted_phrases(), *_date_phrases()]
WHENS = st.integers(0, 9 * 365 * 24 * 60).map(lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
ZONE = st.sampled_from(ZONES)


def _check(phrase: Phrase, now: datetime, zone: str) -> None:
    where = Where(phrase.language, now, ZoneInfo(zone))
    result = read_slot(DATE, phrase.text, where)
    context = f"{phrase.text!r} on {now.astimezone(where.zone):%A %Y-%m-%d %H:%M} in {zone}: {result}"
    if not phrase.is_possible:
        assert isinstance(result, Wrong | Unclear), context
        return
    assert result is not None, context
    if isinstance(result, Heard):
        assert phrase.holds(date.fromisoformat(result.value), where.today), context
        assert read_slot(DATE, result.said, where) == result, context
    elif isinstance(result, Unclear):
        days = [date.fromisoformat(value) for _, value in result.choices]
        assert len(days) > 1 or result.why in ("confirm", "passed_date", "ambiguous_date"), context
        assert all(isinstance(read_slot(DATE, day.isoformat(), where), Heard) for day in days), context
    else:
        assert phrase.text.startswith(("29", "el 29", "February 29")), context


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PHRASES), WHENS, ZONE)
def test_a_day_that_is_heard_is_one_that_the_phrase_says(phrase: Phrase, now: datetime, zone: str) -> None:
    _check(phrase, now, zone)


@pytest.mark.thorough
@pytest.mark.parametrize("zone", ZONES)
def test_every_phrase_on_every_weekday_in_every_hour(zone: str) -> None:
    phrases = [*_weekday_phrases(), *_counted_phrases()]
    start = datetime(2026, 11, 23, 0, 30, tzinfo=ZoneInfo(zone))
    # in every zone but the first every eleventh hour: each weekday still has several, and the zones have others
    for phrase, hours in product(phrases, range(ZONES.index(zone), 7 * 24, 3 if zone == ZONES[0] else 11)):
        _check(phrase, (start.astimezone(UTC) + timedelta(hours=hours)), zone)


@pytest.mark.thorough
def test_every_date_on_every_month() -> None:
    for phrase, month in product(_date_phrases(), range(1, 13)):
        _check(phrase, datetime(2027, month, 15, 12, tzinfo=UTC), "Europe/Madrid")


# hours

PARTS = {"de la mañana": (0, 12), "de la tarde": (12, 21), "de la noche": (18, 29), "de la madrugada": (0, 6), "": (0, 24)}
MINUTES = {"": 0, " y cuarto": 15, " y media": 30, " menos cuarto": -15, " y diez": 10, ":20": 20}
ES_HOURS = listed("una dos tres cuatro cinco seis siete ocho nueve diez once doce")


@pytest.mark.parametrize(("hour", "spelled", "minutes", "part"), list(product(range(1, 13), (True, False), MINUTES, PARTS)))
def test_an_hour_that_is_heard_is_one_that_the_phrase_says(hour: int, spelled: bool, minutes: str, part: str) -> None:
    if spelled and minutes.startswith(":"):
        return
    cue = "a la" if hour == 1 else "a las"
    text = f"{cue} {ES_HOURS[hour - 1] if spelled else hour}{minutes} {part}".strip()
    where = Where("es", datetime(2026, 11, 25, 9, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
    result = read_slot(TIME, text, where)
    assert isinstance(result, Heard if part and _is_usual(hour, part) else Heard | Unclear), (text, result)
    if not part:
        assert isinstance(result, Unclear), text
    if isinstance(result, Heard):
        clock = int(result.value[:2]) * 60 + int(result.value[3:])
        assert clock % 720 == (hour * 60 + MINUTES[minutes]) % 720, text
        begins, ends = PARTS[part]
        spoken = (clock - MINUTES[minutes]) % 1440
        assert begins * 60 <= spoken <= ends * 60 or begins * 60 <= spoken + 1440 <= ends * 60, text
        assert read_slot(TIME, result.said, where) == result


def _is_usual(hour: int, part: str) -> bool:
    usual = {
        "de la mañana": range(6, 13),
        "de la tarde": range(1, 9),
        "de la noche": range(8, 13),
        "de la madrugada": range(1, 6),
    }
    return hour in usual[part]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([p for p in PHRASES if p.is_possible]), st.integers(13, 23), st.integers(0, 59), WHENS, ZONE)
def test_a_moment_is_the_day_and_the_hour_of_its_phrase(
    phrase: Phrase, hour: int, minute: int, now: datetime, zone: str
) -> None:
    where = Where(phrase.language, now, ZoneInfo(zone))
    at = "a las" if phrase.language == "es" else "at"
    day, result = read_slot(DATE, phrase.text, where), read_slot(MOMENT, f"{phrase.text} {at} {hour}:{minute:02}", where)
    if isinstance(result, Heard):
        heard = datetime.fromisoformat(result.value)
        assert (heard.hour, heard.minute) == (hour, minute)
        assert phrase.holds(heard.date(), where.today)
        assert heard.utcoffset() == heard.astimezone(where.zone).utcoffset()
    if isinstance(day, Heard):
        assert isinstance(result, Heard | Unclear | Wrong)
        assert isinstance(result, Heard) == (day.value != where.today.isoformat() or heard_ahead(result, now))


def heard_ahead(result: object, now: datetime) -> bool:
    """Whether a moment of today is still to come: one that is over is asked."""
    return isinstance(result, Heard) and datetime.fromisoformat(result.value) >= now - timedelta(minutes=1)


# whatever is said

VOCABULARY = """
el la los de del a las por para en mañana pasado hoy tarde noche lunes martes viernes que viene próximo este esta semana mes
día días 3 5 15 31 17:00 5:30 3/12 12/25 y media menos cuarto o no antes después diciembre enero ocho quince dentro hace next on
tomorrow the at half past five pm am Friday week from in days first last of 3rd mediodía medianoche finde , . ? - sí no claro
euros € 1.234 12,50 una docena 600111222 12345678Z
"""
WORDS = st.sampled_from(VOCABULARY.split())
SPECS = [SlotSpec(type=kind) for kind in ("date", "time", "datetime", "number", "money", "yes_no", "phone", "tax_id")]


@settings(max_examples=500, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=9), st.sampled_from(SPECS), st.sampled_from(["es", "en"]), WHENS, ZONE)
def test_any_words_are_read_without_breaking(words: list[str], spec: SlotSpec, language: str, now: datetime, zone: str) -> None:
    where, text = Where(language, now, ZoneInfo(zone)), " ".join(words)
    result, found = read_slot(spec, text, where), find_slot(spec, text, where)
    for reading in (result, found.result if found else None):
        if isinstance(reading, Heard):
            again = read_slot(spec, reading.said, where)
            assert isinstance(again, Heard), (text, reading, again)
            assert again.value == reading.value, (text, reading, again)
    assert not isinstance(found, Found) or 0 <= found.start < found.end <= len(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(SPECS), st.sampled_from(["es", "en"]))
def test_any_text_is_read_without_breaking(text: str, spec: SlotSpec, language: str) -> None:
    where = Where(language, datetime(2026, 11, 25, 9, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
    found = find_slot(spec, text, where)
    assert read_slot(spec, text, where) is None or text.strip()
    assert found is None or 0 <= found.start < found.end <= len(text)
