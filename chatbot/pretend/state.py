"""The pretend Chatwoot's memory: account, inboxes, contacts, conversations, messages, bots, users. No network here."""

from __future__ import annotations

import re
import secrets
import threading
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from chatbot.pretend.help_center import Portal

INCOMING, OUTGOING, ACTIVITY, TEMPLATE = range(4)
STATUSES = ("open", "resolved", "pending", "snoozed")
FAULT_TEXT = "Conversation was marked open by system due to an error with the agent bot."
DELETED_TEXT = "This message was deleted"
Sender = tuple[str, int] | None


@dataclass(slots=True)
class AgentBot:
    """deliver_to: where its webhooks really go, when that isn't the outgoing_url that the API shows."""

    id: int
    name: str
    outgoing_url: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    description: str = ""
    deliver_to: str = ""


@dataclass(slots=True)
class User:
    """role: "agent" or "administrator". may_list: False answers 401 where it asks for messages."""

    id: int
    name: str
    email: str
    role: str = "administrator"
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    may_list: bool = True


@dataclass(slots=True)
class AccountWebhook:
    id: int
    url: str
    subscriptions: list[str]
    secret: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass(slots=True)
class Inbox:
    """greeting, out_of_office: what Chatwoot itself says there ("": nothing); has_captain: its own AI answers too."""

    id: int
    name: str
    channel: str = "Channel::WebWidget"
    bot_id: int | None = None
    is_single: bool = False
    greeting: str = ""
    out_of_office: str = ""
    asks_email: bool = False
    has_captain: bool = False
    website_token: str = field(default_factory=lambda: secrets.token_urlsafe(18))


@dataclass(slots=True)
class Contact:
    id: int
    name: str
    email: str | None = None
    phone: str | None = None
    labels: tuple[str, ...] = ()
    is_blocked: bool = False
    source_id: str = field(default_factory=lambda: secrets.token_hex(8))
    ends: dict[int, str] = field(default_factory=dict)
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    additional_attributes: dict[str, Any] = field(default_factory=dict)

    def find_end(self, inbox: int, channel: str) -> str:
        """Their contact_inbox.source_id: a number or an address where the channel has such, else a visitor's id. It stays as it
        was at first, whatever becomes of the contact."""
        numbers = {"Channel::Whatsapp": (self.phone or "").removeprefix("+"), "Channel::Sms": self.phone}
        ends = {"Channel::Email": self.email, "Channel::TwilioSms": self.phone, **numbers}
        return self.ends.setdefault(inbox, ends.get(channel) or self.source_id)


@dataclass(slots=True)
class Message:
    id: int
    conversation_id: int
    inbox_id: int
    content: str | None
    message_type: int
    sender: Sender
    created_at: float
    updated_at: float
    private: bool = False
    content_type: str = "text"
    status: str = "sent"
    source_id: str | None = None
    content_attributes: dict[str, Any] = field(default_factory=dict)
    additional_attributes: dict[str, Any] = field(default_factory=dict)
    attachments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def mark(self) -> str | None:
        mark = self.content_attributes.get("mostrador")
        return mark if isinstance(mark, str) else None


@dataclass(slots=True)
class File:
    """An attachment's bytes. leads_to: where its address redirects, "disk" for another address here, "" for nowhere;
    asked: the headers that it was asked with."""

    name: str
    content: bytes
    media_type: str
    leads_to: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Standing:
    """What may change about a conversation, as it was from `at` on: stale reads look here."""

    at: float
    status: str
    assignee: Sender
    team_id: int | None
    labels: tuple[str, ...]
    priority: str | None
    can_reply: bool


