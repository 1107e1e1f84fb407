"""What a customer's message means to the flows: text to commands, by rules, in Spanish and English. No model, no effects.

In order: a pressed button, a repair asked for, a correction, an answer, another flow, a digression. What fits nothing of that
is an answer that the machine will call wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import regex

from chatbot.flows.amending import cut_unchanged, find_changed, find_corrections, find_fault, is_denial, list_recent
from chatbot.flows.asking import CODE, OpenQuestion, find_open, match_offered, set_day
from chatbot.flows.commands import Command
from chatbot.flows.definition import Ask, Confirm, Flow, Form, Verify, list_asked
from chatbot.flows.phrases import QUESTION_MARK, find_repair, find_started, is_not_right, is_question, spell, strip_farewells
from chatbot.flows.repair import REPAIR, load_words
from chatbot.flows.run import FlowBook, Run, World
from chatbot.flows.slots import Found, Heard, Reading, SlotSpec, Unclear, Where, Wrong, find_slot, read_slot
from chatbot.flows.slots.asides import judge
from chatbot.flows.spotting import (
    PROSE,
    TIMES,
    asks_back,
    cut,
    fill_form,
    fill_spotted,
    find_number_apart,
    has_none,
    is_called_name,
    is_of_another,
    is_waiting,
    list_fillable,
    list_names,
    names_only,
)  # fmt: skip
from chatbot.language import read_courtesies
from chatbot.moods import is_one_person
from chatbot.text import fold

CODE_SIGNS = regex.compile(r"\W*(?:\p{L}+\W+){0,4}[0-9](?:[ -]?[0-9]){3,9}\W*")
YES_NO = SlotSpec(type="yes_no")
REFUSES = regex.compile(
    r"(?:prefiero|preferiria) no (?:dar|decir)|no quiero (?:dar|decir)|i (?:d|would) rather not (?:give|say|share)"
)
INSTEAD = regex.compile(r"\b(?:instead|rather|pero|but)\b")
LONGEST_READ = 2_000
LONG_PROSE_WORDS = 15
SHORT_PICK = 3
THANKS = frozenset(("gracias", "muchas", "thanks", "thank", "you"))
SHORT_WORDS = 8
LEAST_DIGRESSION_WORDS = 4
REPAIR_COMMANDS = {"human": "handoff"}


def understand(
    text: str, book: FlowBook, run: Run | None, world: World, pressed: str = "", files: tuple[str, ...] = ()
) -> tuple[Command, ...]:
    """The commands of one message; none where it isn't the flows'. pressed: a button's title or value; files: their names."""
    said = text[:LONGEST_READ].strip()
    opened = find_open(book, run) if run else None
    if run is None or opened is None:
        return _begin(said, book, world)
    message = _Message(said, book, run, world, opened, find_open(book, run, below_repair=True) or opened)
    if pressed:
        return (_press(message, pressed),)
    if files and (not said or (message.spec and message.spec.type == "file")):
        return (Command("attach", slot=message.below.slot, text=files[0]),)
    if not said:
        return (Command("nothing"),)
    return next(commands for rule in RULES if (commands := rule(message)))


@dataclass(frozen=True, slots=True)
class _Message:
    """opened: the question that waits; below: the flow's own, where a repair stands on it."""

    text: str
    book: FlowBook
    run: Run
    world: World
    opened: OpenQuestion
    below: OpenQuestion

    @property
    def flows(self) -> list[Flow]:
        return self.book.list_known(self.run)

    @property
    def specs(self) -> dict[str, SlotSpec]:
        return list_fillable(self.flows)

    @property
    def spec(self) -> SlotSpec | None:
        """Of the flow's question."""
        return self.below.spec

    @property
    def is_repair(self) -> bool:
        return self.opened.flow.key.startswith(REPAIR)

    @property
    def is_prose(self) -> bool:
        return not self.is_repair and self.takes_any

    @property
    def where(self) -> Where:
        return set_day(self.world.where, self.run, self.flows)

    @property
    def takes_any(self) -> bool:
        return self.spec is not None and self.spec.type in PROSE

    @property
    def plain(self) -> str:
        """Without thanks and goodbyes, save where it is nothing else."""
        return strip_farewells(self.text).strip(" ,;") or self.text

    @property
    def answer(self) -> str:
        return self.plain if self.spec and self.spec.type in TIMES | {"number"} else self.text

    def read_open(self) -> Reading | None:
        """The message as the answer to the flow's question."""
        return read_slot(self.spec, self.answer, self.where) if self.spec else None


