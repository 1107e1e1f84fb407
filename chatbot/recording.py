"""A turn's plan, written before it is done, and its outcome, written after: freeze, throw away, record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from chatbot import queue
from chatbot.db import run, sql
from chatbot.flows.run import LEFT, leave, read_run
from chatbot.handoff import Act
from chatbot.hours import read_hours
from chatbot.marks import Mark, make_suffix
from chatbot.reply import Handoff, Reply
from chatbot.settings import Settings
from chatbot.timers import AGENT_SILENCE, AUTO_RESOLVE, FLOW_SILENCE, OPENING, plan_timer
from chatbot.trace import Trace
from chatbot.turn import UNFREEZE, OpenTurn, fence, fenced, has_acted

FREEZE = sql("""
UPDATE turn SET state = 'frozen', frozen_at = now(), language = :language, responder = :responder, rule = :rule,
  suffix = :suffix, flow_after = CAST(:flow_after AS jsonb), assistant = :assistant,
  flow_walked = CAST(:flow_walked AS jsonb),
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


def freeze(connection: Connection, turn: OpenTurn, plan: Plan, pressed: int | None) -> OpenTurn:
    """Writes the plan, before the first byte leaves. Nothing is generated again after an attempt. pressed: the id of the first
    message whose button was pressed."""
    reply, handoff = plan.reply, plan.handoff
    turn = replace(turn, suffix=_choose_suffix(turn, pressed))
    values = {
        "turn": turn.id,
        "suffix": turn.suffix,
        "language": reply.language if reply else None,
        "responder": reply.responder if reply else None,
        "rule": plan.rule,
        "reason": handoff.reason if handoff else None,
        "detail": handoff.detail if handoff else "",
        "sources": json.dumps(reply.sources if reply else []),
        "flow_after": _write_flow(turn, plan),
        "flow_walked": json.dumps(walked) if (walked := _list_walked(turn, plan)) else None,
        "assistant": reply.assistant if reply else "",
    }
    with fenced(connection, turn.lease):
        run(connection, FREEZE, values)
        if plan.trace is not None:
            save_trace(connection, turn.id, plan.trace)
        if reply is not None:
            run(connection, SET_LANGUAGE, {"language": reply.language, "id": turn.lease.conversation_id})
        add_acts(connection, turn, plan.acts)
    return replace(turn, is_frozen=True, handoff_reason=handoff.reason if handoff else None, rule=plan.rule)


def _write_flow(turn: OpenTurn, plan: Plan) -> str | None:
    """The conversation's flow_run after this turn: {} where people go on, None where nothing changes."""
    if plan.handoff is not None:
        return "{}" if turn.row["flow_run"] is not None else None
    if plan.reply is None or plan.reply.run is None:
        return None
    run = plan.reply.run
    return json.dumps({"human_seq": turn.human_seq, "run": run} if run else {})


GONE = {LEFT[how] for how in ("stopped", "closed", "handoff")}


def _list_walked(turn: OpenTurn, plan: Plan) -> tuple[tuple[str, int, str, str], ...]:
    """The ways taken in flows; with the one out of them where somebody else than the flow hands over."""
    walked = plan.reply.walked if plan.reply else ()
    if plan.handoff is None or any(goal in GONE for *_, goal in walked):
        return walked
    has_moved = plan.reply is not None and plan.reply.run is not None
    left = read_run(plan.reply.run if has_moved and plan.reply else turn.row["flow_run"])
    return (*walked, *leave(left, "handoff")) if left else walked


def _choose_suffix(turn: OpenTurn, pressed: int | None) -> str:
    """What makes the marks of this turn its own, where the newest message's id doesn't."""
    if pressed or turn.wake is not None:
        return make_suffix(pressed, is_wakes=not pressed)
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


