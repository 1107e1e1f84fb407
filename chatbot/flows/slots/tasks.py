"""What is asked for when a day or an hour is: of whom, when, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from chatbot.flows.slots import days
from chatbot.flows.slots.kinds import SlotSpec, Where, Wrong


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked, of whom and when."""

    spec: SlotSpec
    where: Where
    today: days.Today

    @property
    def wants_day(self) -> bool:
        return self.spec.type in ("date", "datetime")

    @property
    def wants_time(self) -> bool:
        return self.spec.type in ("time", "datetime")

    def limit(self, name: str) -> date | None:
        limit = getattr(self.spec, name)
        if limit in ("today", "tomorrow"):
            return self.today.day + timedelta(limit == "tomorrow")
        return limit if isinstance(limit, date) else None


def make_task(spec: SlotSpec, where: Where) -> Task:
    local = where.now.astimezone(where.zone)
    today = days.Today(local.date(), local.hour, where.language, where.country)
    task = Task(spec, where, today)
    before = task.limit("before")
    return replace(task, today=replace(today, back=before is not None and before <= today.day))


def keep_within(task: Task, day: days.Days) -> days.Days | Wrong:
    """Only the days that the slot's limits allow. A doubt that they settle is gone, save where days are only examples."""
    after, before = task.limit("after"), task.limit("before")
    allowed = tuple(d for d in day.options if (after is None or d >= after) and (before is None or d <= before))
    if allowed:
        settled = len(allowed) == 1 and len(day.options) > 1 and not day.open and day.why == "ambiguous_date"
        return replace(day, options=allowed, why="" if settled else day.why)
    first = day.options[0]
    if after is not None and first < after:
        return Wrong(
            "past_date" if first < task.today.day else "too_early", {"after": after.isoformat(), "day": first.isoformat()}
        )
    return Wrong("too_late", {"before": before.isoformat() if before else None, "day": first.isoformat()})
