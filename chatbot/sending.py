"""One part to Chatwoot: look, mark it as sending, post, and where the outcome is unknown, prove it by its mark.

The outcome is sent, refused or unknown. What is unknown is never sent again unless it is surely absent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from chatbot.chatwoot_events import message_facts
from chatbot.chatwoot_look import TOKEN_REFUSED, Look, has_fault_opened, is_taken, look_at
from chatbot.clients.chatwoot import Chatwoot
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import Row, run, sql, statements
from chatbot.errors import ChatwootError, Interrupted, LostLease
from chatbot.models.state import PAUSED
from chatbot.outgoing import Delivery, Discarded, Progress, divert, has_person_spoken, look_again, write
from chatbot.reply import Handoff
from chatbot.turn import fence, has_acted

log = structlog.get_logger()
LOOK_AGE_S = 1.0  # a look older than this is taken again
SLOW_TRIES = 5  # after so many put-backs in a row a Chatwoot that answers too slowly counts as one that can't be read
MAX_ATTEMPTS = 8  # posts of one part that Chatwoot, which could be read each time, surely did not take
MAX_UNSAID = 5000  # characters of what was left unsaid, in the note about it
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
        if is_protected("look") and is_taken(look, delivery.turn, has_opened=progress.has_opened or delivery.turn.is_reminder):
            return progress.has_spoken and _has_fault_opened(delivery, look) and _go_on_after_fault(delivery, act, progress)
        if not look.can_reply:
            divert(delivery, Handoff("cannot_reply"))
            return True
    marked_at = time.monotonic()
    if not _mark_sending(delivery, act, look, progress):
        return False
    crash_point("after_mark")
    if time.monotonic() - marked_at > min(MARK_AGE_S, delivery.means.settings.post_timeout_s):
        _set_part(delivery, act, "frozen", is_untried=True)
        raise Interrupted("frozen between mark and post")
    return _post(delivery, act)


def _is_too_old(look: Look) -> bool:
    return time.monotonic() - look.at > LOOK_AGE_S


def _has_fault_opened(delivery: Delivery, look: Look) -> bool:
    """Chatwoot itself, because the webhook of what we had just said failed; nobody is assigned, and no person spoke."""
    if look.status != "open" or look.has_person:
        return False
    try:
        return has_fault_opened(delivery.chatwoot, delivery.turn, look)
    except ChatwootError as e:
        if e.permanent:
            raise
        raise Interrupted(str(e)) from e


TAKE_BACK = sql("""
INSERT INTO action (turn_id, conversation_id, ordinal, kind)
SELECT :turn, :conversation, :ordinal, 'pending'
WHERE NOT EXISTS (SELECT FROM action WHERE turn_id = :turn AND ordinal = :ordinal AND kind = 'pending')
""")


def _go_on_after_fault(delivery: Delivery, act: Row, progress: Progress) -> bool:
    """A reply that has begun: the conversation is taken back, once before each part, and it goes on. Else the team is told what
    was left unsaid."""
    place = {"turn": delivery.turn.id, "ordinal": act["ordinal"], "conversation": delivery.turn.lease.conversation_id}
    has_tried = any(a["kind"] == "pending" and a["ordinal"] == act["ordinal"] for a in progress.acts)
    if delivery.means.settings.take_back_after_fault and not has_tried:
        write(delivery, TAKE_BACK, place)
    else:
        unsaid = [a["text"] or "" for a in progress.acts if a["kind"] == "say" and a["state"] == "frozen"]
        divert(delivery, Handoff("unsaid", "\n\n".join(unsaid)[:MAX_UNSAID]))
    return True


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
        _set_part(delivery, act, "frozen", error=str(e), is_untried=True)
        raise Interrupted(str(e)) from e
    if e.status == 404:
        _set_part(delivery, act, "frozen", error=str(e))
        raise e
    _give_up(delivery, act, "dropped", Handoff("refused", str(e)[:300]), error=str(e))


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


# Epoch, lease, humans, queue and pause are looked at in the very statement that allows the post. Inside a saga
# (we opened the conversation) only a person's word stops us. A reply that tells what a flow did is never thrown away.
MARK_SENDING = sql(f"""
UPDATE part p SET state = 'sending', attempts = attempts + 1, deadline_at = now() + make_interval(secs => :post_s),
  last_id_before = :last_id, look_ms = :look_ms, error = NULL
