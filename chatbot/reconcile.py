"""Finds what no webhook told: conversations touched lately are read from Chatwoot and go through the same intake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, text

from chatbot import intake
from chatbot.answer import make_client
from chatbot.chatwoot_events import Event, UnreadableEvent, conversation_facts, event_from_api, message_facts
from chatbot.clients.chatwoot import Chatwoot
from chatbot.errors import ChatwootError, Interrupted
from chatbot.llm import Means
from chatbot.restore import is_held, release_gap, release_hold

log = structlog.get_logger()
LOCK = 0x5245434F
MAX_PAGES = 50


def reconcile(means: Means) -> int:
    """Reads what changed since the last complete reading, with an overlap. Returns how many messages were looked at.

    Only one worker does it at a time. A reading that fails leaves the mark where it was, so the next one covers it too.
    """
    with means.engine.connect() as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}).scalar():
            return 0
        connection.commit()  # the lock is the session's; a transaction left open for minutes would be ended
        try:
            return _read_since(means, connection.engine)
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})


def _read_since(means: Means, engine: Engine) -> int:
    settings = means.settings
    now = datetime.now(UTC)
    with engine.connect() as connection:
        at, floor = connection.execute(text("SELECT reconciled_at, reconcile_floor FROM instance")).one()
    since = max(at - timedelta(seconds=settings.reconcile_overlap_s), floor or at) if at else now
    try:
        chatwoot = make_client(settings)
        within_s = int((now - since).total_seconds()) + 60
        count, is_complete = _read_each(means, chatwoot, chatwoot.get_updated_conversations(within_s), since)
    except Interrupted:
        return 0  # Chatwoot isn't set up yet
    except ChatwootError as e:
        _note(engine, None, str(e)[:300], ends_gap=e.status in {401, 403})
        return 0
    # one that can never be read must not keep the others' readings growing for ever
    moves = is_complete or now - since > timedelta(hours=1)
    _note(engine, now if moves else None, None if is_complete else "some conversations could not be read", ends_gap=True)
    return count


def _read_each(means: Means, chatwoot: Chatwoot, conversations: list[dict[str, Any]], since: datetime) -> tuple[int, bool]:
    """One conversation that can't be read doesn't keep the others from being answered; it is read again next time."""
    count, is_complete = 0, True
    for given in conversations:
        try:
            count += _read_conversation(means, chatwoot, given, since)
        except ChatwootError as e:
            if e.status in {401, 403}:
                raise
            is_complete = is_complete and e.permanent
            log.error("reconcile_conversation_failed", conversation=given.get("id"), error=str(e)[:300])
    return count, is_complete


def _note(engine: Engine, at: datetime | None, error: str | None, *, ends_gap: bool) -> None:
    with engine.begin() as connection:
        before = connection.execute(text("SELECT reconcile_error FROM instance")).scalar()
        connection.execute(
            text("""UPDATE instance SET reconciled_at = coalesce(:at, reconciled_at), reconcile_error = :error,
                 reconcile_floor = coalesce(reconcile_floor, :at)"""),
            {"at": at, "error": error},
        )
        if ends_gap:
            release_gap(connection)
        if at is not None and is_held(connection):
            release_hold(connection)
            log.info("restored_database_caught_up")
    if error and error != before:
        log.warning("reconcile_failed", error=error)


def _read_conversation(means: Means, chatwoot: Chatwoot, given: Mapping[str, Any], since: datetime) -> int:
    settings = means.settings
    try:
        facts = conversation_facts(given)
    except UnreadableEvent:
        return 0
    if not _is_ours(means, facts.inbox_id):
        return 0
    count = 0
    messages = list(_messages_since(chatwoot, facts.id, since))
    known = _find_known(means, messages)
    for message in messages:
        count += 1
        if message["id"] in known:
            continue
        try:
            event = event_from_api(given, message)
        except UnreadableEvent as e:
            log.warning("reconcile_unreadable", conversation=facts.id, problem=str(e))
            continue
        intake.accept_event(means.engine, settings, event)
        # a press or a failed delivery is an update of a message of ours
        if event.message is not None and (event.message.submitted or event.message.is_failed):
            intake.accept_event(means.engine, settings, replace(event, name="message_updated"))
    intake.accept_event(means.engine, settings, Event("conversation_updated", inbox_id=facts.inbox_id, conversation=facts))
    return count


KNOWN = text("""
SELECT chatwoot_id FROM message WHERE chatwoot_id = ANY(:ids) AND kind = 'created'
UNION ALL SELECT chatwoot_id FROM part WHERE mark = ANY(:marks) AND state = 'sent'
""")


def _find_known(means: Means, messages: list[Mapping[str, Any]]) -> set[int]:
    """Ids of messages that changed nothing since they were stored: neither a press nor a failure is told by them."""
    facts = [f for m in messages if (f := message_facts(m)) and not f.submitted and not f.is_failed and not f.is_deleted]
    with means.engine.connect() as connection:
        rows = connection.execute(KNOWN, {"ids": [f.id for f in facts], "marks": [f.mark for f in facts if f.mark]})
        return {row[0] for row in rows} & {f.id for f in facts}


def _is_ours(means: Means, inbox_id: int) -> bool:
    """A user's token sees the whole account: only inboxes that are named, or that a webhook has told of, are read."""
    if means.settings.chatwoot_inbox_id:
        return inbox_id in means.settings.chatwoot_inbox_id
    statement = text("SELECT 1 FROM inbox WHERE chatwoot_id = :id AND heard_at IS NOT NULL AND NOT is_foreign")
    with means.engine.connect() as connection:
        return connection.execute(statement, {"id": inbox_id}).first() is not None


def _messages_since(chatwoot: Chatwoot, conversation: int, since: datetime) -> Iterator[Mapping[str, Any]]:
    """Messages sent since then, oldest first."""
    found: list[Mapping[str, Any]] = []
    since = since.replace(microsecond=0)  # the API tells times in whole seconds
    before: int | None = None
    for _ in range(MAX_PAGES):
        page = chatwoot.get_messages_before(conversation, before)
        fresh = [m for m in page if (f := message_facts(m)) and (f.sent_at is None or f.sent_at >= since)]
        found = [*fresh, *found]
        if not page or len(fresh) < len(page):
            break
        before = min(m["id"] for m in page)
    yield from found