@dataclass(slots=True)
class Conversation:
    id: int
    inbox: Inbox
    contact: Contact
    created_at: float
    updated_at: float
    status: str = "pending"
    assignee: Sender = None
    team_id: int | None = None
    labels: tuple[str, ...] = ()
    priority: str | None = None
    can_reply: bool = True
    waiting_since: float | None = None
    first_reply_at: float | None = None
    last_activity_at: float = 0.0
    agent_seen_at: float = 0.0
    additional_attributes: dict[str, Any] = field(default_factory=dict)
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    past: deque[Standing] = field(default_factory=lambda: deque(maxlen=64))

    def note_standing(self, at: float) -> None:
        self.past.append(
            Standing(at, self.status, self.assignee, self.team_id, self.labels, self.priority, self.can_reply),
        )

    def standing(self, as_of: float | None = None) -> Standing:
        """As it is now, or as it was at a moment."""
        if as_of is not None:
            earlier = [s for s in self.past if s.at <= as_of]
            return earlier[-1] if earlier else self.past[0]
        return self.past[-1]

    def seen_messages(self, as_of: float | None = None) -> list[Message]:
        return self.messages if as_of is None else [m for m in self.messages if m.created_at <= as_of]

    def messages_after(self, message_id: int, as_of: float | None = None) -> list[Message]:
        """Those with a higher id, oldest first."""
        found = self.messages[bisect_right(self.messages, message_id, key=lambda m: m.id) :]
        return found if as_of is None else [m for m in found if m.created_at <= as_of]


@dataclass(slots=True)
class World:
    """Everything there is, under one lock. Ids count up from the given firsts, message ids over all conversations."""

    account_id: int = 1
    account_name: str = "Tienda de muestra"
    version: tuple[int, ...] = (4, 15, 1)
    keeps_pending: bool = False
    max_messages_per_minute: int | None = None
    next_conversation: int = 1
    next_message: int = 1001
    next_contact: int = 501
    lock: threading.RLock = field(default_factory=threading.RLock)
    bots: dict[int, AgentBot] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    webhooks: dict[int, AccountWebhook] = field(default_factory=dict)
    inboxes: dict[int, Inbox] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    portals: list[Portal] = field(default_factory=list)
    conversations: dict[int, Conversation] = field(default_factory=dict)
    message_by_id: dict[int, Message] = field(default_factory=dict)
    newest_of_contact: dict[tuple[int, int], int] = field(default_factory=dict)
    visitors: dict[str, int] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)

    def add_contact(self, name: str, **facts: Any) -> Contact:
        contact = Contact(self.next_contact, name, **facts)
        self.next_contact += 1
        self.contacts[contact.id] = contact
        return contact

    def add_conversation(self, inbox: Inbox, contact: Contact, now: float) -> Conversation:
        status = "resolved" if contact.is_blocked else "pending" if inbox.bot_id is not None else "open"
        conversation = Conversation(self.next_conversation, inbox, contact, now, now, status=status, last_activity_at=now)
        self.next_conversation += 1
        self.conversations[conversation.id] = conversation
        self.newest_of_contact[(inbox.id, contact.id)] = conversation.id
        conversation.note_standing(now)
        return conversation

    def add_message(
        self, conversation: Conversation, content: str | None, message_type: int, sender: Sender, now: float, **facts: Any
    ) -> Message:
        message = Message(
            self.next_message, conversation.id, conversation.inbox.id, content, message_type, sender, now, now, **facts
        )
        self.next_message += 1
        conversation.messages.append(message)
        self.message_by_id[message.id] = message
        conversation.updated_at = now
        if message_type != ACTIVITY:
            conversation.last_activity_at = now
        return message

    def sender_name(self, sender: Sender) -> str:
        if sender is None:
            return ""
        kind, number = sender
        places: dict[str, Any] = {"Contact": self.contacts, "User": self.users, "AgentBot": self.bots}
        named = places[kind]
        return str(named[number].name) if number in named else ""

    def is_at_least(self, *version: int) -> bool:
        return self.version >= version


def render_liquid(content: str, contact: Contact) -> str:
    """What Chatwoot's Liquid leaves of an outgoing text: known names filled in, everything else in braces gone."""
    known = {"contact.name": contact.name, "contact.email": contact.email or ""}
    content = re.sub(r"\{\{(.*?)\}\}", lambda m: known.get(m[1].strip(), ""), content, flags=re.DOTALL)
    return re.sub(r"\{%.*?%\}", "", content, flags=re.DOTALL)


def parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split("."))
