"""What a turn does, decided before anything is sent: nothing by a named rule, a handoff, or a responder's reply."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chatbot.chatwoot_events import is_bot_failure, message_facts
from chatbot.chatwoot_look import Look, look_at
from chatbot.chatwoot_rules import is_persons_word
from chatbot.clients.chatwoot import Chatwoot
from chatbot.db import fetch_value, sql, statements
from chatbot.errors import ChatwootError, Interrupted
from chatbot.handoff import Act, plan_after, plan_answer, plan_handoff, write_note
from chatbot.length import fit
from chatbot.llm import Means
from chatbot.outgoing import TOKEN_REFUSED
from chatbot.pipeline import make_reply
from chatbot.queue import HAND_OFF_CRASHES
from chatbot.recording import Plan
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.settings import Settings
from chatbot.texts import get_text
from chatbot.trace import Trace
from chatbot.turn import Facts, OpenTurn

SILENT_MODES = {"watch", "off", "paused"}


def decide(means: Means, chatwoot: Chatwoot, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    """What this turn does. Everything that isn't answered goes by a rule that is named."""
    if turn.mode == "mute":
        return Plan([], rule="another_installation")
    if turn.row["is_foreign"] and not turn.row["has_bot"]:  # another inbox's bot, and the conversation isn't assigned to one
        return Plan([], rule="other_inbox")
    if turn.wake is not None:
        return _plan_wake(means, turn, given, facts)
    if not given.messages:
        return Plan([], rule=facts.rule or "nothing_new")
    if turn.mode in {"off", "paused"}:
        return Plan([Act("open")], rule=turn.mode)
    prefix: list[Act] = []
    if turn.row["owner"] == "people" and turn.mode != "suggest":
        if not is_taken_by_fault(means.settings, chatwoot, turn, facts):
            waits = turn.row["status"] == "pending"  # nobody is left waiting in pending
            return Plan([Act("open")] if waits else [], rule="people_have_it")
        prefix = [Act("pending")]
    plan = _plan_reply(means, turn, given, facts)
    return replace(plan, acts=[*prefix, *plan.acts])


def is_taken_by_fault(settings: Settings, chatwoot: Chatwoot, turn: OpenTurn, facts: Facts) -> bool:
    """Opened by Chatwoot itself because our webhook failed, nobody assigned, and still fresh: taken back."""
    if (
        turn.row["owner_reason"] not in {"", "open"}
        or turn.mode != "live"
        or not settings.take_back_after_fault
        or _is_stale(settings, turn, facts)
    ):
        return False
    try:
        look = look_at(chatwoot, turn.conversation)
        return look.status == "open" and not look.has_person and _has_fault_opened(chatwoot, turn, look)
    except ChatwootError as e:
        if e.permanent:
            return False
        raise Interrupted(str(e)) from e


def _has_fault_opened(chatwoot: Chatwoot, turn: OpenTurn, look: Look) -> bool:
    """Whether the activity that says so came after our last message, and no person's word did."""
    try:
        messages = chatwoot.get_messages_before(turn.conversation)
    except ChatwootError as e:
        if e.status in TOKEN_REFUSED:
            return look.is_fault
        raise
    is_fault = False
    for message in reversed(messages):
        facts = message_facts(message)
        if facts is None or is_persons_word(facts):
            return False
        if facts.author == "ours" and not facts.is_private:
            break
        is_fault = is_fault or is_bot_failure(message)
    return is_fault


def _is_stale(settings: Settings, turn: OpenTurn, facts: Facts) -> bool:
    return facts.oldest_at is not None and turn.row["now"] - facts.oldest_at > timedelta(seconds=settings.fresh_s)


def _plan_reply(means: Means, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    settings = means.settings
    if _is_stale(settings, turn, facts):
        return _plan_without_reply(settings, turn, given, Handoff("stale"))
    if turn.lease.crashes >= HAND_OFF_CRASHES:
        return _plan_without_reply(settings, turn, given, Handoff("crashed"))
    if facts.recent_answers >= settings.max_replies_per_10_min:
        return _plan_without_reply(settings, turn, given, Handoff("loop"))
    reply, trace = make_reply(given, means)
    return _plan_for(settings, turn, given, reply, trace)


def _plan_without_reply(settings: Settings, turn: OpenTurn, given: TurnInput, handoff: Handoff) -> Plan:
    """Handed off without asking any responder."""
    reply = Reply((Part(get_text("say.handoff", given.language)),), given.language, "handoff", handoff)
    return _plan_for(settings, turn, given, reply, Trace(language=given.language))


def _plan_for(settings: Settings, turn: OpenTurn, given: TurnInput, reply: Reply, trace: Trace) -> Plan:
    persona = given.content.persona
    fitted = fit(reply, persona.length if persona else "short", given.inbox.channel)
    acts = plan_answer(turn.mode, fitted, reply.handoff, settings)
    return Plan(acts, reply=reply, handoff=reply.handoff, trace=trace)


def _plan_wake(means: Means, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    """What a timer or an event asks for, without a message of the customer."""
    settings = means.settings
    if turn.wake in {"bot_on", "bot_off"}:
        return Plan([Act("pending" if turn.wake == "bot_on" else "open")], rule="command")
    if turn.mode in SILENT_MODES:
        return Plan([Act("open")], rule=turn.mode)
    if turn.wake == "delivery_failed":
        handoff = Handoff("delivery_failed", _read_failure(means, turn))
        return Plan([*plan_handoff(handoff, settings), *plan_after(settings)], handoff=handoff)
    if facts.is_unreadable_known:
        return Plan([], rule="unreadable_again")
    if turn.row["owner"] == "people":
        handoff = Handoff("unreadable")
        return Plan([Act("note", write_note(handoff, settings.language))], handoff=handoff)
    return _plan_without_reply(settings, turn, given, Handoff("unreadable"))


FAILURE = sql("SELECT error FROM part WHERE conversation_id = :id AND state = 'failed' ORDER BY id DESC LIMIT 1")


def _read_failure(means: Means, turn: OpenTurn) -> str:
    with statements(means.engine) as connection:
        return fetch_value(connection, FAILURE, {"id": turn.lease.conversation_id}) or ""
