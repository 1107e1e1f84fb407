"""A turn's plan, written before it is done, and its outcome, written after: freeze, throw away, record."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from chatbot import queue
from chatbot.db import run, sql
from chatbot.handoff import Act
from chatbot.marks import Mark, make_suffix
from chatbot.reply import Handoff, Reply
from chatbot.settings import Settings
from chatbot.trace import Trace
from chatbot.turn import UNFREEZE, OpenTurn, fence, fenced

FREEZE = sql("""
UPDATE turn SET state = 'frozen', frozen_at = now(), language = :language, responder = :responder, rule = :rule,
  suffix = :suffix,
  handoff_reason = :reason, handoff_detail = :detail, sources = CAST(:sources AS jsonb)
WHERE id = :turn
""")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn will do. rule: it answers nothing, by that rule."""

    acts: list[Act]
    rule: str | None = None
    reply: Reply | None = None
    handoff: Handoff | None = None
    trace: Trace | None = None


def freeze(connection: Connection, turn: OpenTurn, plan: Plan, has_press: bool) -> OpenTurn:
    """Writes the plan, before the first byte leaves. Nothing is generated again after an attempt."""
    reply, handoff = plan.reply, plan.handoff
    turn = replace(turn, suffix=_choose_suffix(turn, has_press))
    values = {
        "turn": turn.id,
        "suffix": turn.suffix,
        "language": reply.language if reply else None,
        "responder": reply.responder if reply else None,
        "rule": plan.rule,
        "reason": handoff.reason if handoff else None,
        "detail": handoff.detail if handoff else "",
        "sources": json.dumps(reply.sources if reply else []),
    }
    with fenced(connection, turn.lease):
        run(connection, FREEZE, values)
        if plan.trace is not None:
            save_trace(connection, turn.id, plan.trace)
        if reply is not None:
            run(connection, SET_LANGUAGE, {"language": reply.language, "id": turn.lease.conversation_id})
        add_acts(connection, turn, plan.acts)
    return replace(turn, is_frozen=True, handoff_reason=handoff.reason if handoff else None, rule=plan.rule)


def _choose_suffix(turn: OpenTurn, has_press: bool) -> str:
    """What makes the marks of this turn its own, where the newest message's id doesn't."""
    if has_press or turn.wake is not None:
        return make_suffix()
    return f"s{turn.to_seq}" if turn.is_late else ""


SET_LANGUAGE = sql("UPDATE conversation SET language = :language WHERE id = :id AND language IS DISTINCT FROM :language")
SAVE_TRACE = sql("""
INSERT INTO turn_trace (turn_id, body) VALUES (:turn, CAST(:body AS jsonb))
ON CONFLICT (turn_id) DO UPDATE SET body = excluded.body, created_at = now()
""")


def save_trace(connection: Connection, turn_id: int, trace: Trace) -> None:
    body = json.dumps(trace.to_json(), default=str).replace("\\u0000", "")
    run(connection, SAVE_TRACE, {"turn": turn_id, "body": body})


COUNT_PARTS = sql("SELECT is_note, count(*) AS count FROM part WHERE turn_id = :turn GROUP BY is_note")


def add_acts(connection: Connection, turn: OpenTurn, acts: list[Act], start: int = 0) -> None:
    """Inserts parts with their marks, and actions. start: how many acts the turn has already."""
    counted = run(connection, COUNT_PARTS, {"turn": turn.id}) if start else ()
    counts: dict[bool, int] = {row["is_note"]: row["count"] for row in counted}
    for ordinal, act in enumerate(acts, start=start + 1):
        values: dict[str, Any] = {"turn": turn.id, "conversation": turn.lease.conversation_id, "ordinal": ordinal}
        if act.kind in {"say", "note"}:
            is_note = act.kind == "note"
            counts[is_note] = counts.get(is_note, 0) + 1
            place = f"{'n' if is_note else ''}{counts[is_note]}"
            part = {
                "mark": str(Mark(turn.conversation, turn.newest_chatwoot_id, place, turn.suffix)),
                "is_note": is_note,
                "text": act.text,
                "choices": json.dumps(act.choices),
                "state": "dropped" if act.is_recorded_only else "frozen",
            }
            run(connection, INSERT_PART, values | part)
        else:
            run(connection, INSERT_ACTION, values | {"kind": act.kind, "value": json.dumps(act.value)})


