"""One part to Chatwoot: look, mark it as sending, post, and where the outcome is unknown, prove it by its mark.

The outcome is sent, refused or unknown. What is unknown is never sent again unless it is surely absent.
"""

from __future__ import annotations

import time
from typing import Any

import structlog

from chatbot.chatwoot_look import Look, is_taken, look_at
from chatbot.clients.chatwoot import Chatwoot
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import Row, run, sql, statements
from chatbot.errors import ChatwootError, Interrupted, LostLease
from chatbot.outgoing import TOKEN_REFUSED, Delivery, Discarded, Progress, divert, has_person_spoken, look_again, write
from chatbot.reply import Handoff
from chatbot.turn import fence

log = structlog.get_logger()
LOOK_AGE_S = 1.0  # a look older than this is taken again
SLOW_TRIES = 5  # after so many put-backs in a row a Chatwoot that answers too slowly counts as one that can't be read
MAX_ATTEMPTS = 8  # posts of one part that Chatwoot, which could be read each time, surely did not take
MARK_AGE_S = 5.0  # a process that was frozen this long between mark and post does not post


def send(delivery: Delivery, act: Row, progress: Progress) -> bool:
    """One part that surely isn't in Chatwoot yet. False where people have the conversation."""
    is_note = act["kind"] == "note"
    if not is_note and is_protected("look") and has_person_spoken(delivery):
        return False
    look = look_again(delivery)
    if look is not None and look.newest_mark == act["mark"] and is_protected("mark_lookup"):
        _set_part(delivery, act, "sent")  # it was stored later than anybody could expect
        return True
    if not is_note:
        if look is not None and _is_too_old(look) and delivery.turn.lease.tries >= SLOW_TRIES:
            look = look_again(delivery)  # once more: only one that is slow again counts
        if look is None or (_is_too_old(look) and delivery.turn.lease.tries >= SLOW_TRIES):
            divert(delivery, Handoff("cannot_look"))
            return True
        if is_protected("look") and is_taken(look, delivery.turn, has_opened=progress.has_opened):
            return False
        if not look.can_reply:
            divert(delivery, Handoff("cannot_reply"))
            return True
    marked_at = time.monotonic()
    if not _mark_sending(delivery, act, look, progress):
        return False
    crash_point("after_mark")
    if time.monotonic() - marked_at > min(MARK_AGE_S, delivery.means.settings.post_timeout_s):
        _set_part(delivery, act, "frozen")
        raise Interrupted("frozen between mark and post")
    return _post(delivery, act)


def _is_too_old(look: Look) -> bool:
    return time.monotonic() - look.at > LOOK_AGE_S


def _post(delivery: Delivery, act: Row) -> bool:
    try:
        message_id = delivery.chatwoot.post_message(delivery.turn.conversation, make_body(act))
    except ChatwootError as e:
        _take_failure(delivery, act, e)
        return True
    crash_point("after_post")
    _set_part(delivery, act, "sent", chatwoot_id=message_id)
    crash_point("after_sent")
    return True


def _take_failure(delivery: Delivery, act: Row, e: ChatwootError) -> None:
    if e.sent is None:
        _set_part(delivery, act, "unknown", error=str(e))
        wait_s = delivery.means.settings.quiet_s if is_protected("quiet") else 0.0
        raise Interrupted(f"unknown outcome: {e}", delay_s=wait_s) from e
    if not e.permanent or e.status in TOKEN_REFUSED:
        _set_part(delivery, act, "frozen", error=str(e))
        raise Interrupted(str(e)) from e
    if e.status == 404:
        _set_part(delivery, act, "frozen", error=str(e))
        raise e
    _set_part(delivery, act, "dropped", error=str(e))
    if act["kind"] == "say":
        divert(delivery, Handoff("refused", str(e)[:300]))