Commands = tuple[Command, ...]


def _begin(text: str, book: FlowBook, world: World) -> Commands:
    """A flow by its phrases, with what the sentence says of its slots; which of two is asked."""
    keys = find_started(text, book.list_startable(world.inbox)) if text else ()
    if len(keys) != 1:
        return (Command("clarify", flows=keys),) if keys else ()
    flow = book.find_live(keys[0])
    fills = fill_spotted(text, list_fillable([flow]), world.where) if flow else []
    return (Command("start", flow=keys[0]), *fills)


def _press(message: _Message, pressed: str) -> Command:
    """A button of the open question, else of one that was answered, else of nobody knows what."""
    wanted = fold(pressed.strip())
    for title, value in message.run.choices:
        if wanted in (fold(title), fold(value)):
            return Command("choose", text=value)
    for name, spec in message.specs.items():
        for option in spec.options:
            if wanted in {fold(option.value), *(fold(title) for title in option.title.values())}:
                return Command("choose", slot=name, text=option.value)
    return Command("old_button")


# the rules, in their order; each gives commands, or nothing where it doesn't apply


def _read_code(message: _Message) -> Commands:
    """A code that was sent by mail."""
    if not isinstance(message.opened.step, Verify):
        return ()
    if CODE_SIGNS.fullmatch(message.text) and not _read_correction(message):
        return (Command("fill", slot=CODE, text=message.text),)
    is_about = load_words("code").intersection(spell(message.text)) and not is_question(message.text)
    return (Command("nothing"),) if is_about else ()


def _read_offered(message: _Message) -> Commands:
    """One of the buttons of a repair, or of two readings, by its title or number."""
    is_yes_no = isinstance(message.opened.step, Confirm) or (message.opened.spec and message.opened.spec.type == "yes_no")
    if is_yes_no and message.text.strip(" .)").isdecimal():  # the list is numbered where there are no buttons
        value = match_offered(message.run.choices, message.text, message.where)
        return (Command("choose", text=value),) if value else ()
    if not is_yes_no and (value := next((v for title, v in message.run.choices if spell(title) == spell(message.text)), "")):
        return (Command("choose", text=value),)
    if len(message.run.choices) == 1 and not is_yes_no and _says_yes(message):  # "¿Es esto?"
        return (Command("choose", text=message.run.choices[0][1]),)
    if find_repair(message.text, None, is_prose=True):
        return ()
    is_short = len(spell(message.text)) <= (SHORT_WORDS if message.is_repair else SHORT_PICK)
    if is_short and not is_yes_no and (value := match_offered(message.run.choices, message.text, message.where)):
        return (Command("choose", text=value),)
    spec = message.opened.spec if message.is_repair else None
    if spec and isinstance(read_slot(spec, message.text, message.where), Heard):
        return (Command("fill", slot=message.opened.slot, text=message.text),)
    return ()


def _says_yes(message: _Message) -> bool:
    result = read_slot(YES_NO, message.text, message.where)
    return isinstance(result, Heard) and result.value is True


def _read_nothing_more(message: _Message) -> Commands:
    """ "No, gracias" to a question that may stay without an answer."""
    if message.is_repair or message.spec is None or not message.spec.optional:
        return ()
    words = spell(message.text)
    said = {" ".join(words), " ".join(word for word in words if word not in THANKS)}
    return (Command("skip"),) if has_none(words, message.spec) or said & load_words("nothing_more") else ()


def _read_one_person(message: _Message) -> Commands:
    """ "Una persona" to how many come asks for nobody."""
    spec, step = message.spec, message.below.step
    if message.is_repair or spec is None or spec.type != "number" or not is_one_person(message.text):
        return ()
    asked = {word for text in (*spec.label.values(), *(step.text or {}).values()) for word in spell(text)}
    return (Command("fill", slot=message.below.slot, text="1"),) if asked & load_words("people") else ()


