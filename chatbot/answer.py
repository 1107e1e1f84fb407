"""The map of the whole product: one claimed conversation, from its unanswered messages to a recorded outcome.

claim (worker.py) -> assemble -> respond -> fit -> freeze -> deliver -> record.
"""

from __future__ import annotations

import time

import structlog

from chatbot.clients.chatwoot import Chatwoot, get_chatwoot
from chatbot.crash_points import crash_point
from chatbot.db import run, sql, statements
from chatbot.decision import decide, is_taken_by_fault
from chatbot.delivery import deliver
from chatbot.errors import ChatwootError, Interrupted
from chatbot.llm import Means
from chatbot.outgoing import Delivery, Discarded, divert, drop_rest, look_again, read_progress
from chatbot.queue import HAND_OFF_CRASHES, Lease
from chatbot.recording import freeze, record, throw_away, unfreeze
from chatbot.reply import Handoff
from chatbot.settings import Settings
from chatbot.turn import Assembled, OpenTurn, assemble, check_wording, open_turn, read_facts
from chatbot.typing_sign import show_typing

log = structlog.get_logger()
GONE_LOOKS = 3
GONE_PAUSE_S = 0.5
# what the end of a delivery says beside "done"
RULES = {"people": "people_have_it", "gone": "conversation_gone", "mute": "another_installation", "canary": "canary"}
GONE_TRIES = 5  # a conversation is only given up as deleted if Chatwoot says so again and again


def answer(means: Means, lease: Lease) -> str:
    """Answers one claimed conversation to an outcome, and settles its lease. Returns the outcome.

    Raises Interrupted (the caller puts the conversation back) and LostLease (somebody else has it).
    """
    with means.engine.begin() as connection:
        turn = open_turn(connection, lease, means.settings)
        assembled = None if turn.is_frozen else assemble(connection, turn)
    crash_point("after_claim")
    chatwoot = make_client(means.settings)
    thinks = turn.mode == "live" and assembled is not None and bool(means.settings.endpoints)
    with show_typing(chatwoot, turn.conversation, is_on=thinks):
        if assembled is not None:
            turn = _decide_and_freeze(means, chatwoot, turn, assembled)
        return _deliver_and_record(Delivery(means, chatwoot, turn))


def make_client(settings: Settings) -> Chatwoot:
    """The account's client. Raises Interrupted where Chatwoot isn't set up: what is owed waits."""
    if not settings.chatwoot_url or settings.chatwoot_account_id is None or not settings.write_token:
        raise Interrupted("CHATWOOT_URL, CHATWOOT_ACCOUNT_ID or CHATWOOT_BOT_TOKEN isn't set", delay_s=settings.backoff_max_s)
    return get_chatwoot(
        settings.chatwoot_url,
        settings.chatwoot_account_id,
        settings.read_token,
        settings.write_token,
        settings.connect_timeout_s,
        settings.post_timeout_s,
    )


def _decide_and_freeze(means: Means, chatwoot: Chatwoot, turn: OpenTurn, assembled: Assembled) -> OpenTurn:
    given, facts, language_by = assembled
    plan = decide(means, chatwoot, turn, given, facts)
    if plan.trace is not None:
        plan.trace.language_by = plan.trace.language_by or language_by
    crash_point("after_decide")
    with means.engine.begin() as connection:
        check_wording(connection, turn, facts)
        turn = freeze(connection, turn, plan, next((m.chatwoot_id for m in given.messages if m.kind == "submitted"), None))
    crash_point("after_freeze")
    return turn


def _deliver_and_record(delivery: Delivery) -> str:
    means, turn = delivery.means, delivery.turn
    try:
        ended = _deliver(delivery)
        if ended == "people" and not turn.rule:
            _reconsider(delivery)
    except Discarded:
        with means.engine.begin() as connection:
            throw_away(connection, turn, means.settings)
        return "discarded"
    except ChatwootError as e:
        if e.status != 404 or not e.permanent or turn.lease.tries < GONE_TRIES or not _is_gone(delivery):
            raise Interrupted(str(e)) from e
        drop_rest(delivery)
        ended = "gone"
    crash_point("before_record")
    with means.engine.begin() as connection:
        state, rule = record(connection, turn, RULES.get(ended), means.settings)
    crash_point("after_record")
    log.info("turn", conversation=turn.conversation, outcome=state, rule=rule, turn=turn.id)
    return state


RECONSIDER = sql("""
UPDATE conversation SET owner = 'people', status = :status,
  owner_reason = CASE WHEN owner_reason = 'bot_off' THEN owner_reason ELSE :reason END
WHERE id = :id
""")


def _reconsider(delivery: Delivery) -> None:
    """Somebody else has it, and nothing was said. Opened because our webhook failed: decided anew. Still pending, since a
    person spoke without taking it: decided anew too, so that it is opened and nobody waits in pending. Where a flow had done
    something: decided anew, so that the team is told."""
    means, turn = delivery.means, delivery.turn
    if turn.wake is not None or turn.mode != "live" or read_progress(delivery).has_spoken:
        return
    with statements(means.engine) as connection:
        facts = read_facts(connection, turn)
    look = look_again(delivery)
    is_fault = is_taken_by_fault(means.settings, delivery.chatwoot, turn, facts)
    if look is None or (look.status != "pending" and not is_fault and not facts.has_acted):
        return
    values = {"id": turn.lease.conversation_id, "reason": "open" if is_fault else "human_message", "status": look.status}
    with means.engine.begin() as connection:
        unfreeze(connection, turn)
        run(connection, RECONSIDER, values)
    raise Interrupted("somebody else has it, but not by its status")


def _is_gone(delivery: Delivery) -> bool:
    """Whether Chatwoot says again and again that it has no such conversation: one 404 may come from something in between."""
    for _ in range(GONE_LOOKS):
        time.sleep(GONE_PAUSE_S)
        try:
            delivery.chatwoot.get_conversation(delivery.turn.conversation)
        except ChatwootError as e:
            if e.status == 404 and e.permanent:
                continue
        return False
    return True


def _deliver(delivery: Delivery) -> str:
    turn = delivery.turn
    if turn.mode in {"mute", "canary"}:
        drop_rest(delivery)
        return turn.mode
    if turn.lease.crashes >= HAND_OFF_CRASHES and not turn.rule and not read_progress(delivery).has_diverted:
        divert(delivery, Handoff("crashed"))  # what was frozen breaks us each time
    return deliver(delivery)
