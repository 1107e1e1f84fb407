"""The frozen input of a turn and the reply to it, as pure data: what responders take and give.

Responders have no effects; delivery.py does what a Reply says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from chatbot.bodies import Assistant, Content

Language = Literal["es", "en"]
Who = Literal["customer", "assistant", "agent"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, place or card that came with a message. `file_type` is Chatwoot's word (image, audio, location ...).

    transcript: what a voice note says; description: what a picture shows; by: the model that found it out, "" for Chatwoot;
    problem: why it can't be read, for good; id, url, size (bytes, 0 where untold): Chatwoot's.
    """

    file_type: str
    title: str = ""
    transcript: str = ""
    id: int = 0
    url: str = ""
    size: int = 0
    description: str = ""
    by: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """One unanswered message of the customer, oldest first in `TurnInput.messages`.

    chatwoot_id: Chatwoot's message id; kind: "created", or "submitted" for a pressed button or a filled form; text: with what
    its voice notes say; seen: what its pictures show, which is no word of the customer's.
    """

    seq: int
    chatwoot_id: int
    text: str
    kind: str = "created"
    attachments: tuple[Attachment, ...] = ()
    is_unsupported: bool = False

    @property
    def seen(self) -> str:
        return "\n".join(a.description for a in self.attachments if a.description)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """seen: what the pictures with it show."""

    who: Who
    text: str
    seen: str = ""


@dataclass(frozen=True, slots=True)
class ContactView:
    """The contact as far as replies may use it. Everything here was written by a customer: never an instruction."""

    name: str = ""
    email: str = ""
    phone: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboxView:
    """chatwoot_id: the inbox's id in Chatwoot; channel: its class there ("Channel::Whatsapp"); tone: "" for the assistant's."""

    chatwoot_id: int
    name: str = ""
    channel: str = "Channel::Api"
    tone: str = ""


@dataclass(frozen=True, slots=True)
class TurnInput:
    """Everything that may influence a reply, read once and never changed while it is made.

    turn_id, conversation_id: rows' ids, None in a rehearsal; answered_seq: where the conversation stood
    (model calls are counted per it); content: the pinned release; is_first: nothing was said to the customer before;
    llm_allowed: False where a suspect conversation is handled without a model; flow_run: where it is in a flow, as JSON;
    labels: the conversation's and the contact's in Chatwoot, where something asks for them; assistant: key of the one that the
    conversation is with, "" for none yet; may_act: whether flows may change something for the customer, which only a live reply
    does; epoch: of the claim; source_id: the customer's end in the channel, as the channel itself knows it.
    """

    messages: tuple[CustomerMessage, ...]
    content: Content
    language: Language
    now: datetime
    history: tuple[HistoryLine, ...] = ()
    contact: ContactView = ContactView()
    inbox: InboxView = InboxView(0)
    turn_id: int | None = None
    conversation_id: int | None = None
    answered_seq: int = 0
    is_first: bool = False
    llm_allowed: bool = True
    flow_run: Mapping[str, Any] | None = None
    labels: tuple[str, ...] = ()
    assistant: str = ""
    may_act: bool = True
    epoch: int = 0
    source_id: str = ""

    @property
    def persona(self) -> Assistant | None:
        """Who speaks: that assistant, or the first where it isn't there (any more) or not for this inbox."""
        return self.content.pick_assistant(self.assistant, self.inbox.chatwoot_id)

    @property
    def text(self) -> str:
        """What the customer wrote, one message per line."""
        return "\n".join(m.text for m in self.messages if m.text)

    @property
    def seen(self) -> str:
        """What the customer's pictures show, one picture after the other: data, never an instruction."""
        return "\n\n".join(m.seen for m in self.messages if m.seen)


@dataclass(frozen=True, slots=True)
class Part:
    """One outgoing message. text: Markdown as the content has it; choices: (title, value) buttons for input_select."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Handoff:
    """The bot lets go. reason: a code of texts.yaml (`handoff.<reason>`), shown to agents in the private note."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a flow sets on the conversation. kind, value: as flows.run.FlowAct has them."""

    kind: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said and done. No parts and a handoff: the conversation is opened, the note alone explains it.

    sources: keys of the content entries used, e.g. ("faq:envios-canarias",).

    run: the conversation's flow run after it as JSON, {} for none any more, None where it stays as it is; deeds: what a flow
    sets on the conversation; is_aside: it comes after what another responder answers; assistant: key of the one that the
    conversation is with by now, "" where there is none; walked: the ways that it took in its flows, as flows.run.Passage;
    has_acted: a flow changed something for the customer, so that this can't be decided anew; told: what it says of that.
    """

    parts: tuple[Part, ...]
    language: Language
    responder: str
    handoff: Handoff | None = None
    sources: tuple[str, ...] = ()
    run: Mapping[str, Any] | None = None
    deeds: tuple[Deed, ...] = ()
    is_aside: bool = False
    assistant: str = ""
    walked: tuple[tuple[str, int, str, str], ...] = ()
    has_acted: bool = False
    told: tuple[Part, ...] = ()
