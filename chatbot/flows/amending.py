"""Corrections in a message: which earlier answer "no, quise decir 3", "mejor el jueves" or "cambia el teléfono" is about."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from chatbot.flows.asking import OpenQuestion
from chatbot.flows.commands import Command
from chatbot.flows.phrases import FUNCTION, find_words, spell, strip_marker
from chatbot.flows.repair import load_words
from chatbot.flows.run import Run
from chatbot.flows.slots import Heard, SlotSpec, Unclear, Where, Wrong, find_slot, read_slot
from chatbot.flows.spotting import PROSE, TIMES, spot
from chatbot.text import fold

LINK = regex.compile(
    r"^[\s,;:.]*(?:(?:por|a|al|es|era|son|el|la|to|for|with|is|it s|should be|que sea|seria)\b[\s:]*)*", regex.IGNORECASE
)
HOUR = regex.compile(r"\W*(?:a|at|para|for)\W+(?:las?\W+)?[0-9]")
NOT_THE_OTHER = regex.compile(r"[,;]?\s*+(?:\b(?:y|and)\s++)?\b(?:no|not)\b.*$", regex.IGNORECASE | regex.DOTALL)
NUMERIC = ("number", "money", "postal_code", "order_number", "phone")
ANYTHING = frozenset(("algo", "something", "cosa", "thing"))


def find_corrections(
    text: str, run: Run, specs: dict[str, SlotSpec], opened: OpenQuestion, where: Where
) -> tuple[Command, ...]:
    """A correct, or a fill of the open question, and what else of the earlier answers the sentence changes; () for none."""
    marker, rest = strip_marker(text)
    if not marker:
        return ()
    recent = list_recent(run, specs)
    found = _find_one(marker, rest, recent, run, specs, opened, where)
    if found is None or not found.text:
        return (found,) if found else ()
    others = {name: specs[name] for name in recent if name not in (found.slot, opened.slot) and specs[name].type in TIMES}
    spans = spot(rest, others, where)
    return (*(Command("correct", slot=name, text=rest[start:end]) for name, (start, end) in spans.items()), found)


def _find_one(
    marker: str, rest: str, recent: list[str], run: Run, specs: dict[str, SlotSpec], opened: OpenQuestion, where: Where
) -> Command | None:
    soft, changes = load_words("soft"), load_words("changes")
    named = find_named(rest, {name: specs[name] for name in recent}) if marker != "no" else None
    if named and (marker in changes or read_slot(specs[named.slot], named.text, where)):
        return named
    if not rest:
        return Command("correct") if marker in changes and recent else None
    spec = specs.get(opened.slot)
    result = read_slot(spec, rest, where) if spec and spec.type not in PROSE else None
    if isinstance(result, Heard) and (marker in soft or run.tries > 0):
        return Command("fill", slot=opened.slot, text=rest)
    if name := _find_taker(rest, recent, specs, where, is_sure=marker not in soft | changes):
        return Command("correct", slot=name, text=rest)
    if named or isinstance(result, Heard | Unclear):
        return named or Command("fill", slot=opened.slot, text=rest)
    return Command("correct") if marker in changes and recent and set(spell(rest)) <= FUNCTION | ANYTHING else None


def find_fault(text: str, run: Run, specs: dict[str, SlotSpec], where: Where) -> Command | None:
    """To a summary: "el teléfono está mal", "mi nombre es Belén, no Ana", "el sábado", "todo bien menos la hora"."""
    recent = list_recent(run, specs)
    known = {name: specs[name] for name in recent}
    if load_words("wrong").intersection(spell(text)):
        named = find_named(text, known, anywhere=True)
        return Command("correct", slot=named.slot) if named else None
    if named := find_named(text, known):
        hit = find_slot(known[named.slot], text, where) if known[named.slot].type not in PROSE else None
        if hit and isinstance(hit.result, Heard):
            return Command("correct", slot=named.slot, text=text[hit.start : hit.end])
        value = NOT_THE_OTHER.sub("", named.text)
        is_value = value and isinstance(read_slot(specs[named.slot], value, where), Heard | Unclear)
        return Command("correct", slot=named.slot, text=value if is_value else "")
    name = _find_taker(text, recent, specs, where, is_sure=False)
    return Command("correct", slot=name, text=text) if name else None


def list_recent(run: Run, specs: dict[str, SlotSpec]) -> list[str]:
    """The slots that were answered, the last one first."""
    asked = [name for crumb in run.trail for name in crumb.slots]
    filled = [name for name in run.slots if name not in asked]
    return [name for name in dict.fromkeys([*reversed(asked), *reversed(filled)]) if name in run.slots and name in specs]


def find_named(text: str, specs: dict[str, SlotSpec], *, anywhere: bool = False) -> Command | None:
    """ "el teléfono por 600 123 456": the slot that is called by its label, or a word of it alone, and what comes after it."""
    words = spell(text)
    for name, wanted in _list_labels(specs):
        at = find_words(wanted, words)
        if at >= 0 and (at <= 2 or anywhere):
            return Command("correct", slot=name, text=_text_after(text, at + len(wanted)))
    return None


def _list_labels(specs: dict[str, SlotSpec]) -> list[tuple[str, list[str]]]:
    """(slot, words that name it), whole labels first, then the words that only one slot's label has."""
    whole = [
        (name, [word for word in spell(label) if word not in FUNCTION])
        for name, spec in specs.items()
        for label in spec.label.values() or (name.replace("_", " "),)
    ]
    owners = {word: {name for name, label in whole if word in label} for _, label in whole for word in label}
    single = [(name, [word]) for name, label in whole for word in label if len(owners[word]) == 1]
    return [(name, label) for name, label in (*whole, *single) if label]


def _text_after(text: str, count: int) -> str:
    """What follows the first so many words, without what links it to them."""
    found = list(regex.finditer(r"[\p{L}\p{N}]+", text))
    after = text[found[count - 1].end() :] if count <= len(found) else ""
    return LINK.sub("", after).strip()


def _find_taker(rest: str, recent: Sequence[str], specs: dict[str, SlotSpec], where: Where, *, is_sure: bool) -> str:
    """Of the answered slots the last one that can hold this; a bare number goes to numbers before dates and hours."""
    typed = [name for name in recent if specs[name].type not in PROSE]
    if fold(rest).strip(" .").isdecimal():
        typed.sort(key=lambda name: specs[name].type not in NUMERIC)
    elif HOUR.match(fold(rest)):
        typed = [name for name in typed if specs[name].type not in NUMERIC]
    readings = {name: read_slot(specs[name], rest, where) for name in typed}
    for kinds in (Heard, Unclear, Wrong) if is_sure else (Heard, Unclear):
        if name := next((n for n, result in readings.items() if isinstance(result, kinds)), ""):
            return name
    return recent[0] if is_sure and recent and specs[recent[0]].type in PROSE else ""