def _read_repair(message: _Message) -> Commands:
    name = find_repair(message.text, next(iter(message.flows), None), is_prose=message.is_prose)
    command: Any = REPAIR_COMMANDS.get(name, name)
    if not name and not message.takes_any and REFUSES.match(" ".join(spell(message.text))):
        return (Command("skip"),)
    return (Command(command),) if name else ()


def _read_yes_no(message: _Message) -> Commands:
    """To a confirmation. "No, el jueves" was a correction, and came before this."""
    if not isinstance(message.opened.step, Confirm):
        return ()
    if " ".join(spell(message.plain)) in load_words("all_right"):
        return (Command("confirm"),)
    result = read_slot(YES_NO, message.plain, message.where)
    if isinstance(result, Unclear) and not is_question(message.text) and not _read_fault(message):
        left = cut_unchanged(message.plain, message.run, message.specs, message.where)
        result = Heard(False, "") if is_denial(message.plain) else read_slot(YES_NO, left, message.where)
        if not isinstance(result, Heard):
            return (Command("nothing"),)  # "sí, pero ..."
    return (Command("confirm" if result.value else "deny"),) if isinstance(result, Heard) else ()


def _read_option_again(message: _Message) -> Commands:
    """The name of a button of a question that was answered."""
    if message.is_prose or isinstance(message.read_open(), Heard):
        return ()
    for name in list_recent(message.run, message.specs):
        if any(spell(message.text) in list_names(option) for option in message.specs[name].options):
            return (Command("correct", slot=name, text=message.text),)
    return ()


def _read_not_right(message: _Message) -> Commands:
    """ "No es correcto" to a summary, before it is taken for the correction to "correcto"."""
    if not isinstance(message.opened.step, Confirm) or is_question(message.text):
        return ()
    return (Command("deny"),) if is_not_right(message.plain) else ()


def _read_correction(message: _Message) -> Commands:
    return find_corrections(message.plain, message.run, message.specs, message.below, message.where)


def _read_fault(message: _Message) -> Commands:
    """What is said against a summary."""
    if not isinstance(message.opened.step, Confirm) or is_question(message.text):
        return ()
    return find_fault(message.plain, message.run, message.specs, message.where)


def _read_form(message: _Message) -> Commands:
    """Several slots of a form in one sentence, or a name, which not every word is."""
    step, is_name = message.below.step, message.spec is not None and is_called_name(message.spec)
    names = [name for name in list_asked(step) if name not in message.run.slots] if isinstance(step, Form | Ask) else []
    if len(names) < (1 if is_name else 2):
        return ()
    if asks_back(message.text) if is_name else is_question(message.text):
        return (Command("digress", text=message.text),) if is_name and message.is_prose else ()
    if load_words("negations").intersection(spell(message.text)[:2]):
        return (Command("skip"),)  # "no quiero dar mi teléfono" is nobody's name
    asked = {name: message.specs[name] for name in names if name in message.specs}
    commands, asides = fill_form(message.text, asked, message.where)
    for aside in asides:
        commands += find_corrections(aside, message.run, message.specs, message.below, message.where)
    if commands or not (asides or is_name):
        return tuple(commands) if isinstance(step, Form) else ()
    is_put_off = any(is_waiting(aside) for aside in asides) or not read_courtesies(spell(message.text))[1]
    return (Command("repeat") if is_put_off else Command("digress", text=message.text),)


def _read_answer(message: _Message) -> Commands:
    """To the open question, and what else the sentence says."""
    spec, text, slot = message.spec, message.answer, message.below.slot
    if spec is None or message.is_prose:
        return ()
    result = message.read_open()
    if spec.type == "choice" and is_question(message.text) and not names_only(message.text, spec):
        return ()
    hit = find_slot(spec, text, message.where)
    is_doubtful = isinstance(result, Unclear) or (isinstance(result, Wrong) and hit is not None)
    is_sure = isinstance(result, Heard) or (is_doubtful and not is_question(message.text))
    others = {name: s for name, s in message.specs.items() if name not in message.run.slots and name != slot}
    if (
        spec.type == "number"
        and not isinstance(result, Heard)
        and (apart := find_number_apart(text, slot, spec, others, message.where))
    ):
        return apart
    if hit and not isinstance(result, Heard) and is_of_another(text, spec, others, hit, message.where):
        return ()
    changed = _list_changed(message, hit, is_sure=is_sure) if is_sure or hit is None else []
    if hit and isinstance(hit.result, Heard | Unclear):
        extra = [*changed, *fill_spotted(text, others, message.where, [(hit.start, hit.end)])]
        if extra and not isinstance(result, Heard):
            return (*extra, Command("fill", slot=slot, text=text[hit.start : hit.end]))
        if is_sure:
            return (*extra, Command("fill", slot=slot, text=text))
    return (*changed, Command("fill", slot=slot, text=text)) if is_sure else tuple(changed)