FROM conversation c, instance n
WHERE p.id = :part AND p.state = 'frozen' AND c.id = p.conversation_id
  AND n.muted_reason IS NULL AND NOT (:may_pause AND {PAUSED} AND NOT {has_acted("c.id", ":from_seq")})
  AND (c.epoch = :epoch OR NOT :fenced)
  AND (c.lease_until > now() + make_interval(secs => :post_s) OR NOT :fenced)
  AND (:is_note OR NOT :looks OR c.spoken_seq = :spoken_seq AND (:has_opened OR c.human_seq = :human_seq))
  AND (c.in_seq <= :to_seq OR NOT :may_discard OR c.discards >= 2
    OR {has_acted("c.id", ":from_seq")} OR (
    SELECT m.arrived_at FROM message m WHERE m.conversation_id = c.id AND m.seq > c.answered_seq
    ORDER BY m.seq LIMIT 1) < now() - make_interval(secs => :discard_s))
RETURNING p.id
""")

WHY_NOT = sql(f"""
SELECT c.epoch = :epoch OR NOT :fenced AS is_ours, c.human_seq, c.spoken_seq, c.in_seq,
  c.lease_until > now() + make_interval(secs => :post_s) AS is_long_enough,
  n.muted_reason IS NOT NULL AS is_muted, :may_pause AND {PAUSED} AS is_paused, {has_acted("c.id", ":from_seq")} AS has_acted
FROM conversation c, instance n WHERE c.id = :conversation
""")

ADOPT = sql("""
UPDATE turn SET human_seq = :human_seq, flow_after = CASE WHEN flow_after ? 'human_seq'
  THEN jsonb_set(flow_after, '{human_seq}', to_jsonb(CAST(:human_seq AS bigint))) ELSE flow_after END WHERE id = :turn
""")


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
        "has_opened": progress.has_opened or turn.is_reminder,
        "from_seq": turn.from_seq,
        "to_seq": turn.to_seq,
        "may_pause": turn.mode == "live" and progress.is_untouched,
        "may_discard": is_protected("newer_message") and not progress.has_begun and turn.mode == "live",
        "discard_s": settings.debounce_max_s,
    }
    with statements(delivery.means.engine) as connection:
        if run(connection, MARK_SENDING, values).fetchone():
            return True
        row = run(connection, WHY_NOT, values).fetchone()
    if row is None or not row["is_ours"]:
        raise LostLease(f"conversation {turn.lease.conversation_id}")
    return _judge(delivery, row, values, progress)


def _judge(delivery: Delivery, row: Row, values: dict[str, Any], progress: Progress) -> bool:
    """Why the part may not be posted. False: a person spoke."""
    if not row["is_long_enough"]:
        raise Interrupted("the lease is too short for a post")
    if row["is_muted"] or (row["is_paused"] and not row["has_acted"]):
        raise Interrupted("paused, or another installation is the bot's")
    if not values["is_note"] and row["spoken_seq"] != values["spoken_seq"]:
        return False
    if values["may_discard"] and row["in_seq"] > values["to_seq"] and not row["has_acted"]:
        raise Discarded
    if not values["is_note"] and not values["has_opened"] and row["human_seq"] != values["human_seq"]:
        # An event said that people have it. Chatwoot's own word counts: our look was older than that event, so look again.
        look = look_again(delivery)
        if look is None:
            return False
        if is_taken(look, delivery.turn, has_opened=False) and not (progress.has_spoken and _has_fault_opened(delivery, look)):
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
        _give_up(delivery, act, "dropped", Handoff("refused", (act["error"] or "")[:300]))
    elif found is False or (settings.resend and since_s >= settings.unknown_hold_s):
        _set_part(delivery, act, "frozen")
    elif since_s < settings.unknown_hold_s:
        _set_part(delivery, act, "unknown")
        raise Interrupted("the outcome is still unknown", delay_s=min(settings.quiet_s, settings.unknown_hold_s / 3))
    else:
        _give_up(delivery, act, "held", Handoff("unknown_outcome", (act["text"] or "")[:300]))
    return True


def _look_up(delivery: Delivery, act: Row) -> bool | None:
    """True: Chatwoot has it. False: it surely hasn't. None: can't be known now. A failed look-up proves nothing."""
    with statements(delivery.means.engine) as connection:
        posted = find_posted(connection, act["id"])
    return find_mark(delivery.chatwoot, delivery.turn.conversation, posted)


@dataclass(frozen=True, slots=True)
class Posted:
    """What may have reached Chatwoot. last_id: of the newest message known before the post; others: the ids of our other
    messages after it."""

    mark: str
    text: str
    is_note: bool
    last_id: int
    others: frozenset[int]


POSTED = sql("""
SELECT p.mark, coalesce(p.text, '') AS text, p.is_note, coalesce(p.last_id_before, 0) AS last_id,
  ARRAY(SELECT o.chatwoot_id FROM part o WHERE o.conversation_id = p.conversation_id AND o.id <> p.id
        AND o.chatwoot_id > coalesce(p.last_id_before, 0)) AS others
