"""Opening hours and closed days as an owner writes them, read and written back in one form. Pure; hours.py reckons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from itertools import groupby, pairwise

import regex

from chatbot.reply import Language
from chatbot.text import fold

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORT: dict[Language, tuple[str, ...]] = {"es": ("lun", "mar", "mié", "jue", "vie", "sáb", "dom"), "en": DAYS}
DAY_NAMES = (
    ("mon", "monday", "mondays", "l", "lu", "lun", "lunes"),
    ("tue", "tues", "tuesday", "tuesdays", "ma", "mar", "martes"),
    ("wed", "weds", "wednesday", "wednesdays", "x", "mi", "mie", "miercoles"),
    ("thu", "thur", "thurs", "thursday", "thursdays", "j", "ju", "jue", "jueves"),
    ("fri", "friday", "fridays", "v", "vi", "vie", "viernes"),
    ("sat", "saturday", "saturdays", "s", "sa", "sab", "sabado", "sabados"),
    ("sun", "sunday", "sundays", "d", "do", "dom", "domingo", "domingos"),
)
DAY_OF = {name: day for day, names in enumerate(DAY_NAMES) for name in (*names, *(["m"] if day == 1 else []))}
CLOSED = {"", "-", "closed", "cerrado", "cerrados"}
BETWEEN = r"\s*(?:-|–|—|\.\.|\ba\b|\bal\b|\bto\b|\bhasta\b)\s*"
CLOCK = r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?\s*(am|pm)?\s*h?"
RANGE = regex.compile(rf"(?:\bde\s+|\bfrom\s+)?{CLOCK}{BETWEEN}{CLOCK}")
COMMAS = regex.compile(r"\s*(?:,|;|/|\by\b|\band\b|\+)\s*")
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}(?:/[0-9]{4})?"
CLOSURE = regex.compile(rf"(?:del?\s+)?({DATE})(?:{BETWEEN}({DATE}))?(?:\s*[:,]\s*|\s+|$)(.*)")
LONGEST_NAME = 80
ANY_YEAR = 2000  # a leap year, so that 29/2 is a day of it

Range = tuple[time, time]
Week = tuple[tuple[Range, ...], ...]


@dataclass(frozen=True, slots=True)
class Closure:
    """Days from first to last, both included. is_yearly: their years don't count."""

    first: date
    last: date
    name: str = ""
    is_yearly: bool = False

    def covers(self, day: date) -> bool:
        if not self.is_yearly:
            return self.first <= day <= self.last
        of_any_year = date(ANY_YEAR, day.month, day.day)
        if self.first <= self.last:
            return self.first <= of_any_year <= self.last
        return of_any_year >= self.first or of_any_year <= self.last

    def __str__(self) -> str:
        days = [f"{d.day}/{d.month}" if self.is_yearly else d.isoformat() for d in dict.fromkeys((self.first, self.last))]
        return f"{'..'.join(days)} {self.name}".strip()


def read_week(lines: tuple[str, ...]) -> Week:
    """Lines such as "mon-fri 9:00-14:00, 17:00-20:30" or "sábado 10-14". Raises ValueError for what isn't one."""
    week: list[list[Range]] = [[] for _ in DAYS]
    for line in lines:
        folded = fold(line).strip()
        found = regex.match(r"([^0-9]*?)\s*:?\s*((?:de |from )?[0-9].*|closed|cerrado)?$", folded)
        days = list(_read_days(found[1])) if found else []
        if not days:
            raise ValueError(f"begins with no day of the week: {line[:40]}")
        ranges = read_ranges((found[2] if found else "") or "")
        for day in days:
            week[day] += ranges
    return tuple(_check_day(ranges) for ranges in week)


def read_ranges(text: str) -> list[Range]:
    """ "9:00-14:00, 17:00-20:30" as times, in order. Raises ValueError."""
    folded = fold(text).strip()
    if folded in CLOSED:
        return []
    return list(_check_day([_read_range(piece) for piece in COMMAS.split(folded) if piece]))


