"""Which ways of a flow conversations took and where they left it, from the figures that recording.py and prune.py count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, cast, exists, func, select
from sqlalchemy.dialects.postgresql import JSONB

from chatbot.content import load_flows
from chatbot.flows.definition import END, Flow, Handoff
from chatbot.flows.run import LEFT
from chatbot.models import Contact, Conversation, FlowPassage, Turn

DAYS = 30
SHOWN = 50
# that a flow goes on in another one is as its owner wanted it
LOSSES = tuple(code for name, code in LEFT.items() if name != "jumped")


@dataclass(slots=True)
class StepWays:
    """went_on: runs that came further; left: by one of LEFT; is_planned: leaving is what the step is for."""

    step: str
    went_on: int = 0
    left: Counter[str] = field(default_factory=Counter)
    is_planned: bool = False

    @property
    def lost(self) -> int:
        return 0 if self.is_planned else self.left.total()


@dataclass(slots=True)
class Ways:
    """Of the last DAYS. Each run counts once on each way. begun, through, handed_over, lost: of every version of the flow;
    taken, steps: only of versions in which the step that was left is as it is now.
    """

    begun: int = 0
    through: int = 0
    handed_over: int = 0
    lost: int = 0
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    steps: dict[str, StepWays] = field(default_factory=dict)


def read_ways(connection: Connection, flow: Flow) -> Ways:
    n = func.sum(FlowPassage.n)
    columns = (FlowPassage.revision_id, FlowPassage.from_step, FlowPassage.to_step)
    wanted = (FlowPassage.flow == flow.key, FlowPassage.day > func.current_date() - DAYS)
    rows = connection.execute(select(*columns, n.label("n")).where(*wanted).group_by(*columns)).all()
    return count(flow, rows, load_flows(connection, {row.revision_id for row in rows}))


def count(flow: Flow, rows: Iterable[Any], versions: Mapping[int, Flow]) -> Ways:
    """rows: (revision_id, from_step, to_step, n); versions: the flow as it was, by revision id."""
    ways = Ways(steps={step.id: StepWays(step.id, is_planned=isinstance(step, Handoff)) for step in flow.steps})
    for row in rows:
        then = versions.get(row.revision_id)
        if then is not None:
            _sum_up(ways, row, is_planned=isinstance(then.find_step(row.from_step), Handoff))
            at = row.from_step or row.to_step
            if (step := flow.find_step(at)) is not None and step == then.find_step(at):
                _count_step(ways, row)
    return ways


def _sum_up(ways: Ways, row: Any, *, is_planned: bool) -> None:
    if not row.from_step:
        ways.begun += row.n
    elif row.to_step in (END, LEFT["jumped"]):
        ways.through += row.n
    elif row.to_step in LOSSES and is_planned:
        ways.handed_over += row.n
    elif row.to_step in LOSSES:
        ways.lost += row.n


def _count_step(ways: Ways, row: Any) -> None:
    ways.taken[row.from_step, row.to_step] += row.n
    if row.to_step in LOSSES:
        ways.steps[row.from_step].left[row.to_step] += row.n
    elif row.from_step:
        ways.steps[row.from_step].went_on += row.n


@dataclass(frozen=True, slots=True)
class Leaver:
    """A conversation that left a flow. id: our own."""

    id: int
    contact: str
    at: datetime


def list_leavers(connection: Connection, key: str, step: str, how: str) -> list[Leaver]:
    """The newest SHOWN of the last DAYS, as far as their turns are still kept. how: one of LOSSES, of which people's taking
    over belongs to no turn."""
    way = func.jsonb_array_elements(Turn.flow_walked).column_valued("way")
    parts = [cast(way, JSONB)[at].astext for at in (0, 2, 3)]
    wanted = (
        Turn.flow_walked.is_not(None),
        Turn.finished_at > func.now() - func.make_interval(0, 0, 0, DAYS),
        exists().where(parts[0] == key, parts[1] == step, parts[2] == how),
        Turn.mode == "live",
        (Turn.state != "ignored") | (Turn.rule == "reminder"),  # as recording.FINISH counts
    )
    columns = (Conversation.id, Contact.name, Turn.finished_at)
    joined = select(*columns).select_from(Turn).join(Conversation, Conversation.id == Turn.conversation_id)
    statement = joined.outerjoin(Contact, Contact.id == Conversation.contact_id).where(*wanted)
    rows = connection.execute(statement.order_by(Turn.finished_at.desc()).limit(SHOWN))
    return [Leaver(row.id, row.name or "", row.finished_at) for row in rows]
