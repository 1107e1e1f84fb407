"""A flow as content: how it starts, its slots, its steps. One pydantic model each; what doesn't fit together is checks.py's.

docs/flows.md shows it as YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from chatbot.body_types import Body, Key, Keyword, Line, Text, Url
from chatbot.flows.slots import Option, SlotSpec
from chatbot.reply import Language
from chatbot.saying import gettext as _

END = "end"
MAX_STEPS = 100
Texts = Annotated[dict[Language, Text], Field(min_length=1)]
Lines = Annotated[dict[Language, Line], Field(min_length=1)]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
StepId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
# a step's id, "end", or "" for the one after
Goal = Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9-]{0,39})?$")]
Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
# the host stands there as it is: no slot may change where a call goes
CallUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"{}/?#@]+([/?#][^\s<>\"]*)?$", max_length=2_000)]
JsonPath = Annotated[str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*$", max_length=200)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _keep_texts(value: Any) -> Any:
    """A body as a file holds it: everything but lists and mappings is text. calls.py says what is sent as a number."""
    if isinstance(value, dict):
        return {str(key): _keep_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_keep_texts(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


class Start(Part):
    """What begins a flow. phrases: words inside a message; faqs, canned: keys of entries whose answer it replaces."""

    phrases: dict[Language, tuple[Keyword, ...]] = {}
    faqs: tuple[Key, ...] = ()
    canned: tuple[Key, ...] = ()
    events: tuple[Literal["new_conversation", "widget_opened"], ...] = ()
    labels: tuple[Line, ...] = ()


class Choice(Option):
    """A button. next: where it leads, "" for the step's own next."""

    next: Goal = ""


class Rule(Part):
    """One comparison with a slot or with a fact: is_open (by the hours, "yes" or "no") or channel ("Channel::Whatsapp").

    Exactly one of the others says what must hold.
    """

    slot: SlotName | None = None
    fact: Literal["is_open", "channel"] | None = None
    equals: Value | None = None
    any_of: tuple[Value, ...] | None = None
    is_filled: bool | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.slot is None) == (self.fact is None):
            raise ValueError(_("needs either `slot` or `fact`"))
        if sum(v is not None for v in (self.equals, self.any_of, self.is_filled, self.at_least, self.at_most)) != 1:
            raise ValueError(_("needs one of `equals`, `any_of`, `is_filled`, `at_least` and `at_most`"))
        return self


class StepBase(Part):
    """next: the step that follows, "" for the next in the list, "end" for the end of the flow."""

    id: StepId
    next: Goal = ""


class Say(StepBase):
    do: Literal["say"]
    text: Texts
    image: Url | None = None
    file: Url | None = None


class Ask(StepBase):
    """Asks for one slot."""

    do: Literal["ask"]
    slot: SlotName
    text: Texts


class Choose(StepBase):
    """Buttons, or a numbered list where there are none. lists: what the machine puts there, in the flows of repair.yaml."""

    do: Literal["choose"]
    slot: SlotName
    text: Texts
    options: tuple[Choice, ...] = ()
    lists: Literal["flows", "slots"] | None = None


class Form(StepBase):
    """Several slots in one sentence; what is missing is asked for again."""

    do: Literal["form"]
    slots: tuple[SlotName, ...] = Field(min_length=1, max_length=8)
    text: Texts


class Confirm(StepBase):
    """Yes goes on; no asks what to change, which is asked again, and comes back here."""

    do: Literal["confirm"]
    text: Texts


class Condition(StepBase):
    """All rules must hold. `next` isn't used: `then` and `otherwise` are."""

    do: Literal["condition"]
    when: tuple[Rule, ...] = Field(min_length=1)
    then: Goal = ""
    otherwise: Goal = ""


class Set(StepBase):
    """value: a text with {{slot.NAME}}; empty clears the slot."""

    do: Literal["set"]
    slot: SlotName
    value: Annotated[str, StringConstraints(max_length=500)] = ""


