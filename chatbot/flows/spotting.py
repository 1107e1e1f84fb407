"""Which slots a message speaks of: several in one sentence, and what is left of it for a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import regex

from chatbot.flows.commands import Command
from chatbot.flows.definition import Flow, asked_slots, find_spec
from chatbot.flows.phrases import FUNCTION, spell
from chatbot.flows.repair import load_words
from chatbot.flows.slots import Heard, Option, SlotSpec, Unclear, Where, find_slot

# what can be told apart in the middle of a sentence
SPOTTED = frozenset(["date", "time", "datetime", "email", "phone", "order_number", "iban", "tax_id", "choice", "postal_code"])
TIMES = frozenset(("date", "time", "datetime"))
PROSE = frozenset(("text", "address"))
EDGES = regex.compile(r"^[\s,;.:\-–/]+|[\s,;:\-–/]+$")
NAME = regex.compile(
    r"\b(?:me llamo|mi nombre es|my name is|my name's)\s+(\p{L}[\p{L}'’-]*(?:\s+(?!(?:y|e|and)\b)\p{L}[\p{L}'’-]*){0,3})",
    regex.IGNORECASE,
)
CALLED_NAME = FUNCTION | {"nombre", "name", "completo", "full", "apellidos"}
WORD = regex.compile(r"[\p{L}\p{N}'’]+")


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
    slot = next((n for n, spec in specs.items() if spec.type == "text" and _is_called_name(spec)), "")
    found = NAME.search(text[:1_000])
    if not slot or not found or any(found.start(1) < end and start < found.end(1) for start, end in taken):
        return {}
    return {slot: found.span(1)}


def _is_called_name(spec: SlotSpec) -> bool:
    return any({"nombre", "name"} & set(spell(label)) and set(spell(label)) <= CALLED_NAME for label in spec.label.values())


def fill_form(text: str, specs: dict[str, SlotSpec], where: Where) -> list[Command]:
    """Of a form's slots what a message names, the rest of it for the first that takes any words."""
    spans: dict[str, tuple[int, int]] = {}
    for name, spec in specs.items():
        hit = None if spec.type in PROSE else find_slot(spec, text, where)
        if hit and isinstance(hit.result, Heard | Unclear) and all(hit.start >= e or s >= hit.end for s, e in spans.values()):
            spans[name] = (hit.start, hit.end)
    commands = [Command("fill", slot=name, text=text[start:end]) for name, (start, end) in spans.items()]
    prose = next((name for name, spec in specs.items() if spec.type in PROSE), "")
    rest = strip_around(cut(text, list(spans.values())))
    if prose and rest:
        commands.append(Command("fill", slot=prose, text=rest))
    return commands


def cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text without these places."""
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
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
    return set(spell(word)) <= FUNCTION | load_words("around")
