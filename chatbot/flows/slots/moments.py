"""Days, hours and both together from a customer's words: right, or asked back, or told what can't be.

`says` (mentions.py) finds the phrases; here they are weighed against each other, the clock, the limits and opening hours.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import regex

from chatbot.flows.slots import asides, days
from chatbot.flows.slots.clock import Clock, read_bare
from chatbot.flows.slots.folded import WORD, Folded, fold_in_place
from chatbot.flows.slots.kinds import Found, Heard, Reading, SlotSpec, Unclear, Where, Wrong
from chatbot.flows.slots.mentions import TAKEN, Mention, Said, gather
from chatbot.flows.slots.number_words import ALL
from chatbot.flows.slots.said import say_day, say_moment
from chatbot.flows.slots.tasks import Task, keep_within, make_task
from chatbot.flows.slots.times import MOST_CHOICES, answer_time, read_times

ISO_MOMENT = regex.compile(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[+-][0-9]{2}:[0-9]{2}|Z))\s*")

# "2026-12-01 11", the day being certain: the hour is what is missing
DAY_FIRST = regex.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2} ")
# between the name of a day and its date
BESIDE = regex.compile(r"[ ,(]*(?:(?:el|dia|the|on) )*\(?")


def read_moment(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """The whole text as the answer."""
    task = make_task(spec, where)
    if spec.type == "datetime" and (exact := ISO_MOMENT.fullmatch(text)):
        return _read_exact(task, exact[1])
    folded = fold_in_place(text).text
    start, end = asides.strip_asides(folded)
    said = gather(folded[start:end], task.today, spec.type == "time")
    mended = asides.mend_words(said.text, asides.find_unknown(said.rest))
    if mended != said.text:
        said = gather(mended, task.today, spec.type == "time")
    said = _take_bare(task, said)
    result = _decide(task, said)
    return _doubt(result, asides.judge(said.rest, whole=True))


def find_moment(spec: SlotSpec, text: str, where: Where) -> Found | None:
    """Somewhere inside the text. A number that may be about something else doesn't count."""
    task = make_task(spec, where)
    folded = fold_in_place(text)
    start, end = asides.strip_asides(folded.text)
    said = gather(folded.text[:end], task.today, spec.type == "time")
    firm = replace(said, mentions=tuple(m for m in said.mentions if not m.loose or _stands_beside(m, said)))
    used = [m for m in firm.mentions if (m.day and task.wants_day) or (m.clock and (task.wants_time or m.clock.ahead))]
    if not used:
        return None
    result = _decide(task, firm)
    why = _judge_around(said, used, start)
    return _place(folded, used, _doubt(result, why))


def _stands_beside(loose: Mention, said: Said) -> bool:
    """Whether a number that may be about something else stands right behind a day or a part of it: "lunes, 1-12"."""
    firm = [m for m in said.mentions if not m.loose and m.end <= loose.start]
    return any(not said.text[m.end : loose.start].strip(" ,") for m in firm)


def _place(folded: Folded, used: list[Mention], result: Reading | None) -> Found | None:
    return None if result is None else Found(result, *folded.span(used[0].start, used[-1].end))


def _judge_around(said: Said, used: list[Mention], start: int) -> str:
    """Why the words around phrases in a sentence make them doubtful: those of the same clause."""
    ends = [0, start, *(m.end() for m in asides.CLAUSE.finditer(said.text)), len(said.text)]
    for a, b in zip(sorted(ends), sorted(ends)[1:], strict=False):
        if any(a <= m.start < b for m in used) and (why := asides.judge(said.rest[a:b], whole=False)):
            return why
    for mention in used:
        following = regex.match(r" ?([a-z0-9]+)", said.rest[mention.end :])
        before = regex.search(r"([a-z0-9]+)(?: del?| of)? ?$", said.rest[: mention.start])
        if following and (following[1] in asides.MODIFIERS or (mention.day and following[1].isdigit())):
            return "confirm"
        if before and (mention.day or before[1] in ALL) and before[1] in asides.BEFORE | ALL.keys():
            return "confirm"
    return ""


