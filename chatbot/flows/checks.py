"""What is wrong with a flow, asked before it's published. Pure; each finding names the step and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chatbot.flows.calls import list_templates
from chatbot.flows.definition import (
    END,
    Call,
    Choose,
    Condition,
    Flow,
    Handoff,
    Jump,
    Resolve,
    Set,
    Step,
    Verify,
    list_asked,
    list_exits,
    list_texts,
)
from chatbot.flows.graph import find_loops, find_reachable, find_stuck, find_unverified
from chatbot.flows.wording import list_variables
from chatbot.reply import Language
from chatbot.saying import gettext as _

REPAIR = "repair-"
KINDS = ("slot", "contact", "repair", "secret")
# these are told, and don't keep a flow from being published
ADVICE = {"silent_end", "never_starts", "host_later"}


@dataclass(frozen=True, slots=True)
class Finding:
    """step: "" for the flow itself; code: see EXPLAIN; facts: what its text names."""

    flow: str
    step: str
    code: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_blocking(self) -> bool:
        return self.code not in ADVICE


@dataclass(frozen=True, slots=True)
class Scope:
    """What a flow is checked against. flows: all flows by key; hosts: where calls may go."""

    flow: Flow
    flows: Mapping[str, Flow]
    languages: Collection[Language]
    hosts: Collection[str]


def list_findings(
    flow: Flow, flows: Mapping[str, Flow], languages: Collection[Language], hosts: Collection[str]
) -> tuple[Finding, ...]:
    """Every finding once, in the order of the steps."""
    scope = Scope(flow, {**flows, flow.key: flow}, languages, hosts)
    order = {step.id: n for n, step in enumerate(flow.steps, 1)}
    found = {str(f): f for check in CHECKS for f in check(scope)}
    return tuple(sorted(found.values(), key=lambda f: order.get(f.step, 0)))


def explain(finding: Finding) -> str:
    """What is wrong and what to do, in the reader's language."""
    return EXPLAIN[finding.code](finding.facts)


def _find(scope: Scope, step: Step | None, code: str, **facts: str) -> Finding:
    return Finding(scope.flow.key, step.id if step else "", code, facts)


# the path


def check_path(scope: Scope) -> Iterator[Finding]:
    """Steps that can't be reached, that never come to an end, that go round without asking, or that end without a word."""
    flow = scope.flow
    reached, stuck, loops = find_reachable(flow), find_stuck(flow), find_loops(flow)
    for step in flow.steps:
        if step.id not in reached:
            yield _find(scope, step, "unreachable")
        elif step.id in loops:
            yield _find(scope, step, "loop")
        elif step.id in stuck:
            yield _find(scope, step, "dead_end")
        if isinstance(step, Choose) and not step.options and not step.lists:
            yield _find(scope, step, "no_options")
        if list_asked(step) and any(goal == END for _, goal in list_exits(flow, step)):
            yield _find(scope, step, "silent_end")


def check_goals(scope: Scope) -> Iterator[Finding]:
    known = {step.id for step in scope.flow.steps} | {END}
    for step in scope.flow.steps:
        for _why, goal in list_exits(scope.flow, step):
            if goal not in known:
                yield _find(scope, step, "no_such_step", goal=goal)
        if step.next and step.next not in known:
            yield _find(scope, step, "no_such_step", goal=step.next)
        if isinstance(step, Jump) and (step.flow not in scope.flows or not scope.flows[step.flow].enabled):
            yield _find(scope, step, "no_such_flow", goal=step.flow)
        if isinstance(step, Resolve) and not scope.flow.key.startswith(REPAIR):
            yield _find(scope, step, "resolve")


def check_start(scope: Scope) -> Iterator[Finding]:
    flow, start = scope.flow, scope.flow.start
    is_entered = any(isinstance(s, Jump) and s.flow == flow.key for f in scope.flows.values() for s in f.steps)
    has_start = any((start.phrases, start.faqs, start.canned, start.events, start.labels))
    if not has_start and not is_entered and not flow.key.startswith(REPAIR):
        yield _find(scope, None, "never_starts")


# slots and texts


def list_used(step: Step) -> Iterator[tuple[str, str]]:
    """("slot", name) and the like of everything a step reads."""
    for texts in list_texts(step):
        for text in texts.values():
            yield from list_variables(text)
    if isinstance(step, Condition):
        yield from (("slot", rule.slot) for rule in step.when if rule.slot)
    if isinstance(step, Set):
        yield from list_variables(step.value)
    if isinstance(step, Verify):
        yield "slot", step.slot
    if isinstance(step, Call):
        for template in list_templates(step):
            yield from list_variables(template)
    for template in getattr(step, "attributes", {}).values():
        yield from list_variables(template)


def list_filled(step: Step) -> tuple[str, ...]:
    if isinstance(step, Set):
        return (step.slot,)
    return tuple(step.takes) if isinstance(step, Call) else list_asked(step)


