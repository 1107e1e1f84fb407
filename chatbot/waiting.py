"""What the timers of a conversation ask for: a note in the morning, a reminder while no person answers, an end after silence.

Planned by recording.py, fired by timers.py. Each looks first whether it is still wanted: nobody is reminded of what is done.
"""

from __future__ import annotations

from chatbot.chatwoot_look import look_at
from chatbot.clients.chatwoot import Chatwoot
from chatbot.db import fetch_value, sql, statements
from chatbot.errors import ChatwootError, Interrupted
from chatbot.handoff import Act, plan_after, plan_reply
from chatbot.length import fit
from chatbot.llm import Means
from chatbot.recording import Plan
from chatbot.reply import Part, Reply, TurnInput
from chatbot.responders import flow
from chatbot.texts import get_text
from chatbot.timers import AGENT_SILENCE, AUTO_RESOLVE, FLOW_SILENCE, OPENING
from chatbot.trace import Look, Trace
from chatbot.turn import OpenTurn

REASONS = frozenset({OPENING, AGENT_SILENCE, AUTO_RESOLVE, FLOW_SILENCE})
NOTHING = Plan([], rule="nothing_waits")

# a turn keeps how often people had spoken when it was opened
IS_UNANSWERED = sql("""
SELECT t.spoken_seq = c.spoken_seq FROM turn t JOIN conversation c ON c.id = t.conversation_id
WHERE c.id = :conversation AND t.state = 'handed_off' ORDER BY t.id DESC LIMIT 1
""")


def plan_wake(means: Means, chatwoot: Chatwoot, turn: OpenTurn, given: TurnInput) -> Plan:
    if turn.mode != "live":
        return NOTHING
    if turn.wake == AUTO_RESOLVE:
        is_idle = turn.row["owner"] == "bot" and turn.row["status"] == "pending" and turn.row["in_seq"] == turn.to_seq
        return Plan([Act("resolved")], rule="auto_resolve") if is_idle else NOTHING
    if turn.wake == FLOW_SILENCE:
        return plan_flow(means, turn, given)
    if not is_waiting(means, chatwoot, turn):
        return NOTHING
    note = Act("note", get_text(f"note.{turn.wake}", means.settings.language))
    if turn.wake == OPENING:
        return Plan([note, *plan_after(means.settings)], rule="reminder")
    says = list_words(turn, given)
    return Plan([*says, note], rule="reminder")  # the words first: what stops them stops the note too


def plan_flow(means: Means, turn: OpenTurn, given: TurnInput) -> Plan:
    """Nobody answered the question of a flow: one reminder, and the next time it is closed."""
    is_open = turn.row["owner"] == "bot" and turn.row["can_reply"] and turn.row["in_seq"] == turn.to_seq
    trace, look = Trace(language=given.language), Look("flow")
    reply = flow.remind(given, look, means) if is_open and given.flow_run is not None else None
    if reply is None:
        return NOTHING
    trace.looks.append(look)
    return Plan(plan_reply(turn.mode, reply, given, means.settings), rule="reminder", reply=reply, trace=trace)


def list_words(turn: OpenTurn, given: TurnInput) -> list[Act]:
    """What the customer is told, where the channel lets us."""
    if not turn.row["can_reply"]:
        return []
    reply = Reply((Part(get_text("say.still_waiting", given.language)),), given.language, "handoff")
    return [Act("say", part.text) for part in fit(reply, "short", given.inbox.channel)]


def is_waiting(means: Means, chatwoot: Chatwoot, turn: OpenTurn) -> bool:
    """Whether people have it and none of them has written since the handoff: by what we were told, and by a look."""
    if turn.row["owner"] != "people" or turn.row["status"] != "open":
        return False
    with statements(means.engine) as connection:
        if not fetch_value(connection, IS_UNANSWERED, {"conversation": turn.lease.conversation_id}):
            return False
    try:
        look = look_at(chatwoot, turn.conversation)
    except ChatwootError as e:
        if e.permanent:
            return False
        raise Interrupted(str(e)) from e
    return look.status == "open" and look.human_id <= turn.newest_chatwoot_id
