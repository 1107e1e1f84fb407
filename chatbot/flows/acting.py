"""What each command does to the run. The machine calls them, and then walks on to the next question."""

from __future__ import annotations

from collections.abc import Callable

from chatbot.flows.asking import CODE, OpenQuestion, answer, fail, find_open, hear, keep, match_offered, settle
from chatbot.flows.commands import Command
from chatbot.flows.correcting import correct, go_back
from chatbot.flows.definition import Ask, Choose, Confirm, Form, Verify, asked_slots, list_asked
from chatbot.flows.repair import REPAIR, get_text, start_repair
from chatbot.flows.resolving import PICKED, begin, skip_open
from chatbot.flows.run import SlotValue
from chatbot.flows.slots import Heard, Unclear, Wrong
from chatbot.flows.steps import check_code
from chatbot.flows.walking import Walk
from chatbot.flows.wording import pick


def apply(walk: Walk, command: Command) -> None:
    walk.notes.setdefault("commands", []).append(command.do)
    if walk.is_waiting and command.do not in ("fill", "digress"):
        return
    if not walk.run.stack and command.do not in BEGINS:
        return
    APPLY[command.do](walk, command)


# beginning


def _start(walk: Walk, command: Command) -> None:
    flow = walk.book.find_live(command.flow)
    if flow is None or flow.key.startswith(REPAIR):
        return
    if not any(walk.list_flows()):
        begin(walk, command.flow)
    elif any(running.key == command.flow for running in walk.list_flows()):
        return
    else:
        current = next(walk.list_flows(), None)
        titles = {"flow": pick(current.title, walk.language) if current else "", "other": pick(flow.title, walk.language)}
        start_repair(walk, "switch", **titles)
        walk.change(candidates=(command.flow,))


def _clarify(walk: Walk, command: Command) -> None:
    flows = tuple(key for key in dict.fromkeys(command.flows) if walk.book.find_live(key) and not key.startswith(REPAIR))
    if len(flows) < 2:
        for key in flows:
            _start(walk, Command("start", flow=key))
        return
    start_repair(walk, "clarify")
    walk.change(candidates=flows[:5])


# answering


def _fill(walk: Walk, command: Command) -> None:
    opened = find_open(walk.book, walk.run)
    below = find_open(walk.book, walk.run, below_repair=True)
    slot = command.slot or (opened.slot if opened else "")
    if walk.is_waiting or opened is None or (slot != opened.slot and (below is None or slot != below.slot)):
        _fill_other(walk, slot, command.text)
    elif slot == opened.slot:
        _answer(walk, opened, command.text)
    elif below is not None and isinstance(hear(walk, slot, command.text), Heard):
        walk.leave_repair()
        _answer(walk, below, command.text)
    else:
        _answer(walk, opened, command.text)


def _attach(walk: Walk, command: Command) -> None:
    """A file, where one is asked for; elsewhere it stays in the conversation, where people see it."""
    opened = find_open(walk.book, walk.run, below_repair=True)
    is_file = opened is not None and opened.spec is not None and opened.spec.type == "file"
    if opened is None or not is_file or command.slot != opened.slot or not command.text:
        start_repair(walk, "file")
        return
    walk.leave_repair()
    keep(walk, opened.slot, command.text, Heard(command.text, command.text))
    if isinstance(opened.step, Ask | Form) and all(name in walk.run.slots for name in list_asked(opened.step)):
        settle(walk, opened.step)


def _fill_other(walk: Walk, slot: str, text: str) -> None:
    """A slot whose question isn't open: kept for when it comes, or a correction where it has been."""
    if not walk.may_fill(slot):
        _keep_for_other(walk, slot, text)
        return
    if slot in walk.run.slots and not walk.is_waiting:
        correct(walk, slot, text)
    elif slot not in walk.run.slots:
        result = hear(walk, slot, text)
        if isinstance(result, Heard):
            keep(walk, slot, text, result)
        elif isinstance(result, Unclear) or (isinstance(result, Wrong) and result.why.startswith("closed")):
            walk.change(mentions={**walk.run.mentions, slot: text})


def _keep_for_other(walk: Walk, slot: str, text: str) -> None:
    """What was said of a flow that isn't begun yet: kept until the customer has said whether to change to it."""
    flows = (walk.book.find_live(key) for key in walk.run.candidates)
    if any(slot in asked_slots(flow) for flow in flows if flow):
        walk.change(mentions={**walk.run.mentions, slot: text})


