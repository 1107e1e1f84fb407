"""What a turn does, decided before anything is sent: nothing by a named rule, a handoff, or a responder's reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from chatbot import waiting
from chatbot.channel_text import defuse
from chatbot.chatwoot_look import TOKEN_REFUSED, Look, has_fault_opened, look_at
from chatbot.clients.chatwoot import Chatwoot
from chatbot.db import fetch_value, sql, statements
from chatbot.errors import ChatwootError, Interrupted
from chatbot.handoff import Act, add_note, plan_after, plan_handoff, plan_reply, write_note
from chatbot.llm import Means
from chatbot.media import NAME as MEDIA
from chatbot.media import read_media
from chatbot.outgoing import write_deeds
from chatbot.pipeline import make_reply
from chatbot.queue import HAND_OFF_CRASHES
from chatbot.recording import Plan
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.settings import Settings
from chatbot.takeover import read_last_reply
from chatbot.texts import get_text
from chatbot.trace import Look as TraceLook
from chatbot.trace import Trace
from chatbot.turn import Facts, OpenTurn
from chatbot.vetting import tell_hours
from chatbot.why import tell_why

SILENT_MODES = {"watch", "off", "paused"}
NOT_OURS = {"another_installation", "other_inbox"}


def decide(means: Means, chatwoot: Chatwoot, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    """What this turn does. Everything that isn't answered goes by a rule that is named; what a flow had done for the customer
    before it came to that, the team is told; also beside a handoff, whose words a person may stop."""
    plan = _decide(means, chatwoot, turn, given, facts)
    acts = plan.reply is not None and plan.reply.has_acted
    is_told = acts and turn.mode != "watch" and plan.handoff is None
    if not (facts.has_acted or acts) or is_told or turn.wake is not None or plan.rule in NOT_OURS:
        return plan
    with statements(means.engine) as connection:
        note = write_deeds(connection, turn, means.settings.language)
    return replace(plan, acts=add_note(plan.acts, note)) if note else plan


def _decide(means: Means, chatwoot: Chatwoot, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    if turn.mode == "mute":
        return Plan([], rule="another_installation")
    if turn.row["is_foreign"] and not turn.row["has_bot"]:  # another inbox's bot, and the conversation isn't assigned to one
        return Plan([], rule="other_inbox")
    if turn.wake in waiting.REASONS:
        return waiting.plan_wake(means, chatwoot, turn, given)
    if turn.wake is not None:
        return _plan_wake(means, turn, given, facts)
    if not given.messages:
        is_ours = turn.mode == "live" and turn.row["owner"] == "bot"
        if facts.has_acted and facts.rule == "deleted" and is_ours:  # a crash took the turn in which a flow did something
            return _plan_without_reply(means.settings, turn, given, Handoff("crashed"))
        return Plan([], rule=facts.rule or "nothing_new")
    if turn.mode in {"off", "paused"}:
        return Plan(_call_people(means.settings, turn, given) or [Act("open")], rule=turn.mode)
    is_theirs = turn.row["owner"] == "people" and turn.mode != "suggest"
    left = _leave_to_people(means, chatwoot, turn, given, facts, is_theirs=is_theirs)
    if left is not None:
        return Plan(left, rule="people_have_it")
    plan = _plan_reply(means, chatwoot, turn, given, facts)
    return replace(plan, acts=[Act("pending"), *plan.acts]) if is_theirs else plan


def _leave_to_people(
    means: Means, chatwoot: Chatwoot, turn: OpenTurn, given: TurnInput, facts: Facts, *, is_theirs: bool
) -> list[Act] | None:
    """What is done where it is left to people; None where it is answered, also since a fault took it from us."""
    if not is_theirs:
        is_met = turn.mode == "live" and _has_resolved(means, turn, facts)
        return (_reopen(_look(chatwoot, turn)) if is_met else []) or None
    look = _look(chatwoot, turn)
    if look is not None and is_taken_by_fault(means.settings, chatwoot, turn, facts, look):
        return None
    return _call_people(means.settings, turn, given) or _call_by_look(means, turn, facts, look)


def _call_people(settings: Settings, turn: OpenTurn, given: TurnInput) -> list[Act]:
    """Nobody is left waiting in pending, or where it is resolved or asleep: Chatwoot opens that for a message, for no press."""
    if turn.row["status"] == "pending":
        return [Act("open")]
    if turn.row["status"] in {"resolved", "snoozed"} and (pressed := [m.text for m in given.messages if m.kind == "submitted"]):
        note = get_text("note.pressed", settings.language, what=defuse(", ".join(pressed)))
        return [Act("open", value=["resolved"]), Act("note", note)]
    return []


def _look(chatwoot: Chatwoot, turn: OpenTurn) -> Look | None:
    """The conversation as it is now; None where it can't be seen at all."""
    try:
        return look_at(chatwoot, turn.conversation)
    except ChatwootError as e:
        if e.permanent:
            return None
        raise Interrupted(str(e)) from e


