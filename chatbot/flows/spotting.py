"""Which slots a message speaks of: several in one sentence, and what is left of it for a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import regex

from chatbot.flows.commands import Command
from chatbot.flows.definition import Flow, asked_slots, find_spec
from chatbot.flows.phrases import FUNCTION, QUESTION_MARK, is_question, spell, strip_marker
from chatbot.flows.repair import load_words
from chatbot.flows.slots import Found, Heard, Option, SlotSpec, Unclear, Where, find_slot, read_slot
from chatbot.language import read_courtesies
from chatbot.text import fold, strip_lead_in

# what can be told apart in the middle of a sentence
SPOTTED = frozenset(["date", "time", "datetime", "email", "phone", "order_number", "iban", "tax_id", "choice", "postal_code"])
TIMES = frozenset(("date", "time", "datetime"))
# said of one kind and no other: more than the number in it
FIRM = TIMES | {"email", "phone", "iban", "tax_id"}
PROSE = frozenset(("text", "address"))
NUMBERED = frozenset(("phone", "iban", "tax_id", "order_number", "postal_code"))
DIGITS = regex.compile(r"\+?[0-9](?:[ .\-/]?[0-9]){4,}")
# parts of a form's answer; an abbreviation's dot ends none
PARTS = regex.compile(
    r"[,;:!?\n]+|\.+(?=\s|$)|\s(?:y|and|pero|but)\s+(?=(?:mi|my|el|the|te|no|not|luego|mejor|lo|la|it|is)\b)", regex.IGNORECASE
)
HAS_NOT = (("no", "tengo"), ("no", "tenemos"), ("no", "hay"), ("i", "don", "t", "have"), ("we", "don", "t", "have"))
EDGES = regex.compile(r"^[\s,;.:\-–/]+|[\s,;:\-–/]+$")
CALLED = r"(\p{L}[\p{L}'’-]*(?:\s+(?!(?:y|e|and|from|at)\b)\p{L}[\p{L}'’-]*){0,3})"
NAME = regex.compile(rf"\b(?:me llamo|mi nombre es|my name is|my name['’]s)\s+{CALLED}", regex.IGNORECASE)
# where a name is asked for, these give one too
GIVES = regex.compile(rf"{NAME.pattern}|\b(?:a nombre de|llamar(?:me|nos))\s+(?!qui[eé]n){CALLED}", regex.IGNORECASE)
INTRODUCES = regex.compile(rf"\b(?:i['’]?m|i am|this is|soy)\s+(?-i:(?=\p{{Lu}})){CALLED}", regex.IGNORECASE)
BEYOND_NAME = regex.compile(r"\s+(?:from|at|and i)\b", regex.IGNORECASE)
CALLED_NAME = FUNCTION | {"nombre", "name", "completo", "full", "apellidos"}
WORD = regex.compile(r"[\p{L}\p{N}'’]+")
# these ask even where they stand alone; Will and Can are people
NOBODY = frozenset(("que", "cual", "cuales", "quien", "what", "which", "who", "how", "when", "where", "why"))
QUESTION_WORDS = frozenset(("cuanto", "cuanta", "cuantos", "cuantas", "cuando", "donde", "como", "how", "when", "where", "why"))


def list_fillable(flows: Iterable[Flow]) -> dict[str, SlotSpec]:
    """The slots that customers fill, in the order of their steps, of the first flow that has each."""
    found: dict[str, SlotSpec] = {}
    for flow in flows:
        asked = asked_slots(flow)
        for name in dict.fromkeys((*flow.slots, *sorted(asked))):
            if name in asked and (spec := find_spec(flow, name)):
                found.setdefault(name, spec)
    return found


def list_names(option: Option) -> list[list[str]]:
    """All that an option is called, as words."""
    more = (word for words in option.words.values() for word in words)
    return [spell(name) for name in (option.value, *option.title.values(), *more)]


def spot(
    text: str, specs: dict[str, SlotSpec], where: Where, taken: Sequence[tuple[int, int]] = (), kinds: Any = Heard
) -> dict[str, tuple[int, int]]:
    """name -> where in the text it stands, of the slots that are named, beyond doubt or (kinds) not; no two share a word."""
    found: dict[str, tuple[int, int]] = {}
    spans = list(taken)
    for name, spec in specs.items():
        if spec.type not in SPOTTED:
            continue
        hit = find_slot(spec, text, where)
        if hit is None or not isinstance(hit.result, kinds) or any(hit.start < end and start < hit.end for start, end in spans):
            continue
        if spec.type == "choice" and set(spell(text[hit.start : hit.end])) <= FUNCTION | load_words("negations"):
            continue  # "no" is a button's other word, and stands in many a sentence
        found[name] = (hit.start, hit.end)
        spans.append((hit.start, hit.end))
    return found


def fill_spotted(text: str, specs: dict[str, SlotSpec], where: Where, taken: Sequence[tuple[int, int]] = ()) -> list[Command]:
    """Days and hours that aren't certain too: they are asked back when their question comes."""
    spans = spot(text, specs, where, taken)
    times = {name: spec for name, spec in specs.items() if spec.type in TIMES and name not in spans}
    spans |= spot(text, times, where, (*taken, *spans.values()), Unclear)
    spans |= _spot_name(text, {name: spec for name, spec in specs.items() if name not in spans}, (*taken, *spans.values()))
    return [Command("fill", slot=name, text=text[start:end]) for name, (start, end) in spans.items()]