def _list_changed(message: _Message, hit: Found | None, *, is_sure: bool) -> list[Command]:
    """Days and hours that were answered, and are said otherwise beside the answer, or where nothing else is said."""
    if message.spec is None or message.spec.type not in TIMES | {"number", "choice"}:
        return []
    text = message.answer
    spans = find_changed(text, message.run, message.specs, message.where, [(hit.start, hit.end)] if hit else ())
    left = INSTEAD.sub("", fold(cut(text, [*spans.values(), *([(hit.start, hit.end)] if hit else [])])))
    is_aside = hit is not None and isinstance(hit.result, Heard) and not isinstance(message.read_open(), Heard)
    if (is_aside or not is_sure) and (judge(left, whole=True) or (not is_sure and is_question(message.text))):
        return []
    return [Command("correct", slot=name, text=text[start:end]) for name, (start, end) in spans.items()]


def _read_other_slots(message: _Message) -> Commands:
    """Not the slot that was asked for, but others that are missing."""
    if message.is_prose or isinstance(message.opened.step, Verify) or is_question(message.text):
        return ()
    missing = {name: spec for name, spec in message.specs.items() if name not in message.run.slots}
    return tuple(fill_spotted(message.text, missing, message.where))


def _read_plain_start(message: _Message) -> Commands:
    """Another flow's phrase and hardly a word more, even where any words would be an answer."""
    return () if isinstance(message.read_open(), Heard) and not message.takes_any else _find_other_flow(message, is_plain=True)


def _read_other_flow(message: _Message) -> Commands:
    return _find_other_flow(message, is_plain=message.takes_any)


def _find_other_flow(message: _Message, *, is_plain: bool) -> Commands:
    running = {flow.key for flow in message.flows}
    flows = [flow for flow in message.book.list_startable(message.world.inbox) if flow.key not in running]
    keys = find_started(message.text, flows, is_prose=is_plain)
    flow = message.book.find_live(keys[0]) if keys else None
    fills = fill_spotted(message.text, list_fillable([flow]), message.where) if flow else []
    return (Command("start", flow=keys[0]), *fills) if keys else ()


def _read_courtesy(message: _Message) -> Commands:
    """Thanks or a greeting in the middle: the question again."""
    found, rest = read_courtesies(spell(message.text))
    return (Command("repeat"),) if found and not rest else ()


def _read_digression(message: _Message) -> Commands:
    """A question, or a sentence that no slot takes."""
    words = spell(message.text)
    if message.is_prose:
        is_other = QUESTION_MARK.search(message.text) is not None and len(words) <= LONG_PROSE_WORDS
    else:
        is_other = is_question(message.text) or len(words) >= LEAST_DIGRESSION_WORDS
    slot = "" if isinstance(message.opened.step, Verify) else message.below.slot
    return (Command("digress", slot=slot, text=message.text),) if is_other and words else ()


def _read_anything(message: _Message) -> Commands:
    if isinstance(message.opened.step, Confirm):
        return (Command("nothing"),)
    return (Command("fill", slot=message.opened.slot, text=message.text),)


RULES: tuple[Callable[[_Message], Commands], ...] = (
    _read_code,
    _read_offered,
    _read_nothing_more,
    _read_one_person,
    _read_repair,
    _read_option_again,
    _read_not_right,
    _read_correction,
    _read_yes_no,
    _read_fault,
    _read_plain_start,
    _read_form,
    _read_answer,
    _read_other_slots,
    _read_other_flow,
    _read_courtesy,
    _read_digression,
    _read_anything,
)
