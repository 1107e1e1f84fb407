"""The acts that are no messages: opening, assigning, labels, attributes. Each is safe to repeat: a crash resumes them."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from chatbot.chatwoot_look import TOKEN_REFUSED, Look, is_taken
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import Row, fetch_value, run, sql, statements
from chatbot.errors import ChatwootError, Interrupted
from chatbot.models.state import PAUSED
from chatbot.outgoing import Delivery, Discarded, Progress, has_person_spoken, is_overtaken, look_again, write
from chatbot.turn import fence, has_acted

log = structlog.get_logger()
WHOLE_SETS = {"labels", "remove_labels", "attributes"}  # what is set replaces what was there, so it must be known

# A reply that tells what a flow did passes a pause.
IS_STOPPED = sql(f"""
SELECT n.muted_reason IS NOT NULL OR ({PAUSED} AND NOT {has_acted(":conversation", ":from_seq")}) FROM instance n
""")
STARTED = sql("UPDATE action SET state = 'started', started_at = now(), echoes = 0 WHERE id = :action")
NOT_STARTED = sql("UPDATE action SET state = 'frozen', started_at = NULL WHERE id = :action")
LEFT_TO_PEOPLE = sql("""
WITH a AS (UPDATE action SET state = 'dropped', started_at = NULL, done_at = now() WHERE id = :action)
UPDATE conversation SET status = 'open', owner = 'people', human_seq = human_seq + 1,
  owner_reason = CASE WHEN owner = 'bot' THEN 'assigned' ELSE owner_reason END
WHERE id = :conversation
""")
DONE = sql("UPDATE action SET state = :state, done_at = now(), error = :error WHERE id = :action")
GIVEN_AWAY = sql("""
UPDATE conversation SET status = 'open', owner = 'people',
  owner_reason = CASE WHEN owner_reason = 'bot_off' THEN 'bot_off' ELSE 'handed_off' END
WHERE id = :conversation
""")
RESOLVED = sql("UPDATE conversation SET status = 'resolved' WHERE id = :conversation")
TAKEN_BACK = sql("""
UPDATE conversation SET status = 'pending', owner = 'bot', owner_reason = ''
WHERE id = :conversation AND spoken_seq = :spoken_seq RETURNING id
""")


def perform(delivery: Delivery, act: Row, progress: Progress) -> bool:
    """One action. False where people have the conversation and the rest isn't wanted. Raises Interrupted where everything was
    paused before anything was tried: then it is decided anew."""
    if delivery.turn.mode == "live" and delivery.turn.wake is None and progress.is_untouched:
        with statements(delivery.means.engine) as connection:
            values = {"conversation": delivery.turn.lease.conversation_id, "from_seq": delivery.turn.from_seq}
            if fetch_value(connection, IS_STOPPED, values):
                raise Interrupted("paused, or another installation is the bot's")
    look = look_again(delivery)
    if act["kind"] == "open":
        return _open(delivery, act, look, progress)
    if act["kind"] == "pending":
        return _take_back(delivery, act, look)
    if act["kind"] == "resolved":
        return _resolve(delivery, act, look)
    if look is not None and is_taken(look, delivery.turn, has_opened=True):
        return False
    _call(delivery, act, look)
    return True


def _open(delivery: Delivery, act: Row, look: Look | None, progress: Progress) -> bool:
    """False where people have it already. A suggestion or a notice doesn't mind: its note goes in whoever has it."""
    turn = delivery.turn
    answers = turn.mode == "live" and turn.wake is None and not turn.rule
    minds = answers and not progress.has_begun
    if (
        look is not None
        and answers
        and act["state"] == "started"
        and (look.has_person or look.human_id > turn.newest_chatwoot_id)
    ):
        return False  # our call may have failed, and a person came first
    if look is not None and minds and is_protected("look") and is_taken(look, turn, has_opened=False):
        return False
    if look is not None and look.status == "open":
        return _give_away(delivery, act)
    is_meant = turn.wake == "delivery_failed" or "resolved" in act["value"]
    if look is not None and look.status != "pending" and not is_meant:
        return _close(delivery, act, "dropped")
    if minds and is_protected("newer_message") and is_overtaken(delivery):
        raise Discarded
    write(delivery, STARTED, {"action": act["id"]})  # written before the call leaves, so that its echo is known as ours
    crash_point("before_open")
    if minds and is_protected("look") and _is_taken_now(delivery, act):
        return False
    found_open: list[bool] = []
    if not _attempt(delivery, act, lambda: found_open.append(delivery.chatwoot.set_status(turn.conversation, "open"))):
        return True
    crash_point("after_open")
    may_be_anothers = minds or (answers and act["state"] == "started" and not progress.has_spoken)
    if any(found_open) and may_be_anothers and _has_person_come(delivery):
        values = {"action": act["id"], "conversation": turn.lease.conversation_id}
        write(delivery, LEFT_TO_PEOPLE, values)
        return False
    return _give_away(delivery, act)


