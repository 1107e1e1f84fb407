"""What each step does when the machine comes to it. Questions are asking.py's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import regex
from pydantic_core import to_jsonable_python

from chatbot.flows.asking import ask, put_question, settle
from chatbot.flows.calls import find_value, list_used
from chatbot.flows.definition import (
    Ask,
    Call,
    Change,
    Choose,
    Condition,
    Confirm,
    End,
    Form,
    Handoff,
    Jump,
    Rule,
    Say,
    Set,
    Step,
    Verify,
)
from chatbot.flows.repair import get_text
from chatbot.flows.run import LEFT, SlotValue, Wish, WishResult
from chatbot.flows.slots import Heard, read_slot
from chatbot.flows.walking import CODE_SENT, Walk
from chatbot.flows.wording import as_text, fill_note, list_variables, pick

EXPIRED = "code:expired"  # to be told with the next code
REASONS = {
    "repair-human": "asked",
    "repair-way-out": "stuck",
    "repair-way-out-optional": "stuck",
    "repair-too-late": "too_late",
}
UNSTORABLE = regex.compile(r"[\p{Cc}\p{Cs}--[\n\t]]", regex.V1)


def perform(walk: Walk, step: Step) -> None:
    """One step, and where the run stands after it. `resolve` is the machine's."""
    PERFORM[type(step)](walk, step)


def say(walk: Walk, step: Say) -> None:
    """Not again what was said already, on the way back from a correction; but what holds slots may have changed."""
    name = f"{walk.place.flow}/{step.id}"
    text = pick(step.text, walk.language)
    if not (walk.is_replaying and name in walk.run.said) or any(list_variables(text)):
        walk.say(text, image=step.image, file=step.file)
    walk.change(said=tuple(dict.fromkeys((*walk.run.said, name))))
    walk.go_on(step)


def condition(walk: Walk, step: Condition) -> None:
    walk.go_on(step, step.then if all(holds(walk, rule) for rule in step.when) else step.otherwise)


def holds(walk: Walk, rule: Rule) -> bool:
    """A private slot counts as empty for all but is_filled until it's clear who asks."""
    slot = walk.run.slots.get(rule.slot or "")
    if rule.is_filled is not None:
        return (slot is not None and slot.value is not None) == rule.is_filled
    value = _read_fact(walk, rule.fact) if rule.fact else slot.value if slot and _may_use(walk, slot) else None
    if rule.at_least is not None or rule.at_most is not None:
        return _compare(value, rule.at_least, rule.at_most)
    wanted = rule.any_of or ((rule.equals,) if rule.equals else ())
    return as_text(value).casefold() in {one.casefold() for one in wanted}


def _read_fact(walk: Walk, fact: str) -> Any:
    return walk.world.is_open if fact == "is_open" else walk.world.channel


def _compare(value: Any, at_least: float | None, at_most: float | None) -> bool:
    given: Any = value.get("amount") if isinstance(value, dict) else value
    try:
        number = float(given)
    except (TypeError, ValueError):
        return False
    return (at_least is None or number >= at_least) and (at_most is None or number <= at_most)


def _may_use(walk: Walk, slot: SlotValue) -> bool:
    return walk.run.is_verified or not slot.private


def set_slot(walk: Walk, step: Set) -> None:
    if not step.value:
        walk.put_slot(step.slot, None)
    else:
        used = [slot for kind, name in list_variables(step.value) if kind == "slot" and (slot := walk.run.slots.get(name))]
        is_private = any(slot.private for slot in used)
        fill_slot(walk, step.slot, fill_note(step.value, walk.run, walk.world), is_private=is_private)
    walk.go_on(step)


def fill_slot(walk: Walk, name: str, found: Any, *, is_private: bool = False) -> None:
    """A value that the flow itself puts into a slot: as its type reads it, else as it is."""
    spec = walk.find_spec(name)
    found = UNSTORABLE.sub("", found)[:2_000] if isinstance(found, str) else found
    text = as_text(found)
    heard = read_slot(spec, text, walk.world.where) if spec and spec.type != "text" else None
    value, said = (heard.value, heard.said) if isinstance(heard, Heard) else (to_jsonable_python(found), text)
    walk.put_slot(name, SlotValue(text, value, said, "flow", is_private or bool(spec and spec.private)))


# what needs the world


def call(walk: Walk, step: Call) -> None:
    """A wish; not even that where it would send what may not be used yet."""
    used = {name: slot for name in list_used(step) if (slot := walk.run.slots.get(name))}
    if not all(_may_use(walk, slot) for slot in used.values()):
        walk.notes["withheld"] = sorted(used)
        _fail(walk, step.on_error, step)
        return
    values = {name: slot.value for name, slot in used.items()}
    walk.wish = Wish("call", walk.place.flow, step.id, call=step, values=values)
    walk.change(waiting="call")
    walk.is_waiting = True


def take_call(walk: Walk, step: Call, result: WishResult) -> None:
    """Its answer. A call that may have changed something is done, whatever it answered."""
    if not step.is_safe:
        walk.change(done=(*walk.run.done, f"{walk.place.flow}/{step.id}"))
    walk.notes["call"] = result.outcome
    found = {slot: find_value(result.payload, path) for slot, path in step.takes.items()} if result.outcome == "ok" else {}
    if result.outcome == "error":
        _fail(walk, step.on_error, step)
    elif result.outcome == "missing" or any(value is None and not _is_optional(walk, name) for name, value in found.items()):
        _fail(walk, step.on_missing or step.on_error, step)
    else:
        for name, value in found.items():
            walk.put_slot(name, None) if value is None else fill_slot(walk, name, value)
        walk.go_on(step)