def make_body(act: Row) -> dict[str, Any]:
    """The message as Chatwoot takes it, with its mark. No source_id: it would count as already sent."""
    attributes: dict[str, Any] = {"mostrador": act["mark"]}
    if act["value"]:
        attributes["items"] = [{"title": title, "value": value} for title, value in act["value"]]
    return {
        "content": act["text"],
        "message_type": "outgoing",
        "private": act["kind"] == "note",
        "content_type": "input_select" if act["value"] else "text",
        "content_attributes": attributes,
        "client_message_id": act["mark"],
    }


# The epoch, the lease, the humans and the queue are looked at in the very statement that allows the post. Inside a saga
# (we opened the conversation) only a person's word stops us.
MARK_SENDING = sql("""
UPDATE part p SET state = 'sending', attempts = attempts + 1, deadline_at = now() + make_interval(secs => :post_s),
  last_id_before = :last_id, look_ms = :look_ms, error = NULL
FROM conversation c
WHERE p.id = :part AND p.state = 'frozen' AND c.id = p.conversation_id
  AND (c.epoch = :epoch OR NOT :fenced)
  AND (c.lease_until > now() + make_interval(secs => :post_s) OR NOT :fenced)
  AND (:is_note OR NOT :looks OR c.spoken_seq = :spoken_seq AND (:has_opened OR c.human_seq = :human_seq))
  AND (c.in_seq <= :to_seq OR NOT :may_discard OR c.discards >= 2 OR (
    SELECT m.arrived_at FROM message m WHERE m.conversation_id = c.id AND m.seq > c.answered_seq
    ORDER BY m.seq LIMIT 1) < now() - make_interval(secs => :discard_s))
RETURNING p.id
""")

WHY_NOT = sql("""
SELECT c.epoch = :epoch OR NOT :fenced AS is_ours, c.human_seq, c.spoken_seq, c.in_seq,
  c.lease_until > now() + make_interval(secs => :post_s) AS is_long_enough
FROM conversation c WHERE c.id = :conversation
""")

ADOPT = sql("UPDATE turn SET human_seq = :human_seq WHERE id = :turn")


def _mark_sending(delivery: Delivery, act: Row, look: Look | None, progress: Progress) -> bool:
    """True: post now. False: people have it. Raises Discarded, Interrupted or LostLease."""
    turn, settings = delivery.turn, delivery.means.settings
    age_s = time.monotonic() - look.at if look else 0.0
    if age_s > LOOK_AGE_S and act["kind"] != "note":
        raise Interrupted("the look took too long")
    values = {
        "part": act["id"],
        "post_s": settings.post_timeout_s,
        "last_id": max(look.newest_id, turn.newest_chatwoot_id) if look else turn.newest_chatwoot_id,
        "look_ms": round(age_s * 1000),
        "conversation": turn.lease.conversation_id,
        "epoch": turn.lease.epoch,
        "fenced": is_protected("epoch"),
        "is_note": act["kind"] == "note",
        "looks": is_protected("look"),
        "spoken_seq": turn.spoken_seq,
        "human_seq": turn.human_seq,
        "has_opened": progress.has_opened,
        "to_seq": turn.to_seq,
        "may_discard": is_protected("newer_message") and not progress.has_begun and turn.mode == "live",
        "discard_s": settings.debounce_max_s,
    }
    with statements(delivery.means.engine) as connection:
        if run(connection, MARK_SENDING, values).fetchone():
            return True
        row = run(connection, WHY_NOT, values).fetchone()
    if row is None or not row["is_ours"]:
        raise LostLease(f"conversation {turn.lease.conversation_id}")
    return _judge(delivery, row, values)


def _judge(delivery: Delivery, row: Row, values: dict[str, Any]) -> bool:
    """Why the part may not be posted. False: a person spoke."""
    if not row["is_long_enough"]:
        raise Interrupted("the lease is too short for a post")
    if not values["is_note"] and row["spoken_seq"] != values["spoken_seq"]:
        return False
    if values["may_discard"] and row["in_seq"] > values["to_seq"]:
        raise Discarded
    if not values["is_note"] and not values["has_opened"] and row["human_seq"] != values["human_seq"]:
        # An event said that people have it. Chatwoot's own word counts: our look was older than that event, so look again.
        look = look_again(delivery)
        if look is None or is_taken(look, delivery.turn, has_opened=False):
            return False
        with delivery.means.engine.begin() as connection:
            fence(connection, delivery.turn.lease)
            run(connection, ADOPT, {"turn": delivery.turn.id, "human_seq": row["human_seq"]})
    raise Interrupted("the conversation changed in the very moment")


