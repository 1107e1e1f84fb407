"""When people are there, and how that is said: ranges over midnight, changes of clocks, closures, holidays, next opening."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.errors import ConfigError
from chatbot.hours import Hours, read_hours, tell_moment
from chatbot.hours_reading import read_closure, read_ranges, read_week, tell_week, write_week
from chatbot.reply import Language
from chatbot.settings import Settings, parse_setting

MADRID = ZoneInfo("Europe/Madrid")
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
ZONES = ("Europe/Madrid", "Atlantic/Canary", "America/Mexico_City", "America/Santiago", "Australia/Lord_Howe")
SHOP = ("mon-fri 9:00-14:00, 17:00-20:30", "sat 10:00-14:00")


def make(*week: str, zone: str = "Europe/Madrid", **more: object) -> Hours:
    return read_hours(Settings.model_validate({"hours": week, "time_zone": zone, **more}))


def at(text: str, zone: ZoneInfo = MADRID) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (
            "lunes a viernes 9:00-14:00, 17:00-20:30",
            [f"{d} 9:00-14:00, 17:00-20:30" for d in WORKDAYS],
        ),
        ("L-V: 9-14h", [f"{d} 9:00-14:00" for d in WORKDAYS]),
        ("sábados y domingos de 10.30 a 14", ["sat 10:30-14:00", "sun 10:30-14:00"]),
        ("Mon, Wed 9am-5:30pm", ["mon 9:00-17:30", "wed 9:00-17:30"]),
        ("vie-lun 22:00-2:00", ["mon 22:00-2:00", "fri 22:00-2:00", "sat 22:00-2:00", "sun 22:00-2:00"]),
        ("d 0:00-24:00", ["sun 0:00-24:00"]),
        ("Miércoles cerrado", []),
    ],
)
def test_hours_are_read_as_people_write_them(line: str, stored: list[str]) -> None:
    assert list(write_week(read_week((line,)))) == stored
    assert read_week(tuple(stored)) == read_week((line,))


@pytest.mark.parametrize(
    "line",
    ["9:00-14:00", "mon 25:00-26:00", "mon 9:00", "someday 9:00-10:00", "mon 9:00-14:00, 13:00-15:00", "mon 9:00-9:00",
     "mon 22:00-2:00, 23:00-23:30", "mon morning", "mon 9:00-14:00 and more"],
)  # fmt: skip
def test_hours_that_nobody_can_keep_are_refused(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_setting("hours", line)
    assert caught.value.variable.lower() == "hours"


def test_a_day_has_several_ranges_and_a_pause_between() -> None:
    hours = make(*SHOP)
    assert hours.opens(date(2026, 11, 26)) == [(time(9), time(14)), (time(17), time(20, 30))]
    assert [hours.is_open(at(f"2026-11-26 {c}")) for c in ("08:59", "09:00", "13:59", "14:00", "17:00", "20:30")] == [
        False, True, True, False, True, False,
    ]  # fmt: skip
    assert hours.next_opening(at("2026-11-26 15:00")) == at("2026-11-26 17:00")
    assert hours.next_opening(at("2026-11-28 14:00")) == at("2026-11-30 09:00")
    assert hours.next_opening(at("2026-11-26 10:00")) == at("2026-11-26 10:00")


def test_without_hours_somebody_is_always_there() -> None:
    hours = read_hours(Settings())
    assert hours.is_open(at("2026-12-25 03:00"))
    assert hours.next_opening(at("2026-12-25 03:00")) == at("2026-12-25 03:00")


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    hours = make("fri 22:00-3:00", closures="2026-11-28 Inventario")
    assert hours.is_open(at("2026-11-28 02:59"))  # Friday's night goes on into the closed Saturday
    assert not hours.is_open(at("2026-11-28 03:00"))
    assert hours.next_opening(at("2026-11-28 03:00")) == at("2026-12-04 22:00")


def test_days_that_follow_each_other_without_a_gap_are_one_time() -> None:
    hours = make("mon-sun 0:00-24:00")
    assert hours.is_open(at("2026-11-26 00:00"))
    assert hours.add_open_time(at("2026-11-26 23:00"), timedelta(hours=2)) == at("2026-11-27 01:00")


def test_closures_of_one_day_of_a_span_and_of_every_year() -> None:
    hours = make(*SHOP, closures="24/12 Nochebuena; 2026-12-28..2026-12-30 Inventario; 31/12..2/1")
    assert hours.find_closure(date(2026, 12, 24)) == hours.find_closure(date(2027, 12, 24)) == "Nochebuena"
    assert hours.find_closure(date(2026, 12, 29)) == "Inventario"
    assert hours.find_closure(date(2027, 12, 29)) is None
    assert [hours.find_closure(d) for d in (date(2026, 12, 31), date(2027, 1, 2), date(2027, 1, 3))] == ["", "", None]
    assert hours.next_opening(at("2026-12-28 10:00")) == at("2027-01-04 09:00")


@pytest.mark.parametrize("line", ["Nochebuena", "31/2 x", "2026-13-01", "2026-12-30..2026-12-28", "24/12..2026-12-28", "12/24"])
def test_closed_days_that_are_no_days_are_refused(line: str) -> None:
    with pytest.raises(ConfigError):
        parse_setting("closures", line)


@pytest.mark.parametrize("line", ["2026-12-24 Nochebuena", "1/8..15/8 Vacaciones", "31/12..2/1", "2026-08-01..2026-08-15"])
def test_a_closure_is_written_as_it_was_read(line: str) -> None:
    assert str(read_closure(line)) == line


def test_holidays_of_a_country_of_its_region_and_those_on_which_it_is_open() -> None:
    spain, madrid = make(*SHOP, holidays="es"), make(*SHOP, holidays="ES-MD", holidays_open="8/12 Abrimos")
    assert not spain.is_open(at("2026-12-08 10:00"))
    assert spain.next_opening(at("2026-12-08 03:00")) == at("2026-12-09 09:00")
    assert madrid.is_open(at("2026-12-08 10:00"))
    dos_de_mayo = date(2028, 5, 2)  # a Tuesday, a holiday in Madrid alone
    assert spain.find_closure(dos_de_mayo) is None
    assert madrid.find_closure(dos_de_mayo)


@pytest.mark.parametrize("region", ["XX", "ES-ZZ", "Spain", "E"])
def test_a_region_without_known_holidays_is_refused(region: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_setting("holidays", region)
    assert caught.value.variable.lower() == "holidays"


def test_a_business_that_never_opens_again() -> None:
    hours = make(*SHOP, closures="2026-01-01..2029-12-31 Obras")
    assert hours.next_opening(at("2026-11-26 10:00")) is None
    assert hours.add_open_time(at("2026-11-26 10:00"), timedelta(minutes=30)) is None


def test_half_an_hour_of_silence_counts_only_while_somebody_is_there() -> None:
    hours = make(*SHOP)
    half = timedelta(minutes=30)
    assert hours.add_open_time(at("2026-11-26 10:00"), half) == at("2026-11-26 10:30")
    assert hours.add_open_time(at("2026-11-26 13:50"), half) == at("2026-11-26 17:20")
    assert hours.add_open_time(at("2026-11-28 03:00"), half) == at("2026-11-28 10:30")


def test_the_hour_that_is_missing_and_the_hour_that_comes_twice() -> None:
    hours = make("sun 2:30-4:00")
    assert hours.next_opening(at("2026-03-29 01:00")) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 2:30 isn't: 3:30
    night = make("sun 1:00-2:30")  # on 25 October 2026 it is 2:30 twice
    assert night.is_open(datetime(2026, 10, 25, 1, 15, tzinfo=UTC))
    assert not night.is_open(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))


@settings(deadline=None)
@given(
    minute=st.integers(0, 2 * 365 * 1_440),
    zone=st.sampled_from(ZONES),
)
def test_at_the_next_opening_it_is_open_and_a_moment_before_it_is_not(minute: int, zone: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    hours = make("mon-fri 9:00-14:00, 17:00-20:30", "sat 22:00-2:00", zone=zone, closures="25/12", holidays="ES")
    opening = hours.next_opening(moment)
    assert opening is not None
    assert opening >= moment
    assert hours.is_open(opening)
    assert (opening == moment) == hours.is_open(moment)
    if opening > moment:
        assert not hours.is_open(opening - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("now", "then", "es", "en"),
    [
        ("2026-11-26 15:00", "2026-11-26 17:00", "hoy a las 17:00", "today at 17:00"),
        ("2026-11-26 03:00", "2026-11-26 09:00", "hoy a las 9:00", "today at 9:00"),
        ("2026-11-26 23:59", "2026-11-27 09:00", "mañana a las 9:00", "tomorrow at 9:00"),
        ("2026-11-28 15:00", "2026-11-30 10:00", "el lunes 30 a las 10:00", "on Monday 30 at 10:00"),
        ("2026-12-23 21:00", "2027-01-07 01:30", "el jueves 7 de enero a la 1:30", "on Thursday 7 January at 1:30"),
    ],
)
def test_when_somebody_is_there_is_said_in_words(now: str, then: str, es: str, en: str) -> None:
    assert tell_moment(at(then), at(now), MADRID, "es") == es
    assert tell_moment(at(then), at(now), MADRID, "en") == en


def test_tomorrow_is_the_business_zones_tomorrow() -> None:
    canary = ZoneInfo("Atlantic/Canary")
    now = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)  # 23:30 there, past midnight in Madrid
    opening = datetime(2026, 11, 27, 9, 0, tzinfo=canary)
    assert tell_moment(opening, now, canary, "es") == "mañana a las 9:00"
    assert tell_moment(opening, now, MADRID, "es") == "hoy a las 10:00"


def test_ranges_alone_are_what_a_field_of_the_page_holds() -> None:
    assert read_ranges("9:00-14:00, 17:00-20:30") == [(time(9), time(14)), (time(17), time(20, 30))]
    assert read_ranges(" cerrado ") == read_ranges("") == []


def test_a_region_that_only_the_environment_names_and_nobody_knows_stops_no_answer() -> None:
    hours = make("mon-sun 9:00-20:00", holidays="XX")
    assert hours.is_open(at("2026-12-25 10:00"))


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    "lines", [SHOP, ("mon 9:00-10:00", "wed 9:00-10:00"), ("sun 22:00-2:00",), ("mon-sun 0:00-24:00",), ()]
)
def test_a_week_told_in_one_line_is_read_again(lines: tuple[str, ...], language: Language) -> None:
    week = read_week(lines)
    told = tell_week(week, language)
    assert read_week(tuple(line for line in told.split("; ") if line)) == week
