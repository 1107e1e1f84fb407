"""How a repair leaves: back to the question below, or with what it decided."""

from __future__ import annotations

from collections.abc import Callable

from chatbot.flows.asking import find_open, hear, keep, skip
from chatbot.flows.correcting import correct, go_back
from chatbot.flows.definition import Resolve
from chatbot.flows.repair import get_text, start_repair
from chatbot.flows.run import Run, leave
from chatbot.flows.slots import Heard
from chatbot.flows.walking import Walk
from chatbot.flows.wording import as_text

PICKED = "repair_pick"


def resolve(walk: Walk, step: Resolve) -> None:
    RESOLVE[step.how](walk)


def begin(walk: Walk, key: str) -> None:
    """A flow from its first step, in place of whatever was there."""
    flow = walk.book.find_live(key)
    if flow is None:
        walk.hand_over("flow_gone", key)
        return
    if all(other.key != key for other in walk.list_flows()):
        walk.walked += leave(walk.run, "switched")
    _tell_what_stays(walk)
    walk.run = Run((), answers=walk.run.answers, walked=walk.run.walked)
    walk.enter(key, flow)
    walk.notes["started"] = key


def _tell_what_stays(walk: Walk) -> None:
    """Who leaves a flow that has changed something by a call is told so, and needn't ask for it again."""
    if walk.run.done:
        walk.say(get_text("stays", walk.language))


def _stop(walk: Walk) -> None:
    _tell_what_stays(walk)
    walk.end("stopped")


def _go_on(walk: Walk) -> None:
    """Which of two flows is meant is a repair itself, with nothing below it."""
    if any(walk.list_flows()):
        walk.leave_repair()
    else:
        walk.end_flow()


def _start_over(walk: Walk) -> None:
    """Not where a call has changed something: it would be done again."""
    walk.leave_repair()
    if walk.run.done:
        start_repair(walk, "too-late")
    elif walk.run.stack:
        begin(walk, walk.run.stack[0].flow)


def skip_open(walk: Walk) -> None:
    walk.leave_repair()
    opened = find_open(walk.book, walk.run)
    if opened is None or not skip(walk, opened.step, opened.slot):
        start_repair(walk, "no-skip")


def _read_picked(walk: Walk) -> str:
    slot = walk.run.slots.get(PICKED)
    return as_text(slot.value) if slot else ""


def _change(walk: Walk) -> None:
    picked = _read_picked(walk)
    walk.leave_repair()
    correct(walk, picked, "")


def _start(walk: Walk) -> None:
    begin(walk, _read_picked(walk))


def _switch(walk: Walk) -> None:
    mentions = walk.run.mentions
    begin(walk, (walk.run.candidates or ("",))[0])
    for slot, text in mentions.items():
        if walk.may_fill(slot) and isinstance(result := hear(walk, slot, text), Heard):
            keep(walk, slot, text, result)


RESOLVE: dict[str, Callable[[Walk], None]] = {
    "go_on": _go_on,
    "stop": _stop,
    "close": lambda walk: walk.end("closed"),
    "start_over": _start_over,
    "back": go_back,
    "skip": skip_open,
    "change": _change,
    "start": _start,
    "switch": _switch,
}
