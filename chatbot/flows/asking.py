"""Questions: put, answered, skipped, gone back to. One at a time; two wrong answers open a way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from chatbot.flows.definition import Ask, Choose, Confirm, Flow, Form, Question, Verify, find_spec, list_asked
from chatbot.flows.phrases import FUNCTION, spell
from chatbot.flows.repair import REPAIR, get_reason, get_text, load_words, start_repair
from chatbot.flows.run import FlowBook, Run, SlotValue, Utterance
from chatbot.flows.slots import Heard, Option, Reading, SlotSpec, Unclear, Where, Wrong, read_slot
from chatbot.flows.walking import Walk
from chatbot.flows.wording import fill_text, pick

MAX_TRIES = 2
MAX_VISITS = 5
CODE = "code"
ANYTHING = SlotSpec(type="text")
Choices = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """slot: "" at a confirmation, "code" where a code is waited for."""

    flow: Flow
    step: Question | Verify
    slot: str

    @property
    def spec(self) -> SlotSpec | None:
        return find_spec(self.flow, self.slot) if self.slot else None


def find_open(book: FlowBook, run: Run, *, below_repair: bool = False) -> OpenQuestion | None:
    """The question that waits for an answer. below_repair: that of the flow under an open repair."""
    for place in reversed(run.stack):
        flow = book.find(place.flow, place.revision)
        if flow is None or (below_repair and place.flow.startswith(REPAIR)):
            continue
        step = flow.find_step(place.step)
        if isinstance(step, Verify):
            return OpenQuestion(flow, step, CODE)
        if isinstance(step, Ask | Choose | Form | Confirm):
            left = [name for name in list_asked(step) if name not in run.slots]
            return OpenQuestion(flow, step, (left or [""])[0])
        return None
    return None


# a question is put


def put_question(walk: Walk, step: Question) -> None:
    """Passed by where its slots are filled already; asked anew where the path comes back to it."""
    slots, place = list_asked(step), walk.place
    if not walk.run.asked.startswith(f"{place.flow}/{place.step}/"):
        visits = sum(c.stack[-1] == place and len(c.stack) == len(walk.run.stack) for c in walk.run.trail)
        if visits >= MAX_VISITS:
            walk.hand_over("flow_loop")
            return
        if visits:  # what was proven was about the answers before
            walk.change(is_verified=False)
        for name in slots if visits else ():
            walk.put_slot(name, None)
    left = [name for name in slots if name not in walk.run.slots]
    if slots and not left:
        settle(walk, step)
    elif left and (mention := walk.run.mentions.get(left[0])):
        walk.change(mentions={name: text for name, text in walk.run.mentions.items() if name != left[0]})
        _ask_back(walk, step, left, mention)
    else:
        ask(walk, step, left)


def _ask_back(walk: Walk, step: Question, left: list[str], mention: str) -> None:
    """What was said before the question came, but not clearly: which of its readings is meant."""
    result = hear(walk, left[0], mention)
    if isinstance(result, Unclear) and result.choices:
        _ask_which(walk, step, left[0], result)
    else:
        ask(walk, step, left, _say_wrong(walk, left[0], result) if isinstance(result, Wrong) else "")


def _ask_which(walk: Walk, step: Question, slot: str, unclear: Unclear) -> None:
    walk.change(so_far=unclear.so_far)
    ask(walk, step, [slot], get_text("which" if len(unclear.choices) > 1 else "is_it", walk.language), unclear.choices)


def ask(walk: Walk, step: Question | Verify, left: list[str], ahead: str = "", choices: Choices = ()) -> None:
    """ahead: said before the question, or in its place where it asks itself; choices: in place of the question's own."""
    slot = left[0] if left else ""
    asked = f"{walk.place.flow}/{step.id}/{slot}"
    question = fill_text(_word(walk, step, left), walk.run, walk.world, walk.facts)
    text = ahead if ahead.rstrip().endswith("?") else "\n\n".join(t for t in (ahead, question) if t)
    offered = choices or _list_choices(walk, step, slot)
    tries = walk.run.tries if asked == walk.run.asked else 0
    walk.change(asked=asked, choices=offered, tries=tries, asked_at=walk.world.where.now)
    walk.says.append(Utterance(text, offered, asks=True))
    walk.is_waiting = True


