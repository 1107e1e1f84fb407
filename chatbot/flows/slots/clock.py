"""Hours in words, Spanish and English: what is said, and which hours of the day it can be.

"a las 5" can be two; the part of the day ("de la tarde"), opening hours or the customer decide (moments.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from typing import Literal

import regex

from chatbot.flows.slots.number_words import read_words, small

Part = Literal["", "am", "pm", "morning", "afternoon", "evening", "night", "small", "noon"]
MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True)
class Clock:
    """An hour as it was said. minutes may be less than none ("menos cuarto"). exact: by the clock of 24 hours.

    why: a reason to ask, where no hour is known. zero: written "05:30". ahead: so many minutes from now instead.
    """

    hour: int = 0
    minutes: int = 0
    part: Part = ""
    exact: bool = False
    zero: bool = False
    why: str = ""
    ahead: int = 0
    spanish: bool = True

    def read(self, part: Part = "") -> tuple[time, ...]:
        """The times of day that it can be, none where what is said contradicts itself."""
        hours = self._read_hours(self.part or part)
        if self.part and part and (self.part in ("am", "pm") or part != self.part):
            hours = tuple(h for h in hours if h in PLAUSIBLE[part])
        return tuple(time(*divmod((h * 60 + self.minutes) % MINUTES_A_DAY, 60)) for h in hours)

    def _read_hours(self, part: Part) -> tuple[int, ...]:
        hour = self.hour % 24
        if self.exact or hour > 12 or self.hour in (0, 24):
            return (hour,) if not part or hour in PLAUSIBLE[part] else ()
        if self.zero and not part:
            return (hour,)
        if hour == 12 and part in ("am", "pm") and self.spanish:
            return (12, 0)
        both = (12, 0) if hour == 12 else (hour, hour + 12)
        return tuple(h for h in both if not part or h in MEANT[part])


# the hours that a part of the day can stand beside, said with 12 hours ...
MEANT: dict[Part, frozenset[int]] = {
    "am": frozenset(range(12)),
    "pm": frozenset(range(12, 24)),
    "morning": frozenset(range(1, 13)),
    "afternoon": frozenset(range(12, 22)),
    "evening": frozenset(range(16, 24)),
    "night": frozenset({0, 1, 2, 3, 4, *range(18, 24)}),
    "small": frozenset(range(7)),
    "noon": frozenset(range(12, 17)),
}
# ... and with 24
PLAUSIBLE: dict[Part, frozenset[int]] = {**MEANT, "morning": frozenset(range(13)), "am": frozenset(range(13))}
PARTS: dict[str, Part] = {
    "manana": "morning", "mananita": "morning", "tarde": "afternoon", "tardecita": "afternoon", "tardes": "afternoon",
    "noche": "night", "noches": "night", "madrugada": "small", "mediodia": "noon", "medio dia": "noon",
    "morning": "morning", "afternoon": "afternoon", "evening": "evening", "night": "night", "tonight": "night",
    "tonite": "night",
}  # fmt: skip
# "como muy tarde" is no part of a day
PART = regex.compile(
    r"(?<![\w'])(?<!\bcomo )(?<!\bcomo muy )"
    r"(?:(?:por|en|a|de|esta|esta misma) (?:la )?|x la |la )?(?:(?P<a>mananita|tardecita|tarde|noche|madrugada)"
    r"|(?<=(?:por la|a la|en la|de la|x la|esta|esta misma|la) )(?P<a>manana))(?![\w'])"
    r"|(?<![\w'])(?:in the |this |at |on |the |during the )?(?P<a>morning|afternoon|evening|night|tonight|tonite)(?![\w'])"
)
VAGUE = regex.compile(
    r"(?<![\w'])(?:a (?:primera|ultima) hora|(?:por la |de la |la )?manana temprano|temprano|tempranito|pronto por la manana"
    r"|(?:first|last) thing(?: in the (?:morning|evening))?|early|late|en un rato|mas tarde|mas temprano|luego"
    r"|a media (?:manana|tarde)"
    r"|a cualquier hora|cualquier hora|any ?time|(?:around )?lunch ?time|a la hora de (?:comer|cenar)"
    r"|despues de (?:comer|cenar)"
    r"|cinco y pico|[0-9]{1,2} y pico)(?![\w'])"
)

ES_HOUR = f"(?P<h>2[0-4]|1[0-9]|0?[0-9]|{small(24, english=False).removeprefix('(?:[0-9]{1,3}|').removesuffix(')')})"
EN_HOUR = f"(?P<h>2[0-4]|1[0-9]|0?[0-9]|{small(12, english=True).removeprefix('(?:[0-9]{1,3}|').removesuffix(')')})"
ES_MIN = small(59, english=False)
EN_MIN = small(59, english=True)
ES_WORDS = ES_MIN.replace("[0-9]{1,3}|", "")
EN_WORDS = EN_MIN.replace("[0-9]{1,3}|", "")
AP = r"(?: ?(?P<ap>[ap])\.? ?m\b\.?)"
ES_PART = r"(?:,? ?(?:(?:de|por|en|a|x) la (?P<p>manana|tarde|noche|madrugada)|(?:del|de|al) (?P<p>mediodia|medio dia)))"
EN_PART = r"(?:,? ?(?:in the (?P<p>morning|afternoon|evening)|at (?P<p>night)|(?P<p>tonight)))"
TAIL = r"(?: ?(?:horas?|hrs?|hs|h)\b\.?)?(?: en punto| o'? ?clock| sharp)?"
FIGURE = r"(?P<h>2[0-4]|1[0-9]|0?[0-9])"
ABOUT = r"(?:(?:a eso de|alrededor de|cerca de|sobre|hacia|como a|como|tipo|para|a)? ?)"


# "el lunes 7 por la tarde": the number behind a day's name or article is of the month
NO_DAY = (
    r"(?:(?<!\b(?:el|dia|lunes|martes|miercoles|jueves|viernes|sabado|domingo),? )"
    r"|(?=\w+,? ?(?:[ap]\.? ?m\b|del? )))"
)


def _es(cue: str, minutes: str, part: str = "?", tail: str = TAIL) -> str:
    return rf"(?<![\w':/.,-]){cue}{ES_HOUR}{minutes}{tail}(?:{AP}|{ES_PART}){part}(?![\w']|[:.,][0-9])"


ES_MINUTES = (
    rf"(?: y (?P<y>media|cuarto|tres cuartos|{ES_MIN})(?: minutos)?| menos (?P<less>cuarto|{ES_MIN})(?: minutos)?"
    rf"| con (?P<y>{ES_MIN}) minutos)"
)
ES_BESIDE = rf"(?: (?P<y>[0-5][0-9]|{ES_WORDS})(?! de [a-z]+ro| personas| euros))"
COLON = r"(?: ?(?:[:.']|h) ?(?P<mm>[0-5][0-9])(?![0-9]|[./-][0-9]))"
SPANISH: tuple[tuple[str, bool], ...] = (
    # the second: whether the number may be anything else
    (
        rf"(?<![\w'])(?:faltando |faltan |falta |a )?(?:(?P<less>(?:un )?cuarto"
        rf"|{ES_MIN})(?: minutos)?) para las? {ES_HOUR}{TAIL}(?:{AP}|{ES_PART})?(?![\w'])",
        False,
    ),
    (_es(rf"{ABOUT}las? ", COLON), False),
    (_es(rf"{ABOUT}las? ", ES_MINUTES), False),
    (_es(rf"{ABOUT}las? ", ES_BESIDE), False),
    (_es("a las? ", ""), False),
    (_es(rf"{ABOUT}las? ", ""), True),
    (_es("", ES_MINUTES, ""), False),
    (_es("", f" (?P<y>{ES_WORDS})", ""), False),
    (_es("", ES_MINUTES), True),
    (_es("", COLON), False),
    (_es(NO_DAY, "", ""), False),
    (rf"(?<![\w':/.,-]){FIGURE} ?(?:horas|hrs?|hs|h)\b\.?(?! ?[0-9])", False),
    (rf"(?<![\w':/.,-]){ES_HOUR} (?:en punto|horas)(?![\w'])", False),
    (
        rf"(?<![\w':/.,-]){ES_HOUR} (?P<y>{ES_WORDS}|(?<=1[3-9] |2[0-3] )[0-5][0-9])(?: h| hs| horas)?(?:{AP}"
        rf"|{ES_PART})?(?![\w'])",
        True,
    ),
)
ENGLISH: tuple[tuple[str, bool], ...] = (
    (
        rf"(?<![\w'])(?:at |around |about )?(?:(?P<half>half)(?: past)?|(?:a )?(?P<past>quarter"
        rf"|{EN_MIN})(?: minutes)? (?:past|after)"
        rf"|(?:a )?(?P<less>quarter|{EN_MIN})(?: minutes)? (?:to|till|til|before|of)) {EN_HOUR}(?: o'? ?clock)?(?:{AP}"
        rf"|{EN_PART})?(?![\w'])",
        False,
    ),
    (
        rf"(?<![\w':/.,-])(?:at |around |about )?{EN_HOUR}(?:{COLON}| (?P<y>[0-5][0-9])"
        rf"|[ -](?:oh )?(?P<y>{EN_WORDS}))(?: ?(?:hours|hrs|h))?(?:{AP}|{EN_PART})(?![\w'])",
        False,
    ),
    (rf"(?<![\w':/.,-])(?:at |around |about )?{EN_HOUR}(?:{AP}|{TAIL}{EN_PART})(?![\w'])", False),
    (rf"(?<![\w':/.,-])(?:at |around |about )?{EN_HOUR}{COLON}(?: ?(?:hours|hrs|h)\b)?(?![\w'])", False),
    (rf"(?<![\w':/.,-])(?:at |around |about )?{EN_HOUR}[ -](?P<y>{EN_WORDS})(?![\w'])", False),
    (rf"(?<![\w':/.,-])(?:(?:at|around|about) {EN_HOUR}(?:ish| ish)?|{EN_HOUR} o'? ?clock)(?![\w':]|[.,/][0-9])", False),
)
NAMED: tuple[tuple[str, Clock], ...] = (
    (r"(?:(?:at |around )?(?:12 |twelve )?(?:noon|midday)|(?:las )?doce del mediodia)", Clock(12, part="pm", spanish=False)),
    (r"(?:at )?(?:12 |twelve )?midnight", Clock(12, part="night")),
    (r"(?:a |a la )?(?:medianoche|media noche)", Clock(12, part="night")),
    (r"(?:a |al |de |del |hacia el |sobre el )?(?:mediodia|medio dia)", Clock(why="vague_time", part="noon")),
)
RELATIVE = regex.compile(
    rf"(?<![\w'])(?:dentro de|en|in) (?P<n>media|a|an|half an|{ES_MIN}|{EN_MIN}) (?P<u>horas?|minutos?|hours?"
    rf"|minutes?)(?P<half> y media)?(?![\w'])"
)
_HOUR = r"[0-9]{1,2}(?:[:.h][0-5][0-9])?(?: ?h| ?[ap]\.?m\.?)?"
RANGE = regex.compile(
    rf"(?<![\w'/.,:-])(?P<a>{_HOUR}) ?- ?(?P<b>{_HOUR})(?![\w'/-])|"
    r"(?<![\w'])(?:de|desde|entre|from|between) (?:las? )?(?P<a>[0-9]{1,2}(?:[:.h][0-5][0-9])?|[a-z]+)(?: ?h"
    r"| ?[ap]m)? (?:a|y|hasta|to|and|until) (?:las? )?"
    r"(?P<b>[0-9]{1,2}(?:[:.h][0-5][0-9])?|[a-z]+)(?: ?h| ?[ap]m)?(?![\w'])"
)
ISO = regex.compile(r"(?<![\w])t(?P<h>[01][0-9]|2[0-3]):(?P<mm>[0-5][0-9])(?![0-9])")
_RULES = {True: [(regex.compile(p), loose) for p, loose in SPANISH], False: [(regex.compile(p), loose) for p, loose in ENGLISH]}
_NAMED = [(regex.compile(rf"(?<![\w'])(?:{p})(?![\w'])"), clock) for p, clock in NAMED]


def find_clocks(text: str, spanish: bool) -> Iterator[tuple[int, int, Clock, bool]]:
    """Where hours stand in folded text, by one language's table; what an earlier line found is met again by a later one."""
    for match in ISO.finditer(text):
        yield *match.span(), Clock(int(match["h"]), int(match["mm"]), exact=True), False
    for match in RELATIVE.finditer(text):
        if ahead := _read_ahead(match):
            yield *match.span(), Clock(ahead=ahead), False
    for match in RANGE.finditer(text):
        if all(read_words(regex.sub(r"[:.h ]|[ap]\.?m\.?", "", match[g])) is not None for g in "ab"):
            yield *match.span(), Clock(why="range"), False
    for expression, loose in _RULES[spanish]:
        for match in expression.finditer(text):
            if clock := _read_match(match, spanish):
                yield *match.span(), clock, loose and not clock.part
    for expression, named in _NAMED:
        yield from ((*match.span(), named, False) for match in expression.finditer(text))