def prove(delivery: Delivery, act: Row) -> bool:
    """A part whose POST ended unknown or was cut by a crash: looked up by its mark after a time of quiet."""
    settings = delivery.means.settings
    since_s = act["unknown_for_s"] or 0.0
    wait_s = settings.quiet_s - since_s if act["state"] == "unknown" else (act["deadline_in_s"] or 0.0) + settings.quiet_s
    if wait_s > 0 and is_protected("quiet"):
        raise Interrupted("waiting until the outcome can be known", delay_s=wait_s)
    found = _look_up(delivery, act) if is_protected("mark_lookup") else False
    crash_point("after_lookup")
    if found is True:
        _set_part(delivery, act, "sent")
    elif found is False and act["attempts"] >= MAX_ATTEMPTS:
        _set_part(delivery, act, "dropped")
        if act["kind"] == "say":
            divert(delivery, Handoff("refused", (act["error"] or "")[:300]))
    elif found is False or (settings.resend and since_s >= settings.unknown_hold_s):
        _set_part(delivery, act, "frozen")
    elif since_s < settings.unknown_hold_s:
        _set_part(delivery, act, "unknown")
        raise Interrupted("the outcome is still unknown", delay_s=min(settings.quiet_s, settings.unknown_hold_s / 3))
    else:
        _set_part(delivery, act, "held")
        if act["kind"] == "say":
            divert(delivery, Handoff("unknown_outcome", (act["text"] or "")[:300]))
    return True


def _look_up(delivery: Delivery, act: Row) -> bool | None:
    """True: Chatwoot has it. False: it surely hasn't. None: can't be known now. A failed look-up proves nothing."""
    return find_mark(delivery.chatwoot, delivery.turn.conversation, act["mark"], act["last_id_before"])


def find_mark(chatwoot: Chatwoot, conversation: int, mark: str, last_id: int) -> bool | None:
    """As _look_up. conversation: Chatwoot's id; last_id: of the newest message known before the post."""
    try:
        messages = chatwoot.get_messages_after(conversation, last_id)
    except ChatwootError as e:
        if e.status == 404:
            raise
        if e.status not in TOKEN_REFUSED:
            return None
    else:
        return any((m.get("content_attributes") or {}).get("mostrador") == mark for m in messages)
    try:
        look = look_at(chatwoot, conversation)
    except ChatwootError:
        return None
    if look.newest_mark == mark:
        return True
    return False if 0 < look.newest_id <= last_id else None


SET_PART = sql("""
UPDATE part SET state = CAST(:state AS text), error = coalesce(:error, error),
  chatwoot_id = coalesce(:chatwoot_id, chatwoot_id),
  sent_at = CASE WHEN CAST(:state AS text) = 'sent' THEN now() ELSE sent_at END,
  unknown_since = CASE CAST(:state AS text) WHEN 'unknown' THEN coalesce(unknown_since, now()) WHEN 'frozen' THEN NULL
                  ELSE unknown_since END
-- what a crash of the database takes back here is proved again by the part's mark
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS s
WHERE id = :part AND state NOT IN ('sent', 'failed')
""")


def _set_part(delivery: Delivery, act: Row, state: str, *, chatwoot_id: int | None = None, error: str | None = None) -> None:
    """Writes what is now known. That a part was sent or is unknown is a fact whoever holds the lease; the rest is fenced."""
    values = {"part": act["id"], "state": state, "chatwoot_id": chatwoot_id, "error": error}
    if state in {"sent", "unknown"}:
        with statements(delivery.means.engine) as connection:
            run(connection, SET_PART, values)
    else:
        write(delivery, SET_PART, values)