def _call_by_look(means: Means, turn: OpenTurn, facts: Facts, look: Look | None) -> list[Act]:
    """The same by what Chatwoot says now: what we were told of it may be older than the customer's message."""
    if look is not None and look.status == "pending":
        return [Act("open")]
    is_ours = turn.row["owner_reason"] in {"", "open"} and _has_resolved(means, turn, facts)
    return _reopen(look) if is_ours else []


def _reopen(look: Look | None) -> list[Act]:
    return [Act("open", value=["resolved"])] if look is not None and look.status == "resolved" else []


HAS_RESOLVED = sql("""
SELECT EXISTS (SELECT FROM action WHERE conversation_id = :conversation AND kind = 'resolved'
  AND started_at >= CAST(:oldest_at AS timestamptz) - make_interval(secs => :own_act_s))
""")


def _has_resolved(means: Means, turn: OpenTurn, facts: Facts) -> bool:
    """Whether our own resolving met the customer's word: Chatwoot opens nothing for one that came before it."""
    if not means.settings.auto_resolve_h:
        return False
    values = {
        "conversation": turn.lease.conversation_id,
        "oldest_at": facts.oldest_at,
        "own_act_s": means.settings.own_act_s,
    }
    with statements(means.engine) as connection:
        return bool(fetch_value(connection, HAS_RESOLVED, values))


def is_taken_by_fault(settings: Settings, chatwoot: Chatwoot, turn: OpenTurn, facts: Facts, look: Look | None = None) -> bool:
    """Opened by Chatwoot itself because our webhook failed, nobody assigned, and still fresh: taken back. look: one that was
    taken just now."""
    if (
        turn.row["owner_reason"] not in {"", "open"}
        or turn.mode != "live"
        or not settings.take_back_after_fault
        or _is_stale(settings, turn, facts)
    ):
        return False
    try:
        look = look or look_at(chatwoot, turn.conversation)
        return look.status == "open" and not look.has_person and has_fault_opened(chatwoot, turn, look)
    except ChatwootError as e:
        if e.permanent:
            return False
        raise Interrupted(str(e)) from e


def _is_stale(settings: Settings, turn: OpenTurn, facts: Facts) -> bool:
    return facts.oldest_at is not None and turn.row["now"] - facts.oldest_at > timedelta(seconds=settings.fresh_s)