def read_bare(text: str, spanish: bool) -> Clock | None:
    """An hour that is the whole of a folded answer: "5", "cinco", "17.30", "five"."""
    return _read_number(text, spanish) if (found := read_words(text)) is not None and found <= 24 else None


def _read_number(text: str, spanish: bool) -> Clock:
    return Clock(read_words(text) or 0, spanish=spanish)


def _read_match(match: regex.Match[str], spanish: bool) -> Clock | None:
    groups = {k: v for k, v in match.groupdict().items() if v}
    hour = read_words(groups["h"])
    minutes = _read_minutes(groups)
    if hour is None or minutes is None:
        return None
    if not spanish and _may_be_range(groups.get("less", ""), match[0]):
        return Clock(why="range")
    part: Part = ""
    if ap := groups.get("ap"):
        part = "am" if ap == "a" else "pm"
    elif said := groups.get("p"):
        part = PARTS[said]
    return Clock(hour, minutes, part, zero="mm" in groups and groups["h"].startswith("0"), spanish=spanish)


def _may_be_range(minutes: str, text: str) -> bool:
    """ "5 to 6 pm" in figures; "20 to 6" can't be one, and nobody writes "five to six" for one that has "pm" behind it."""
    return minutes.isdigit() and int(minutes) <= 12 and "minutes" not in text


def _read_ahead(match: regex.Match[str]) -> int:
    """ "dentro de dos horas y media": minutes from now."""
    count = {"a": 1.0, "an": 1.0, "media": 0.5, "half an": 0.5}.get(match["n"]) or float(read_words(match["n"]) or 0)
    return int((count + (0.5 if match["half"] else 0)) * (60 if match["u"].startswith("h") else 1))


def _read_minutes(groups: dict[str, str]) -> int | None:
    if "half" in groups:
        return 30
    if "mm" in groups:
        return int(groups["mm"])
    if said := groups.get("less"):
        minutes = _count(said)
        return None if minutes is None or minutes > 59 else -minutes
    said = groups.get("y") or groups.get("past") or "0"
    minutes = _count(said)
    return None if minutes is None or minutes > 59 else minutes


def _count(said: str) -> int | None:
    named = {"media": 30, "cuarto": 15, "un cuarto": 15, "quarter": 15, "tres cuartos": 45}
    return named.get(said, read_words(said))