HAS_ACTED = f":to_seq > :from_seq AND {has_acted('conversation.id', ':from_seq')}"
FINISH = sql(f"""
WITH t AS (
  UPDATE turn SET finished_at = now(), rule = coalesce(:rule, rule), state = CASE
    WHEN coalesce(:rule, rule) IS NOT NULL THEN 'ignored'
    WHEN CAST(:mode AS text) = 'suggest' THEN 'suggested'
    WHEN CAST(:mode AS text) = 'watch' THEN 'watched'
    WHEN handoff_reason IS NOT NULL THEN 'handed_off'
    ELSE 'answered' END
  WHERE id = :turn RETURNING conversation_id, state, rule, responder, flow_after, flow_walked,
    human_seq AS seen_seq, assistant, coalesce(rule, '') NOT IN ('reminder', 'nothing_waits') AS is_news,
    state <> 'ignored' OR rule = 'reminder' AS is_done
), w AS (
  SELECT jsonb_array_elements(flow_walked) AS way FROM t WHERE is_done
  UNION ALL -- a person took over in the middle of a flow, and this is the first turn since
  SELECT jsonb_build_array(place -> 'flow', place -> 'revision', place -> 'step', '!people')
  FROM t JOIN conversation b ON b.id = t.conversation_id, jsonb_array_elements(b.flow_run -> 'run' -> 'stack') AS place
  WHERE b.flow_run ->> 'human_seq' <> (CASE WHEN is_done AND flow_after IS NOT NULL THEN seen_seq ELSE b.human_seq END)::text
), p AS (
  INSERT INTO flow_passage (flow, day, revision_id, from_step, to_step, n)
  SELECT way ->> 0, (now() AT TIME ZONE :zone)::date, (way ->> 1)::bigint, way ->> 2, way ->> 3, count(*) FROM w
  WHERE CAST(:mode AS text) = 'live' AND way ->> 0 NOT LIKE 'repair-%' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (flow, day, revision_id, from_step, to_step) DO UPDATE SET n = flow_passage.n + excluded.n
), c AS (
  UPDATE conversation SET
    last_state = CASE WHEN is_news THEN t.state ELSE last_state END,
    last_responder = CASE WHEN is_news THEN t.responder ELSE last_responder END,
    assistant = CASE WHEN t.state = 'ignored' OR t.assistant = '' THEN conversation.assistant ELSE t.assistant END,
    flow_run = CASE WHEN is_done AND t.flow_after IS NOT NULL THEN nullif(t.flow_after, '{{}}')
                    -- after a call that changed something, the run from before it would make that call again
                    WHEN flow_run ->> 'human_seq' = human_seq::text AND NOT ({HAS_ACTED}) THEN flow_run END
  FROM t WHERE conversation.id = t.conversation_id
)
SELECT state, rule, nullif(flow_after, '{{}}') IS NOT NULL AS is_in_flow FROM t
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
        "zone": settings.time_zone,
    }
    with fenced(connection, turn.lease):  # first: what intake commits while this waits must be seen by the recount
        queue.settle(connection, turn.lease, turn.to_seq, settings, is_wake=turn.wake is not None)
        finished = run(connection, FINISH, values)
        run(connection, OWN_MESSAGES, values)
        run(connection, IGNORED_MESSAGES, values)
    outcome = finished.fetchone() or {}
    if outcome["is_in_flow"] and turn.mode == "live" and settings.flow_silence_min:
        due_at = turn.row["now"] + timedelta(minutes=settings.flow_silence_min)
        plan_timer(connection, turn.lease.conversation_id, FLOW_SILENCE, due_at)
    for reason, due_at in list_timers(outcome["state"], turn, settings):
        plan_timer(connection, turn.lease.conversation_id, reason, due_at)
    return outcome["state"], outcome["rule"]


def list_timers(state: str, turn: OpenTurn, settings: Settings) -> Iterator[tuple[str, datetime]]:
    """What is to happen if nobody does anything: (reason, when). Only people's time counts while they have it."""
    now, hours = turn.row["now"], read_hours(settings)
    if turn.mode != "live":
        return
    if state == "answered" and turn.wake is None and settings.auto_resolve_h:
        yield AUTO_RESOLVE, now + timedelta(hours=settings.auto_resolve_h)
    if state != "handed_off":
        return
    opening = hours.next_opening(now)
    if opening is not None and opening > now:
        yield OPENING, opening
    patience = timedelta(minutes=settings.agent_silence_min)
    if patience and (due_at := hours.add_open_time(now, patience)) is not None:
        yield AGENT_SILENCE, due_at
