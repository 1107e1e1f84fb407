"""One look at a conversation as Chatwoot has it now, and what it says about who has it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.chatwoot_events import UnreadableEvent, conversation_facts, is_bot_failure, message_facts
from chatbot.chatwoot_rules import is_persons_word
from chatbot.clients.chatwoot import Chatwoot
from chatbot.errors import ChatwootError
from chatbot.turn import OpenTurn

TOKEN_REFUSED = {401, 403}


@dataclass(frozen=True, slots=True)
class Look:
    """at: our monotonic clock before the call; newest_id: of any message; human_id: of a person's word, if that is the
    newest message; is_fault: Chatwoot itself opened it because our webhook failed."""

    at: float
    status: str
    has_person: bool
    can_reply: bool
    newest_id: int
    newest_mark: str
    human_id: int
    is_fault: bool
    labels: tuple[str, ...]
    attributes: Mapping[str, Any]


def look_at(chatwoot: Chatwoot, conversation: int) -> Look:
    """Raises ChatwootError."""
    at = time.monotonic()
    given = chatwoot.get_conversation(conversation)
    try:
        return read_look(given, at)
    except (UnreadableEvent, TypeError, ValueError, LookupError, AttributeError) as e:
        raise ChatwootError(f"a conversation of another shape ({type(e).__name__})") from e


def read_look(given: Mapping[str, Any], at: float) -> Look:
    facts = conversation_facts(given)
    newest = _last(given)
    messages = [m for m in given.get("messages") or [] if isinstance(m, dict)]
    spoken = message_facts(newest)
    is_human = spoken is not None and is_persons_word(spoken)
    ids = [m["id"] for m in (newest, *messages) if isinstance(m.get("id"), int)]
    return Look(
        at=at,
        status=facts.status,
        has_person=facts.has_person,
        can_reply=facts.can_reply,
        newest_id=max(ids, default=0),
        newest_mark=spoken.mark if spoken else "",
        human_id=spoken.id if is_human and spoken else 0,
        is_fault=bool(messages) and is_bot_failure(messages[-1]) and not facts.has_person,
        labels=tuple(label for label in given.get("labels") or [] if isinstance(label, str)),
        attributes=attributes if isinstance(attributes := given.get("custom_attributes"), dict) else {},
    )


def _last(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest message that isn't an activity; releases before it is given have only `messages`."""
    last = given.get("last_non_activity_message")
    if isinstance(last, dict):
        return last
    messages = [m for m in given.get("messages") or [] if isinstance(m, dict)]
    return messages[-1] if messages else {}


def is_taken(look: Look, turn: OpenTurn, *, has_opened: bool) -> bool:
    """Whether people have it. After our own opening neither status nor an assignee says so, only a person's message."""
    if look.human_id > turn.newest_chatwoot_id:
        return True
    if has_opened:
        return look.status == "resolved"
    return look.status != "pending" or look.has_person


def has_fault_opened(chatwoot: Chatwoot, turn: OpenTurn, look: Look) -> bool:
    """Whether the activity that says so came after our last message, and no person's word did."""
    try:
        messages = chatwoot.get_messages_before(turn.conversation)
    except ChatwootError as e:
        if e.status in TOKEN_REFUSED:
            return look.is_fault
        raise
    is_fault = False
    for message in reversed(messages):
        facts = message_facts(message)
        if facts is None or is_persons_word(facts):
            return False
        if facts.author in {"ours", "other_bot"} and not facts.is_private:  # a delete or a retry of ours wipes its mark
            break
        is_fault = is_fault or is_bot_failure(message)
    return is_fault