INSERT_PART = sql("""
INSERT INTO part (turn_id, conversation_id, ordinal, mark, is_note, text, choices, state)
VALUES (:turn, :conversation, :ordinal, :mark, :is_note, :text, CAST(:choices AS jsonb), :state)
""")
INSERT_ACTION = sql("""
INSERT INTO action (turn_id, conversation_id, ordinal, kind, value)
VALUES (:turn, :conversation, :ordinal, :kind, CAST(:value AS jsonb))
""")


def unfreeze(connection: Connection, turn: OpenTurn) -> None:
    """What was to be done is forgotten; the turn is decided anew at the next claim."""
    fence(connection, turn.lease)
    run(connection, UNFREEZE, {"turn": turn.id})


def throw_away(connection: Connection, turn: OpenTurn, settings: Settings) -> None:
    """The customer wrote again before anything was sent: the frozen reply goes, the turn is opened anew later."""
    unfreeze(connection, turn)
    queue.discard(connection, turn.lease, turn.from_seq, settings)


FINISH = sql("""
WITH t AS (
  UPDATE turn SET finished_at = now(), rule = coalesce(:rule, rule), state = CASE
    WHEN coalesce(:rule, rule) IS NOT NULL THEN 'ignored'
    WHEN CAST(:mode AS text) = 'suggest' THEN 'suggested'
    WHEN CAST(:mode AS text) = 'watch' THEN 'watched'
    WHEN handoff_reason IS NOT NULL THEN 'handed_off'
    ELSE 'answered' END
  WHERE id = :turn RETURNING conversation_id, state, rule, responder
), c AS (
  UPDATE conversation SET last_state = t.state, last_responder = t.responder FROM t WHERE conversation.id = t.conversation_id
)
SELECT state, rule FROM t
""")
OWN_MESSAGES = sql("""
UPDATE message SET turn_id = :turn
WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NULL
""")
IGNORED_MESSAGES = sql("""
WITH rules AS (
  SELECT DISTINCT ignore_rule AS rule FROM message
  WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NOT NULL
), t AS (
  INSERT INTO turn (conversation_id, epoch, from_seq, to_seq, mode, state, rule, finished_at)
  SELECT :conversation, :epoch, :from_seq, :to_seq, :mode, 'ignored', rule, now() FROM rules RETURNING id, rule
)
UPDATE message m SET turn_id = t.id FROM t
WHERE m.conversation_id = :conversation AND m.seq > :from_seq AND m.seq <= :to_seq AND m.ignore_rule = t.rule
""")


def record(connection: Connection, turn: OpenTurn, rule: str | None, settings: Settings) -> tuple[str, str | None]:
    """The outcome, and the lease is settled, in one transaction. rule: by which nothing is answered after all.

    Returns the turn's final state and rule. Raises LostLease where the lease isn't ours any more.
    """
    values = {
        "turn": turn.id,
        "conversation": turn.lease.conversation_id,
        "from_seq": turn.from_seq,
        "to_seq": turn.to_seq,
        "epoch": turn.lease.epoch,
        "mode": turn.mode,
        "rule": rule,
    }
    with fenced(connection, turn.lease):  # first: what intake commits while this waits must be seen by the recount
        queue.settle(connection, turn.lease, turn.to_seq, settings, is_wake=turn.wake is not None)
        finished = run(connection, FINISH, values)
        run(connection, OWN_MESSAGES, values)
        run(connection, IGNORED_MESSAGES, values)
    outcome = finished.fetchone() or {}
    return outcome["state"], outcome["rule"]
