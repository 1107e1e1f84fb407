"""A frozen turn on its way out: what its parts (sending.py) and its actions (saga.py) both need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from chatbot.chatwoot_events import message_facts
from chatbot.chatwoot_look import TOKEN_REFUSED, Look, look_at
from chatbot.chatwoot_rules import is_persons_word
from chatbot.clients.chatwoot import Chatwoot
from chatbot.crash_points import crash_point
from chatbot.db import Row, fetch_value, run, sql, statements
from chatbot.errors import ChatwootError, Interrupted
from chatbot.handoff import add_note, plan_handoff
from chatbot.llm import Means
from chatbot.recording import add_acts
from chatbot.reply import Handoff, Language
from chatbot.texts import get_text
from chatbot.turn import OpenTurn, fence, has_acted

CLOSED = {"sent", "dropped", "held", "failed", "done"}


class Discarded(Exception):
    """Nothing was sent yet and the customer wrote again: the reply is thrown away."""


@dataclass(frozen=True, slots=True)
class Delivery:
    means: Means
    chatwoot: Chatwoot
    turn: OpenTurn


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the turn's acts are. has_begun: something may have reached Chatwoot; has_opened: we opened it ourselves."""

    acts: tuple[Row, ...]

    @property
    def next_act(self) -> Row | None:
        if any(a["state"] == "failed" for a in self.acts):  # the wake-up that the failure caused hands off
            return None
        return next((a for a in self.acts if a["state"] not in CLOSED), None)

    @property
    def has_begun(self) -> bool:
        return any(a["kind"] != "pending" and (a["state"] not in {"frozen", "dropped"} or a["attempts"]) for a in self.acts)

    @property
    def is_untouched(self) -> bool:
        """Not even tried, so that a pause can still have it decided anew (turn.OUTLIVED)."""
        return all(a["state"] in {"frozen", "dropped"} and not a["attempts"] for a in self.acts)

    @property
    def has_diverted(self) -> bool:
        return any(a["kind"] == "open" for a in self.acts)

    @property
    def has_opened(self) -> bool:
        return any(a["kind"] == "open" and a["state"] in {"started", "done"} for a in self.acts)

    @property
    def is_left_to_people(self) -> bool:
        """There was something to say, and all of it was dropped without a handoff: neither opened nor refused to be."""
        says = [a for a in self.acts if a["kind"] == "say"]
        is_handed_off = any(a["kind"] == "open" and (a["state"] != "dropped" or a["error"]) for a in self.acts)
        return bool(says) and all(a["state"] == "dropped" for a in says) and not is_handed_off and not self.has_spoken

    @property
    def has_spoken(self) -> bool:
        return any(a["kind"] in {"say", "note"} and a["state"] in {"sent", "held", "failed"} for a in self.acts)


ACTS = sql("""
SELECT 'part' AS type, ordinal, id, CASE WHEN is_note THEN 'note' ELSE 'say' END AS kind, state, mark, text, choices AS value,
  last_id_before, attempts, chatwoot_id, error, extract(epoch FROM deadline_at - now())::float AS deadline_in_s,
  extract(epoch FROM now() - unknown_since)::float AS unknown_for_s
FROM part WHERE turn_id = :turn
UNION ALL
SELECT 'action', ordinal, id, kind, state, NULL, NULL, value, 0, 0, NULL, error, NULL, NULL FROM action WHERE turn_id = :turn
ORDER BY ordinal, type
""")


def read_progress(delivery: Delivery) -> Progress:
    with statements(delivery.means.engine) as connection:
        return Progress(tuple(run(connection, ACTS, {"turn": delivery.turn.id})))


def look_again(delivery: Delivery) -> Look | None:
    """The conversation as it is now; None where no token may read it. Fails closed: no look, no message."""
    try:
        return look_at(delivery.chatwoot, delivery.turn.conversation)
    except ChatwootError as e:
        if e.status in TOKEN_REFUSED:
            return None
        if e.permanent:
            raise
        raise Interrupted(str(e)) from e


NEWER = sql(f"""
SELECT c.in_seq > :to_seq AND c.discards < 2
  AND NOT {has_acted("c.id", ":from_seq")} AND coalesce((
  SELECT m.arrived_at FROM message m WHERE m.conversation_id = c.id AND m.seq > c.answered_seq
  ORDER BY m.seq LIMIT 1) >= now() - make_interval(secs => :discard_s), true)
FROM conversation c WHERE c.id = :conversation
""")


def is_overtaken(delivery: Delivery) -> bool:
    """Whether the customer has written again, so that an unsent reply is better thrown away; never one that tells what a flow
    did for them."""
    values = {
        "conversation": delivery.turn.lease.conversation_id,
        "from_seq": delivery.turn.from_seq,
        "to_seq": delivery.turn.to_seq,
        "discard_s": delivery.means.settings.debounce_max_s,
    }
    with statements(delivery.means.engine) as connection:
        return bool(fetch_value(connection, NEWER, values))


