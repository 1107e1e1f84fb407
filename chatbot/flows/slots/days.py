"""What phrases about days mean: arithmetic of the calendar, whatever the language. The tables of phrases are beside it.

The rules where people differ (a week begins on Monday):
- "el martes": the coming one; said on a Tuesday it is asked whether today or in a week.
- "el martes que viene", "next Tuesday": sure where the coming Tuesday is in the next week already; said earlier in the same
  week it is asked, that one or the one after. English on a Sunday too, since weeks begin then for some.
- "el 3": the next 3rd; "el 3 de marzo": the next 3 March. One that passed in the last 92 days is asked: next year, or a slip.
- "dentro de ocho días", "en quince días": asked, since for many they are one and two weeks; "de hoy en ocho" is a week.
- "mañana" between midnight and 4 o'clock is asked: for who isn't in bed yet it is the day that has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from chatbot.reply import Language

PASSED_ASKED_DAYS = 92
SMALL_HOURS = 4
YEARS = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class Days:
    """What a phrase says: one day that is certain, or several with a reason to ask (none: too vague), or what is wrong.

    open: the days are only examples of what may be meant; named: said by the day of the week alone.
    """

    options: tuple[date, ...] = ()
    why: str = ""
    wrong: str = ""
    open: bool = False
    named: int | None = None

    @property
    def is_sure(self) -> bool:
        return len(self.options) == 1 and not self.why


@dataclass(frozen=True, slots=True)
class Today:
    """Where a phrase is said from. back: about what has been."""

    day: date
    hour: int
    language: Language
    country: str
    back: bool = False


def sure(day: date) -> Days:
    return Days((day,))


def ask(why: str, *days: date) -> Days:
    return Days(tuple(dict.fromkeys(days)), why)


def vague(*days: date) -> Days:
    return Days(days, "which_day", open=True)


IMPOSSIBLE = Days(wrong="impossible_date")


def make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def add(today: Today, days: int) -> Days:
    return sure(today.day + timedelta(days))


def add_days(today: Today, days: int) -> Days:
    """So many days from today; "ocho" and "quince días" are weeks for many."""
    if today.language == "es" and days in (8, 15):
        return ask("ambiguous_date", today.day + timedelta(days - 1), today.day + timedelta(days))
    return add(today, days)


def add_months(today: Today, months: int) -> Days:
    """The same day of another month; asked where that month is too short for it."""
    year, month = divmod(today.day.year * 12 + today.day.month - 1 + months, 12)
    if day := make(year, month + 1, today.day.day):
        return sure(day)
    return ask("ambiguous_date", last_day(year, month + 1))


def tomorrow(today: Today, days: int = 1) -> Days:
    """ "mañana" and "pasado mañana"."""
    if today.hour < SMALL_HOURS:
        return ask("ambiguous_date", today.day + timedelta(days - 1), today.day + timedelta(days))
    return add(today, days)


def tonight(today: Today) -> Days:
    if today.hour < SMALL_HOURS:
        return ask("ambiguous_date", today.day, today.day - timedelta(1))
    return sure(today.day)


def monday(day: date, weeks: int = 0) -> date:
    return day - timedelta(day.weekday()) + timedelta(weeks=weeks)


def coming(day: date, weekday: int) -> date:
    """The next such weekday, never the day itself."""
    return day + timedelta((weekday - day.weekday() - 1) % 7 + 1)


def weekday(today: Today, wanted: int) -> Days:
    """ "el martes", "este martes"."""
    step = -1 if today.back else 1
    if today.day.weekday() == wanted:
        return replace(ask("ambiguous_date", today.day, today.day + timedelta(7 * step)), named=wanted)
    day = coming(today.day, wanted)
    return Days((day - timedelta(7) if today.back else day,), named=wanted)


def next_weekday(today: Today, wanted: int) -> Days:
    """ "el martes que viene", "next Tuesday"."""
    first = coming(today.day, wanted)
    if first < monday(today.day, 1) or starts_sunday(today):
        return ask("ambiguous_date", first, first + timedelta(7))
    return sure(first)


def starts_sunday(today: Today) -> bool:
    return today.language == "en" and today.day.weekday() == 6


def last_weekday(today: Today, wanted: int) -> Days:
    """ "el martes pasado", "last Tuesday"."""
    last = coming(today.day, wanted) - timedelta(7)
    if last == today.day:
        return sure(last - timedelta(7))
    return ask("ambiguous_date", last, last - timedelta(7)) if last >= monday(today.day) else sure(last)


def weekday_of_week(today: Today, wanted: int, weeks: int) -> Days:
    """ "el martes de la semana que viene"."""
    day = monday(today.day, weeks) + timedelta(wanted)
    return ask("ambiguous_date", day, day + timedelta(7)) if starts_sunday(today) else sure(day)


def other_weekday(today: Today, wanted: int) -> Days:
    """ "el otro martes", "the Tuesday after next": asked, people mean several things by it."""
    first = coming(today.day, wanted)
    return ask("ambiguous_date", *(first + timedelta(7 * n) for n in range(3)))


def after(start: Days, days: int) -> Days:
    """So many days after what another phrase says: "del martes en ocho", "a week from Friday"."""
    return replace(start, options=tuple(day + timedelta(days) for day in start.options))


def week(today: Today, weeks: int, first: int = 0, last: int = 6) -> Days:
    """A week or its end, which is several days; what is over isn't offered unless the question is about what was."""
    days = [monday(today.day, weeks) + timedelta(n) for n in range(first, last + 1)]
    return vague(*(day for day in days if day >= today.day or today.back or weeks < 0))