def _word(walk: Walk, step: Question | Verify, left: list[str]) -> str:
    """A form that is half filled asks for what is missing only."""
    if isinstance(step, Form) and len(left) < len(step.slots):
        labels = [name_slot(walk, name) for name in left]
        return get_text("rest", walk.language).format(labels=", ".join(labels))
    if isinstance(step, Verify) and not step.text:
        return get_text("code", walk.language)
    return pick(step.text or {}, walk.language)


def name_slot(walk: Walk, slot: str) -> str:
    """A slot as it is called to customers."""
    spec = walk.find_spec(slot)
    return pick(spec.label, walk.language) if spec and spec.label else slot.replace("_", " ")


def _list_choices(walk: Walk, step: Question | Verify, slot: str) -> Choices:
    if isinstance(step, Choose) and step.lists:
        return _list_flows(walk) if step.lists == "flows" else _list_filled(walk)
    spec = walk.find_spec(slot)
    if isinstance(step, Confirm) or (spec and spec.type == "yes_no"):
        return ((get_text("yes", walk.language), "yes"), (get_text("no", walk.language), "no"))
    return tuple((pick(option.title, walk.language), option.value) for option in (spec.options if spec else ()))


def _list_flows(walk: Walk) -> Choices:
    found = (walk.book.find_live(key) for key in walk.run.candidates)
    return tuple((pick(flow.title, walk.language), flow.key) for flow in found if flow)


def _list_filled(walk: Walk) -> Choices:
    """What customers may change: all they said, in the order in which it was asked."""
    asked = dict.fromkeys(name for crumb in walk.run.trail for name in crumb.slots)
    return tuple((name_slot(walk, name), name) for name in asked if name in walk.run.slots)


# and answered


def match_offered(choices: Choices, text: str, where: Where) -> str:
    """The value of the button that a text means beyond doubt: its number or its title, nearly; "" for none."""
    options = tuple(Option(value=value, title={where.language: title}) for title, value in choices)
    result = read_slot(SlotSpec(type="choice", options=options), text, where) if options else None
    return str(result.value) if isinstance(result, Heard) else _match_word(choices, text)


def _match_word(choices: Choices, text: str) -> str:
    """By a word that only one title has: "la cita" of "Pedir cita" and "Poner una queja"."""
    said = set(spell(text)) - FUNCTION
    if not said or any(word.isdecimal() for word in said) or load_words("negations") & set(spell(text)):
        return ""
    found = [value for title, value in choices if said <= set(spell(title))]
    return found[0] if len(found) == 1 else ""


def hear(walk: Walk, slot: str, text: str) -> Reading | None:
    """What a text says of a slot, with what was certain of the answer before it."""
    spec = walk.find_spec(slot) or ANYTHING
    where = set_day(walk.world.where, walk.run, walk.list_flows())
    if spec.type == "datetime" and (whole := _complete(walk, slot, spec, text, where)):
        return whole
    if walk.run.so_far and walk.run.asked.endswith(f"/{slot}"):
        together = read_slot(spec, f"{walk.run.so_far} {text}", where)
        if isinstance(together, Heard):
            return together
    return read_slot(spec, text, where)


def _complete(walk: Walk, slot: str, spec: SlotSpec, text: str, where: Where) -> Heard | None:
    """ "Mejor a las 12", "mejor el miércoles": of a moment that was given, the day or the hour stays."""
    old = walk.run.slots.get(slot)
    result = read_slot(spec, text, where) if old and old.value else None
    if old is None or not isinstance(result, Unclear) or result.why not in ("which_day", "which_hour"):
        return None
    day, hour = str(old.value)[:10], str(old.value)[11:16]
    together = read_slot(spec, f"{day} {text}" if result.why == "which_day" else f"{text} T{hour}", where)
    return together if isinstance(together, Heard) else None


def keep(walk: Walk, slot: str, text: str, heard: Heard) -> None:
    spec = walk.find_spec(slot) or ANYTHING
    walk.put_slot(slot, SlotValue(text[:2_000], heard.value, heard.said, "customer", spec.private))
    if spec.type == "date":
        _drop_closed(walk)


def set_day(where: Where, run: Run, flows: Iterable[Flow]) -> Where:
    """With the day that was chosen, for the hour that is asked for; the last one of several."""
    specs = {name: spec for flow in flows for name, spec in flow.slots.items()}
    days = [slot.value for name, slot in run.slots.items() if name in specs and specs[name].type == "date" and slot.value]
    return replace(where, day=date.fromisoformat(str(days[-1]))) if days else where