def _plan_reply(means: Means, chatwoot: Chatwoot, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    settings = means.settings
    if _is_stale(settings, turn, facts):
        return _plan_without_reply(settings, turn, given, Handoff("stale"))
    if turn.lease.crashes >= HAND_OFF_CRASHES:
        return _plan_without_reply(settings, turn, given, Handoff("crashed"))
    if facts.recent_answers >= settings.max_replies_per_10_min:
        return _plan_without_reply(settings, turn, given, Handoff("loop"))
    content = given.content
    if settings.people_labels or any(f.start.labels for f in content.flow) or any(a.when.labels for a in content.assistant):
        given = replace(given, labels=read_labels(chatwoot, turn))
    read = TraceLook(MEDIA)
    given, language_by = read_media(means, turn, given, read)
    reply, trace = make_reply(given, means)
    if facts.has_acted and turn.mode == "live" and not reply.has_acted and reply.handoff is None:
        # after a crash, and decided otherwise than before it: the flow would go on from before what it did
        return _plan_without_reply(settings, turn, given, Handoff("crashed"))
    if read.saw:
        trace.looks.insert(0, read)
        trace.language_by = language_by
    return _plan_for(settings, turn, given, reply, trace)


def read_labels(chatwoot: Chatwoot, turn: OpenTurn) -> tuple[str, ...]:
    """The conversation's and its contact's, as far as a token may read them."""
    contact = turn.row["contact_chatwoot_id"]
    readings: list[Callable[[], Sequence[str]]] = [lambda: look_at(chatwoot, turn.conversation).labels]
    if contact is not None:
        readings.append(lambda: chatwoot.get_contact_labels(contact))
    found: list[str] = []
    for read in readings:
        try:
            found += read()
        except ChatwootError as e:
            if not e.permanent and e.status not in TOKEN_REFUSED:
                raise Interrupted(str(e)) from e
    return tuple(found)


def _plan_without_reply(settings: Settings, turn: OpenTurn, given: TurnInput, handoff: Handoff) -> Plan:
    """Handed off without asking any responder."""
    reply = Reply((Part(get_text("say.handoff", given.language)),), given.language, "handoff", handoff)
    return _plan_for(settings, turn, given, tell_hours(given, reply, settings), Trace(language=given.language))


def _plan_for(settings: Settings, turn: OpenTurn, given: TurnInput, reply: Reply, trace: Trace) -> Plan:
    acts = plan_reply(turn.mode, reply, given, settings)
    return Plan(acts, reply=reply, handoff=reply.handoff, trace=trace)


def _plan_wake(means: Means, turn: OpenTurn, given: TurnInput, facts: Facts) -> Plan:
    """What a timer or an event asks for, without a message of the customer."""
    settings = means.settings
    if turn.wake == "bot_on" and turn.row["owner_reason"] in {"human_message", "phone"}:  # of who spoke after the command
        return Plan([], rule="command")
    if turn.wake in {"bot_on", "bot_off"}:
        return Plan([Act("pending" if turn.wake == "bot_on" else "open")], rule="command")
    if turn.wake == "bot_why":
        return Plan([Act("note", _explain(means, turn))], rule="command")
    if turn.mode in SILENT_MODES:
        return Plan([Act("open")], rule=turn.mode)
    if turn.wake == "delivery_failed":
        handoff = Handoff("delivery_failed", _read_failure(means, turn))
        return Plan([*plan_handoff(handoff, settings), *plan_after(settings)], handoff=handoff)
    if turn.wake != "unreadable":
        return waiting.NOTHING  # of a release that knew more reasons
    if facts.is_unreadable_known:
        return Plan([], rule="unreadable_again")
    if turn.row["owner"] == "people":
        handoff = Handoff("unreadable")
        return Plan([Act("note", write_note(handoff, settings.language))], handoff=handoff)
    return _plan_without_reply(settings, turn, given, Handoff("unreadable"))


def _explain(means: Means, turn: OpenTurn) -> str:
    """The answer to `/bot why`: why the last reply was as it was."""
    with means.engine.connect() as connection:
        last = read_last_reply(connection, turn.lease.conversation_id)
    return tell_why(last, means.settings.language)


FAILURE = sql("SELECT error FROM part WHERE conversation_id = :id AND state = 'failed' ORDER BY id DESC LIMIT 1")


def _read_failure(means: Means, turn: OpenTurn) -> str:
    with statements(means.engine) as connection:
        return fetch_value(connection, FAILURE, {"id": turn.lease.conversation_id}) or ""