def _is_taken_now(delivery: Delivery, act: Row) -> bool:
    """Once more, right before our call: what it changes afterwards can't be told from what a person did just before it."""
    is_clear = False
    try:
        look = look_again(delivery)
        is_clear = look is None or not is_taken(look, delivery.turn, has_opened=False)
    finally:
        if not is_clear:
            write(delivery, NOT_STARTED, {"action": act["id"]})
    return not is_clear


def _has_person_come(delivery: Delivery) -> bool:
    """It was open when our call came. By whom? Chatwoot itself may have opened it because our webhook failed. Of a user's token
    it never tells; there a person's word still stops what is said."""
    if not delivery.means.settings.chatwoot_bot_token.get_secret_value():
        return False
    look = look_again(delivery)
    return look is not None and (look.human_id > delivery.turn.newest_chatwoot_id or look.has_person)


def _take_back(delivery: Delivery, act: Row, look: Look | None) -> bool:
    """Back to pending: after a fault that Chatwoot held against us, or at an agent's command."""
    turn = delivery.turn
    if look is None or look.status not in {"open", "pending"} or (look.has_person and turn.wake != "bot_on"):
        return False
    if turn.wake is None and (look.human_id > turn.newest_chatwoot_id or has_person_spoken(delivery)):
        return False
    if look.has_person and not _attempt(delivery, act, lambda: delivery.chatwoot.unassign(turn.conversation)):
        return False
    if look.status == "open":
        write(delivery, STARTED, {"action": act["id"]})
        if not _attempt(delivery, act, lambda: delivery.chatwoot.set_status(turn.conversation, "pending")):
            return False
    values = {"conversation": turn.lease.conversation_id, "spoken_seq": turn.spoken_seq}
    with delivery.means.engine.begin() as connection:
        fence(connection, turn.lease)
        is_ours = run(connection, TAKEN_BACK, values).fetchone() is not None
    if not is_ours:  # a person spoke in that very moment
        _attempt(delivery, act, lambda: delivery.chatwoot.set_status(turn.conversation, "open"))
        return False
    return _close(delivery, act, "done")


def _resolve(delivery: Delivery, act: Row, look: Look | None) -> bool:
    """After a long silence. Not where anybody wrote or did something since our last word."""
    turn = delivery.turn
    if look is None or (look.status == "resolved" and act["state"] != "started"):
        return False
    if look.status != "resolved":
        if is_taken(look, turn, has_opened=False) or not look.newest_mark or is_overtaken(delivery):
            return False
        write(delivery, STARTED, {"action": act["id"]})
        if not _attempt(delivery, act, lambda: delivery.chatwoot.set_status(turn.conversation, "resolved")):
            return False
    write(delivery, RESOLVED, {"conversation": turn.lease.conversation_id})
    return _close(delivery, act, "done")


def _call(delivery: Delivery, act: Row, look: Look | None) -> None:
    if (act["kind"] == "assign" and look is not None and look.has_person) or (act["kind"] in WHOLE_SETS and look is None):
        _close(delivery, act, "dropped")
        return
    write(delivery, STARTED, {"action": act["id"]})
    if _attempt(delivery, act, lambda: _make_call(delivery, act, look)):
        _close(delivery, act, "done")


def _make_call(delivery: Delivery, act: Row, look: Look | None) -> None:
    conversation, chatwoot, value = delivery.turn.conversation, delivery.chatwoot, act["value"]
    if act["kind"] == "assign":
        chatwoot.assign(conversation, assignee_id=value[0], team_id=value[1])
    elif act["kind"] == "labels":
        have = look.labels if look else ()  # the call replaces the whole set
        chatwoot.set_labels(conversation, [*have, *(v for v in value if v not in have)])
    elif act["kind"] == "remove_labels":
        chatwoot.set_labels(conversation, [label for label in (look.labels if look else ()) if label not in value])
    elif act["kind"] == "attributes":
        chatwoot.set_attributes(conversation, {**(look.attributes if look else {}), **value[0]})
    else:
        chatwoot.set_priority(conversation, str(value[0]))


def _attempt(delivery: Delivery, act: Row, call: Callable[[], object]) -> bool:
    """False where Chatwoot refused for good: noted, and the saga goes on (a missing label must not stop the words)."""
    try:
        call()
    except ChatwootError as e:
        is_needed = act["kind"] in {"open", "pending"}
        if is_needed and e.sent is False:
            write(delivery, NOT_STARTED, {"action": act["id"]})
        is_refused = e.permanent or (e.status == 422 and not is_needed)
        if not is_refused or (is_needed and e.status in TOKEN_REFUSED):
            raise Interrupted(str(e)) from e
        if e.status == 404 and is_needed:
            raise
        log.warning("action_refused", kind=act["kind"], error=str(e)[:300])
        _close(delivery, act, "dropped", str(e)[:300])
        return False
    return True


def _give_away(delivery: Delivery, act: Row) -> bool:
    write(delivery, GIVEN_AWAY, {"conversation": delivery.turn.lease.conversation_id})
    return _close(delivery, act, "done")


def _close(delivery: Delivery, act: Row, state: str, error: str | None = None) -> bool:
    write(delivery, DONE, {"action": act["id"], "state": state, "error": error})
    return True
