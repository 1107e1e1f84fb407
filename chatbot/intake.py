"""In: stores an event and rings its conversation, in one transaction and one round trip for a customer's message.

Whatever comes twice (same delivery, two sources, reconciliation) is stored once and never moves the due time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import psycopg
import structlog
from psycopg.rows import dict_row
from sqlalchemy import Engine

from chatbot.chatwoot_events import ConversationFacts, Event, MessageFacts, UnreadableEvent, read_event
from chatbot.chatwoot_rules import Meaning, Scope, find_foreign, read_meaning
from chatbot.crash_points import crash_point, is_protected
from chatbot.marks import read_mark
from chatbot.settings import Settings

log = structlog.get_logger()
Raw = psycopg.Connection[Any]
NEAR_S = 1.0  # workers look at least this often by themselves, so only what is due sooner needs a notification

UPSERT_CONVERSATION = """
WITH i AS (
  INSERT INTO inbox (chatwoot_id, name, channel, heard_at)
  VALUES (%(inbox)s, %(inbox_name)s, %(channel)s, CASE WHEN %(is_heard)s THEN now() END)
  ON CONFLICT (chatwoot_id) DO UPDATE
  SET name = coalesce(nullif(excluded.name, ''), inbox.name), channel = coalesce(nullif(excluded.channel, ''), inbox.channel),
    heard_at = coalesce(inbox.heard_at, excluded.heard_at)
  WHERE excluded.name NOT IN ('', inbox.name) OR excluded.channel NOT IN ('', inbox.channel)
    OR (inbox.heard_at IS NULL AND excluded.heard_at IS NOT NULL)
  RETURNING id
), p AS (
  INSERT INTO contact (chatwoot_id, name, email, phone)
  SELECT %(contact)s, %(contact_name)s, %(email)s, %(phone)s WHERE %(contact)s::bigint IS NOT NULL
  ON CONFLICT (chatwoot_id) DO UPDATE SET name = excluded.name, email = excluded.email, phone = excluded.phone
  WHERE (contact.name, contact.email, contact.phone) IS DISTINCT FROM (excluded.name, excluded.email, excluded.phone)
  RETURNING id
)
INSERT INTO conversation AS c (chatwoot_id, inbox_id, contact_id, status, status_at, can_reply)
VALUES (%(conversation)s,
        coalesce((SELECT id FROM i), (SELECT id FROM inbox WHERE chatwoot_id = %(inbox)s)),
        coalesce((SELECT id FROM p), (SELECT id FROM contact WHERE chatwoot_id = %(contact)s)),
        %(status)s, %(at)s, %(can_reply)s)
ON CONFLICT (chatwoot_id) DO UPDATE
SET contact_id = coalesce(c.contact_id, excluded.contact_id),
  inbox_id = CASE WHEN %(inbox)s = 0 THEN c.inbox_id ELSE excluded.inbox_id END
