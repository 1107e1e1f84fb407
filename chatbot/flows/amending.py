"""Corrections in a message: which earlier answer "no, quise decir 3", "mejor el jueves" or "cambia el teléfono" is about."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from chatbot.flows.asking import OpenQuestion
from chatbot.flows.commands import Command
from chatbot.flows.phrases import FUNCTION, find_words, spell, strip_marker
from chatbot.flows.repair import load_words
from chatbot.flows.run import Run
from chatbot.flows.slots import Heard, Reading, SlotSpec, Unclear, Where, Wrong, find_slot, read_slot
from chatbot.flows.spotting import PROSE, TIMES, cut, spot
from chatbot.text import fold

LINK = regex.compile(
    r"^[\s,;:.]*(?:(?:por|a|al|es|era|son|el|la|to|for|with|is|it s|should be|que sea|seria)\b[\s:]*)*", regex.IGNORECASE
)
ABOUT = regex.compile(r"(?:about|around)\b")
COUNTED = regex.compile(r"\W*(?:of us|people|persons?|personas?|guests|adults|adultos)\b", regex.IGNORECASE)
# beside a value that stays: "a las 5 allí estaré"
THERE = regex.compile(
    r"\b(?:somos|seremos|all[ií]|ah[ií]|estar[eé](?:mos)?|we(?:['’]ll| will| are|['’]re)|i(?:['’]ll| will)"
    r"|(?:be )?there(?: are)?|of us)\b",
    regex.IGNORECASE,
)
BUT = frozenset(("pero", "but"))
# beside a day that is no answer: "mañana te confirmo"
LATER = regex.compile(
    r"\b(?:confirm|(?<!\bme )llamo|llam(?!o\b)|avis|call|tell|let (?:you|u) know|get back to you|"
    r"(?:te|os|les?|se l[oa]) (?:lo )?(?:dig|dir|cuent|escrib))"
)
CLOCK = SlotSpec(type="time")
# "no es para una empresa" denies, "no, es Belén" corrects
DENIALS = ("no es", "no era")
NO_APART = regex.compile(r"\bno\s*[,.;:]", regex.IGNORECASE)
# "correct the day"; "correct, see you at 5" agrees
CORRECTED = frozenset(("the", "my", "our", "it", "that", "this", "to"))
UNTIL = regex.compile(r"\b(?:hasta|until|till)\W*$", regex.IGNORECASE)
HOUR = regex.compile(r"\W*(?:a|at|para|for)\W+(?:las?\W+)?[0-9]")
NOT_THE_OTHER = regex.compile(r"[,;]?\s*+(?:\b(?:y|and)\s++)?\b(?:no|not)\b.*$", regex.IGNORECASE | regex.DOTALL)
NUMERIC = ("number", "money", "postal_code", "order_number", "phone")
ANYTHING = frozenset(("algo", "something", "cosa", "thing"))


def find_corrections(
    text: str, run: Run, specs: dict[str, SlotSpec], opened: OpenQuestion, where: Where
) -> tuple[Command, ...]:
    """A correct, or a fill of the open question, and what else of the earlier answers the sentence changes; () for none."""
    marker, rest = strip_marker(text)
    if not marker or (marker == "correct" and not CORRECTED.intersection(spell(rest)[:1])):
        return ()
    recent = list_recent(run, specs)
    is_sure = marker not in load_words("soft") | load_words("changes") and not is_denial(text)
    found = _find_one(marker, rest, recent, run, specs, opened, where, is_sure=is_sure)
    if found and is_denial(text) and found.do == "correct" and _is_known(found, run, specs, where):
        found = Command("correct", slot=found.slot)  # "no era el martes", and it was taken down so
    if found is None or not found.text:
        return (found,) if found else ()
    others = {name: specs[name] for name in recent if name not in (found.slot, opened.slot) and specs[name].type in TIMES}
    spans = spot(rest, others, where)
    return (*(Command("correct", slot=name, text=rest[start:end]) for name, (start, end) in spans.items()), found)


def _find_one(
    marker: str, rest: str, recent: list[str], run: Run, specs: dict[str, SlotSpec], opened: OpenQuestion, where: Where,
    *, is_sure: bool,
) -> Command | None:  # fmt: skip
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
    if name := _find_taker(rest, recent, specs, where, is_sure=is_sure):
        return Command("correct", slot=name, text=rest)
    if named or isinstance(result, Heard | Unclear):
        return named or Command("fill", slot=opened.slot, text=rest)
    return Command("correct") if marker in changes and recent and set(spell(rest)) <= FUNCTION | ANYTHING else None


def is_denial(text: str) -> bool:
    return strip_marker(text)[0] in DENIALS and not NO_APART.search(text)


def find_fault(text: str, run: Run, specs: dict[str, SlotSpec], where: Where) -> tuple[Command, ...]:
    """To a summary: "el teléfono está mal", "mi nombre es Belén, no Ana", "el sábado", "todo bien menos la hora"."""
    known = {name: specs[name] for name in list_recent(run, specs)}
    if load_words("wrong").intersection(spell(text)):
        named = find_named(text, known, anywhere=True)
        return (Command("correct", slot=named.slot),) if named else ()
    if named := find_named(text, known):
        hit = find_slot(known[named.slot], text, where) if known[named.slot].type not in PROSE else None
        if hit and isinstance(hit.result, Heard):
            return (Command("correct", slot=named.slot, text=text[hit.start : hit.end]),)
        value = NOT_THE_OTHER.sub("", named.text)
        is_value = value and isinstance(read_slot(specs[named.slot], value, where), Heard | Unclear)
        return (Command("correct", slot=named.slot, text=value if is_value else ""),)
    return _list_faults(text, run, known, where)


def _list_faults(text: str, run: Run, known: dict[str, SlotSpec], where: Where) -> tuple[Command, ...]:
    """Days and hours first: a number is looked for in what they leave. What isn't said to be other is no fault."""
    faults: list[Command] = []
    spans: list[tuple[int, int]] = []
    for name, (start, end) in spot(text, _pick_times(known), where, kinds=Heard | Unclear).items():
        hit = find_slot(known[name], text, where)
        if hit is None or COUNTED.match(text, end) or not (_tells(hit.result) or BUT.intersection(spell(text))):
            continue
        if isinstance(hit.result, Unclear) and hit.result.why == "several":
            return (Command("correct", slot=name, text=text),)
        spans.append((start, end))
        is_later = LATER.search(fold(text)) is not None
        if is_later and not BUT.intersection(spell(text)):
            continue
        is_asked = _is_same(hit.result, run, name) if _is_refused(hit.result) else not _tells(hit.result)
        if is_asked or not _is_same(hit.result, run, name):
            faults.insert(0, Command("correct", slot=name, text="" if is_asked else text if is_later else text[start:end]))
    left = {name: spec for name, spec in known.items() if not spans or spec.type not in TIMES}
    rest = cut(text, spans)
    name = _find_taker(rest, list(left), left, where, is_sure=False)
    result = read_slot(left[name], rest, where) if name else None
    if result is not None and _tells(result) and not _is_same(result, run, name):
        faults.append(Command("correct", slot=name, text=rest))
    return tuple(faults)


