"""In: stores an event and rings its conversation, in one transaction and one round trip for a customer's message.

Whatever comes twice (same delivery, two sources, reconciliation) is stored once and never moves the due time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import structlog
from psycopg.rows import dict_row
from sqlalchemy import Engine

from chatbot.chatwoot_events import ConversationFacts, Event, MessageFacts, UnreadableEvent, read_event
from chatbot.chatwoot_rules import Meaning, Scope, find_foreign, read_meaning
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import statements
from chatbot.intake_statements import (
    ANSWERED_ELSEWHERE,
    BOT_OFF,
    BOT_ON,
    BOT_WHY,
    CHANGED,
    DELETED,
    ECHO,
    FAILED,
    HAND_BACK,
    INSERT_INPUT,
    INSERT_LINE,
    INSERT_UPDATED,
    LABELLED,
    RESOLVED,
    SPOKEN_TAKE_OVER,
    TAKE_OVER,
    UPSERT_CONVERSATION,
    WAKE,
    WEBHOOK,
)
from chatbot.marks import read_mark
from chatbot.settings import Settings
from chatbot.text import fold

log = structlog.get_logger()
Raw = psycopg.Connection[Any]
NEWS = {"input", "take_over", "command", "transcribed", "edited", "deleted"}  # what may begin an erased conversation anew
WEBHOOK_MAY_COME = timedelta(minutes=1)
NEVER_SEEN = 2**62  # a message's number, where it can't be read
NEAR_S = 1.0  # workers look at least this often by themselves, so only what is due sooner needs a notification


def make_scope(settings: Settings) -> Scope:
    return Scope(settings.chatwoot_account_id, frozenset(settings.chatwoot_inbox_id))


def accept(engine: Engine, settings: Settings, body: bytes, delivery: str | None) -> str:
    """Stores one signed webhook. Returns what it meant, for the log. Raises psycopg.Error where the database is away."""
    try:
        event = read_event(body)
        meaning = read_meaning(event, make_scope(settings))
    except UnreadableEvent as e:
        _in_transaction(engine, partial(_bury, problem=e, body=body, delivery=delivery, scope=make_scope(settings)))
        log.error("webhook_unreadable", problem=str(e), conversation=e.conversation_id)
        return "unreadable"
    receipt = {
        "delivery": delivery,
        "event": event.name,
        "conversation": event.conversation.id if event.conversation else None,
        "outcome": meaning.rule or meaning.kind,
        "error": None,
        "body": body,
    }

    def work(raw: Raw) -> None:
        store(raw, event, meaning, settings)
        raw.execute(WEBHOOK, receipt)

    _in_transaction(engine, work, pipelined=meaning.kind != "state")
    crash_point("after_intake")
    return meaning.rule or meaning.kind


def accept_event(engine: Engine, settings: Settings, event: Event) -> str:
    """The same for an event that reconciliation read."""
    meaning = read_meaning(event, make_scope(settings))
    _in_transaction(engine, lambda raw: store(raw, event, meaning, settings, source="reconcile"))
    return meaning.rule or meaning.kind


def _in_transaction(engine: Engine, work: Callable[[Raw], None], *, pipelined: bool = False) -> None:
    """Once more on a new connection where a pooled one turned out dead, two first messages raced for a row, or the contact
    was erased meanwhile."""
    try:
        _try_transaction(engine, work, pipelined=pipelined)
    except psycopg.errors.QueryCanceled:
        raise  # the database is too slow now; a second try would outlast Chatwoot's patience
    except (psycopg.OperationalError, psycopg.errors.NotNullViolation, psycopg.errors.ForeignKeyViolation):
        _try_transaction(engine, work, pipelined=False)


def _try_transaction(engine: Engine, work: Callable[[Raw], None], *, pipelined: bool) -> None:
    with statements(engine) as connection:
        raw: Raw = connection.connection.driver_connection  # type: ignore[assignment]
        try:
            if pipelined:
                with raw.pipeline():  # one round trip, and one implicit transaction up to its end
                    work(raw)
            else:
                with raw.transaction():
                    work(raw)
        except psycopg.Error:
            connection.invalidate()  # dead, or in doubt of what it has prepared (db.together)
            raise


def store(raw: Raw, event: Event, meaning: Meaning, settings: Settings, source: str = "webhook") -> None:
    """Writes what the event means. Statements only: may run in a pipeline, but for state events."""
    conversation = event.conversation
    if meaning.kind == "nothing" or conversation is None:
        return
    news = event.message if meaning.kind in NEWS else None
    values = _conversation_values(event, conversation, source, news)
    raw.execute(UPSERT_CONVERSATION, values)
    if meaning.kind == "state":
        _store_state(raw, event, conversation, settings, is_read=source == "reconcile")
    elif event.message is not None:
        values |= _message_values(event.message, source)
        _WRITERS[meaning.kind](raw, values, meaning, settings)


def _store_input(raw: Raw, values: dict[str, Any], meaning: Meaning, settings: Settings) -> None:
    values |= _due_values(meaning, settings)
    if not is_protected("input_key"):
        values["variant"] = values["variant"] + raw.execute("SELECT gen_random_uuid()::text").fetchone()[0]  # type: ignore[index]
    raw.execute(INSERT_INPUT, values)
    if values["is_press"] or meaning.rule or settings.debounce_seconds <= NEAR_S:
        raw.execute("SELECT pg_notify('mostrador', '')")


def _store_line(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    raw.execute(INSERT_LINE, values | {"author": "other"})


def _store_take_over(raw: Raw, values: dict[str, Any], meaning: Meaning, _settings: Settings) -> None:
    raw.execute(SPOKEN_TAKE_OVER, values | {"author": "agent", "why": meaning.value, "spoken": True})


def _store_command(raw: Raw, values: dict[str, Any], meaning: Meaning, _settings: Settings) -> None:
    values |= {"author": "command", "why": "bot_off", "wake": f"bot_{meaning.value}", "spoken": True}
    if meaning.value == "on" and values["source"] == "reconcile":
        # found late: a person may have taken over since, so it isn't obeyed any more. Before that its webhook may still come.
        if values["sent_at"] is None or datetime.now(UTC) - values["sent_at"] > WEBHOOK_MAY_COME:
            raw.execute(INSERT_LINE, values)
        return
    raw.execute({"on": BOT_ON, "off": BOT_OFF, "why": BOT_WHY}[meaning.value], values)
    raw.execute("SELECT pg_notify('mostrador', '')")


def _store_echo(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    if not is_protected("echo_witness"):
        return
    mark = read_mark(values["mark"])
    raw.execute(ECHO, values)
    if mark is not None and mark.conversation == values["conversation"]:
        of = {"newest": mark.newest, "pressed": mark.pressed, "is_wakes": mark.is_wakes}
        raw.execute(ANSWERED_ELSEWHERE, values | of)


def _store_failed(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    raw.execute(FAILED, values)
    raw.execute("SELECT pg_notify('mostrador', '')")


def _store_changed(raw: Raw, values: dict[str, Any], meaning: Meaning, settings: Settings) -> None:
    raw.execute(CHANGED, values)
    raw.execute(INSERT_UPDATED, values | _due_values(meaning, settings))


def _store_deleted(raw: Raw, values: dict[str, Any], meaning: Meaning, settings: Settings) -> None:
    raw.execute(DELETED, values)
    raw.execute(INSERT_UPDATED, values | _due_values(meaning, settings) | {"text": "", "attachments": "[]"})


def _due_values(meaning: Meaning, settings: Settings) -> dict[str, Any]:
    """What an input needs beside itself."""
    return {
        "rule": meaning.rule,
        "debounce_s": settings.debounce_seconds,
        "debounce_max_s": settings.debounce_max_s,
    }


_WRITERS: Mapping[str, Callable[[Raw, dict[str, Any], Meaning, Settings], None]] = {
    "input": _store_input,
    "line": _store_line,
    "take_over": _store_take_over,
    "command": _store_command,
    "echo": _store_echo,
    "failed": _store_failed,
    "transcribed": _store_changed,
    "edited": _store_changed,
    "deleted": _store_deleted,
}


def _store_state(raw: Raw, event: Event, conversation: ConversationFacts, settings: Settings, *, is_read: bool) -> None:
    """A status or an assignee changed. Ours if we made such a call within `own_act_s`; else it says who has it.

    is_read: by a reading, which may have begun before such a call of ours.
    """
    cursor = raw.cursor(row_factory=dict_row)
    row = cursor.execute(
        "SELECT id, status, status_at, owner FROM conversation WHERE chatwoot_id = %s FOR UPDATE", [conversation.id]
    ).fetchone()
    if row is None and conversation.status == "resolved":  # of an erased one: people are done with it
        raw.execute("UPDATE erased_conversation SET is_peoples = false WHERE chatwoot_id = %s", [conversation.id])
    if row is None:
        return
    if conversation.at and row["status_at"] and conversation.at < row["status_at"]:
        _obey_label(raw, row["id"], event, settings)  # only this event tells of it, however late
        return
    if is_read and conversation.status == "pending" and _has_given_away(raw, row["id"], settings):
        return
    at = conversation.at
    values = {"conversation": conversation.id, "sent_at": at, "at": at, "status": conversation.status}
    is_own = conversation.status in {"open", "pending", "resolved"} and _is_own_act(
        raw, row["id"], conversation.status, settings
    )
    is_new = conversation.status != row["status"]
    if conversation.has_person and not is_own and (row["owner"] == "bot" or event.assignee_changed):
        raw.execute(TAKE_OVER, values | {"why": "assigned", "spoken": False})
    elif is_new and conversation.status in {"open", "snoozed", "resolved"} and not is_own:
        why = "resolved" if conversation.status == "resolved" else "open"
        raw.execute(RESOLVED if why == "resolved" else TAKE_OVER, values | {"why": why, "spoken": False})
    elif is_new and conversation.status == "pending" and not conversation.has_person:
        raw.execute(HAND_BACK, values)
    raw.execute(
        "UPDATE conversation SET status = %(status)s, status_at = greatest(status_at, %(sent_at)s::timestamptz),"
        " can_reply = %(can_reply)s WHERE chatwoot_id = %(conversation)s",
        values | {"can_reply": conversation.can_reply},
    )
    _obey_label(raw, row["id"], event, settings)


def _obey_label(raw: Raw, conversation_id: int, event: Event, settings: Settings) -> None:
    """Gives it back where a label says so that isn't the bot's own: none that sends to people, none that it has just put on."""
    given = {fold(label) for label in settings.bot_labels} & {fold(label) for label in event.new_labels}
    given -= {fold(label) for label in (*settings.handoff_labels, *settings.people_labels)}
    if not given or event.conversation is None:
        return
    own = raw.execute(
        "SELECT label FROM action, jsonb_array_elements_text(value) AS label WHERE conversation_id = %s AND kind = 'labels'"
        " AND started_at > now() - make_interval(secs => %s)",
        [conversation_id, settings.own_act_s],
    )
    if given - {fold(label) for (label,) in own.fetchall()}:
        raw.execute(LABELLED, {"conversation": event.conversation.id, "at": event.conversation.at})
        raw.execute("SELECT pg_notify('mostrador', '')")


def _has_given_away(raw: Raw, conversation_id: int, settings: Settings) -> bool:
    """Whether we opened or resolved it just now."""
    found = raw.execute(
        "SELECT 1 FROM action WHERE conversation_id = %s AND kind IN ('open', 'resolved')"
        " AND started_at > now() - make_interval(secs => %s) LIMIT 1",
        [conversation_id, settings.own_act_s],
    )
    return found.fetchone() is not None


def _is_own_act(raw: Raw, conversation_id: int, status: str, settings: Settings) -> bool:
    """Our own call shows up in up to three deliveries; each one found is counted off."""
    if not is_protected("own_act_filter"):
        return False
    found = raw.execute(
        """UPDATE action SET echoes = echoes + 1 WHERE id = (
             SELECT id FROM action WHERE conversation_id = %s AND kind = %s AND echoes < 3
             AND started_at > now() - make_interval(secs => %s) ORDER BY started_at DESC LIMIT 1) RETURNING id""",
        [conversation_id, status, settings.own_act_s],
    )
    return found.fetchone() is not None


def _bury(raw: Raw, problem: UnreadableEvent, body: bytes, delivery: str | None, scope: Scope) -> None:
    """Keeps a dead letter, and has its conversation handed off where that can be read from it."""
    is_ours = not find_foreign(problem.account_id, problem.inbox_id, scope)
    if problem.conversation_id is not None and is_ours:
        facts = ConversationFacts(problem.conversation_id, problem.inbox_id, "pending")
        values = _conversation_values(Event("unreadable"), facts, "webhook")
        raw.execute(UPSERT_CONVERSATION, values | {"message": NEVER_SEEN})
        raw.execute(WAKE, values | {"wake": "unreadable"})
        raw.execute("SELECT pg_notify('mostrador', '')")
    receipt = {"delivery": delivery, "event": "", "conversation": problem.conversation_id, "outcome": "unreadable"}
    raw.execute(WEBHOOK, receipt | {"error": str(problem).replace("\x00", "")[:500], "body": body[:1_000_000]})


def _conversation_values(
    event: Event, conversation: ConversationFacts, source: str, news: MessageFacts | None = None
) -> dict[str, Any]:
    contact = conversation.contact
    return {
        "message": news.id if news else None,
        "is_press": bool(news and news.submitted),
        "conversation": conversation.id,
        "inbox": conversation.inbox_id,
        "inbox_name": event.inbox_name,
        "channel": conversation.channel,
        "contact": contact.id if contact else None,
        "contact_name": contact.name if contact else "",
        "email": contact.email if contact else "",
        "phone": contact.phone if contact else "",
        "status": conversation.status,
        "at": conversation.at,
        "can_reply": conversation.can_reply,
        "has_bot": conversation.has_bot,
        "source_id": conversation.source_id,
        "is_heard": source == "webhook",
        "theirs": conversation.status != "pending" or conversation.has_person,
    }


def _message_values(message: MessageFacts, source: str) -> dict[str, Any]:
    is_press = bool(message.submitted)
    return {
        "message": message.id,
        "is_press": is_press,
        "kind": "submitted" if is_press else "created",
        "variant": message.submitted_hash,
        "text": message.submitted or message.text,
        "attachments": json.dumps([asdict(a) for a in message.attachments]),
        "is_unsupported": message.is_unsupported,
        "source": source,
        "sent_at": message.sent_at,
        "changed_at": message.changed_at,
        "mark": message.mark,
        "error": message.error,
    }