WHERE (c.contact_id IS NULL AND excluded.contact_id IS NOT NULL) OR (%(inbox)s <> 0 AND c.inbox_id <> excluded.inbox_id)
"""

# The statement above holds the row's lock, so what is read here is the newest state.
INSERT_INPUT = """
WITH c AS (
  SELECT c.id, c.in_seq, coalesce(i.debounce_s, %(debounce_s)s) AS debounce_s,
         coalesce(%(at)s::timestamptz < c.status_at, false) AS is_stale,
         -- pending again, after it had not been: a handback. A person who answers in pending keeps it.
         NOT %(theirs)s AND (c.status <> 'pending' OR c.owner_reason IN ('open', 'assigned', 'resolved'))
           AND coalesce(%(sent_at)s::timestamptz > c.last_human_at, true) AS is_back,
         (SELECT m.arrived_at FROM message m WHERE m.conversation_id = c.id AND m.seq > c.answered_seq
          AND m.ignore_rule IS NULL ORDER BY m.seq LIMIT 1) AS oldest
  FROM conversation c JOIN inbox i ON i.id = c.inbox_id WHERE c.chatwoot_id = %(conversation)s
), m AS (
  INSERT INTO message (conversation_id, chatwoot_id, kind, variant, seq, author, text, attachments, is_unsupported,
                       ignore_rule, source, sent_at)
  SELECT c.id, %(message)s, %(kind)s, %(variant)s, c.in_seq + 1, 'customer', %(text)s, %(attachments)s::jsonb,
         %(is_unsupported)s, nullif(%(rule)s, ''), %(source)s, %(sent_at)s
  FROM c ON CONFLICT (chatwoot_id, kind, variant) DO NOTHING
  RETURNING conversation_id, seq
)
UPDATE conversation u SET
  in_seq = m.seq,
  answer_due_at = CASE
    WHEN %(rule)s <> '' THEN coalesce(u.answer_due_at, now())
    WHEN %(is_press)s OR u.answer_due_at <= now() THEN least(u.answer_due_at, now())
    ELSE least(coalesce(c.oldest, now()) + make_interval(secs => %(debounce_max_s)s),
               now() + make_interval(secs => c.debounce_s)) END,
  owner = CASE WHEN c.is_stale OR u.owner_reason = 'bot_off' THEN u.owner WHEN %(theirs)s THEN 'people'
          WHEN c.is_back THEN 'bot' ELSE u.owner END,
  owner_reason = CASE WHEN c.is_stale OR u.owner_reason = 'bot_off' THEN u.owner_reason
                      WHEN %(theirs)s AND u.owner = 'bot' THEN 'open' WHEN c.is_back THEN ''
                 ELSE u.owner_reason END,
  status = CASE WHEN c.is_stale THEN u.status ELSE %(status)s END,
  can_reply = CASE WHEN c.is_stale THEN u.can_reply ELSE %(can_reply)s END,
  has_bot = %(has_bot)s,
  status_at = greatest(u.status_at, %(at)s::timestamptz),
  updated_at = now()
FROM m, c
WHERE u.id = m.conversation_id
"""

INSERT_LINE = """
INSERT INTO message (conversation_id, chatwoot_id, author, text, source, sent_at)
SELECT id, %(message)s, %(author)s, %(text)s, %(source)s, %(sent_at)s FROM conversation WHERE chatwoot_id = %(conversation)s
ON CONFLICT (chatwoot_id, kind, variant) DO NOTHING
"""

TAKE_OVER = """
UPDATE conversation SET owner = 'people', owner_reason = %(why)s, human_seq = human_seq + 1,
  spoken_seq = spoken_seq + %(spoken)s::int, updated_at = now(),
  last_human_at = greatest(last_human_at, %(sent_at)s::timestamptz),
  status = CASE WHEN coalesce(%(at)s::timestamptz < status_at, false) THEN status ELSE %(status)s END,
  status_at = greatest(status_at, %(at)s::timestamptz)
WHERE chatwoot_id = %(conversation)s AND coalesce(%(sent_at)s::timestamptz >= handed_back_at, true)
"""

# A message that was seen before (a duplicate, reconciliation) takes nothing over again.
SPOKEN_TAKE_OVER = f"WITH l AS ({INSERT_LINE} RETURNING id) {TAKE_OVER} AND EXISTS (SELECT FROM l)"

HAND_BACK = """
UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = %(sent_at)s WHERE chatwoot_id = %(conversation)s
"""

WAKE = """
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
WHERE chatwoot_id = %(conversation)s
"""

BOT_OFF = f"{SPOKEN_TAKE_OVER}".replace(
    "updated_at = now()", "wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)"
)
BOT_ON = f"""
WITH l AS ({INSERT_LINE} RETURNING id)
UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = %(sent_at)s, wake_at = now(),
  wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
WHERE chatwoot_id = %(conversation)s AND EXISTS (SELECT FROM l)
"""

# An unfinished turn whose part was unknown till now goes on at once.
ECHO = """
WITH p AS (
  UPDATE part SET state = 'sent', chatwoot_id = %(message)s, sent_at = coalesce(sent_at, now()), error = NULL
  WHERE mark = %(mark)s AND state IN ('frozen', 'sending', 'unknown', 'dropped', 'held')
  RETURNING turn_id)
UPDATE conversation SET
  answer_due_at = CASE WHEN t.wake IS NULL THEN least(answer_due_at, now()) ELSE answer_due_at END,
  wake_at = CASE WHEN t.wake IS NULL THEN wake_at ELSE now() END
