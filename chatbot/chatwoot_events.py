"""Reads what Chatwoot sends into an Event, leniently (keys change between releases) and within limits. Pure.

Source: Chatwoot's presenters at 4.15.1; docs/chatwoot.md names what was relied on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import regex
from pydantic_core import from_json

from chatbot.reply import Attachment

MAX_BODY = 1_000_000
MAX_ID = 2**62
MAX_TEXT = 20_000
MAX_NAME = 255
MAX_URL = 2_000
CENTURY = range(2000, 2100)
MESSAGE_TYPES = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
BOT_FAILURE = regex.compile(r"(?i)error with the agent bot|error.{0,40}(agente|bot)|marked open by system due to an error")

Author = Literal["customer", "person", "phone", "ours", "other_bot", "automation", "campaign", "template", "activity"]


class UnreadableEvent(Exception):
    """A body that can't be used. conversation_id: the conversation that it surely is about, if one can be read."""

    def __init__(
        self, why: str, *, conversation_id: int | None = None, inbox_id: int = 0, account_id: int | None = None
    ) -> None:
        super().__init__(why)
        self.conversation_id = conversation_id
        self.inbox_id = inbox_id
        self.account_id = account_id


@dataclass(frozen=True, slots=True)
class ContactFacts:
    id: int
    name: str = ""
    email: str = ""
    phone: str = ""
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """id: the display id that API paths take; has_person, has_bot: who it is assigned to; at: when Chatwoot last changed it,
    for ordering what comes unordered."""

    id: int
    inbox_id: int
    status: str
    channel: str = ""
    can_reply: bool = True
    has_person: bool = False
    has_bot: bool = False
    at: datetime | None = None
    contact: ContactFacts | None = None
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """changed_at: Chatwoot's clock, so that updates which come unordered can be ordered."""

    id: int
    author: Author
    text: str
    is_private: bool = False
    mark: str = ""
    content_type: str = "text"
    attachments: tuple[Attachment, ...] = ()
    submitted: str = ""
    submitted_hash: str = ""
    sent_at: datetime | None = None
    changed_at: datetime | None = None
    error: str = ""
    is_failed: bool = False
    is_deleted: bool = False
    is_reaction: bool = False
    is_auto_reply: bool = False
    is_unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook. `assignee_changed`: the event itself says that the assignee is new; `new_labels`: which labels it says were
    put on."""

    name: str
    account_id: int | None = None
    inbox_name: str = ""
    inbox_id: int = 0
    conversation: ConversationFacts | None = None
    message: MessageFacts | None = None
    assignee_changed: bool = False
    new_labels: tuple[str, ...] = ()


def read_event(body: bytes) -> Event:
    """Bytes as they came. Raises UnreadableEvent for what isn't JSON, isn't an object, or lacks what its kind needs."""
    if len(body) > MAX_BODY:
        raise _unreadable("the body is larger than 1 MB", body)
    try:
        given = from_json(body, allow_inf_nan=False)
    except ValueError as e:
        raise _unreadable(f"not JSON: {e}", body) from None
    except RecursionError:
        raise _unreadable("nested too deeply", body) from None
    if not isinstance(given, dict):
        raise UnreadableEvent("not a JSON object")
    try:
        return event_from(given)
    except UnreadableEvent as e:
        raise _unreadable(str(e), body) from None
    except (TypeError, ValueError, LookupError, AttributeError) as e:  # a shape that nobody thought of must not be a 500
        raise _unreadable(f"unexpected shape: {type(e).__name__}: {e}", body) from e


def event_from(given: Mapping[str, Any]) -> Event:
    """An event from parsed JSON, also one put together from API answers. Raises UnreadableEvent."""
    name = _text(given.get("event"), 100)
    if not name:
        raise UnreadableEvent("there is no event name")
    account_id = _id(_dict(given.get("account")).get("id"))
    if name in {"message_created", "message_updated"}:
        conversation = _conversation(_dict(given.get("conversation")), given)
        message = _message(given)
        if conversation is None or message is None:
            raise UnreadableEvent(f"{name} without a usable message or conversation id")
        inbox = _dict(given.get("inbox"))
        return Event(name, account_id, _text(inbox.get("name"), MAX_NAME), conversation.inbox_id, conversation, message)
    if name.startswith("conversation_") and "typing" not in name:
        conversation = _conversation(given, given)
        if conversation is None:
            raise UnreadableEvent(f"{name} without a usable conversation id")
        return Event(
            name, account_id, "", conversation.inbox_id, conversation, None,
            assignee_changed=any("assignee_id" in change for change in _changes(given)), new_labels=_new_labels(given),
        )  # fmt: skip
    return Event(name, account_id, inbox_id=_id(_dict(given.get("inbox")).get("id")) or 0)


def event_from_api(conversation: Mapping[str, Any], message: Mapping[str, Any]) -> Event:
    """The event that Chatwoot would have sent for a message that its API shows. Raises UnreadableEvent."""
    inbox_id = conversation.get("inbox_id")
    return event_from({**message, "event": "message_created", "conversation": conversation, "inbox": {"id": inbox_id}})


def is_bot_failure(message: Mapping[str, Any]) -> bool:
    """Whether an API message is Chatwoot's own note that it took the conversation because the bot's webhook failed."""
    return _message_type(message) == "activity" and bool(BOT_FAILURE.search(_text(message.get("content"), 500)))


def conversation_facts(given: Mapping[str, Any]) -> ConversationFacts:
    """The facts of an API's conversation. Raises UnreadableEvent where it has no id."""
    facts = _conversation(given, {})
    if facts is None:
        raise UnreadableEvent("a conversation without an id")
    return facts


