"""For the tab inside Chatwoot: who has a conversation, its newest reply, and an agent's `/bot on` and `/bot off` there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, text

from chatbot.models import Conversation, Inbox, Part, Turn, TurnTrace

# The newest that Chatwoot's clock has told of the conversation: what is said later is later by that clock too, and by ours it
# may seem earlier.
NEWEST = """coalesce(greatest(last_human_at, status_at,
  (SELECT max(m.sent_at) FROM message m WHERE m.conversation_id = conversation.id)), now())"""
# as intake_statements.py does it for a note of an agent
HAND_BACK = text(f"""
UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = {NEWEST}, wake_at = now(),
  wake_reason = concat_ws(',', wake_reason, 'bot_on'), updated_at = now()
WHERE chatwoot_id = :chatwoot_id AND owner <> 'bot'
""")
TAKE_OVER = text(f"""
UPDATE conversation SET owner = 'people', owner_reason = 'bot_off', human_seq = human_seq + 1, spoken_seq = spoken_seq + 1,
  last_human_at = {NEWEST}, wake_at = now(),
  wake_reason = concat_ws(',', wake_reason, 'bot_off'), updated_at = now()
WHERE chatwoot_id = :chatwoot_id AND owner = 'bot'
""")
DROP_TIMERS = text("DELETE FROM timer USING conversation c WHERE c.id = timer.conversation_id AND c.chatwoot_id = :chatwoot_id")
WAKE_WORKER = text("SELECT pg_notify('mostrador', '')")


def hand_back(connection: Connection, chatwoot_id: int) -> bool:
    """To the bot, which answers what is unanswered. False where it is the bot's already."""
    return _ring(connection, HAND_BACK, chatwoot_id)


def take_over(connection: Connection, chatwoot_id: int) -> bool:
    """To people, until somebody hands it back. False where they have it already."""
    return _ring(connection, TAKE_OVER, chatwoot_id)


def _ring(connection: Connection, statement: Any, chatwoot_id: int) -> bool:
    is_done = connection.execute(statement, {"chatwoot_id": chatwoot_id}).rowcount > 0
    if is_done:
        connection.execute(DROP_TIMERS, {"chatwoot_id": chatwoot_id})
        connection.execute(WAKE_WORKER)
    return is_done


def read_place(connection: Connection, chatwoot_id: int) -> Any | None:
    """(id, chatwoot_id, owner, inbox), or None where the bot never saw the conversation."""
    columns = (Conversation.id, Conversation.chatwoot_id, Conversation.owner, Inbox.name.label("inbox"))
    statement = select(*columns).join(Inbox, Inbox.id == Conversation.inbox_id)
    return connection.execute(statement.where(Conversation.chatwoot_id == chatwoot_id)).first()


def read_last_reply(connection: Connection, conversation_id: int) -> dict[str, Any] | None:
    """The newest turn in which a responder replied, with its trace and texts. None where the bot said nothing yet."""
    columns = (
        Turn.id, Turn.state, Turn.responder, Turn.sources, Turn.handoff_reason, Turn.rule, Turn.finished_at,
        TurnTrace.body.label("trace"),
    )  # fmt: skip
    statement = select(*columns).outerjoin(TurnTrace, TurnTrace.turn_id == Turn.id)
    mine = (Turn.conversation_id == conversation_id, Turn.finished_at.is_not(None), Turn.responder.is_not(None))
    row = connection.execute(statement.where(*mine).order_by(Turn.id.desc()).limit(1)).first()
    if row is None:
        return None
    texts = connection.scalars(select(Part.text).where(Part.turn_id == row.id, ~Part.is_note).order_by(Part.ordinal))
    return dict(row._mapping) | {"texts": list(texts)}