FROM part p WHERE p.id = :part
""")


def find_posted(connection: Connection, part_id: int) -> Posted:
    row = run(connection, POSTED, {"part": part_id}).fetchone()
    if row is None:
        raise LookupError(f"part {part_id}")
    return Posted(row["mark"], row["text"], row["is_note"], row["last_id"], frozenset(row["others"]))


def find_mark(chatwoot: Chatwoot, conversation: int, posted: Posted) -> bool | None:
    """As _look_up. conversation: Chatwoot's id."""
    try:
        messages = chatwoot.get_messages_after(conversation, posted.last_id)
    except ChatwootError as e:
        if e.status == 404:
            raise
        if e.status not in TOKEN_REFUSED:
            return None
    else:
        return any(_is_it(m, posted) for m in messages)
    try:
        look = look_at(chatwoot, conversation)
    except ChatwootError:
        return None
    if look.newest_mark == posted.mark:
        return True
    return False if 0 < look.newest_id <= posted.last_id else None


def _is_it(given: dict[str, Any], posted: Posted) -> bool:
    """By its mark; or a bot's message without one that was deleted, or is word for word the same: somebody's delete or retry in
    Chatwoot wipes the mark, and what a person took away isn't said again."""
    message = message_facts(given)
    if message is None or message.mark:
        return message is not None and message.mark == posted.mark
    is_bots = message.author == "other_bot" and message.is_private == posted.is_note and message.id not in posted.others
    return is_bots and (message.is_deleted or message.text == posted.text != "")


SET_PART = sql("""
UPDATE part SET state = CAST(:state AS text), error = coalesce(:error, error),
  attempts = attempts - CAST(:is_untried AS int), -- surely not taken: as if it had never been posted
  chatwoot_id = coalesce(:chatwoot_id, chatwoot_id),
  sent_at = CASE WHEN CAST(:state AS text) = 'sent' THEN now() ELSE sent_at END,
  unknown_since = CASE CAST(:state AS text) WHEN 'unknown' THEN coalesce(unknown_since, now()) WHEN 'frozen' THEN NULL
                  ELSE unknown_since END
-- what a crash of the database takes back here is proved again by the part's mark
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS s
WHERE id = :part AND state NOT IN ('sent', 'failed')
""")


def _set_part(
    delivery: Delivery,
    act: Row,
    state: str,
    *,
    chatwoot_id: int | None = None,
    error: str | None = None,
    is_untried: bool = False,
) -> None:
    """Writes what is now known. That a part was sent or is unknown is a fact whoever holds the lease; the rest is fenced."""
    values = _part_values(act, state, error) | {"chatwoot_id": chatwoot_id, "is_untried": is_untried}
    if state in {"sent", "unknown"}:
        with statements(delivery.means.engine) as connection:
            run(connection, SET_PART, values)
    else:
        write(delivery, SET_PART, values)


def _part_values(act: Row, state: str, error: str | None) -> dict[str, Any]:
    return {"part": act["id"], "state": state, "chatwoot_id": None, "error": error, "is_untried": False}


def _give_up(delivery: Delivery, act: Row, state: str, handoff: Handoff, error: str | None = None) -> None:
    """A part that can't be said, and with it the handoff; a note that can't be written stops nothing."""
    if act["kind"] == "say":
        divert(delivery, handoff, (SET_PART, _part_values(act, state, error)))
    else:
        _set_part(delivery, act, state, error=error)