class Call(StepBase):
    """An HTTP call. takes: slot -> path in the JSON answer ("order.0.status"). only_reads: safe to do again though it's a POST.

    on_missing: nothing was found (404, or a path that isn't there); on_error: everything else that fails.
    """

    do: Literal["call"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: CallUrl
    headers: dict[Line, Text] = {}
    body: Annotated[dict[str, Any], AfterValidator(_keep_texts)] | None = None
    takes: dict[SlotName, JsonPath] = {}
    only_reads: bool = False
    retries: int = Field(default=0, ge=0, le=2)
    timeout_s: int = Field(default=10, ge=1, le=20)
    on_missing: Goal = ""
    on_error: Goal = ""

    @property
    def is_safe(self) -> bool:
        return self.method == "GET" or self.only_reads


class Verify(StepBase):
    """Who is asking. by channel: their own phone or e-mail is the slot's; by mail: a code is sent to the slot's address."""

    do: Literal["verify"]
    slot: SlotName
    by: Literal["channel", "mail"] = "channel"
    text: Texts | None = None
    on_error: Goal = ""


class Handoff(StepBase):
    """The bot lets go. reason: for the team, may hold slots."""

    do: Literal["handoff"]
    text: Texts | None = None
    reason: Texts | None = None


class Change(StepBase):
    """What is changed in Chatwoot. assign: id of an agent or of a team; note: a private note for the team."""

    do: Literal["change"]
    labels: tuple[Line, ...] = ()
    remove_labels: tuple[Line, ...] = ()
    priority: Literal["low", "medium", "high", "urgent"] | None = None
    assignee_id: int | None = None
    team_id: int | None = None
    attributes: dict[SlotName, Text] = {}
    note: Texts | None = None


class Jump(StepBase):
    """Into another flow; returns: comes back to the step after this one."""

    do: Literal["jump"]
    flow: Key
    returns: bool = True


class End(StepBase):
    do: Literal["end"]
    text: Texts | None = None


class Resolve(StepBase):
    """How a repair leaves, only in repair flows. back, skip and change act on the question that was open."""

    do: Literal["resolve"]
    how: Literal["go_on", "stop", "close", "start_over", "back", "skip", "change", "start", "switch"]


Step = Annotated[
    Say | Ask | Choose | Form | Confirm | Condition | Set | Call | Verify | Handoff | Change | Jump | End | Resolve,
    Field(discriminator="do"),
]
Question = Ask | Choose | Form | Confirm
# after these nothing of the flow follows
LAST = (Handoff, End, Resolve)


class Flow(Body):
    """A guided conversation. title: for people and, where the bot asks which one is meant, for customers."""

    title: Lines
    description: dict[Language, Line] = Field(default_factory=dict)
    start: Start = Start()
    slots: dict[SlotName, SlotSpec] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)

    @model_validator(mode="after")
    def _names_each_step_once(self) -> Self:
        seen: set[str] = set()
        for step in self.steps:
            if step.id == END:
                raise ValueError(_("no step may be called `end`: it's the name of the flow's end"))
            if step.id in seen:
                raise ValueError(_("two steps are called %(id)s; give one another name", id=step.id))
            seen.add(step.id)
        return self

    def find_step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)

    def follow(self, step: Step, goal: str = "") -> str:
        """The id of the step that a goal of this step names: its own `next` where it's empty, else the one after it."""
        if named := goal or step.next:
            return named
        at = next(n for n, other in enumerate(self.steps) if other.id == step.id)
        return self.steps[at + 1].id if at + 1 < len(self.steps) else END


def list_exits(flow: Flow, step: Step) -> tuple[tuple[str, str], ...]:
    """(why, step id or "end") of every way out of a step; why: next, then, otherwise, error, missing, or "option:VALUE"."""
    match step:
        case Handoff() | End() | Resolve():
            return ()
        case Condition():
            return (("then", flow.follow(step, step.then)), ("otherwise", flow.follow(step, step.otherwise)))
        case Choose(options=options) if options:
            return tuple((f"option:{option.value}", flow.follow(step, option.next)) for option in options)
        case Call():
            errors = (("error", step.on_error), ("missing", step.on_missing))
            return (("next", flow.follow(step)), *((why, goal) for why, goal in errors if goal))
        case Verify(on_error=goal) if goal:
            return (("next", flow.follow(step)), ("error", goal))
        case Jump(returns=False):
            return ()
    return (("next", flow.follow(step)),)


def list_asked(step: Step) -> tuple[str, ...]:
    """The slots that a customer fills at this step."""
    match step:
        case Ask() | Choose():
            return (step.slot,)
        case Form():
            return step.slots
    return ()


def list_texts(step: Step) -> Iterator[Mapping[Language, str]]:
    """Every text of a step that people read."""
    for name in ("text", "note", "reason"):
        if texts := getattr(step, name, None):
            yield texts
    if isinstance(step, Choose):
        yield from (option.title for option in step.options)


def asked_slots(flow: Flow) -> frozenset[str]:
    """The slots that customers fill. No other may be filled or corrected by what they say."""
    return frozenset(name for step in flow.steps for name in list_asked(step))


def find_spec(flow: Flow, slot: str) -> SlotSpec | None:
    """A slot as it is read: with the options of the steps that offer some. None where the flow neither has nor asks it."""
    spec = flow.slots.get(slot)
    options = [o for step in flow.steps if isinstance(step, Choose) and step.slot == slot for o in step.options]
    if not options:
        return spec
    once = tuple({option.value: option for option in options}.values())
    return (spec or SlotSpec(type="choice")).model_copy(update={"options": once, "type": "choice"})
