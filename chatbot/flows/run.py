"""A conversation's place in its flows, and what one turn of the machine is given and gives back. Frozen data, no rules.

A Run is kept as JSON with a version; one of another version isn't read, and the conversation goes on without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from chatbot.flows.definition import Call, Flow
from chatbot.flows.slots import Where
from chatbot.reply import ContactView, Language

RUN_VERSION = 1
REPAIR = "repair-"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a flow stands: its key, the revision it stays on, and the step that comes next ("end" after the last)."""

    flow: str
    revision: int
    step: str


@dataclass(frozen=True, slots=True)
class SlotValue:
    """text: as the customer wrote it; value: normalised, None where it was skipped; said: as it is said back.

    by: "customer", or "flow" for what a call or a `set` put there; private: not shown or used before `verify` passed.
    """

    text: str
    value: Any = None
    said: str = ""
    by: Literal["customer", "flow"] = "customer"
    private: bool = False


@dataclass(frozen=True, slots=True)
class Crumb:
    """A question that was answered: what "back" and corrections return to. known: the flow's own slots at that time;
    filled, of a verify: all that was said and found by then."""

    stack: tuple[Place, ...]
    slots: tuple[str, ...]
    known: tuple[str, ...] = ()
    is_verified: bool = False
    done: int = 0
    filled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """stack: from the first flow to the one that is asking. asked: which question is open ("flow/step/slot"), "" for none;
    choices: (title, value) as they were offered; so_far: what was certain of an unclear answer; tries: wrong answers to it.

    trail: the questions answered, in order; done: calls that changed something ("flow/step"); said: `say` steps already
    said; waiting: the wish that the machine stopped at; candidates: flows to choose from; mentions: what was said of slots
    before their question came, but not clearly; answers: how many there were; walked: the ways taken so far ("flow/from>to").
    """

    stack: tuple[Place, ...]
    slots: Mapping[str, SlotValue] = field(default_factory=dict)
    asked: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    so_far: str = ""
    tries: int = 0
    asked_at: datetime | None = None
    is_paused: bool = False
    is_reminded: bool = False
    is_verified: bool = False
    trail: tuple[Crumb, ...] = ()
    done: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    waiting: Literal["", "call", "send_code", "check_code"] = ""
    candidates: tuple[str, ...] = ()
    mentions: Mapping[str, str] = field(default_factory=dict)
    answers: int = 0
    walked: tuple[str, ...] = ()

    @property
    def revisions(self) -> frozenset[tuple[str, int]]:
        """The (flow key, revision id) pairs that the run needs to be loaded with."""
        places = [*self.stack, *(place for crumb in self.trail for place in crumb.stack)]
        return frozenset((place.flow, place.revision) for place in places)


class Passage(NamedTuple):
    """A way that a run took for the first time. source: a step, "" for the beginning; goal: a step, "end", or one of LEFT."""

    flow: str
    revision: int
    source: str
    goal: str


# how a run leaves a flow that isn't through: jumped: into another for good; switched: something else was wanted;
# stopped, closed (nobody answered), handoff; people: somebody took the conversation over
LEFT = {name: f"!{name}" for name in ("jumped", "switched", "stopped", "closed", "handoff", "people")}


def leave(run: Run, how: str) -> tuple[Passage, ...]:
    """Out of every flow that the run stands in, by one of LEFT."""
    return tuple(Passage(p.flow, p.revision, p.step, LEFT[how]) for p in run.stack if not p.flow.startswith(REPAIR))


