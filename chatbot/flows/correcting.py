"""Going back: an earlier answer is corrected or asked again, and the flow goes over its path from there."""

from __future__ import annotations

from chatbot.flows.asking import OpenQuestion, answer, find_open, hear, keep, name_slot
from chatbot.flows.definition import Ask, Choose, Form, list_asked, list_exits, list_texts
from chatbot.flows.repair import REPAIR, say_repair, start_repair
from chatbot.flows.slots import Heard
from chatbot.flows.walking import BEGINNING, CODE_SENT, Walk
from chatbot.flows.wording import clean, list_variables, show


def correct(walk: Walk, slot: str, text: str) -> None:
    """Another value; without a text it is asked again, without a slot which one is meant.

    What a call has done already is for people to change; what a call or a `set` found isn't overwritten.
    """
    if not walk.may_fill(slot) or _is_found_address(walk, slot):
        has_answers = any(crumb.slots for crumb in walk.run.trail)
        start_repair(walk, "repeat" if slot or not has_answers else "change")
        return
    at, old = _find_question(walk, slot), walk.run.slots.get(slot)
    if at == BEGINNING and (old is None or not _has_followed(walk)):
        _fill_ahead(walk, slot, text)
    elif at == BEGINNING and old is not None and old.by == "flow":
        start_repair(walk, "repeat")
    elif _is_done_since(walk, at):
        _pass_on(walk, slot, text)
    else:
        _correct_at(walk, at, slot, text)


def _is_found_address(walk: Walk, slot: str) -> bool:
    """Whose proof is wanted was found by the flow: customers don't say that it is theirs instead."""
    old = walk.run.slots.get(slot)
    return old is not None and old.by == "flow" and walk.is_address(slot)


def _find_question(walk: Walk, slot: str) -> int:
    """The question that a slot was last asked by. The BEGINNING where none was, and where a proof was made with it before."""
    trail = walk.run.trail
    asked = [n for n, crumb in enumerate(trail) if slot in crumb.slots]
    if before := [n for n in asked if not trail[n].is_verified]:
        return before[-1]
    return asked[-1] if asked and not any(slot in crumb.filled for crumb in trail) else BEGINNING


def _is_done_since(walk: Walk, at: int) -> bool:
    return len(walk.run.done) > (0 if at == BEGINNING else walk.run.trail[at].done)


def _has_followed(walk: Walk) -> bool:
    """Whether anything was found or proven by now that may hang on what was said."""
    run = walk.run
    is_found = any(slot.by == "flow" for slot in run.slots.values())
    return is_found or run.is_verified or any(name.startswith(CODE_SENT) for name in run.said)


def _pass_on(walk: Walk, slot: str, text: str) -> None:
    """What people are asked to change: named to them, as far as it was said."""
    label, value = name_slot(walk, slot), clean(text, 200)
    wanted = ": ".join(said for said in (label, value) if said)
    start_repair(walk, "too-late", label=label, value=value, wanted=wanted or "?")


def _fill_ahead(walk: Walk, slot: str, text: str) -> None:
    """Of a question that wasn't answered yet: its answer, or one that is ready when it's asked."""
    opened = find_open(walk.book, walk.run, below_repair=True)
    if text and isinstance(result := hear(walk, slot, text), Heard):
        is_change = slot in walk.run.slots
        keep(walk, slot, text, result)
        if is_change:
            say_repair(walk, "correct", label=name_slot(walk, slot), value=show(walk.run.slots[slot], walk.run))
    elif opened and opened.slot == slot and text:
        _answer_below(walk, opened, text)
    elif slot in walk.run.slots:
        walk.put_slot(slot, None)


def _answer_below(walk: Walk, opened: OpenQuestion, text: str) -> None:
    walk.leave_repair()
    if isinstance(opened.step, Ask | Choose | Form):
        answer(walk, opened.step, opened.slot, text)


def _correct_at(walk: Walk, at: int, slot: str, text: str) -> None:
    walk.leave_repair()
    result = hear(walk, slot, text) if text else None
    walk.rewind(at)
    walk.put_slot(slot, None)
    walk.is_replaying = True
    forget_dependents(walk, slot)
    if isinstance(result, Heard):
        keep(walk, slot, text, result)
        walk.notes["corrected"] = slot
        say_repair(walk, "correct", label=name_slot(walk, slot), value=show(walk.run.slots[slot], walk.run))
    elif text and isinstance(walk.step, Ask | Choose | Form):
        answer(walk, walk.step, slot, text)


def forget_dependents(walk: Walk, changed: str) -> None:
    """Answers to questions that quote the changed slot ("¿A qué hora del {{slot.dia}}?") are asked again."""
    todo = [changed]
    while todo:
        name = todo.pop()
        for other in _list_quoting(walk, name):
            if other != changed and other in walk.run.slots:
                walk.put_slot(other, None)
                todo.append(other)


def _list_quoting(walk: Walk, slot: str) -> list[str]:
    return [
        name
        for flow in walk.list_flows()
        for step in flow.steps
        for name in list_asked(step)
        if any(("slot", slot) in list_variables(text) for texts in list_texts(step) for text in texts.values())
    ]


def go_back(walk: Walk) -> None:
    """To the question before; not over a call that has changed something."""
    walk.leave_repair()
    trail = walk.run.trail
    slots = trail[-1].slots if trail else ()
    at = min(len(trail) - 1, *(_find_question(walk, name) for name in slots)) if slots else len(trail) - 1
    if not trail:
        start_repair(walk, "no-back")
    elif _is_done_since(walk, at):
        asked = [name for crumb in trail for name in crumb.slots]
        _pass_on(walk, asked[-1] if asked else "", "")
    else:
        walk.rewind(at)
        walk.is_replaying = True
        for name in slots:
            if not _is_found_address(walk, name):
                walk.put_slot(name, None)


def forget_unreachable(walk: Walk) -> None:
    """After a correction: answers to questions that are neither on the path walked any more nor ahead of it."""
    kept = {name for crumb in walk.run.trail for name in crumb.slots} | _list_ahead(walk)
    gone = {n for n in walk.rewound - kept if not walk.is_address(n)}
    walk.change(slots={n: s for n, s in walk.run.slots.items() if s.by == "flow" or n not in gone})


def _list_ahead(walk: Walk) -> set[str]:
    """The slots of every question that can still come. Of a flow that is jumped into, all."""
    found: set[str] = set()
    for place in walk.run.stack:
        flow = walk.book.find(place.flow, place.revision)
        if flow is None or place.flow.startswith(REPAIR):
            continue
        todo, seen = [place.step], set()
        while todo:
            step = flow.find_step(here) if (here := todo.pop()) not in seen else None
            seen.add(here)
            if step is None:
                continue
            found.update(list_asked(step))
            if step.do == "jump" and (other := walk.book.find_live(step.flow)):
                found.update(name for inner in other.steps for name in list_asked(inner))
            todo.extend(goal for _, goal in list_exits(flow, step))
    return found