FROM p JOIN turn t ON t.id = p.turn_id
WHERE conversation.id = t.conversation_id AND t.finished_at IS NULL
"""

# A part that we don't know: another installation, or this one before it was restored, has answered up to that message.
ANSWERED_ELSEWHERE = """
UPDATE message m SET ignore_rule = 'answered_elsewhere'
FROM conversation c WHERE c.id = m.conversation_id AND c.chatwoot_id = %(conversation)s AND m.ignore_rule IS NULL
  AND m.kind = 'created' AND m.seq > c.answered_seq AND m.chatwoot_id <= %(newest)s
  AND NOT EXISTS (SELECT FROM part WHERE mark = %(mark)s)
"""

FAILED = """
WITH p AS (
  UPDATE part SET state = 'failed', error = %(error)s WHERE mark = %(mark)s AND state <> 'failed' RETURNING conversation_id)
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, 'delivery_failed')
FROM p WHERE conversation.id = p.conversation_id
"""

TRANSCRIBED = """
UPDATE message SET attachments = %(attachments)s::jsonb WHERE chatwoot_id = %(message)s AND kind = 'created'
"""

DELETED = """
UPDATE message m SET ignore_rule = 'deleted', text = '', attachments = '[]' FROM conversation c
WHERE m.chatwoot_id = %(message)s AND c.id = m.conversation_id AND m.seq > c.answered_seq
"""

WEBHOOK = """
INSERT INTO webhook (delivery, event, conversation_chatwoot_id, outcome, error, body)
VALUES (%(delivery)s, %(event)s, %(conversation)s, %(outcome)s, %(error)s, %(body)s)
"""


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
    """Once more on a new connection where a pooled one turned out dead, or two first messages raced for a row."""
    try:
        _try_transaction(engine, work, pipelined=pipelined)
    except psycopg.errors.QueryCanceled:
        raise  # the database is too slow now; a second try would outlast Chatwoot's patience
    except (psycopg.OperationalError, psycopg.errors.NotNullViolation):
        _try_transaction(engine, work, pipelined=False)


def _try_transaction(engine: Engine, work: Callable[[Raw], None], *, pipelined: bool) -> None:
    with engine.connect() as connection:
        raw: Raw = connection.connection.driver_connection  # type: ignore[assignment]
        try:
            if pipelined:
                with raw.pipeline(), raw.transaction():
                    work(raw)
            else:
                with raw.transaction():
                    work(raw)
        except psycopg.OperationalError:
            connection.invalidate()
            raise


def store(raw: Raw, event: Event, meaning: Meaning, settings: Settings, source: str = "webhook") -> None:
    """Writes what the event means. Statements only: may run in a pipeline, but for state events."""
    conversation = event.conversation
    if meaning.kind == "nothing" or conversation is None:
        return
    values = _conversation_values(event, conversation, source)
    raw.execute(UPSERT_CONVERSATION, values)
    if meaning.kind == "state":
        _store_state(raw, event, conversation, settings)
    elif event.message is not None:
        values |= _message_values(event.message, source)
        _WRITERS[meaning.kind](raw, values, meaning, settings)


def _store_input(raw: Raw, values: dict[str, Any], meaning: Meaning, settings: Settings) -> None:
    is_press = values["kind"] == "submitted"
    values |= {
        "rule": meaning.rule,
        "is_press": is_press,
        "debounce_s": settings.debounce_seconds,
        "debounce_max_s": settings.debounce_max_s,
    }
    if not is_protected("input_key"):
        values["variant"] = values["variant"] + raw.execute("SELECT gen_random_uuid()::text").fetchone()[0]  # type: ignore[index]
    raw.execute(INSERT_INPUT, values)
    if is_press or meaning.rule or settings.debounce_seconds <= NEAR_S:
        raw.execute("SELECT pg_notify('mostrador', '')")


def _store_line(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    raw.execute(INSERT_LINE, values | {"author": "other"})


def _store_take_over(raw: Raw, values: dict[str, Any], meaning: Meaning, _settings: Settings) -> None:
    raw.execute(SPOKEN_TAKE_OVER, values | {"author": "agent", "why": meaning.value, "spoken": True})


def _store_command(raw: Raw, values: dict[str, Any], meaning: Meaning, _settings: Settings) -> None:
    values |= {"author": "command", "why": "bot_off", "wake": f"bot_{meaning.value}", "spoken": True}
    if meaning.value == "on" and values["source"] == "reconcile":
        raw.execute(INSERT_LINE, values)  # found late: a person may have taken over since, so it isn't obeyed any more
        return
    raw.execute(BOT_OFF if meaning.value == "off" else BOT_ON, values)
    raw.execute("SELECT pg_notify('mostrador', '')")


def _store_echo(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    if not is_protected("echo_witness"):
        return
    mark = read_mark(values["mark"])
    raw.execute(ECHO, values)
    if mark is not None and mark.conversation == values["conversation"]:
        raw.execute(ANSWERED_ELSEWHERE, values | {"newest": mark.newest})


def _store_failed(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    raw.execute(FAILED, values)
    raw.execute("SELECT pg_notify('mostrador', '')")


def _store_transcribed(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    raw.execute(TRANSCRIBED, values)


def _store_deleted(raw: Raw, values: dict[str, Any], _meaning: Meaning, _settings: Settings) -> None:
    raw.execute(DELETED, values)


_WRITERS: Mapping[str, Callable[[Raw, dict[str, Any], Meaning, Settings], None]] = {
    "input": _store_input,
    "line": _store_line,
    "take_over": _store_take_over,
    "command": _store_command,
    "echo": _store_echo,
    "failed": _store_failed,
    "transcribed": _store_transcribed,
    "deleted": _store_deleted,
}


def _store_state(raw: Raw, event: Event, conversation: ConversationFacts, settings: Settings) -> None:
    """A status or an assignee changed. Ours if we made such a call within `own_act_s`; else it says who has it."""
    cursor = raw.cursor(row_factory=dict_row)
    row = cursor.execute("SELECT * FROM conversation WHERE chatwoot_id = %s FOR UPDATE", [conversation.id]).fetchone()
    if row is None or (conversation.at and row["status_at"] and conversation.at < row["status_at"]):
        return
    at = conversation.at
    values = {"conversation": conversation.id, "sent_at": at, "at": at, "status": conversation.status}
    is_own = conversation.status in {"open", "pending"} and _is_own_act(raw, row["id"], conversation.status, settings)
    is_new = conversation.status != row["status"]
    if conversation.has_person and not is_own and (row["owner"] == "bot" or event.assignee_changed):
        raw.execute(TAKE_OVER, values | {"why": "assigned", "spoken": False})
    elif is_new and conversation.status in {"open", "snoozed", "resolved"} and not is_own:
        why = "resolved" if conversation.status == "resolved" else "open"
        raw.execute(TAKE_OVER, values | {"why": why, "spoken": False})
    elif is_new and conversation.status == "pending" and not conversation.has_person:
        raw.execute(HAND_BACK, values)
    raw.execute(
        "UPDATE conversation SET status = %(status)s, status_at = greatest(status_at, %(sent_at)s::timestamptz),"
        " can_reply = %(can_reply)s WHERE chatwoot_id = %(conversation)s",
        values | {"can_reply": conversation.can_reply},
    )


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
        raw.execute(UPSERT_CONVERSATION, values)
        raw.execute(WAKE, values | {"wake": "unreadable"})
        raw.execute("SELECT pg_notify('mostrador', '')")
    receipt = {"delivery": delivery, "event": "", "conversation": problem.conversation_id, "outcome": "unreadable"}
    raw.execute(WEBHOOK, receipt | {"error": str(problem).replace("\x00", "")[:500], "body": body[:1_000_000]})


def _conversation_values(event: Event, conversation: ConversationFacts, source: str) -> dict[str, Any]:
    contact = conversation.contact
    return {
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
        "is_heard": source == "webhook",
        "theirs": conversation.status != "pending" or conversation.has_person,
    }


def _message_values(message: MessageFacts, source: str) -> dict[str, Any]:
    is_press = bool(message.submitted)
    return {
        "message": message.id,
        "kind": "submitted" if is_press else "created",
        "variant": message.submitted_hash,
        "text": message.submitted or message.text,
        "attachments": json.dumps([asdict(a) for a in message.attachments]),
        "is_unsupported": message.is_unsupported,
        "source": source,
        "sent_at": message.sent_at,
        "mark": message.mark,
        "error": message.error,
    }