def _is_optional(walk: Walk, name: str) -> bool:
    spec = walk.find_spec(name)
    return spec is not None and spec.optional


def _fail(walk: Walk, goal: str, step: Step) -> None:
    if goal:
        walk.go_to(goal)
    else:
        walk.hand_over("flow_failed", f"{walk.place.flow}/{step.id}", {walk.language: get_text("failed", walk.language)})


def verify(walk: Walk, step: Verify) -> None:
    """By channel: decided here. By mail: a code is sent once, then asked for."""
    wanted = _read_address(walk, step)
    if not wanted:
        _fail(walk, step.on_error, step)
    elif step.by == "channel":
        world = walk.world
        proven = {world.proven_email.strip().casefold(), world.proven_phone.strip().casefold()} - {""}
        _pass(walk, step) if wanted.casefold() in proven else _fail(walk, step.on_error, step)
    elif _name_code(walk, step) in walk.run.said:
        ask(walk, step, ["code"])
    else:
        walk.wish = Wish("send_code", walk.place.flow, step.id, address=wanted)
        walk.change(waiting="send_code")
        walk.is_waiting = True


def _read_address(walk: Walk, step: Verify) -> str:
    slot = walk.run.slots.get(step.slot)
    return as_text(slot.value).strip() if slot else ""


def _name_code(walk: Walk, step: Verify) -> str:
    """The mark of a code that was sent: for this step and this address, and no other."""
    digest = hashlib.sha256(_read_address(walk, step).casefold().encode("utf-8", "replace")).hexdigest()[:16]
    return f"{CODE_SENT}{walk.place.flow}/{step.id}/{digest}"


def take_sent(walk: Walk, step: Verify, result: WishResult) -> None:
    if result.outcome != "ok":
        _fail(walk, step.on_error, step)
        return
    ahead = get_text("expired_code", walk.language) if EXPIRED in walk.run.said else ""
    said = (name for name in walk.run.said if not name.startswith(CODE_SENT))  # only the newest code counts
    walk.change(said=(*said, _name_code(walk, step)))
    ask(walk, step, ["code"], ahead)


def check_code(walk: Walk, step: Verify, text: str) -> None:
    code = "".join(c for c in text if c.isdecimal())[:10]
    walk.wish = Wish("check_code", walk.place.flow, step.id, address=_read_address(walk, step), code=code)
    walk.change(waiting="check_code")
    walk.is_waiting = True


def take_check(walk: Walk, step: Verify, result: WishResult) -> None:
    mark = _name_code(walk, step)
    if mark not in walk.run.said:  # it was sent to another address: one goes to this
        walk.change(asked="")
        return
    if result.outcome == "ok":
        _pass(walk, step)
        return
    if result.error == "expired":  # a new one is sent
        walk.change(said=(*(name for name in walk.run.said if name != mark), EXPIRED), asked="")
        return
    walk.change(tries=walk.run.tries + 1)
    if walk.run.tries < 2:
        ask(walk, step, ["code"], get_text("wrong_code", walk.language))
    else:
        walk.change(tries=0, asked="")
        _fail(walk, step.on_error, step)


def _pass(walk: Walk, step: Verify) -> None:
    settle(walk, step)
    walk.change(is_verified=True)


# what ends or changes something


def hand_off(walk: Walk, step: Handoff) -> None:
    text = pick(step.text or {}, walk.language) or get_text("human", walk.language)
    code = REASONS.get(walk.place.flow, "flow")
    walk.hand_over(code, pick(step.reason or {}, walk.world.team_language), {walk.language: text})


def change(walk: Walk, step: Change) -> None:
    for kind, value in (
        ("labels", list(step.labels)),
        ("remove_labels", list(step.remove_labels)),
        ("priority", step.priority),
        ("assignee", step.assignee_id),
        ("team", step.team_id),
        ("attributes", {name: fill_note(text, walk.run, walk.world) for name, text in step.attributes.items()}),
        ("note", fill_note(pick(step.note or {}, walk.world.team_language), walk.run, walk.world)),
    ):
        if value:
            walk.act(kind, value)
    walk.go_on(step)


def jump(walk: Walk, step: Jump) -> None:
    """The step after it is where a return comes back to."""
    if step.returns:
        walk.go_on(step)
    else:
        walk.note_way(walk.place, step.id, LEFT["jumped"])
        walk.pop()
    if not walk.push(step.flow):
        walk.hand_over("flow_gone", step.flow)


def end(walk: Walk, step: End) -> None:
    if step.text:
        walk.say(step.text)
    walk.end_flow()


PERFORM: dict[type, Callable[[Walk, Any], None]] = {
    Say: say,
    Ask: put_question,
    Choose: put_question,
    Form: put_question,
    Confirm: put_question,
    Condition: condition,
    Set: set_slot,
    Call: call,
    Verify: verify,
    Handoff: hand_off,
    Change: change,
    Jump: jump,
    End: end,
}