def write_week(week: Week) -> tuple[str, ...]:
    return tuple(f"{DAYS[day]} {write_ranges(ranges)}" for day, ranges in enumerate(week) if ranges)


def write_ranges(ranges: tuple[Range, ...] | list[Range]) -> str:
    return ", ".join(f"{write_clock(start)}-{'24:00' if end == time() else write_clock(end)}" for start, end in ranges)


def tell_week(week: Week, language: Language) -> str:
    """In one line, as read_week takes it again: "lun-vie 9:00-14:00; sáb 10:00-14:00"."""
    runs = [(ranges, [day for day, _ in run]) for ranges, run in groupby(enumerate(week), key=lambda pair: pair[1])]
    names = SHORT[language]
    spans = (("-".join(dict.fromkeys((names[days[0]], names[days[-1]]))), ranges) for ranges, days in runs if ranges)
    return "; ".join(f"{span} {write_ranges(ranges)}" for span, ranges in spans)


def write_clock(at: time) -> str:
    return f"{at.hour}:{at.minute:02}"


def read_closure(line: str) -> Closure:
    """ "2026-12-24 Nochebuena", "1/8..15/8 Vacaciones", "24/12/2026". Day before month. Raises ValueError."""
    found = CLOSURE.fullmatch(" ".join(line.split()))
    if found is None:
        raise ValueError(f"begins with no date: {line[:40]}; it looks like 24/12, 24/12/2026 or 1/8/2026-15/8/2026, and a name")
    first, is_yearly = _read_date(found[1])
    last, is_last_yearly = _read_date(found[2]) if found[2] else (first, is_yearly)
    if is_yearly != is_last_yearly or (last < first and not is_yearly):
        raise ValueError(f"ends before it begins: {line[:40]}")
    return Closure(first, last, found[3].strip()[:LONGEST_NAME], is_yearly)


def _read_days(text: str) -> Iterator[int]:
    for piece in COMMAS.split(text.strip(" :.")):
        ends = [DAY_OF.get(end.strip(" ."), -1) for end in regex.split(BETWEEN, piece)]
        if -1 in ends or len(ends) > 2:
            raise ValueError(f"is no day of the week: {piece[:40]}")
        first, last = ends[0], ends[-1]
        yield from ((first + n) % 7 for n in range((last - first) % 7 + 1))


def _read_range(piece: str) -> Range:
    found = RANGE.fullmatch(piece.strip())
    if found is None:
        raise ValueError(f"is no span of hours: {piece[:40]}; it looks like 9:00-14:00")
    start, end = _read_clock(*found.group(1, 2, 3)), _read_clock(*found.group(4, 5, 6))
    if start == end != time():
        raise ValueError(f"ends when it begins: {piece[:40]}")
    return start, end


def _read_clock(hour: str, minute: str | None, half: str | None) -> time:
    hours, minutes = int(hour), int(minute or 0)
    if half and 1 <= hours <= 12:
        hours = hours % 12 + (12 if half == "pm" else 0)
    if hours == 24 and not minutes:
        return time()
    return time(hours, minutes)  # ValueError where there is no such hour


def _check_day(ranges: list[Range]) -> tuple[Range, ...]:
    """In order. Only the last may go on after midnight."""
    ordered = tuple(sorted(dict.fromkeys(ranges)))
    for (start, end), (following, _) in pairwise(ordered):
        if end <= start or end > following:
            raise ValueError(f"has hours that overlap: {write_ranges(ordered)}")
    return ordered


def _read_date(text: str) -> tuple[date, bool]:
    """A date, and whether it is of every year."""
    try:
        if "-" in text:
            return date.fromisoformat(text), False
        day, month, *year = (int(part) for part in text.split("/"))
        return date(year[0] if year else ANY_YEAR, month, day), not year
    except ValueError:
        raise ValueError(f"is no date: {text}") from None