def _answer(walk: Walk, opened: OpenQuestion, text: str) -> None:
    match opened.step:
        case Verify() as step:
            if any(c.isdecimal() for c in text) and walk.run.asked.endswith("/code"):
                check_code(walk, step, text)
            else:
                fail(walk, step, CODE, get_text("not_understood", walk.language))
        case Confirm() as step:
            fail(walk, step, "", get_text("not_understood", walk.language))
        case Choose(lists=lists) as step if lists:
            _pick_listed(walk, step, text)
        case Ask() | Choose() | Form() as step:
            answer(walk, step, opened.slot, text)


def _pick_listed(walk: Walk, step: Choose, text: str) -> None:
    """Of what the machine itself put on the list: a value, a title or a number."""
    offered = walk.run.choices
    value = text if text in {value for _, value in offered} else match_offered(offered, text, walk.world.where)
    if not value:
        fail(walk, step, step.slot, get_text("not_understood", walk.language))
        return
    walk.put_slot(PICKED, SlotValue(text, value, value))
    walk.change(asked="", choices=(), tries=0)
    walk.go_on(step)


def _choose(walk: Walk, command: Command) -> None:
    """A button: of the open question, of one that was answered, or of nothing that is known."""
    opened = find_open(walk.book, walk.run)
    if opened and command.slot in ("", opened.slot):
        if isinstance(opened.step, Confirm):
            (_confirm if command.text == "yes" else _deny)(walk, command)
        else:
            _answer(walk, opened, command.text)
    elif walk.may_fill(command.slot):
        correct(walk, command.slot, command.text)
    else:
        start_repair(walk, "old-button")


def _confirm(walk: Walk, _command: Command) -> None:
    _say_to_open(walk, "yes")


def _deny(walk: Walk, _command: Command) -> None:
    _say_to_open(walk, "no")


def _say_to_open(walk: Walk, word: str) -> None:
    """Yes or no to the open question."""
    opened = find_open(walk.book, walk.run)
    if opened is None:
        return
    step = opened.step
    if not isinstance(step, Confirm):
        _answer(walk, opened, get_text(word, walk.language))
    elif word == "yes":
        walk.drop_crumb(step)
        walk.change(asked="", choices=(), tries=0)
        walk.go_on(step)
    elif any(crumb.slots for crumb in walk.run.trail):
        start_repair(walk, "change")
    else:
        _unless_done(walk, "cancel")


def _digress(walk: Walk, _command: Command) -> None:
    """The other responders answer; then the question is put again. Where they can't: a fill of the slot, or "nothing"."""
    if walk.is_waiting:
        return
    walk.is_digression = True
    flow = next(walk.list_flows(), None)
    start_repair(walk, "digress", flow=pick(flow.title, walk.language) if flow else "")
    walk.change(is_paused=True)


def _nothing(walk: Walk, _command: Command) -> None:
    opened = find_open(walk.book, walk.run)
    if opened:
        fail(walk, opened.step, opened.slot, get_text("not_understood", walk.language))


def _silence(walk: Walk, _command: Command) -> None:
    """Once a reminder, then it's closed."""
    closed = "closed-done" if walk.run.done else "closed"
    start_repair(walk, closed if walk.run.is_reminded else "silence")
    walk.change(is_reminded=True)


def _restart(walk: Walk, _command: Command) -> None:
    """What a call has changed already would be done again: that is for people."""
    _unless_done(walk, "restart")


def _cancel(walk: Walk, _command: Command) -> None:
    """What a call has changed already isn't undone by leaving: that is for people."""
    _unless_done(walk, "cancel")


def _unless_done(walk: Walk, name: str) -> None:
    if walk.run.done:
        start_repair(walk, "too-late", wanted=get_text(f"wanted_{name}", walk.language))
    else:
        start_repair(walk, name)


def _repair(name: str) -> Callable[[Walk, Command], None]:
    return lambda walk, _command: start_repair(walk, name)


BEGINS = {"start", "clarify", "handoff"}
APPLY: dict[str, Callable[[Walk, Command], None]] = {
    "start": _start,
    "clarify": _clarify,
    "fill": _fill,
    "correct": lambda walk, command: correct(walk, command.slot, command.text),
    "choose": _choose,
    "attach": _attach,
    "confirm": _confirm,
    "deny": _deny,
    "skip": lambda walk, _command: skip_open(walk),
    "back": lambda walk, _command: go_back(walk),
    "repeat": _repair("repeat"),
    "restart": _restart,
    "cancel": _cancel,
    "digress": _digress,
    "handoff": _repair("human"),
    "old_button": _repair("old-button"),
    "nothing": _nothing,
    "silence": _silence,
}