def weekend(today: Today, weeks: int) -> Days:
    """The coming weekend, or the one after it ("next weekend" may be either, so four days are offered)."""
    return vague(*(day for n in range(weeks + 1) for day in week(today, n, 5, 6).options))


def last_day(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(1)


def month_of(today: Today, month: int, year: int | None) -> tuple[int, int]:
    """The year and month meant by a name of a month: the next one that isn't over."""
    if year is not None:
        return year, month
    if today.back:
        return today.day.year - (month > today.day.month), month
    return today.day.year + (month < today.day.month), month


def next_month(today: Today, months: int = 1) -> tuple[int, int]:
    year, month = divmod(today.day.year * 12 + today.day.month - 1 + months, 12)
    return year, month + 1


def day_of(year: int, month: int, day: int) -> Days:
    found = make(year, month, day) if year in YEARS else None
    return sure(found) if found else IMPOSSIBLE


def day_month(today: Today, day: int, month: int, year: int | None) -> Days:
    """ "el 3 de diciembre". Without a year the next one, or the last one where the question is about what was."""
    if year is not None:
        return day_of(year, month, day)
    if make(2000, month, day) is None:
        return IMPOSSIBLE
    this = make(today.day.year, month, day)
    if this is None:  # 29 February
        leap = next(y for y in range(today.day.year, today.day.year + 9) if make(y, 2, 29))
        return ask("confirm", date(leap, 2, 29))
    if today.back:
        past = this if this <= today.day else make(this.year - 1, month, day)
        return sure(past) if past else ask("confirm", this)
    if this >= today.day:
        return sure(this)
    following = make(this.year + 1, month, day)
    if following is None or (today.day - this).days <= PASSED_ASKED_DAYS:
        return ask("passed_date", *(d for d in (following, this) if d))
    return sure(following)


def day_only(today: Today, day: int) -> Days:
    """ "el 3": the next such day; asked where it is today or where a month is left out that has no such day."""
    if not 1 <= day <= 31:
        return IMPOSSIBLE
    found: list[date] = []
    is_certain = True
    for n in range(4):
        this = make(*next_month(today, -n if today.back else n), day)
        if this is None:
            is_certain = False
        elif this == today.day:
            found.append(this)
        elif (this > today.day) != today.back:
            found.append(this)
            break
    return sure(found[0]) if is_certain and len(found) == 1 else ask("ambiguous_date", *found)


def nth_weekday(year: int, month: int, wanted: int, nth: int) -> Days:
    """ "el primer lunes de diciembre"; nth -1 is the last, -2 the last but one."""
    days = [d for n in range(1, 32) if (d := make(year, month, n)) and d.weekday() == wanted]
    return sure(days[nth - 1 if nth > 0 else nth]) if -len(days) <= nth <= len(days) else IMPOSSIBLE


def numeric(today: Today, first: int, second: int, year: int | None) -> Days:
    """ "3/12": the day first in Spanish, the month first for English in the United States; anybody else is asked."""
    day_first, month_first = (first, second), (second, first)
    possible = [reading for reading in (day_first, month_first) if make(2000, reading[1], reading[0])]
    is_american = today.country == "US"
    usual = day_first if today.language == "es" and not is_american else month_first if is_american else None
    if not possible:
        return IMPOSSIBLE
    if today.language == "es" and is_american:
        usual = None
    if usual in possible or len(set(possible)) == 1:
        reading = usual if usual in possible else possible[0]
        found = day_month(today, *reading, year)
        return ask("confirm", *found.options) if usual not in (None, reading) and not found.wrong else found
    readings = [day_month(today, *reading, year) for reading in possible]
    return ask("ambiguous_date", *(day for days in readings for day in days.options))


def on_weekday(today: Today, days: Days, wanted: int) -> Days:
    """ "el martes 1 de diciembre": asked where that day isn't a Tuesday."""
    if days.wrong or not days.options:
        return days
    right = tuple(day for day in days.options if day.weekday() == wanted)
    if right:
        return replace(days, options=right, why="" if len(right) == 1 else days.why)
    return ask("weekday_mismatch", *days.options, *weekday(today, wanted).options)


def weekday_day(today: Today, wanted: int, day: int) -> Days:
    """ "el martes 1": the next 1st, where it is a Tuesday; else asked, that day or the next Tuesday that is a 1st."""
    days = on_weekday(today, day_only(today, day), wanted)
    if days.why != "weekday_mismatch":
        return days
    months = (make(*next_month(today, n), day) for n in range(12))
    fitting = [d for d in months if d and d.weekday() == wanted and d >= today.day]
    return replace(days, options=tuple(dict.fromkeys([*fitting[:1], *days.options])))


def not_over(today: Today, days: Days) -> Days:
    """ "el primer lunes de noviembre" said later in November is asked."""
    return replace(days, why="passed_date") if days.is_sure and days.options[0] < today.day and not today.back else days


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm; Meeus, Astronomical Algorithms, ch. 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    h = (19 * a + b - d - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    j = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + j - 7 * ((a + 11 * h + 22 * j) // 451) + 114, 31)
    return date(year, month, day + 1)


def feast(today: Today, offset: int) -> Days:
    """The next day that is so many days after Easter, or the last one."""

    def all_years() -> Iterator[date]:
        yield from (easter(today.day.year + n) + timedelta(offset) for n in (-1, 0, 1))

    if today.back:
        return sure(max(day for day in all_years() if day <= today.day))
    return sure(min(day for day in all_years() if day >= today.day))
