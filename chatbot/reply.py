"""The frozen input of a turn and the reply to it, as pure data: what responders take and give.

Responders have no effects; delivery.py does what a Reply says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from chatbot.content import Content

Language = Literal["es", "en"]
Who = Literal["customer", "assistant", "agent"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, place or card that came with a message. `file_type` is Chatwoot's word (image, audio, location ...)."""

    file_type: str
    title: str = ""
    transcript: str = ""


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """One unanswered message of the customer, oldest first in `TurnInput.messages`.

    chatwoot_id: Chatwoot's message id; kind: "created", or "submitted" for a pressed button or a filled form.
    """

    seq: int
    chatwoot_id: int
    text: str
    kind: str = "created"
    attachments: tuple[Attachment, ...] = ()
    is_unsupported: bool = False


@dataclass(frozen=True, slots=True)
class HistoryLine:
    who: Who
    text: str


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
    llm_allowed: False where a suspect conversation is handled without a model.
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

    @property
    def text(self) -> str:
        """What the customer wrote, one message per line."""
        return "\n".join(m.text for m in self.messages if m.text)


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
class Reply:
    """What is said and done. No parts and a handoff: the conversation is opened, the note alone explains it.

    sources: keys of the content entries used, e.g. ("faq:envios-canarias",).
    """

    parts: tuple[Part, ...]
    language: Language
    responder: str
    handoff: Handoff | None = None
    sources: tuple[str, ...] = ()