def message_facts(given: Mapping[str, Any]) -> MessageFacts | None:
    return _message(given)


def _conversation(given: Mapping[str, Any], around: Mapping[str, Any]) -> ConversationFacts | None:
    conversation_id = _id(given.get("id"))
    if conversation_id is None:
        return None
    meta = _dict(given.get("meta"))
    assignee, kind = _dict(meta.get("assignee")), _text(meta.get("assignee_type"), 40)
    is_person = (
        bool(assignee) and kind != "AgentBot" and _text(assignee.get("type"), 40) not in {"agent_bot", "captain_assistant"}
    )
    sender = _dict(meta.get("sender")) or (_dict(around.get("sender")) if _message_type(around) == "incoming" else {})
    return ConversationFacts(
        id=conversation_id,
        inbox_id=_id(given.get("inbox_id")) or _id(_dict(around.get("inbox")).get("id")) or 0,
        status=_text(given.get("status"), 20) or "pending",
        channel=_text(given.get("channel"), 60) or _text(meta.get("channel"), 60),
        can_reply=given.get("can_reply") is not False,
        has_person=is_person,
        has_bot=bool(assignee) and not is_person,
        at=_time(given.get("updated_at")) or _time(given.get("last_activity_at")),
        contact=_contact(sender),
        source_id=_text(_dict(given.get("contact_inbox")).get("source_id"), MAX_NAME),
    )


def _contact(given: Mapping[str, Any]) -> ContactFacts | None:
    contact_id = _id(given.get("id"))
    if contact_id is None:
        return None
    return ContactFacts(
        id=contact_id,
        name=_text(given.get("name"), MAX_NAME),
        email=_text(given.get("email"), MAX_NAME),
        phone=_text(given.get("phone_number"), 40),
        is_blocked=given.get("blocked") is True,
    )


def _message(given: Mapping[str, Any]) -> MessageFacts | None:
    message_id = _id(given.get("id"))
    if message_id is None:
        return None
    attributes = _dict(given.get("content_attributes"))
    author = _author(given, attributes)
    # customers fill in forms of ours and of agents; what stands in a message of their own is no form's
    values = attributes.get("submitted_values") if author != "customer" else None
    newest = _own_entry(given, message_id)
    status = _text(newest.get("status") or given.get("status"), 20)
    attachments = tuple(_attachment(a) for a in _list(given.get("attachments"))[:20] if isinstance(a, dict))
    return MessageFacts(
        id=message_id,
        author=author,
        text=_body_text(given, attributes),
        is_private=given.get("private") is True,
        mark=_text(attributes.get("mostrador"), 120),
        content_type=_text(given.get("content_type"), 40) or "text",
        attachments=attachments,
        submitted=_submitted_text(values),
        submitted_hash=_hash(values) if values else "",
        sent_at=_time(given.get("created_at")) or _time(newest.get("created_at")),
        changed_at=_time(given.get("updated_at")) or _time(newest.get("updated_at")) or _find_change(given),
        error=_text(attributes.get("external_error"), 500),
        is_failed=status == "failed" or bool(attributes.get("external_error")),
        is_deleted=attributes.get("deleted") is True,
        is_reaction=attributes.get("is_reaction") is True,
        is_auto_reply=_is_auto_reply(attributes),
        is_unsupported=attributes.get("is_unsupported") is True,
    )


def _own_entry(given: Mapping[str, Any], message_id: int) -> Mapping[str, Any]:
    """The same message inside `conversation.messages`, which alone has its status; often it is another message."""
    entries = _list(_dict(given.get("conversation")).get("messages"))
    return next((e for e in entries if isinstance(e, dict) and e.get("id") == message_id), {})


def _find_change(given: Mapping[str, Any]) -> datetime | None:
    """Where the message's own time isn't told, the conversation's is not before it."""
    return _time(_dict(given.get("conversation")).get("updated_at"))