def find_changed(
    text: str, run: Run, specs: dict[str, SlotSpec], where: Where, taken: Sequence[tuple[int, int]] = ()
) -> dict[str, tuple[int, int]]:
    """Where a sentence says another day or hour than was answered: "el miércoles a las 6", to "¿a qué hora el martes?"."""
    known = _pick_times({name: specs[name] for name in list_recent(run, specs)})
    spans = spot(text, known, where, taken, Heard | Unclear | Wrong)
    readings = {name: hit.result for name in spans if (hit := find_slot(known[name], text, where))}
    stays = {known[n].type for n in known for result in readings.values() if _is_same(result, run, n)}
    return {
        name: spans[name]
        for name, result in reversed(readings.items())
        if _tells(result) and not _is_refused(result) and known[name].type not in stays
    }


def cut_unchanged(text: str, run: Run, specs: dict[str, SlotSpec], where: Where) -> str:
    """Without the values that are said to stay: "sí, hasta el martes" leaves "sí, "."""
    for name in list_recent(run, specs):
        hit = find_slot(specs[name], text, where) if specs[name].type in {*TIMES, *NUMERIC, "email"} else None
        if hit and _is_same(hit.result, run, name) and not _is_refused(hit.result):
            text = THERE.sub(" ", f"{UNTIL.sub('', text[: hit.start])} {text[hit.end :]}")
    return text


def _is_known(command: Command, run: Run, specs: dict[str, SlotSpec], where: Where) -> bool:
    result = read_slot(specs[command.slot], command.text, where) if command.slot in run.slots else None
    return result is not None and _is_same(result, run, command.slot)


def _pick_times(specs: dict[str, SlotSpec]) -> dict[str, SlotSpec]:
    return {name: spec for name, spec in specs.items() if spec.type in TIMES}


def _tells(result: Reading) -> bool:
    """Something that can be chosen or gone on from: "luego" and "más tarde" are no hour."""
    if isinstance(result, Unclear):
        return bool(result.choices) or any(c.isdecimal() for c in result.so_far)
    return True


def _is_refused(result: Reading) -> bool:
    return isinstance(result, Unclear) and result.why == "negated"


def _is_same(result: Reading, run: Run, name: str) -> bool:
    """Whether it says of a slot what is known of it."""
    value = run.slots[name].value
    if isinstance(result, Unclear):
        return result.why != "several" and value in {choice.removeprefix("T") for _, choice in result.choices}
    return isinstance(result, Heard) and result.value == value


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


def _says_hour(text: str, where: Where) -> bool:
    """An hour by the clock, so that no number is meant. "About 4 of us" is none."""
    hit = find_slot(CLOCK, text, where)
    return HOUR.match(fold(text)) is not None or (hit is not None and not ABOUT.match(fold(text[hit.start :])))


def _find_taker(rest: str, recent: Sequence[str], specs: dict[str, SlotSpec], where: Where, *, is_sure: bool) -> str:
    """Of the answered slots the last one that can hold this; a bare number goes to numbers before dates and hours."""
    typed = [name for name in recent if specs[name].type not in PROSE]
    if fold(rest).strip(" .").isdecimal():
        typed.sort(key=lambda name: specs[name].type not in NUMERIC)
    elif _says_hour(rest, where):
        typed = [name for name in typed if specs[name].type not in NUMERIC]
    readings = {name: read_slot(specs[name], rest, where) for name in typed}
    for kinds in (Heard, Unclear, Wrong) if is_sure else (Heard, Unclear):
        if name := next((n for n, result in readings.items() if isinstance(result, kinds)), ""):
            return name
    return recent[0] if is_sure and recent and specs[recent[0]].type in PROSE else ""
