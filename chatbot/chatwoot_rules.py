"""What an event means for us, decided from the event alone. Pure; intake.py stores it.

An answer of "store" decides nothing yet about answering: that is the turn's, with the conversation in sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import regex

from chatbot.chatwoot_events import ConversationFacts, Event, MessageFacts

Kind = Literal[
    "nothing",  # not ours, or nothing to do
    "input",  # the customer wrote or pressed
    "line",  # somebody else's public message, kept as history
    "take_over",  # people have it
    "echo",  # our own message came back
    "failed",  # our message did not reach the customer
    "transcribed",
    "edited",  # the customer wrote it anew
    "deleted",
    "command",  # /bot on, /bot off, /bot why
    "state",  # the conversation's status or assignee
]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is ours: the account (None: any) and the inboxes (empty: all)."""

    account_id: int | None = None
    inbox_ids: frozenset[int] = frozenset()


# Conversations from here on are our own test messages (canary.py): Chatwoot's numbers have 32 bits.
CANARY_IDS = 4 * 10**18

COMMAND = regex.compile(r"(?i)^\s*/bot\s+(on|off|why)\s*$")


@dataclass(frozen=True, slots=True)
class Meaning:
    """rule: why nothing is done, or why an input is never answered; value: "on", "off" or "why" of a command."""

    kind: Kind
    rule: str = ""
    value: str = ""


def is_persons_word(message: MessageFacts) -> bool:
    """What a person said to the customer, or the command that sends the bot away: from then on people have it."""
    if message.author not in {"person", "phone"}:
        return False
    command = COMMAND.match(message.text) if message.is_private else None
    return not message.is_private or (command is not None and command[1].lower() == "off")


def find_foreign(account_id: int | None, inbox_id: int, scope: Scope) -> str:
    """Why something isn't ours, or ""."""
    if account_id is not None and scope.account_id is not None and account_id != scope.account_id:
        return "other_account"
    return "other_inbox" if inbox_id and scope.inbox_ids and inbox_id not in scope.inbox_ids else ""


def read_meaning(event: Event, scope: Scope) -> Meaning:
    foreign = find_foreign(event.account_id, event.inbox_id, scope)
    if foreign:
        return Meaning("nothing", foreign)
    if event.conversation is None:
        return Meaning("nothing", "not_a_conversation")
    if event.conversation.id >= CANARY_IDS and not _is_canary(event):
        return Meaning("nothing", "no_such_conversation")
    if event.message is None:
        return Meaning("state")
    if event.name == "message_created":
        return _created(event.conversation, event.message)
    return _updated(event.conversation, event.message)


def _is_canary(event: Event) -> bool:
    """Our own test message, which touches no row of anybody else's: those of its number are taken away afterwards."""
    conversation, message = event.conversation, event.message
    return bool(conversation and message and message.id == conversation.id and not conversation.contact and not event.inbox_id)


def _created(conversation: ConversationFacts, message: MessageFacts) -> Meaning:
    if message.is_private:
        command = COMMAND.match(message.text) if message.author == "person" else None
        if command:
            return Meaning("command", value=command[1].lower())
        return Meaning("echo") if message.author == "ours" else Meaning("nothing", "private_note")
    if message.author == "customer":
        return Meaning("input", _never_answered(conversation, message))
    if message.author == "ours":
        return Meaning("echo")
    if message.author in {"person", "phone"}:
        return Meaning("take_over", value="human_message" if message.author == "person" else "phone")
    return Meaning("nothing" if message.author == "activity" else "line", message.author)


def _never_answered(conversation: ConversationFacts, message: MessageFacts) -> str:
    if conversation.contact and conversation.contact.is_blocked:
        return "blocked_contact"
    if message.is_auto_reply:
        return "auto_reply"
    if message.is_deleted:
        return "deleted"
    if message.is_reaction:
        return "reaction"
    if conversation.source_id.endswith("@g.us"):
        return "group"
    return ""


def _updated(conversation: ConversationFacts, message: MessageFacts) -> Meaning:
    if message.is_deleted:
        return Meaning("deleted", "deleted") if message.author == "customer" else Meaning("nothing", "deleted_by_agent")
    if message.author == "ours" and message.is_failed:
        return Meaning("failed")
    if message.submitted and message.content_type in {"input_select", "form"}:
        return Meaning("input") if message.author == "ours" else Meaning("nothing", "form_of_others")
    if message.author == "customer" and (message.text or message.attachments):  # Chatwoot doesn't say whether it is new
        kind: Kind = "transcribed" if any(a.transcript for a in message.attachments) else "edited"
        return Meaning(kind, _never_answered(conversation, message))
    return Meaning("nothing", "update")
