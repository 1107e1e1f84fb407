"""Where the boxes and lines of a flow's picture stand: graphlay behind one function. Pure layout, no colours, no markup."""

from __future__ import annotations

from dataclasses import dataclass

from chatbot.flows.definition import END, Flow, list_exits

WIDTH, HEIGHT, GAP = 206.0, 58.0, 24.0
OPTIONS = {"direction": "topbottom"}


@dataclass(frozen=True, slots=True)
class Box:
    """One step, or the end of the flow (step "end"). x, y: its upper left corner."""

    step: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """whys: as list_exits() names the ways that lead there; points: from the source's border to the goal's."""

    source: str
    goal: str
    whys: tuple[str, ...]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """In pixels; everything lies between 0 and width or height."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def lay_out(flow: Flow) -> Picture:
    """The same flow always gives the same picture. Ways to a step that isn't there are left out: checks.py tells of them."""
    import graphlay  # noqa: PLC0415  4 MB that only pages with a picture need

    ways = list_ways(flow)
    graph = graphlay.Graph()
    for name in dict.fromkeys([*(step.id for step in flow.steps), *(goal for _, goal in ways)]):
        graph.node(name, width=WIDTH, height=HEIGHT)
    for source, goal in ways:
        graph.edge(source, goal)
    layout = graphlay.layout(graph, options=OPTIONS)
    centres = layout.positions()
    routes = [tuple((p["x"], p["y"]) for p in edge["points"]) for edge in layout.edges]
    xs = [x + side for x, _ in centres.values() for side in (-WIDTH / 2, WIDTH / 2)] + [x for r in routes for x, _ in r]
    ys = [y + side for _, y in centres.values() for side in (-HEIGHT / 2, HEIGHT / 2)] + [y for r in routes for _, y in r]
    left, top = min(xs) - GAP, min(ys) - GAP
    boxes = tuple(Box(name, x - WIDTH / 2 - left, y - HEIGHT / 2 - top) for name, (x, y) in centres.items())
    lines = tuple(
        Line(source, goal, whys, tuple((x - left, y - top) for x, y in route))
        for ((source, goal), whys), route in zip(ways.items(), routes, strict=True)
    )
    return Picture(max(xs) - left + GAP, max(ys) - top + GAP, boxes, lines)


def list_ways(flow: Flow) -> dict[tuple[str, str], tuple[str, ...]]:
    """(step, step that follows) -> why, in the order of the steps."""
    known = {step.id for step in flow.steps} | {END}
    ways: dict[tuple[str, str], tuple[str, ...]] = {}
    for step in flow.steps:
        for why, goal in list_exits(flow, step):
            if goal in known:
                ways[step.id, goal] = (*ways.get((step.id, goal), ()), why)
    return ways
