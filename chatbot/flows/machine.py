"""The machine: a run and commands in; what is said and done, the next run or a wish out. Pure, and never raises on a run.

One question at a time. Between two questions it makes at most MAX_STEPS steps; a run has at most MAX_ANSWERS answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chatbot.flows.acting import apply
from chatbot.flows.asking import find_open
from chatbot.flows.commands import Command
from chatbot.flows.correcting import forget_unreachable
from chatbot.flows.definition import END, Call, Resolve, Verify
from chatbot.flows.repair import say_repair
from chatbot.flows.resolving import resolve
from chatbot.flows.run import FlowBook, Moved, Run, WishResult, World
from chatbot.flows.steps import perform, take_call, take_check, take_sent
from chatbot.flows.walking import Walk

MAX_STEPS = 100
MAX_ANSWERS = 200
RESUMED_AFTER = timedelta(hours=3)
# those that say for themselves where the conversation is
NOT_RESUMED = {"silence", "cancel", "handoff", "start", "clarify", "restart"}


def advance(book: FlowBook, run: Run | None, commands: Sequence[Command], world: World) -> Moved:
    """One turn. No run and no command that begins one: nothing is said, and the message isn't the flows'."""
    walk = Walk(book, run or Run(()), world)
    if run is not None:
        _greet_again(walk, run, commands)
        _give_up_waiting(walk)
        walk.change(answers=run.answers + 1, waiting="", is_paused=False)
        if run.answers >= MAX_ANSWERS:
            walk.hand_over("stuck")
    for command in _order(walk, commands):
        if walk.ended:
            break
        apply(walk, command)
    if not walk.run.stack and not walk.ended:
        return Moved()
    return _go(walk)


def resume(book: FlowBook, run: Run, result: WishResult, world: World) -> Moved:
    """After a wish of this run. One that waits for nothing is only put its question again."""
    walk = Walk(book, run, world)
    step, waiting = walk.step, run.waiting
    walk.change(waiting="")
    if isinstance(step, Call) and waiting == "call":
        take_call(walk, step, result)
    elif isinstance(step, Verify) and waiting == "send_code":
        take_sent(walk, step, result)
    elif isinstance(step, Verify) and waiting == "check_code":
        take_check(walk, step, result)
    return _go(walk)


def _give_up_waiting(walk: Walk) -> None:
    """A wish that nobody came back from. A call that changes something isn't made a second time: nobody knows how it went."""
    step = walk.step
    if walk.run.waiting == "call" and isinstance(step, Call) and not step.is_safe:
        take_call(walk, step, WishResult("error", error="unknown"))


def _order(walk: Walk, commands: Sequence[Command]) -> list[Command]:
    """Answers to the open question last: whatever else the sentence said is known by then."""
    opened = find_open(walk.book, walk.run) if walk.run.stack else None
    slot = opened.slot if opened else ""
    return sorted(commands, key=lambda c: c.do in ("fill", "choose", "confirm", "deny") and c.slot in ("", slot))


def _greet_again(walk: Walk, run: Run, commands: Sequence[Command]) -> None:
    """Who comes back after hours is told where things stand."""
    now = walk.world.where.now
    is_late = run.asked_at is not None and now - run.asked_at > RESUMED_AFTER
    if is_late and commands and not any(command.do in NOT_RESUMED for command in commands):
        say_repair(walk, "resumed")
    if not any(command.do == "silence" for command in commands):
        walk.change(is_reminded=False)


def _go(walk: Walk) -> Moved:
    for _ in range(MAX_STEPS):
        if walk.is_over:
            break
        _step(walk)
    if not walk.is_over:
        walk.hand_over("flow_loop")
    if walk.is_replaying and not walk.ended:
        forget_unreachable(walk)
    return walk.moved()


def _step(walk: Walk) -> None:
    if not walk.run.stack:
        walk.end("done")
        return
    step = walk.step
    if walk.place.step == END and walk.flow is not None:
        walk.end_flow()
    elif step is None:
        walk.hand_over("flow_gone", walk.place.flow)
    elif isinstance(step, Resolve):
        resolve(walk, step)
    else:
        perform(walk, step)
