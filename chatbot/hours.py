"""When people are there: weekly ranges, closed days and public holidays in the business's zone, and how that is said.

Weekly ranges that aren't set mean that somebody is always there, but for closed days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from chatbot.hours_reading import Closure, Range, Week, read_closure, read_week, write_clock
from chatbot.reply import Language

if TYPE_CHECKING:
    from chatbot.settings import Settings

log = structlog.get_logger()

ALL_DAY: Range = (time(), time())
DAYS_AHEAD = 400  # a business that is closed for longer opens never
NEAR_DAYS = 6
WEEKDAYS: Mapping[Language, tuple[str, ...]] = {
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS: Mapping[Language, tuple[str, ...]] = {
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
           "diciembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hours:
    """week: ranges by weekday, Monday first, no range at all for always; region: "ES" or "ES-MD", "" for no holidays;
    open_on: days on which a holiday doesn't count."""

    zone: ZoneInfo
    week: Week = ()
    closures: tuple[Closure, ...] = ()
    region: str = ""
    open_on: tuple[Closure, ...] = ()

    @property
    def is_always_open(self) -> bool:
        return not any(self.week) and not self.closures and not self.region

    def find_closure(self, day: date) -> str | None:
        """Why nobody is there on a whole day: the closure's or holiday's name, perhaps empty; None where that isn't so."""
        for closure in self.closures:
            if closure.covers(day):
                return closure.name
        if not self.region or any(exception.covers(day) for exception in self.open_on):
            return None
        return _find_holidays(self.region, day.year).get(day)

    def opens(self, day: date) -> list[Range]:
        """The ranges that begin on this day, in order; one whose end isn't after its start ends on the next day."""
        if self.find_closure(day) is not None:
            return []
        return list(self.week[day.weekday()]) if any(self.week) else [ALL_DAY]

    def is_open(self, at: datetime) -> bool:
        return self.is_always_open or any(start <= at < end for start, end in self._spans(at))

    def next_opening(self, at: datetime) -> datetime | None:
        """When somebody is there again: `at` itself while open; None where that isn't within a year."""
        if self.is_always_open:
            return at
        return next((max(start, at) for start, end in self._spans(at) if end > at), None)

    def add_open_time(self, at: datetime, amount: timedelta) -> datetime | None:
        """The moment by which people have been there for so long since `at`."""
        if self.is_always_open:
            return at + amount
        for start, end in self._spans(at):
            begun = max(start, at)
            if end - begun > amount:
                return begun + amount
            amount -= max(end - begun, timedelta())
        return None

    def _spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The ranges as moments (UTC), from the eve of `at` on."""
        day = at.astimezone(self.zone).date() - timedelta(days=1)
        for _ in range(DAYS_AHEAD):
            for start, end in self.opens(day):
                last = day if end > start else day + timedelta(days=1)
                yield self._at(day, start, fold=0), self._at(last, end, fold=1)
            day += timedelta(days=1)

    def _at(self, day: date, clock: time, fold: int) -> datetime:
        # an hour that a change of clocks repeats is open the whole time; reckoned in UTC, where no hour is missing
        return datetime.combine(day, clock, self.zone).replace(fold=fold).astimezone(UTC)


def read_hours(settings: Settings) -> Hours:
    """From the settings, which were checked when they were read."""
    return _make(settings.time_zone, settings.hours, settings.closures, settings.holidays, settings.holidays_open)


@lru_cache(maxsize=16)
def _make(zone: str, week: tuple[str, ...], closures: tuple[str, ...], region: str, open_on: tuple[str, ...]) -> Hours:
    read = (tuple(read_closure(line) for line in lines) for lines in (closures, open_on))
    return Hours(ZoneInfo(zone), read_week(week), next(read), region, next(read))


@lru_cache(maxsize=32)
def read_holidays(region: str, year: int) -> Mapping[date, str]:
    """The public holidays of a country ("ES") or a part of it ("ES-MD"). Raises ValueError for one that isn't known."""
    import holidays  # noqa: PLC0415  12 MB, for those who set it

    country, _, part = region.partition("-")
    try:
        return dict(holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:
        raise ValueError(f"is no country or region whose holidays are known: {region}; it looks like ES or ES-MD") from None


@lru_cache(maxsize=32)
def _find_holidays(region: str, year: int) -> Mapping[date, str]:
    """None for a region that the environment names and nobody knows: the doctor says so, and answering goes on."""
    try:
        return read_holidays(region, year)
    except ValueError as e:
        log.warning("holidays_unknown", problem=str(e))
        return {}


def tell_moment(at: datetime, now: datetime, zone: ZoneInfo, language: Language) -> str:
    """ "hoy a las 17:00", "mañana a las 9:00", "el lunes 30 a las 10:00", "el jueves 7 de enero a las 9:00"."""
    local = at.astimezone(zone)
    clock, ahead = write_clock(local.time()), (local.date() - now.astimezone(zone).date()).days
    if language == "es":
        return f"{_tell_day(local, ahead, 'es')} {'a la' if local.hour == 1 else 'a las'} {clock}"
    return f"{_tell_day(local, ahead, 'en')} at {clock}"


def _tell_day(local: datetime, ahead: int, language: Language) -> str:
    near = {0: {"es": "hoy", "en": "today"}, 1: {"es": "mañana", "en": "tomorrow"}}
    if ahead in near:
        return near[ahead][language]
    weekday, month = WEEKDAYS[language][local.weekday()], MONTHS[language][local.month - 1]
    if language == "es":
        return f"el {weekday} {local.day}" if ahead <= NEAR_DAYS else f"el {weekday} {local.day} de {month}"
    return f"on {weekday} {local.day}" if ahead <= NEAR_DAYS else f"on {weekday} {local.day} {month}"
