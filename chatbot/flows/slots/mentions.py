"""What a text says about days and hours: every phrase of the tables that stands in it, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chatbot.flows.slots import days
from chatbot.flows.slots.clock import PART, PARTS, VAGUE, Clock, Part, find_clocks
from chatbot.flows.slots.day_table import FIGURES, Rule
from chatbot.flows.slots.english_days import RULES as ENGLISH
from chatbot.flows.slots.folded import WORD
from chatbot.flows.slots.spanish_days import RULES as SPANISH

TAKEN = "\x01"


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase and what it says: a day, an hour, a part of the day. loose: a number in it may be about something else."""

    start: int
    end: int
    day: days.Days | None = None
    clock: Clock | None = None
    part: Part = ""
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The phrases of a text in order, and the text with each of them taken out (as long as before)."""

    text: str
    mentions: tuple[Mention, ...]
    rest: str

    @property
    def days(self) -> list[Mention]:
        return [m for m in self.mentions if m.day]

    @property
    def clocks(self) -> list[Mention]:
        return [m for m in self.mentions if m.clock]

    def text_of(self, mentions: Iterable[Mention]) -> str:
        """Some of the phrases as they were said, put together."""
        return " ".join(self.text[m.start : m.end].strip() for m in mentions)

    @property
    def parts(self) -> list[Part]:
        return list(dict.fromkeys(m.part for m in self.mentions if m.part))


Finder = Callable[[str], Iterator[Mention]]


def gather(text: str, today: days.Today, hours_first: bool) -> Said:
    """The phrases in a folded text. hours_first: "5.10" is an hour, not a day."""
    mentions: list[Mention] = []
    rest = text
    for find in _finders(today, hours_first):
        for mention in find(rest):
            if TAKEN not in rest[mention.start : mention.end]:
                mentions.append(mention)
                rest = rest[: mention.start] + TAKEN * (mention.end - mention.start) + rest[mention.end :]
    return Said(text, tuple(sorted(mentions, key=lambda m: m.start)), rest)


def _finders(today: days.Today, hours_first: bool) -> Iterator[Finder]:
    """The tables in the order in which they are tried; the customer's language first, then the other."""
    spanish = today.language == "es"
    figures = [_by_rule(rule, today) for rule in FIGURES]
    clocks = [_by_clock(spanish), _by_clock(not spanish)]
    yield from (*clocks, *figures) if hours_first else (*figures, *clocks)
    for table in (SPANISH, ENGLISH) if spanish else (ENGLISH, SPANISH):
        yield from (_by_rule(rule, today) for rule in table)
    yield _by_part


def _by_rule(rule: Rule, today: days.Today) -> Finder:
    def find(text: str) -> Iterator[Mention]:
        for start, end, groups in rule.find(text):
            words = WORD.findall(groups["all"]) if rule.keep_part else []
            part: Part = next((PARTS[word] for word in words if word in PARTS), "")
            yield Mention(start, end, day=rule.build(groups, today), part=part, loose=rule.loose)

    return find


def _by_clock(spanish: bool) -> Finder:
    def find(text: str) -> Iterator[Mention]:
        for start, end, clock, loose in find_clocks(text, spanish):
            yield Mention(start, end, clock=clock, loose=loose)

    return find


def _by_part(text: str) -> Iterator[Mention]:
    for match in VAGUE.finditer(text):
        yield Mention(*match.span(), clock=Clock(why="vague_time"))
    for match in PART.finditer(text):
        yield Mention(*match.span(), part=PARTS[match["a"]])