def check_slots(scope: Scope) -> Iterator[Finding]:
    """Slots that aren't defined, or that nothing fills; other flows on the way fill too."""
    flow = scope.flow
    others = [scope.flows[s.flow] for s in flow.steps if isinstance(s, Jump) and s.flow in scope.flows]
    others += [f for f in scope.flows.values() if any(isinstance(s, Jump) and s.flow == flow.key for s in f.steps)]
    filled = {name for f in (flow, *others) for step in f.steps for name in list_filled(step)}
    for step in flow.steps:
        used = [name for kind, name in list_used(step) if kind == "slot"]
        for name in dict.fromkeys((*used, *list_filled(step))):
            if name.startswith("repair_"):
                continue
            if name not in flow.slots:
                yield _find(scope, step, "undefined_slot", slot=name)
            elif name not in filled:
                yield _find(scope, step, "never_filled", slot=name)
        for kind, name in list_used(step):
            if kind not in KINDS or (kind == "secret" and not isinstance(step, Call)):
                yield _find(scope, step, "unknown_variable", name=f"{kind}.{name}")


def check_private(scope: Scope) -> Iterator[Finding]:
    """Private slots that a customer would see as dots, or that a call would send, before it's clear who is asking."""
    flow = scope.flow
    private = {name for name, spec in flow.slots.items() if spec.private}
    has_start = any((flow.start.phrases, flow.start.faqs, flow.start.canned, flow.start.events, flow.start.labels))
    if not private or not has_start:
        return
    unverified = find_unverified(flow, scope.flows)
    for step in flow.steps:
        if step.id not in unverified or isinstance(step, Verify):
            continue
        shown = list((getattr(step, "text", None) or {}).values())
        shown += list(list_templates(step)) if isinstance(step, Call) else []
        names = {name for text in shown for kind, name in list_variables(text) if kind == "slot"}
        if isinstance(step, Condition):
            names |= {rule.slot for rule in step.when if rule.slot and rule.is_filled is None}
        for name in sorted(names & private):
            yield _find(scope, step, "private", slot=name)


def check_languages(scope: Scope) -> Iterator[Finding]:
    flow = scope.flow
    slots = [spec for name, spec in flow.slots.items() if any(name in list_asked(step) for step in flow.steps)]
    own: list[Mapping[Language, object]] = [
        flow.title,
        *(s.label for s in slots if s.label),
        *(s.error for s in slots if s.error),
    ]
    own += [option.title for spec in slots for option in spec.options]
    own += [flow.start.phrases] if flow.start.phrases else []
    for language in scope.languages:
        if any(language not in texts for texts in own):
            yield _find(scope, None, "language", language=language)
        for step in flow.steps:
            if any(language not in texts for texts in list_texts(step)):
                yield _find(scope, step, "language", language=language)


def check_calls(scope: Scope) -> Iterator[Finding]:
    for step in scope.flow.steps:
        if not isinstance(step, Call):
            continue
        host = (urlsplit(step.url).hostname or "").lower()
        if host not in {h.lower() for h in scope.hosts}:
            # with a way for errors the flow works all the same, as the sample shop's does
            yield _find(scope, step, "host_later" if step.on_error else "host", host=host)
        if any(kind == "secret" for kind, _name in list_variables(step.url)):
            yield _find(scope, step, "secret_in_url")


def check_handoffs(scope: Scope) -> Iterator[Finding]:
    """A handoff is the last thing that happens: a `next` on it is never followed."""
    for step in scope.flow.steps:
        if isinstance(step, Handoff) and step.next:
            yield _find(scope, step, "after_handoff")


CHECKS: tuple[Callable[[Scope], Iterator[Finding]], ...] = (
    check_path,
    check_goals,
    check_start,
    check_slots,
    check_private,
    check_languages,
    check_calls,
    check_handoffs,
)

EXPLAIN: dict[str, Callable[[Mapping[str, str]], str]] = {
    "unreachable": lambda _f: _("no path leads to this step; connect another step to it, or take it out"),
    "dead_end": lambda _f: _("from here the flow never comes to an end; lead it to an `end` or to a person"),
    "loop": lambda _f: _("the path comes round to this step again without a question; put a question on it, or lead it on"),
    "no_options": lambda _f: _("there is nothing to choose from; add options"),
    "silent_end": lambda _f: _("after this answer the flow ends without a word; add a closing text or pass it to a person"),
    "no_such_step": lambda f: _("leads to the step «%(goal)s», which isn't there; choose another", **f),
    "no_such_flow": lambda f: _("jumps to the flow «%(goal)s», which isn't there or is switched off; choose another", **f),
    "resolve": lambda _f: _("the step `resolve` is for the flows that mend conversations only; take it out"),
    "never_starts": lambda _f: _("nothing starts this flow; add phrases, a button or an event"),
    "undefined_slot": lambda f: _("uses «%(slot)s», which isn't among the flow's data; add it there", **f),
    "never_filled": lambda f: _("uses «%(slot)s», which no step fills; ask for it, or take it out", **f),
    "unknown_variable": lambda f: _(
        "has {{%(name)s}}, which stands for nothing here; use {{slot.NAME}} or {{contact.name}}", **f
    ),
    "private": lambda f: _(
        "uses «%(slot)s», which is private, before it's clear who is asking; put a step that verifies it ahead", **f
    ),
    "language": lambda f: _("has no text in the language «%(language)s»; write it", **f),
    "host": lambda f: _("calls %(host)s, which isn't among the allowed hosts; add it in Settings, or change the address", **f),
    "host_later": lambda f: _(
        "calls %(host)s, which isn't among the allowed hosts, so its path for errors is taken; add it in Settings", **f
    ),
    "secret_in_url": lambda _f: _("has a secret in the address, where logs would keep it; put it into a header"),
    "after_handoff": lambda _f: _("a handoff is the last step of a conversation; take its `next` out"),
}