def _take_bare(task: Task, said: Said) -> Said:
    """A number alone is the hour or the day that was asked for."""
    left = [word for word in WORD.findall(said.rest) if word not in asides.TOLERATED or word in ("un", "una", "uno", "one")]
    if len(left) != 1 or ((clock := read_bare(left[0], task.today.language == "es")) is None and not left[0].isdigit()):
        return said
    at = regex.search(rf"(?<!\w){left[0]}(?!\w)", said.rest)
    if at is None or not (
        (_lacks_hour(task, said) and not said.clocks and clock) or (task.spec.type == "date" and not said.days)
    ):
        return said
    if task.wants_time:
        mention = Mention(*at.span(), clock=clock)
    else:
        known = (
            days.day_only(task.today, int(left[0]))
            if regex.fullmatch("[0-9]{1,2}", left[0]) and "dias" not in said.rest
            else None
        )
        if known is None:
            return said
        mention = Mention(*at.span(), day=replace(known, why=known.why or ("" if known.wrong else "confirm")))
    rest = said.rest[: at.start()] + TAKEN * (at.end() - at.start()) + said.rest[at.end() :]
    return Said(said.text, tuple(sorted([*said.mentions, mention], key=lambda m: m.start)), rest)


def _lacks_hour(task: Task, said: Said) -> bool:
    return task.spec.type == "time" or (task.spec.type == "datetime" and DAY_FIRST.match(said.text) is not None)


def _doubt(result: Reading | None, why: str) -> Reading | None:
    """What was heard is asked back where the words around it leave a doubt."""
    if not why or result is None or isinstance(result, Wrong):
        return result
    if isinstance(result, Heard):
        value = f"T{result.value}" if regex.fullmatch("[0-9]{2}:[0-9]{2}", result.value) else result.value
        return Unclear(why, ((result.said, value),))
    return result if why == "confirm" else replace(result, why=why)


def _decide(task: Task, said: Said) -> Reading | None:
    many = bool(asides.ORS.intersection(WORD.findall(said.rest)))
    day = _merge(_join_weekdays(task, said), many)
    clocks = [m.clock for m in said.clocks if m.clock]
    if any(clock.ahead for clock in clocks):
        return _answer_ahead(task, said, clocks)
    if not (day and task.wants_day) and not ((clocks or said.parts) and task.wants_time):
        return None
    if task.wants_day and day:
        if day.wrong:
            return Wrong(day.wrong)
        if not day.options:
            return Unclear(day.why, so_far=said.text_of(said.clocks))
        limited = keep_within(task, day)
        if isinstance(limited, Wrong):
            return limited
        day = limited
    if task.spec.type == "date":
        return _answer_day(task, day) if day else None
    if task.spec.type == "time":
        chosen = (task.where.day,) if task.where.day else ()
        dates = day.options if day and not day.wrong else chosen
        return answer_time(task, read_times(task, said, dates, many))
    return _answer_both(task, said, day, many)


def _answer_ahead(task: Task, said: Said, clocks: list[Clock]) -> Reading:
    """ "dentro de dos horas": by the world's clock, whatever the zone's does meanwhile."""
    if len(clocks) > 1 or said.days or said.parts:
        return Unclear("several")
    moment = (task.where.now.astimezone(UTC) + timedelta(minutes=clocks[0].ahead)).astimezone(task.where.zone)
    moment = moment.replace(second=0, microsecond=0)
    if isinstance(limited := keep_within(task, days.sure(moment.date())), Wrong):
        return limited
    if task.spec.type == "date":
        return _answer_day(task, limited)
    return answer_time(task, (moment.time(),)) if task.spec.type == "time" else _answer_moments(task, limited, [moment])


def _join_weekdays(task: Task, said: Said) -> list[days.Days]:
    """The days that were said; "jueves 3/12" is one."""
    joined: list[Mention] = []
    for mention in said.days:
        before = joined[-1] if joined else None
        pair = [m.day for m in (before, mention) if m and m.day]
        named = [d for d in pair if d.named is not None]
        if before and len(pair) == 2 and len(named) == 1 and BESIDE.fullmatch(said.rest[before.end : mention.start]):
            other = next(d for d in pair if d.named is None)
            day = days.on_weekday(task.today, other, named[0].named or 0)
            if day.is_sure and day.options[0] != min(other.options):  # "Friday 3/12", where only the far reading fits
                day = replace(day, why="confirm")
            joined[-1] = replace(before, end=mention.end, day=day)
        else:
            joined.append(mention)
    return [m.day for m in joined if m.day]


def _merge(found: list[days.Days], many: bool) -> days.Days | None:
    """Several phrases about days: "mañana viernes" is one day, "el martes o el jueves" is two."""
    if not found:
        return None
    if wrong := next((d for d in found if d.wrong), None):
        return wrong
    if len(found) == 1:
        return found[0]
    union = tuple(dict.fromkeys(day for d in found for day in d.options))
    if many:
        return days.Days(union, "several")
    said = [d for d in found if d.options]
    if len(said) == 1 and said[0].is_sure:
        # "el 28, a finales de mes"
        return replace(said[0], why="confirm")
    common = tuple(day for day in union if all(day in d.options for d in said))
    if len(common) == 1 and any(not d.open for d in said):
        return days.Days(common)
    return days.Days(common or union, "which_day" if common else "weekday_mismatch")


