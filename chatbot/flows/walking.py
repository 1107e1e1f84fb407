"""What a turn of the machine carries along: the run as it changes, and what is said and done on the way. No rules of steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chatbot.flows.definition import END, Flow, Question, Step, Verify, asked_slots, find_spec, list_asked
from chatbot.flows.repair import REPAIR, get_text
from chatbot.flows.run import (
    Crumb,
    Ended,
    FlowAct,
    FlowBook,
    Moved,
    Passage,
    Place,
    Run,
    SlotValue,
    Utterance,
    Wish,
    World,
    leave,
)
from chatbot.flows.slots import SlotSpec
from chatbot.flows.wording import clean, fill_note, fill_text, pick
from chatbot.reply import Language

MAX_DEPTH = 8
MAX_TRAIL = 80
REPAIR_SLOT = "repair_"
CODE_SENT = "code:"
BEGINNING = -1


@dataclass(slots=True)
class Walk:
    """One turn. ended: how the run ended, "" while it goes on; is_waiting: at a question or a wish, so nothing follows now.

    is_replaying: a correction goes again over steps that were done; facts: what {{repair.NAME}} stands for in a repair's texts;
    walked: the ways that were new to the run; rewound: the slots whose questions a correction took from the trail.
    """

    book: FlowBook
    run: Run
    world: World
    says: list[Utterance] = field(default_factory=list)
    acts: list[FlowAct] = field(default_factory=list)
    wish: Wish | None = None
    ended: Ended = ""
    is_waiting: bool = False
    is_digression: bool = False
    is_replaying: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    walked: list[Passage] = field(default_factory=list)
    rewound: set[str] = field(default_factory=set)

    @property
    def language(self) -> Language:
        return self.world.where.language

    @property
    def place(self) -> Place:
        return self.run.stack[-1]

    @property
    def flow(self) -> Flow | None:
        return self.book.find(self.place.flow, self.place.revision) if self.run.stack else None

    @property
    def step(self) -> Step | None:
        return self.flow.find_step(self.place.step) if self.flow else None

    @property
    def is_over(self) -> bool:
        return bool(self.ended) or self.is_waiting

    def change(self, **changes: Any) -> None:
        self.run = replace(self.run, **changes)

    def moved(self) -> Moved:
        run = None if self.ended or not self.run.stack else self.run
        return Moved(
            tuple(self.says), tuple(self.acts), run, self.wish, self.ended, self.is_digression,
            {**self.notes, "at": "/".join((run.stack[-1].flow, run.stack[-1].step)) if run else "", "ended": self.ended},
            tuple(self.walked),
        )  # fmt: skip

    # where the run stands

    def note_way(self, place: Place, source: str, goal: str) -> None:
        """Each way counts once in a run, however often a correction leads over it again. A repair's aren't counted."""
        name = f"{place.flow}/{source}>{goal}"
        if not place.flow.startswith(REPAIR) and name not in self.run.walked:
            self.change(walked=(*self.run.walked, name))
            self.walked.append(Passage(place.flow, place.revision, source, goal))

    def go_to(self, step_id: str) -> None:
        self.note_way(self.place, self.place.step, step_id)
        self.change(stack=(*self.run.stack[:-1], replace(self.place, step=step_id)))

    def go_on(self, step: Step, goal: str = "") -> None:
        assert self.flow is not None  # noqa: S101  a step was read from it
        self.go_to(self.flow.follow(step, goal))

    def push(self, key: str) -> bool:
        """Into another flow, as it is live now. False where there is none, or too many stand on each other."""
        flow = self.book.find_live(key)
        if flow is None or len(self.run.stack) >= MAX_DEPTH:
            return False
        self.enter(key, flow)
        return True

    def enter(self, key: str, flow: Flow) -> None:
        """Onto the stack, at its first step."""
        place = Place(key, self.book.live[key], flow.steps[0].id)
        self.change(stack=(*self.run.stack, place))
        self.note_way(place, "", place.step)

    def pop(self) -> None:
        self.change(stack=self.run.stack[:-1])

    def leave_repair(self) -> None:
        """Back to the flow that a repair stands on."""
        while self.run.stack and self.place.flow.startswith(REPAIR):
            self.pop()
        slots = {name: slot for name, slot in self.run.slots.items() if not name.startswith(REPAIR_SLOT)}
        self.change(slots=slots, choices=(), so_far="", candidates=())

    def list_flows(self) -> Iterator[Flow]:
        """The customer's flows on the stack, the one that is asking first; no repairs."""
        for place in reversed(self.run.stack):
            if not place.flow.startswith(REPAIR) and (flow := self.book.find(place.flow, place.revision)):
                yield flow

    def find_spec(self, slot: str) -> SlotSpec | None:
        flows = [self.flow, *self.book.list_known(self.run)]
        return next((spec for flow in flows if flow and (spec := find_spec(flow, slot))), None)

    def may_fill(self, slot: str) -> bool:
        """Only what is asked for somewhere: what a call found can't be overwritten by words."""
        return any(slot in asked_slots(flow) for flow in self.book.list_known(self.run))

    # slots

    def put_slot(self, name: str, slot: SlotValue | None) -> None:
        before = self.run.slots.get(name)
        slots = {key: value for key, value in self.run.slots.items() if key != name}
        self.change(slots=slots if slot is None else {**slots, name: slot})
        has_changed = before is not None and before.value is not None and before.value != (slot and slot.value)
        if has_changed and self.is_address(name):
            self._forget_proof()

    def is_address(self, name: str) -> bool:
        """Whether who is asking is proven by this slot, in any of the run's flows."""
        steps = (step for flow in self.book.list_known(self.run) for step in flow.steps)
        return any(isinstance(step, Verify) and step.slot == name for step in steps)

    def _forget_proof(self) -> None:
        """Whatever was proven, or a code was sent for, was about another address."""
        said = tuple(name for name in self.run.said if not name.startswith(CODE_SENT))
        self.change(is_verified=False, said=said)
        if isinstance(self.step, Verify):
            self.change(asked="", tries=0)

    def drop_crumb(self, step: Question | Verify) -> None:
        """Note that this question is answered."""
        known = tuple(name for name, slot in self.run.slots.items() if slot.by == "flow")
        slots = list_asked(step) if not isinstance(step, Verify) else ()
        filled = tuple(self.run.slots) if isinstance(step, Verify) else ()
        crumb = Crumb(self.run.stack, slots, known, self.run.is_verified, len(self.run.done), filled)
        self.change(trail=(*self.run.trail, crumb)[-MAX_TRAIL:])

    def rewind(self, at: int) -> None:
        """To the question of trail[at], or the BEGINNING, as things stood when it was asked. What customers said stays."""
        crumb = self._find_beginning() if at == BEGINNING else self.run.trail[at]
        kept = {name: slot for name, slot in self.run.slots.items() if slot.by == "customer" or name in crumb.known}
        left, trail = self.run.trail[max(at, 0) :], self.run.trail[: max(at, 0)]
        self.rewound |= {name for one in left for name in one.slots}
        self.change(
            stack=crumb.stack, trail=trail, slots=kept, is_verified=crumb.is_verified, asked="", choices=(),
            so_far="", tries=0, waiting="", said=tuple(name for name in self.run.said if not name.startswith(CODE_SENT)),
        )  # fmt: skip

    def _find_beginning(self) -> Crumb:
        """The first step of the flow that the run began with, with nothing found or proven yet."""
        first = (self.run.trail[0].stack if self.run.trail else self.run.stack)[0]
        flow = self.book.find(first.flow, first.revision)
        return Crumb((replace(first, step=flow.steps[0].id) if flow else first,), ())

    # what is said and done

    def say(self, texts: Mapping[Language, str] | str, **parts: Any) -> None:
        template = texts if isinstance(texts, str) else pick(texts, self.language)
        text = fill_text(template, self.run, self.world, self.facts)
        if text or parts.get("choices"):
            self.says.append(Utterance(text, **parts))

    def act(self, kind: Any, value: Any) -> None:
        self.acts.append(FlowAct(kind, value))

    def hand_over(self, reason: str, note: str = "", texts: Mapping[Language, str] | None = None) -> None:
        self.say(texts or get_text("human", self.language))
        told = fill_note(note, self.run, self.world, self.facts)
        if reason != "flow":  # in the middle of a flow: the person needn't ask again
            told = "\n".join(line for line in (told, *list_collected(self.book, self.run, self.world)) if line)
        self.act("handoff", (reason, told))
        self.end("handoff")

    def end(self, how: Ended) -> None:
        self.ended = how
        if how != "done":
            self.walked += leave(self.run, how)

    def end_flow(self) -> None:
        """One flow is through; the one below goes on."""
        if self.place.step != END:
            self.note_way(self.place, self.place.step, END)
        self.pop()
        if not self.run.stack:
            self.end("done")


def list_collected(book: FlowBook, run: Run, world: World) -> Iterator[str]:
    """What the customer has said so far in a run, for the team."""
    walk = Walk(book, run, world)
    for name, slot in run.slots.items():
        if slot.by != "customer" or slot.value is None or name.startswith(REPAIR_SLOT):
            continue
        if spec := walk.find_spec(name):
            yield f"{pick(spec.label, world.team_language) or name}: {clean(slot.said)}"