def _drop_closed(walk: Walk) -> None:
    """An hour that was said before the day, and isn't open on it, is asked again."""
    for name, slot in list(walk.run.slots.items()):
        spec = walk.find_spec(name)
        if spec and spec.type == "time" and spec.within_hours and isinstance(hear(walk, name, slot.text), Wrong):
            walk.put_slot(name, None)
            walk.change(mentions={**walk.run.mentions, name: slot.text})


def answer(walk: Walk, step: Question, slot: str, text: str) -> None:
    """To the open question."""
    result = hear(walk, slot, text)
    if isinstance(result, Heard):
        keep(walk, slot, text, result)
        walk.change(so_far="", choices=())
        if all(name in walk.run.slots for name in list_asked(step)):
            settle(walk, step)
        return
    unclear = result if isinstance(result, Unclear) else None
    if unclear and unclear.why == "negated" and walk.find_spec(slot) and _list_choices(walk, step, slot):
        fail(walk, step, slot, "")  # "no quiero que me llamen": the other options are what is meant
        return
    if unclear and unclear.choices and unclear.choices != walk.run.choices:
        _ask_which(walk, step, slot, unclear)
        return
    fail(walk, step, slot, _say_wrong(walk, slot, result), unclear)


def fail(walk: Walk, step: Question | Verify, slot: str, text: str, unclear: Unclear | None = None) -> None:
    """A wrong answer: said why, once; then the ways out."""
    walk.change(tries=walk.run.tries + 1, so_far=unclear.so_far if unclear else walk.run.so_far)
    walk.notes["tries"] = walk.run.tries
    if walk.run.tries < MAX_TRIES:
        ask(walk, step, [slot] if slot else [], text, unclear.choices if unclear else ())
    elif walk.place.flow.startswith(REPAIR):
        walk.hand_over("stuck")
    else:
        offer_ways_out(walk, slot)


def offer_ways_out(walk: Walk, slot: str) -> None:
    spec = walk.find_spec(slot) if slot else None
    start_repair(walk, "way-out-optional" if spec and spec.optional else "way-out")


def _say_wrong(walk: Walk, slot: str, result: Reading | None) -> str:
    spec = walk.find_spec(slot)
    is_closed = isinstance(result, Wrong) and result.why.startswith("closed")
    if spec and spec.error and not is_closed:
        return pick(spec.error, walk.language)
    if isinstance(result, Wrong | Unclear):
        why, facts = _name_limits(result) if isinstance(result, Wrong) else (result.why, {})
        return get_reason(why, walk.language, facts) or get_text("wrong", walk.language)
    return get_text("not_understood", walk.language)


def _name_limits(wrong: Wrong) -> tuple[str, dict[str, object]]:
    """A reason with the limits that there are, as people write them."""
    facts: dict[str, object] = {n: int(v) if isinstance(v, float) and v.is_integer() else v for n, v in wrong.facts.items()}
    if wrong.why != "out_of_range":
        return wrong.why, facts
    limits = (facts.get("min") is not None, facts.get("max") is not None)
    return {(True, True): "between", (True, False): "at_least", (False, True): "at_most"}.get(limits, wrong.why), facts


def settle(walk: Walk, step: Question | Verify) -> None:
    """The question is answered; the flow goes on."""
    walk.drop_crumb(step)
    walk.change(asked="", choices=(), so_far="", tries=0)
    goal = ""
    if isinstance(step, Choose) and (chosen := walk.run.slots.get(step.slot)):
        goal = next((option.next for option in step.options if option.value == chosen.value), "")
    walk.go_on(step, goal)


def skip(walk: Walk, step: Question | Verify, slot: str) -> bool:
    """Only what is optional. The slot is settled, and empty."""
    spec = walk.find_spec(slot) if slot else None
    if spec is None or not spec.optional or isinstance(step, Verify):
        return False
    walk.put_slot(slot, SlotValue("", None, "", "customer", spec.private))
    if all(name in walk.run.slots for name in list_asked(step)):
        settle(walk, step)
    else:
        walk.change(asked="", choices=(), so_far="", tries=0)
    return True
