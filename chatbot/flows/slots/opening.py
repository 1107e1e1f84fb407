"""Whether a day or an hour lies within the opening hours, for slots that say so (`within_hours`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

from chatbot.flows.slots.kinds import Heard, OpenHours, Reading, SlotSpec, Unclear, Where, Wrong
from chatbot.flows.slots.said import say_day
from chatbot.reply import Language

WEEK_DAYS = 7


def is_open_at(hours: OpenHours, day: date, moment: time) -> bool:
    """Ranges whose end isn't after their start end on the next day."""
    today = any(a <= moment < b or (b <= a <= moment) for a, b in hours.opens(day))
    return today or any(b <= a and moment < b for a, b in hours.opens(day - timedelta(1)))


def keep_open(spec: SlotSpec, result: Reading | None, where: Where) -> Reading | None:
    """What was read, without what is closed; why it won't do where nothing is left."""
    if not spec.within_hours or where.hours is None or not isinstance(result, Heard | Unclear):
        return result
    if isinstance(result, Heard):
        return _find_closed(spec, str(result.value), where) or result
    closed = [_find_closed(spec, value, where) for _, value in result.choices]
    left = tuple(choice for choice, why in zip(result.choices, closed, strict=True) if why is None)
    return replace(result, choices=left) if left or not closed else closed[0]


def _find_closed(spec: SlotSpec, value: str, where: Where) -> Wrong | None:
    """Of one value, as Heard or a choice holds it."""
    if spec.type == "date":
        return _check(where, date.fromisoformat(value), None)
    if spec.type == "datetime":
        if "T" not in value:  # a day that is still without an hour
            return _check(where, date.fromisoformat(value), None)
        moment = datetime.fromisoformat(value).astimezone(where.zone)
        return _check(where, moment.date(), moment.time())
    return _check(where, where.day, time.fromisoformat(value.removeprefix("T")))


def _check(where: Where, day: date | None, moment: time | None) -> Wrong | None:
    hours = where.hours
    if hours is None:
        return None
    if day is None:
        week = (where.today + timedelta(n) for n in range(WEEK_DAYS))
        return None if moment is None or any(is_open_at(hours, one, moment) for one in week) else Wrong("closed_hour")
    if moment is not None and is_open_at(hours, day, moment):
        return None
    ranges = hours.opens(day)
    said = say_day(day, where.language)
    if not ranges:
        return Wrong("closed_day", {"day": said})
    return None if moment is None else Wrong("closed_then", {"day": said, "ranges": _say_ranges(ranges, where.language)})


def _say_ranges(ranges: list[tuple[time, time]], language: Language) -> str:
    """ "de 10:00 a 14:00 y de 17:00 a 20:30"."""
    pattern, link = ("de {} a {}", " y ") if language == "es" else ("from {} to {}", " and ")
    return link.join(pattern.format(f"{a.hour}:{a.minute:02}", f"{b.hour}:{b.minute:02}") for a, b in ranges)
