"""A flow as a graph: which steps can be reached, which never end, which go round. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chatbot.flows.definition import END, Ask, Choose, Confirm, Flow, Form, Handoff, Jump, Resolve, Step, Verify, list_exits

# at these a customer answers before the flow goes on
ASKS = (Ask, Choose, Form, Confirm)


def find_reachable(flow: Flow) -> set[str]:
    return _walk(flow, [flow.steps[0].id], lambda step: [goal for _, goal in list_exits(flow, step)])


def find_stuck(flow: Flow) -> set[str]:
    """Steps from which neither an end nor a handoff can be reached."""
    good = {step.id for step in flow.steps if _is_last(flow, step)}
    grown = True
    while grown:
        more = {s.id for s in flow.steps if s.id not in good and any(goal in good for _, goal in list_exits(flow, s))}
        good |= more
        grown = bool(more)
    return {step.id for step in flow.steps} - good


def _is_last(flow: Flow, step: Step) -> bool:
    is_jump = isinstance(step, Jump) and not step.returns
    return is_jump or isinstance(step, Handoff | Resolve) or not list_exits(flow, step) or _leads_to_end(flow, step)


def _leads_to_end(flow: Flow, step: Step) -> bool:
    return any(goal == END for _, goal in list_exits(flow, step))


def find_loops(flow: Flow) -> set[str]:
    """Steps that the path can come back to without a question between."""

    def go(step: Step) -> list[str]:
        return [] if isinstance(step, ASKS) else [goal for _, goal in list_exits(flow, step)]

    return {s.id for s in flow.steps if not isinstance(s, ASKS) and s.id in _walk(flow, go(s), go)}


def find_unverified(flow: Flow, flows: Mapping[str, Flow]) -> set[str]:
    """Steps that can be reached without a `verify` that passed. A flow that is jumped into may hold it."""

    def go(step: Step) -> list[str]:
        other = flows.get(step.flow) if isinstance(step, Jump) else None
        if other and any(isinstance(s, Verify) for s in other.steps):
            return []
        return [goal for why, goal in list_exits(flow, step) if not (isinstance(step, Verify) and why == "next")]

    return _walk(flow, [flow.steps[0].id], go)


def _walk(flow: Flow, begin: list[str], go: Callable[[Step], list[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(begin)
    while todo:
        here = todo.pop()
        step = flow.find_step(here)
        if here in seen or step is None:
            continue
        seen.add(here)
        todo.extend(go(step))
    return seen
