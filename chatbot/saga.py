"""The acts that aren't messages: opening, assigning, labelling. Each is safe to repeat, so a crash resumes them."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from chatbot.chatwoot_look import Look, is_taken
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import Row, run, sql
from chatbot.errors import ChatwootError, Interrupted
from chatbot.outgoing import TOKEN_REFUSED, Delivery, Discarded, Progress, has_person_spoken, is_overtaken, look_again, write
from chatbot.turn import fence

log = structlog.get_logger()

STARTED = sql("UPDATE action SET state = 'started', started_at = now(), echoes = 0 WHERE id = :action")
NOT_STARTED = sql("UPDATE action SET state = 'frozen', started_at = NULL WHERE id = :action")
DONE = sql("UPDATE action SET state = :state, done_at = now(), error = :error WHERE id = :action")
GIVEN_AWAY = sql("""
UPDATE conversation SET status = 'open', owner = 'people',
  owner_reason = CASE WHEN owner_reason = 'bot_off' THEN 'bot_off' ELSE 'handed_off' END
WHERE id = :conversation
""")
TAKEN_BACK = sql("""
UPDATE conversation SET status = 'pending', owner = 'bot', owner_reason = ''
WHERE id = :conversation AND (:any OR spoken_seq = :spoken_seq) RETURNING id
""")


def perform(delivery: Delivery, act: Row, progress: Progress) -> bool:
    """One action. False where people have the conversation and the rest isn't wanted."""
    look = look_again(delivery)
    if act["kind"] == "open":
        return _open(delivery, act, look, progress)
    if act["kind"] == "pending":
        return _take_back(delivery, act, look)
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
    if look is not None and look.status != "pending" and turn.wake != "delivery_failed":
        return _close(delivery, act, "dropped")
    if minds and is_protected("newer_message") and is_overtaken(delivery):
        raise Discarded
    write(delivery, STARTED, {"action": act["id"]})  # written before the call leaves, so that its echo is known as ours
    crash_point("before_open")
    if not _attempt(delivery, act, lambda: delivery.chatwoot.set_status(turn.conversation, "open")):
        return True
    crash_point("after_open")
    return _give_away(delivery, act)


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
    values = {"conversation": turn.lease.conversation_id, "any": turn.wake is not None, "spoken_seq": turn.spoken_seq}
    with delivery.means.engine.begin() as connection:
        fence(connection, turn.lease)
        is_ours = run(connection, TAKEN_BACK, values).fetchone() is not None
    if not is_ours:  # a person spoke in that very moment
        _attempt(delivery, act, lambda: delivery.chatwoot.set_status(turn.conversation, "open"))
        return False
    return _close(delivery, act, "done")


def _call(delivery: Delivery, act: Row, look: Look | None) -> None:
    if (act["kind"] == "assign" and look is not None and look.has_person) or (act["kind"] == "labels" and look is None):
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
    else:
        chatwoot.set_priority(conversation, str(value[0]))


def _attempt(delivery: Delivery, act: Row, call: Callable[[], None]) -> bool:
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
