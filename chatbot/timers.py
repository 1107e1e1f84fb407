"""Timers of conversations: planned and dropped in the transaction that gives the reason, fired by the worker's sweep.

A timer that is due becomes one of the conversation's wake_reason: from then on it is claimed, leased, frozen and proved like
everything else (docs/delivery.md). Whoever plans or drops holds the conversation's row, so that nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from chatbot.db import run, sql

OPENING, AGENT_SILENCE, AUTO_RESOLVE, FLOW_SILENCE = "opening", "agent_silence", "auto_resolve", "flow_silence"
# the customer wrote: what waited for that, or for silence, is void. The others wait for people.
VOID_BY_CUSTOMER = (AUTO_RESOLVE, FLOW_SILENCE)
AT_ONCE = 500

PLAN = sql("""
INSERT INTO timer (conversation_id, reason, due_at) VALUES (:conversation, :reason, :due_at)
ON CONFLICT (conversation_id, reason) DO UPDATE SET due_at = excluded.due_at
""")
DROP = sql("DELETE FROM timer WHERE conversation_id = :conversation AND reason = ANY(:reasons)")
# The rows of conversations first, and none that is locked: a turn or an event may be dropping the timer right now.
FIRE = sql(f"""
WITH due AS (
  SELECT t.conversation_id, t.reason FROM timer t JOIN conversation c ON c.id = t.conversation_id
  WHERE t.due_at <= now() ORDER BY t.due_at LIMIT {AT_ONCE} FOR UPDATE OF c SKIP LOCKED
), gone AS (
  DELETE FROM timer t USING due WHERE t.conversation_id = due.conversation_id AND t.reason = due.reason AND t.due_at <= now()
  RETURNING t.conversation_id, t.reason
), fired AS (
  SELECT conversation_id, string_agg(reason, ',' ORDER BY reason DESC) AS reasons FROM gone GROUP BY conversation_id
)
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, fired.reasons)
FROM fired WHERE conversation.id = fired.conversation_id
""")


def plan_timer(connection: Connection, conversation_id: int, reason: str, due_at: datetime) -> None:
    """One of a reason at a time: a second one takes its place. reason: a word that decision.py knows, without commas."""
    run(connection, PLAN, {"conversation": conversation_id, "reason": reason, "due_at": due_at})


def drop_timers(connection: Connection, conversation_id: int, reasons: Iterable[str]) -> None:
    run(connection, DROP, {"conversation": conversation_id, "reasons": list(reasons)})


def fire_due(connection: Connection) -> int:
    """What is due wakes its conversation, once. Returns how many were woken."""
    return run(connection, FIRE).rowcount
