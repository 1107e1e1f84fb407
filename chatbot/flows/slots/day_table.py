"""How a table of phrases about days is written and read: what is the same in every language, and dates in figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import regex

from chatbot.flows.slots import days
from chatbot.flows.slots.folded import listed
from chatbot.flows.slots.number_words import read_words

Groups = dict[str, str]


@dataclass(frozen=True)
class Rule:
    """An expression over folded text and what it says. loose: a number may stand for something else in a longer sentence.

    keep_part: the words say a part of the day too ("esta tarde"), so they stay to be read as such.
    """

    pattern: str
    build: Callable[[Groups, days.Today], days.Days]
    after: str = ""
    loose: bool = False
    keep_part: bool = False

    @cached_property
    def expression(self) -> regex.Pattern[str]:
        return regex.compile(rf"(?<![\w'])(?:{self.pattern})(?![\w']){self.after}")

    def find(self, text: str) -> Iterator[tuple[int, int, Groups]]:
        for match in self.expression.finditer(text):
            yield match.start(), match.end(), {**{k: v or "" for k, v in match.groupdict().items()}, "all": match[0]}


def number(g: Groups) -> int:
    return read_words(g["n"]) or 0


def day_number(g: Groups) -> int:
    """The day of a month; 0, which is no day, for what isn't a number."""
    said = g["d"]
    if said.startswith(("primer", "1er")):
        return 1
    return ORDINAL_WORDS.get(said) or read_words(regex.sub(r"(?<=[0-9])(?:st|nd|rd|th)$", "", said)) or 0


def month(g: Groups, names: dict[str, int]) -> int:
    return names[g["m"]]


def year(g: Groups, today: days.Today) -> int | None:
    """2026, "26", "dos mil veintiseis", "ano que viene"."""
    if said := g.get("yy"):
        return 2000 + int(said)
    said = g.get("y", "")
    if said and said in RELATIVE_YEARS:
        return today.day.year + RELATIVE_YEARS[said]
    if said.startswith("dos mil"):
        return 2000 + (read_words(said.removeprefix("dos mil ")) or 0)
    if not said or len(said) == 4:
        return int(said) if said else None
    near = 2000 + int(said)
    return near if near <= today.day.year + NEAR_YEARS else near - 100


def feast_rules(feasts: dict[str, tuple[int, int]], moving: dict[str, int], article: str, year_after: str) -> Iterator[Rule]:
    """Named days, the longest names first: by month and day, or by their distance from Easter."""

    def fixed(month_day: tuple[int, int]) -> Callable[[Groups, days.Today], days.Days]:
        return lambda g, t: days.day_month(t, month_day[1], month_day[0], year(g, t))

    def moved(offset: int) -> Callable[[Groups, days.Today], days.Days]:
        return lambda _, t: days.feast(t, offset)

    for name in sorted(feasts, key=len, reverse=True):
        yield Rule(article + name, fixed(feasts[name]), after=year_after)
    for name, offset in moving.items():
        yield Rule(article + name, moved(offset))


def _doubt_pair(g: Groups, found: days.Days) -> days.Days:
    """ "3-4" may as well be "the 3rd or the 4th"."""
    is_pair = g["sep"] == "-" and int(g["b"]) == int(g["a"]) + 1
    return replace(found, why="confirm") if is_pair and found.is_sure else found


NEAR_YEARS = 20
RELATIVE_YEARS = {
    "este ano": 0, "presente ano": 0, "mismo ano": 0, "ano que viene": 1, "proximo ano": 1, "ano proximo": 1, "ano pasado": -1,
    "this year": 0, "next year": 1, "last year": -1,
}  # fmt: skip
_ONES = listed("first second third fourth fifth sixth seventh eighth ninth")
_TEENS = listed("tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth")
ORDINAL_WORDS = {
    **{word: n for n, word in enumerate([*_ONES, *_TEENS], 1)},
    **{f"twenty{gap}{one}": 20 + n for n, one in enumerate(_ONES, 1) for gap in " -"},
    **{"thirtieth": 30, "thirty-first": 31, "thirty first": 31},
}
_ALONE = r"(?<![0-9/.,:+-])"
_END = r"(?![0-9/:+-]|[.,][0-9]| (?:dias|semanas|meses|horas|personas|days|weeks|months|hours|people)\b)"
FIGURES: tuple[Rule, ...] = (
    Rule(rf"{_ALONE}(?P<y>[0-9]{{4}})[-/.](?P<m>[0-9]{{1,2}})[-/.](?P<d>[0-9]{{1,2}})",
         lambda g, _t: days.day_of(int(g["y"]), int(g["m"]), int(g["d"])), after=_END),
    Rule(rf"{_ALONE}(?P<a>[0-9]{{1,2}})\.? ?(?P<sep>[-/.]) ?(?P<b>[0-9]{{1,2}}) ?(?P=sep) ?(?P<y>[0-9]{{4}}|[0-9]{{2}})",
         lambda g, t: days.numeric(t, int(g["a"]), int(g["b"]), year(g, t)), after=_END),
    Rule(rf"{_ALONE}(?P<a>[0-9]{{1,2}}) ?/ ?(?P<b>[0-9]{{1,2}})",
         lambda g, t: days.numeric(t, int(g["a"]), int(g["b"]), None), after=_END),
    Rule(rf"{_ALONE}(?P<a>[0-9]{{1,2}})(?P<sep>[-.])(?P<b>1[0-2]|0?[1-9])",
         lambda g, t: _doubt_pair(g, days.numeric(t, int(g["a"]), int(g["b"]), None)),
         after=_END + r"(?! ?[ap]\.?m| ?h\b| de la)", loose=True),
)  # fmt: skip