def _spot_name(text: str, specs: dict[str, SlotSpec], taken: Sequence[tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """ "Me llamo Ana y ...", where a slot of words is called a name."""
    slot = next((n for n, spec in specs.items() if spec.type == "text" and is_called_name(spec)), "")
    found = NAME.search(text[:1_000])
    if not slot or not found or any(found.start(1) < end and start < found.end(1) for start, end in taken):
        return {}
    return {slot: found.span(1)}


def is_called_name(spec: SlotSpec) -> bool:
    return any({"nombre", "name"} & set(spell(label)) and set(spell(label)) <= CALLED_NAME for label in spec.label.values())


def fill_form(text: str, specs: dict[str, SlotSpec], where: Where) -> tuple[list[Command], list[str]]:
    """Of a form's slots what a message names, the rest of it for the first that takes any words; and what is no name."""
    spans: dict[str, tuple[int, int]] = {}
    for name, spec in specs.items():
        hit = None if spec.type in PROSE else find_slot(spec, text, where)
        if hit and isinstance(hit.result, Heard | Unclear) and _is_free(hit.start, hit.end, spans.values()):
            spans[name] = (hit.start, hit.end)
    prose = next((name for name, spec in specs.items() if spec.type in PROSE), "")
    if not prose or not is_called_name(specs[prose]):
        rest, asides = strip_around(cut(text, list(spans.values()))), list[str]()
    else:
        spans |= (broken := _find_broken(text, specs, spans))
        rest, asides = _read_name(text, list(spans.values()))
        if broken and rest:  # the name first: then the number is the open question's, and what is wrong with it is said
            fills = [Command("fill", slot=name, text=text[start:end]) for name, (start, end) in spans.items()]
            return [Command("correct", slot=prose, text=rest), *fills], asides
    commands = [Command("fill", slot=name, text=text[start:end]) for name, (start, end) in spans.items()]
    return [*commands, *([Command("fill", slot=prose, text=rest)] if prose and rest else [])], asides


def _is_free(start: int, end: int, spans: Iterable[tuple[int, int]]) -> bool:
    return all(start >= e or s >= end for s, e in spans)


def _find_broken(text: str, specs: dict[str, SlotSpec], spans: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """A number that is no name, and not complete: of the first slot that waits for one."""
    slot = next((name for name, spec in specs.items() if spec.type in NUMBERED and name not in spans), "")
    runs = (found.span() for found in DIGITS.finditer(text))
    free = next((run for run in runs if _is_free(*run, spans.values())), None)
    return {slot: free} if slot and free else {}


def _read_name(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[str]]:
    """The name in what is left of a form's answer, and the parts of it that can't be one."""
    pieces = [piece.strip() for piece in PARTS.split(cut(text, spans, "\n")) if piece.strip()]
    names = [_find_name(piece) for piece in pieces]
    if names == [strip_around(piece) for piece in pieces]:
        return strip_around(cut(text, spans)), []
    return ", ".join(name for name in names if name), [piece for piece, name in zip(pieces, names, strict=True) if name is None]


def _find_name(piece: str) -> str | None:
    """ "I'm Joe from the Sea Hotel" is Joe; None where it can't be a name."""
    found = GIVES.search(piece) or INTRODUCES.search(piece)
    said = BEYOND_NAME.split(piece[found.start() :])[0] if found else piece
    if _may_be_name(said):
        return strip_around(said)
    return next(name for name in found.groups() if name) if found and not asks_back(piece) else None


def asks_back(text: str) -> bool:
    """A question, where a name is asked for: "Will Brown" and "Can Yilmaz" are names."""
    if QUESTION_MARK.search(text):
        return True
    is_one = is_question(text) and not GIVES.search(text)
    return is_one and any(is_question(piece) and _is_no_name(piece) for piece in PARTS.split(text))


def _is_no_name(text: str) -> bool:
    """It has small words that names don't have; in capitals they are told by what they are."""
    words = [word for word in text.split() if "@" not in word]
    small = {fold(word) for word in words if word.islower()}
    small |= {fold(word) for word in words[1:] if word.isupper()} & FUNCTION
    return not NOBODY.isdisjoint(spell(text)[:1]) or not small <= load_words("in_names") | load_words("around")


def _may_be_name(piece: str) -> bool:
    """No courtesy, question, correction or sentence: "mi pedido no ha llegado" has small words that no name has."""
    if not read_courtesies(spell(piece))[1] or is_waiting(piece) or asks_back(piece) or strip_marker(piece)[0]:
        return False
    words = WORD.findall(strip_around(piece))
    small = {fold(word) for word in words if word.islower()} - load_words("in_names")
    return not small & (FUNCTION | load_words("negations")) and not any(c.isdecimal() or c == "@" for c in piece)


def find_number_apart(text: str, slot: str, spec: SlotSpec, others: dict[str, SlotSpec], where: Where) -> tuple[Command, ...]:
    """ "2 personas, el martes a las 11": the number is in what days, hours and phones leave."""
    spans = spot(text, {name: other for name, other in others.items() if other.type in FIRM}, where)
    left = cut(text, list(spans.values()))
    if not spans or not isinstance(read_slot(spec, left, where), Heard):
        return ()
    fills = [Command("fill", slot=name, text=text[start:end]) for name, (start, end) in spans.items()]
    return (*fills, Command("fill", slot=slot, text=" ".join(left.split())))


def is_of_another(text: str, spec: SlotSpec, others: dict[str, SlotSpec], hit: Found, where: Where) -> bool:
    """The number found is that of a phone, an address or an hour: "mi móvil es 612 345 678" where a number is asked for."""
    firm = {name: other for name, other in others.items() if other.type in FIRM} if spec.type == "number" else {}
    return any(start <= hit.start and hit.end <= end for start, end in spot(text, firm, where).values())


def has_none(words: Sequence[str], spec: SlotSpec) -> bool:
    """ "No tengo empresa" names nothing but the slot itself."""
    labels = {word for label in spec.label.values() for word in spell(label)}
    is_without = any(tuple(words[: len(start)]) == start for start in HAS_NOT)
    return is_without and set(words) <= FUNCTION | labels | load_words("nothing") | load_words("negations")


def is_waiting(text: str) -> bool:
    """An answer is put off: "un momento, que lo busco"."""
    words = strip_lead_in(spell(text))
    return any(" ".join(words[:size]) in load_words("waiting") for size in (1, 2, 3, 4))


def names_only(text: str, spec: SlotSpec) -> bool:
    """ "¿Un bordado?" names an option, "¿cuánto cuesta un bordado?" asks about it."""
    named = {word for option in spec.options for name in list_names(option) for word in name}
    return set(spell(text)) <= named | FUNCTION - QUESTION_WORDS


def cut(text: str, spans: Sequence[tuple[int, int]], gap: str = " ") -> str:
    """The text without these places."""
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}{gap}{text[end:]}"
    return text


def strip_around(text: str) -> str:
    """Without the words at its ends that only lead to a name: "me llamo Ana y mi teléfono es" is "Ana"."""
    tokens = list(WORD.finditer(text))
    first, last = 0, len(tokens)
    while first < last and _leads(tokens[first][0]):
        first += 1
    while last > first and _leads(tokens[last - 1][0]):
        last -= 1
    if first == last:
        return ""
    return EDGES.sub("", " ".join(text[tokens[first].start() : tokens[last - 1].end()].split()))


def _leads(word: str) -> bool:
    is_first_name = word[0].isupper() and is_question(word) and fold(word) not in NOBODY
    return not is_first_name and set(spell(word)) <= FUNCTION | load_words("around")
