"""Which times of the day are left of an hour that was said: the part of the day, the clock and opening hours decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, time, timedelta

from chatbot.flows.slots.clock import Clock, Part
from chatbot.flows.slots.kinds import Heard, Reading, Unclear
from chatbot.flows.slots.mentions import Said
from chatbot.flows.slots.opening import WEEK_DAYS, is_open_at
from chatbot.flows.slots.said import say_time
from chatbot.flows.slots.tasks import Task

MOST_CHOICES = 7
NOON_CHOICES = (time(12), time(13), time(14))


def read_times(task: Task, said: Said, dates: tuple[date, ...], many: bool) -> Unclear | tuple[time, ...]:
    """The times of day that are left after the part of the day, the clock and opening hours have had their say."""
    clocks = [m.clock for m in said.clocks if m.clock]
    parts = said.parts
    if any(not c.why for c in clocks) and any(c.part == "noon" and c.why for c in clocks):
        # "al mediodía, a las 2"
        clocks, parts = [c for c in clocks if not c.why], [*parts, "noon"]
    part: Part = parts[0] if len(parts) == 1 else ""
    if not clocks or any(c.why for c in clocks):
        return _ask_hour(task, clocks, part, said, dates)
    readings = [clock.read(part) for clock in clocks]
    if many or len(parts) > 1:
        loose = [t for clock in clocks for t in _prefer_open(task, clock.read(), dates)]
        return Unclear("several" if many else "ambiguous_hour", _offer_times(task, loose))
    common = tuple(t for t in readings[0] if all(t in reading for reading in readings))
    if not common:
        why = "several" if len(clocks) > 1 else "ambiguous_hour"
        return Unclear(why, _offer_times(task, [t for clock in clocks for t in replace(clock, part="").read()]))
    return _settle(task, clocks, common, dates)


def _settle(task: Task, clocks: list[Clock], times: tuple[time, ...], dates: tuple[date, ...]) -> tuple[time, ...]:
    if dates == (task.today.day,) and not task.today.back and len(times) > 1:
        now = task.where.now.astimezone(task.where.zone).time()
        times = tuple(t for t in times if t > now) or times
    if task.where.hours is None:
        return times
    if len(times) == 1 and any(c.zero for c in clocks) and not clocks[0].part:
        # "05:30" where the shop opens in the afternoon only
        later = times[0].replace(hour=(times[0].hour + 12) % 24)
        return (times[0], later) if not _is_open(task, times[0], dates) and _is_open(task, later, dates) else times
    open_times = tuple(t for t in times if _is_open(task, t, dates))
    return open_times if len(open_times) == 1 else times


def _prefer_open(task: Task, times: tuple[time, ...], dates: tuple[date, ...]) -> tuple[time, ...]:
    return tuple(t for t in times if _is_open(task, t, dates)) or times


def _is_open(task: Task, moment: time, dates: tuple[date, ...]) -> bool:
    """On one of these days, or on any of the next seven."""
    hours = task.where.hours
    asked = dates or tuple(task.today.day + timedelta(n) for n in range(WEEK_DAYS))
    return hours is not None and any(is_open_at(hours, day, moment) for day in asked)


def _ask_hour(task: Task, clocks: list[Clock], part: Part, said: Said, dates: tuple[date, ...]) -> Unclear:
    why = next((c.why for c in clocks if c.why), "which_hour")
    noon = part == "noon" or any(c.part == "noon" for c in clocks)
    offered = [t for t in NOON_CHOICES if task.where.hours is None or _is_open(task, t, dates)] if noon else []
    so_far = said.text_of(m for m in said.mentions if m.part)
    return Unclear(why, _offer_times(task, offered), so_far)


def _offer_times(task: Task, times: Iterable[time]) -> tuple[tuple[str, str], ...]:
    unique = sorted(set(times))[:MOST_CHOICES]
    return tuple((say_time(t, task.where.language), f"T{t:%H:%M}") for t in unique)


def answer_time(task: Task, times: Unclear | tuple[time, ...]) -> Reading:
    if isinstance(times, Unclear):
        return times
    if len(times) == 1:
        return Heard(f"{times[0]:%H:%M}", say_time(times[0], task.where.language))
    return Unclear("ambiguous_hour", _offer_times(task, times))