def _answer_day(task: Task, day: days.Days) -> Reading:
    language = task.where.language
    if day.is_sure:
        return Heard(day.options[0].isoformat(), say_day(day.options[0], language))
    return Unclear(day.why, tuple((say_day(d, language), d.isoformat()) for d in day.options[:MOST_CHOICES]))


def _answer_both(task: Task, said: Said, day: days.Days | None, many: bool) -> Reading:
    if day is None or not day.options:
        return Unclear("which_day", so_far=said.text_of(m for m in said.mentions if m.clock or m.part))
    if many or day.open or len(day.options) > MOST_CHOICES:
        found = _answer_day(task, replace(day, why=day.why or "several"))
        return replace(found, so_far=said.text_of(said.clocks)) if isinstance(found, Unclear) else found
    moments: list[datetime] = []
    for one in day.options:
        times = read_times(task, said, (one,), many)
        if isinstance(times, Unclear):
            return _ask_of_day(task, day, times)
        moments += [m for t in times for m in _on_the_clock(task, one, t, said)]
    return _answer_moments(task, day, moments)


def _ask_of_day(task: Task, day: days.Days, times: Unclear) -> Unclear:
    """The hour is missing or doubtful: what is known of the day is kept."""
    if not day.is_sure:
        found = _answer_day(task, day)
        return replace(found, so_far=times.so_far) if isinstance(found, Unclear) else times
    one = day.options[0]
    choices = []
    for _, value in times.choices:
        moment = datetime.combine(one, time.fromisoformat(value[1:]), task.where.zone)
        choices.append((say_moment(moment, task.where.language), moment.isoformat(timespec="minutes")))
    return Unclear(times.why, tuple(choices), f"{one.isoformat()} {times.so_far}".strip())


def _on_the_clock(task: Task, day: date, moment: time, said: Said) -> list[datetime]:
    """The moments that a time of a day is: none in the hour that summer time leaves out, two in the one that comes twice.

    "el martes a las 12 de la noche" is where Tuesday begins or where it ends: both.
    """
    clocks = [m.clock for m in said.clocks if m.clock]
    is_night = moment.hour < 5 and ("night" in said.parts or any(c.part == "night" or c.hour == 24 for c in clocks))
    found = []
    for one in (day, day + timedelta(1)) if is_night else (day,):
        for fold in (0, 1):
            local = datetime.combine(one, moment, task.where.zone).replace(fold=fold)
            if local.astimezone(UTC).astimezone(task.where.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                found.append(local)
    return list({m.astimezone(UTC): m for m in found}.values())


def _answer_moments(task: Task, day: days.Days, moments: list[datetime]) -> Reading:
    if not moments:
        return Wrong("no_such_time", {"day": day.options[0].isoformat()})
    now = task.where.now
    ahead = [m for m in moments if m.astimezone(UTC) >= now.astimezone(UTC) - timedelta(minutes=1)]
    if not ahead and task.spec.after is not None:
        return Wrong("past_date", {"after": now.isoformat(timespec="minutes"), "day": day.options[0].isoformat()})
    kept = ahead if ahead and not task.today.back else moments
    said = [(_say_apart(m, kept, task), m.isoformat(timespec="minutes")) for m in kept]
    is_past = not ahead and not task.today.back and day.options[0] == task.today.day
    if len(kept) == 1 and not is_past and (day.is_sure or day.why == "ambiguous_date"):
        return Heard(said[0][1], said[0][0])
    why = day.why or ("confirm" if is_past and len(kept) == 1 else "ambiguous_hour")
    return Unclear(why, tuple(said[:MOST_CHOICES]))


def _say_apart(moment: datetime, among: list[datetime], task: Task) -> str:
    """Said in full; with its distance from UTC where the clock shows the same twice."""
    text = say_moment(moment, task.where.language)
    twins = [m for m in among if m.replace(tzinfo=None, fold=0) == moment.replace(tzinfo=None, fold=0)]
    return f"{text} (UTC{moment:%z})" if len(twins) > 1 else text


def _read_exact(task: Task, text: str) -> Reading:
    """A moment as one of our own choices gives it."""
    try:
        moment: Any = datetime.fromisoformat(text).astimezone(task.where.zone)
    except (ValueError, OverflowError):
        return Wrong("impossible_date")
    limited = keep_within(task, days.sure(moment.date()))
    return limited if isinstance(limited, Wrong) else _answer_moments(task, limited, [moment])