@dataclass(frozen=True, slots=True)
class FlowBook:
    """The flows a turn may need: every revision that the run stands on, and of each flow that is live its revision."""

    flows: Mapping[tuple[str, int], Flow]
    live: Mapping[str, int]

    def find(self, key: str, revision: int) -> Flow | None:
        return self.flows.get((key, revision))

    def find_live(self, key: str) -> Flow | None:
        return self.find(key, self.live[key]) if key in self.live else None

    def list_known(self, run: Run) -> list[Flow]:
        """The customer's flows of a run, the one that is asking first, then those that it has come through; no repairs."""
        places = [*reversed(run.stack), *(place for crumb in reversed(run.trail) for place in reversed(crumb.stack))]
        names = dict.fromkeys((p.flow, p.revision) for p in places if not p.flow.startswith("repair-"))
        return [flow for name in names if (flow := self.flows.get(name)) is not None]

    def list_startable(self, inbox: int = 0) -> list[Flow]:
        """What a customer of this inbox may begin, in key order. Repairs are no flows of their own."""
        found = [flow for key in sorted(self.live) if (flow := self.find_live(key)) is not None]
        return [f for f in found if f.enabled and not f.key.startswith("repair-") and (not f.inboxes or inbox in f.inboxes)]


@dataclass(frozen=True, slots=True)
class World:
    """What the machine may know of the outside.

    proven_email, proven_phone: what the channel itself vouches for ("" where it doesn't: an address that a visitor typed is
    no proof); is_open: by the business's hours, None where there are none.
    """

    where: Where
    inbox: int = 0
    channel: str = ""
    contact: ContactView = field(default_factory=ContactView)
    proven_email: str = ""
    proven_phone: str = ""
    is_open: bool | None = None
    team_language: Language = "es"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One outgoing message. choices: (title, value); asks: it puts a question, of which a turn has one at most, the last."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    image: str | None = None
    file: str | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class FlowAct:
    """kind: labels, remove_labels, priority, assignee, team, attributes, note, or handoff (value: (reason code, text for the
    team)); reason codes: "flow" for a step's own, "asked", "stuck", "flow_gone", "flow_loop", "flow_failed", "too_late".
    """

    kind: Literal["labels", "remove_labels", "priority", "assignee", "team", "attributes", "note", "handoff"]
    value: Any


@dataclass(frozen=True, slots=True)
class Wish:
    """What needs the world before the flow can go on; done by the caller, who then calls resume().

    call: a call of `flow`'s `step`, values: what its templates may hold (calls.make_request fills them in, secrets too);
    send_code: a code to `address`; check_code: whether `code` is the one that was sent there.
    """

    kind: Literal["call", "send_code", "check_code"]
    flow: str
    step: str
    call: Call | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class WishResult:
    """outcome: "ok", "missing" (404), or "error". payload: the JSON of a call's answer."""

    outcome: Literal["ok", "missing", "error"]
    payload: Any = None
    error: str = ""


Ended = Literal["", "done", "stopped", "closed", "handoff"]


@dataclass(frozen=True, slots=True)
class Moved:
    """What the machine says and does. run: the next one, None where it ended; wish: what it waits for (nothing is sent yet);
    is_digression: the other responders answer first, `says` comes after; notes: for the trace, codes and ids only; walked: the
    ways that were new to the run; has_acted: a wish of it that changes something was granted.
    """

    says: tuple[Utterance, ...] = ()
    acts: tuple[FlowAct, ...] = ()
    run: Run | None = None
    wish: Wish | None = None
    ended: Ended = ""
    is_digression: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)
    walked: tuple[Passage, ...] = ()
    has_acted: bool = False

    def then(self, after: Moved) -> Moved:
        """With what came after this one's wish."""
        return replace(
            after,
            says=(*self.says, *after.says),
            acts=(*self.acts, *after.acts),
            is_digression=self.is_digression or after.is_digression,
            notes={**self.notes, **after.notes},
            walked=(*self.walked, *after.walked),
            has_acted=self.has_acted or after.has_acted,
        )


@cache
def _adapter() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


def dump_run(run: Run) -> dict[str, Any]:
    """As conversation.flow_run keeps it."""
    return {"version": RUN_VERSION, **_adapter().dump_python(run, mode="json")}


def read_run(raw: object) -> Run | None:
    """None for none, and for what this release can't read."""
    if not isinstance(raw, dict) or raw.get("version") != RUN_VERSION:
        return None
    try:
        return _adapter().validate_python({name: value for name, value in raw.items() if name != "version"})
    except ValidationError:
        return None