def _author(given: Mapping[str, Any], attributes: Mapping[str, Any]) -> Author:
    kind = _message_type(given)
    if kind == "incoming":
        return "customer"
    if attributes.get("mostrador"):
        return "ours"
    if kind in {"activity", "template"}:
        return "activity" if kind == "activity" else "template"
    if _dict(given.get("additional_attributes")).get("campaign_id"):
        return "campaign"
    if attributes.get("automation_rule_id"):
        return "automation"
    sender = given.get("sender")
    if not isinstance(sender, dict):
        return "phone"
    sender_type = _text(sender.get("type") or given.get("sender_type"), 40)
    return "other_bot" if sender_type in {"agent_bot", "captain_assistant", "AgentBot", "Captain::Assistant"} else "person"


def _message_type(given: Mapping[str, Any]) -> str:
    kind = given.get("message_type")
    return MESSAGE_TYPES.get(kind, "") if isinstance(kind, int) else _text(kind, 20)


def _body_text(given: Mapping[str, Any], attributes: Mapping[str, Any]) -> str:
    if given.get("content_type") == "incoming_email":
        content = _dict(_dict(attributes.get("email")).get("text_content"))
        unquoted = _text(content.get("quoted"), MAX_TEXT)  # Chatwoot's word for "without the quotes"
        if unquoted:
            return unquoted
    return _text(given.get("content"), MAX_TEXT)


def _is_auto_reply(attributes: Mapping[str, Any]) -> bool:
    email = _dict(attributes.get("email"))
    senders = " ".join(_text(s, MAX_NAME).lower() for s in _list(email.get("from")))
    return email.get("auto_reply") is True or any(
        w in senders for w in ("mailer-daemon@", "postmaster@", "noreply@", "no-reply@")
    )


def _attachment(given: Mapping[str, Any]) -> Attachment:
    url = _text(given.get("data_url"), MAX_URL + 1)
    return Attachment(
        file_type=_text(given.get("file_type"), 40),
        title=_text(given.get("fallback_title"), MAX_NAME),
        transcript=_text(given.get("transcribed_text"), MAX_TEXT),
        id=_id(given.get("id")) or 0,
        url=url if len(url) <= MAX_URL else "",
        size=_id(given.get("file_size")) or 0,
    )


def _submitted_text(values: object) -> str:
    """What was pressed or filled in: a button's title, or "name: value" lines of a form."""
    rows = [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []
    lines = (
        _text(r.get("title"), MAX_NAME) or f"{_text(r.get('name'), MAX_NAME)}: {_text(r.get('value'), 1_000)}"
        for r in rows[:50]
    )
    return "\n".join(line for line in lines if line.strip(": "))


def _hash(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:32]


def _changes(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_dict(change) for change in _list(given.get("changed_attributes"))]


def _new_labels(given: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for change in (_dict(c.get("label_list")) for c in _changes(given)):
        before = _list(change.get("previous_value"))
        found += [_text(label, MAX_NAME) for label in _list(change.get("current_value"))[:100] if label not in before]
    return tuple(label for label in found if label)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object, max_chars: int) -> str:
    """Text that PostgreSQL takes: without NUL and lone surrogates, cut at max_chars."""
    if not isinstance(value, str):
        return ""
    return value[:max_chars].replace("\x00", "").encode("utf-8", "ignore").decode()


def _id(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_ID else None


def _time(value: object) -> datetime | None:
    """Chatwoot's ISO text or Unix seconds (0: never). What lies outside this century is no time."""
    try:
        if isinstance(value, str) and value:
            parsed = datetime.fromisoformat(value)
            parsed = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            parsed = datetime.fromtimestamp(value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if parsed.year in CENTURY else None


CONVERSATION_IN_RAW = regex.compile(rb'"conversation_id"\s*:\s*(\d{1,18})\b')
INBOX_IN_RAW = regex.compile(rb'"inbox_id"\s*:\s*(\d{1,18})\b')
ACCOUNT_IN_RAW = regex.compile(rb'"account_id"\s*:\s*(\d{1,18})\b')
INCOMING_IN_RAW = regex.compile(rb'"message_type"\s*:\s*("incoming"|0\b)')


def _unreadable(why: str, body: bytes) -> UnreadableEvent:
    """With the conversation, where the raw bytes say that a customer wrote in it."""
    found = CONVERSATION_IN_RAW.search(body[:MAX_BODY])
    if found is None or not INCOMING_IN_RAW.search(body[:MAX_BODY]):
        return UnreadableEvent(why)
    inbox, account = INBOX_IN_RAW.search(body[:MAX_BODY]), ACCOUNT_IN_RAW.search(body[:MAX_BODY])
    return UnreadableEvent(
        why,
        conversation_id=_id(int(found[1])),
        inbox_id=int(inbox[1]) if inbox else 0,
        account_id=int(account[1]) if account else None,
    )