DEEDS = sql("""
SELECT string_agg(place || ' (' || state || ')', ', ' ORDER BY id) FROM flow_call
WHERE conversation_id = :conversation AND answered_seq = :from_seq AND (outcome ? 'harmless') IS NOT TRUE
""")


HAS_NOTE = sql("SELECT EXISTS (SELECT FROM part WHERE turn_id = :turn AND is_note AND text = :text)")


def write_deeds(connection: Connection, turn: OpenTurn, language: Language) -> str:
    """The note of what flows did for the customer in this turn, each as flow/step/number (state); "" where nothing."""
    values = {"conversation": turn.lease.conversation_id, "from_seq": turn.from_seq}
    found = fetch_value(connection, DEEDS, values)
    return get_text("note.acted", language, what=found) if found else ""


DIVERT = sql("UPDATE turn SET handoff_reason = :reason, handoff_detail = :detail WHERE id = :turn")
DROP_WORDS = sql("UPDATE part SET state = 'dropped' WHERE turn_id = :turn AND state = 'frozen' AND NOT is_note")
COUNT_ACTS = sql("""
SELECT greatest((SELECT coalesce(max(ordinal), 0) FROM part WHERE turn_id = :turn),
                (SELECT coalesce(max(ordinal), 0) FROM action WHERE turn_id = :turn)) AS count,
       EXISTS (SELECT FROM action WHERE turn_id = :turn AND kind = 'open') AS has_open
""")


def divert(delivery: Delivery, handoff: Handoff, why: tuple[bytes, Mapping[str, Any]] | None = None) -> None:
    """What was left to say can't be said: it is dropped and the conversation is handed off, with the reason in a note. why: a
    statement and its values, of what became of the part that can't be said; a crash leaves both or none."""
    turn = delivery.turn
    crash_point("before_divert")
    with delivery.means.engine.begin() as connection:
        fence(connection, turn.lease)
        if why is not None:
            run(connection, *why)
        run(connection, DROP_WORDS, {"turn": turn.id})
        acts = run(connection, COUNT_ACTS, {"turn": turn.id}).fetchone() or {}
        planned = plan_handoff(handoff, delivery.means.settings)
        if acts["has_open"]:
            planned = [a for a in planned if a.kind == "note"]
        deeds = write_deeds(connection, turn, delivery.means.settings.language)
        if deeds and not fetch_value(connection, HAS_NOTE, {"turn": turn.id, "text": deeds}):
            planned = add_note(planned, deeds)
        add_acts(connection, turn, planned, start=acts["count"])
        run(connection, DIVERT, {"turn": turn.id, "reason": handoff.reason, "detail": handoff.detail})


DROP_REST = sql("""
WITH a AS (UPDATE action SET state = 'dropped' WHERE turn_id = :turn AND state = 'frozen')
UPDATE part SET state = 'dropped' WHERE turn_id = :turn AND state = 'frozen'
""")


def drop_rest(delivery: Delivery) -> None:
    with delivery.means.engine.begin() as connection:
        fence(connection, delivery.turn.lease)
        run(connection, DROP_REST, {"turn": delivery.turn.id})


def write(delivery: Delivery, statement: bytes, values: dict[str, Any]) -> None:
    """One fenced write."""
    with delivery.means.engine.begin() as connection:
        fence(connection, delivery.turn.lease)
        run(connection, statement, values)


SINCE = sql("""
SELECT coalesce((SELECT max(newest_chatwoot_id) FROM turn
                 WHERE conversation_id = :conversation AND id <> :turn AND wake IS NULL),
                (SELECT min(chatwoot_id) - 1 FROM message WHERE conversation_id = :conversation AND seq > :from_seq), 0)
""")
KNOWN = sql("""
SELECT (SELECT count(*) FROM message WHERE chatwoot_id = ANY(:ids))
     + (SELECT count(*) FROM part WHERE conversation_id = :conversation AND chatwoot_id = ANY(:ids))
""")


def has_person_spoken(delivery: Delivery) -> bool:
    """A look shows only the newest message, so a person's word may hide below a customer's or ours. Asked where a token may."""
    turn = delivery.turn
    values = {"conversation": turn.lease.conversation_id, "turn": turn.id, "from_seq": turn.from_seq}
    try:
        messages = delivery.chatwoot.get_messages_before(turn.conversation)
    except ChatwootError as e:
        if e.status in TOKEN_REFUSED:
            return False
        if e.permanent:
            raise
        raise Interrupted(str(e)) from e
    persons = [m["id"] for m in messages if (f := message_facts(m)) and is_persons_word(f)]
    if not persons:
        return False
    with statements(delivery.means.engine) as connection:
        since = fetch_value(connection, SINCE, values)
        spoken = [message_id for message_id in persons if message_id > since]
        return len(spoken) > int(fetch_value(connection, KNOWN, values | {"ids": spoken}))
