"""Finds what no webhook told: conversations touched lately are read from Chatwoot and go through the same intake."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
CHANGES_OF = timedelta(days=1)  # what is that old may have been pressed or deleted just now, on pages that are read anyway
GIVEN_UP_S = 3600.0  # readings that all leave a conversation unread, for so long, don't wait for it any more


@dataclass(frozen=True, slots=True)
class Span:
    """since: messages sent from then on are looked at; changes_since: and presses on, and deletions of, what was sent from
    then on."""

    since: datetime
    changes_since: datetime

    def has(self, message: Mapping[str, Any]) -> bool:
        facts = message_facts(message)
        return facts is not None and (facts.sent_at is None or facts.sent_at >= self.since.replace(microsecond=0))

    def may_have_change(self, message: Mapping[str, Any]) -> bool:
        facts = message_facts(message)
        if facts is None or facts.sent_at is None or facts.sent_at < self.changes_since:
            return False
        return bool(facts.submitted) or (facts.is_deleted and facts.author == "customer")


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
    span = Span(since, max(since - CHANGES_OF, floor or since))
    try:
        chatwoot = make_client(settings)
        within_s = int((now - since).total_seconds()) + 60
        count, is_complete = _read_each(means, chatwoot, chatwoot.get_updated_conversations(within_s), span)
    except Interrupted:
        return 0  # Chatwoot isn't set up yet
    except ChatwootError as e:
        _failing.clear()  # it was Chatwoot that failed, not one conversation
        _note(engine, None, str(e)[:300], ends_gap=e.status in {401, 403})
        return 0
    moves = is_complete or _is_given_up(at)
    _note(engine, now if moves else None, None if is_complete else "some conversations could not be read", ends_gap=True)
    return count


_failing: dict[datetime | None, float] = {}


def _is_given_up(mark: datetime | None) -> bool:
    """Whether every reading from this mark on has left something unread for an hour, as far as this process has seen: one
    that can never be read must not keep the others' readings growing for ever."""
    first = _failing.get(mark, time.monotonic())
    _failing.clear()
    _failing[mark] = first
    return time.monotonic() - first > GIVEN_UP_S


def _read_each(means: Means, chatwoot: Chatwoot, conversations: list[dict[str, Any]], span: Span) -> tuple[int, bool]:
    """One conversation that can't be read doesn't keep the others from being answered; it is read again next time."""
    count, is_complete = 0, True
    for given in conversations:
        try:
            count += _read_conversation(means, chatwoot, given, span)
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


def _read_conversation(means: Means, chatwoot: Chatwoot, given: Mapping[str, Any], span: Span) -> int:
    settings = means.settings
    try:
        facts = conversation_facts(given)
    except UnreadableEvent:
        return 0
    if not _is_ours(means, facts.inbox_id):
        return 0
    messages = list(_messages_since(chatwoot, facts.id, span))
    news = _find_news(means, messages)
    if news:  # the list is older than they are: who had the conversation then needn't have it now
        given = chatwoot.get_conversation(facts.id)
        facts = conversation_facts(given)
    for message in news:
        try:
            event = event_from_api(given, message)
        except UnreadableEvent as e:
            log.warning("reconcile_unreadable", conversation=facts.id, problem=str(e))
            continue
        intake.accept_event(means.engine, settings, event)
        # a press or a failed delivery is an update of a message of ours, a deletion one of a message that may be known
        if event.message is not None and (event.message.submitted or event.message.is_failed or event.message.is_deleted):
            intake.accept_event(means.engine, settings, replace(event, name="message_updated"))
    intake.accept_event(means.engine, settings, Event("conversation_updated", inbox_id=facts.inbox_id, conversation=facts))
    return len(messages)


KNOWN = text("""
SELECT chatwoot_id FROM message WHERE chatwoot_id = ANY(:ids) AND kind = 'created'
UNION ALL SELECT chatwoot_id FROM message WHERE chatwoot_id = ANY(:deleted) AND kind = 'created' AND ignore_rule = 'deleted'
UNION ALL SELECT chatwoot_id FROM part WHERE mark = ANY(:marks) AND state = 'sent'
""")


def _find_news(means: Means, messages: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Messages that may have changed something since they were stored: a press and a failure are never told to be known."""
    told = [(m, f) for m in messages if (f := message_facts(m)) and f.author != "activity"]
    facts = [f for _, f in told if not f.submitted and not f.is_failed]
    values = {
        "ids": [f.id for f in facts if not f.is_deleted],
        "deleted": [f.id for f in facts if f.is_deleted],
        "marks": [f.mark for f in facts if f.mark],
    }
    with means.engine.connect() as connection:
        known = {row[0] for row in connection.execute(KNOWN, values)} & {f.id for f in facts}
    return [m for m, f in told if f.id not in known]


def _is_ours(means: Means, inbox_id: int) -> bool:
    """A user's token sees the whole account: only inboxes that are named, or that a webhook has told of, are read."""
    if means.settings.chatwoot_inbox_id:
        return inbox_id in means.settings.chatwoot_inbox_id
    statement = text("SELECT 1 FROM inbox WHERE chatwoot_id = :id AND heard_at IS NOT NULL AND NOT is_foreign")
    with means.engine.connect() as connection:
        return connection.execute(statement, {"id": inbox_id}).first() is not None


def _messages_since(chatwoot: Chatwoot, conversation: int, span: Span) -> Iterator[Mapping[str, Any]]:
    """Messages of the span, oldest first."""
    found: list[Mapping[str, Any]] = []
    before: int | None = None
    for _ in range(MAX_PAGES):
        page = chatwoot.get_messages_before(conversation, before)
        found = [*(m for m in page if span.has(m) or span.may_have_change(m)), *found]
        if not page or not all(span.has(m) for m in page):
            break
        before = min(m["id"] for m in page)
    yield from found
