"""A turn at its beginning: opened for a claimed conversation, or resumed, and assembled into its frozen input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection

from chatbot import queue
from chatbot.bodies import Content
from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.content import load_content, select_spoken
from chatbot.crash_points import is_protected
from chatbot.db import Row, fetch_value, run, sql, together
from chatbot.errors import Interrupted, LostLease
from chatbot.language import decide_language
from chatbot.models.state import PAUSED
from chatbot.queue import Lease
from chatbot.reply import Attachment, ContactView, CustomerMessage, HistoryLine, InboxView, Language, TurnInput
from chatbot.settings import Settings
from chatbot.timers import AGENT_SILENCE

MAX_MESSAGES = 30
MAX_HISTORY = 30
LOOP_MINUTES = 10
ATTACHMENT = frozenset(field.name for field in fields(Attachment))


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The turn of a claim: what its row and its conversation's row say. wake: why a timer woke it, if one did.

    is_frozen: its parts and actions exist, nothing is generated again; is_late: a newer message was answered before.
    mode: live, suggest, watch, off, paused, mute or canary.
    """

    id: int
    lease: Lease
    row: Row
    from_seq: int
    to_seq: int
    newest_chatwoot_id: int
    mode: str
    release_id: int | None
    is_frozen: bool = False
    wake: str | None = None
    handoff_reason: str | None = None
    rule: str | None = None
    human_seq: int = 0
    spoken_seq: int = 0
    is_late: bool = False
    suffix: str = ""

    @property
    def is_reminder(self) -> bool:
        """We opened the conversation in an earlier turn: only a person's word or resolving it stops what is said."""
        return self.wake == AGENT_SILENCE

    @property
    def conversation(self) -> int:
        """Chatwoot's id of the conversation."""
        return int(self.row["chatwoot_id"])


LOAD = sql(f"""
-- columns by name: a migration that adds one while a release runs must not change what a prepared statement returns
SELECT c.chatwoot_id, c.in_seq, c.answered_seq, c.human_seq, c.spoken_seq, c.status, c.owner, c.owner_reason,
  c.has_bot, c.language, c.can_reply, c.assistant, c.source_id,
  CASE WHEN c.flow_run ->> 'human_seq' = c.human_seq::text THEN c.flow_run -> 'run' END AS flow_run,
  i.chatwoot_id AS inbox_chatwoot_id, i.is_foreign, i.name AS inbox_name, i.channel, i.tone, coalesce(i.mode, :mode) AS mode,
  p.name AS contact_name, p.chatwoot_id AS contact_chatwoot_id, p.email, p.phone, p.language AS contact_language,
  n.live_release_id, n.muted_reason, {PAUSED} AS is_paused,
  now() AS now,
  set_config('synchronous_commit', 'off', true) -- nothing of this transaction has left yet: a crash may take it back
FROM conversation c JOIN inbox i ON i.id = c.inbox_id LEFT JOIN contact p ON p.id = c.contact_id, instance n
WHERE c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced)
FOR UPDATE OF c
""")


def has_acted(conversation: str, from_seq: str) -> str:
    """SQL: whether a flow has changed something for the customer already, by messages after from_seq (flow_wishes.py)."""
    return f"""EXISTS (SELECT FROM flow_call f WHERE f.conversation_id = {conversation} AND f.answered_seq = {from_seq}
      AND (f.outcome ? 'harmless') IS NOT TRUE)"""


UNFINISHED = sql(f"""
SELECT id, state, from_seq, to_seq, newest_chatwoot_id, mode, release_id, wake, handoff_reason, rule, human_seq,
  spoken_seq, suffix, {has_acted("t.conversation_id", "t.from_seq")} AS has_acted
FROM turn t WHERE conversation_id = :conversation AND finished_at IS NULL
""")

OPEN = sql("""
INSERT INTO turn AS t
  (conversation_id, release_id, epoch, from_seq, to_seq, newest_chatwoot_id, mode, wake, human_seq, spoken_seq)
VALUES (:conversation, :release_id, :epoch, :from_seq, :to_seq, (
  SELECT coalesce(max(chatwoot_id) FILTER (WHERE seq > :from_seq AND seq <= :to_seq), max(chatwoot_id), 0)
  FROM message WHERE conversation_id = :conversation AND seq IS NOT NULL
), :mode, :wake, :human_seq, :spoken_seq)
ON CONFLICT (conversation_id) WHERE finished_at IS NULL DO UPDATE
SET release_id = excluded.release_id, epoch = excluded.epoch, from_seq = excluded.from_seq, to_seq = excluded.to_seq,
  newest_chatwoot_id = excluded.newest_chatwoot_id, mode = excluded.mode, wake = excluded.wake, human_seq = excluded.human_seq,
  spoken_seq = excluded.spoken_seq, started_at = now()
RETURNING id, newest_chatwoot_id, EXISTS (
  SELECT FROM turn o
  WHERE o.conversation_id = t.conversation_id AND o.id <> t.id AND o.newest_chatwoot_id >= t.newest_chatwoot_id
) AS is_late
""")

# Nothing of it can have reached Chatwoot, and it was frozen in another mode or for a message that is stale by now.
OUTLIVED = sql("""
SELECT NOT EXISTS (SELECT FROM part WHERE turn_id = t.id AND (attempts > 0 OR state NOT IN ('frozen', 'dropped')))
  AND NOT EXISTS (SELECT FROM action WHERE turn_id = t.id AND state NOT IN ('frozen', 'dropped'))
  AND (t.mode <> :mode OR t.mode = 'live' AND t.handoff_reason IS DISTINCT FROM 'stale' AND EXISTS (
    SELECT FROM message WHERE conversation_id = t.conversation_id AND seq > t.from_seq AND seq <= t.to_seq
    AND ignore_rule IS NULL AND coalesce(sent_at, arrived_at) < now() - make_interval(secs => :fresh_s)))
FROM turn t WHERE id = :turn
""")


UNFREEZE = sql("""
WITH p AS (DELETE FROM part WHERE turn_id = :turn), a AS (DELETE FROM action WHERE turn_id = :turn)
UPDATE turn SET state = 'answering', frozen_at = NULL, rule = NULL, handoff_reason = NULL, flow_after = NULL,
  flow_walked = NULL WHERE id = :turn
""")


# locked whoever has it: one that lost its lease must wait here, not with a row that the new holder needs
FENCE = sql("SELECT epoch = :epoch OR NOT :fenced AS is_ours FROM conversation WHERE id = :id FOR UPDATE")


def fence(connection: Connection, lease: Lease) -> None:
    """Locks the conversation's row for this transaction. Raises LostLease where another worker has claimed it since."""
    with fenced(connection, lease):
        pass


@contextmanager
def fenced(connection: Connection, lease: Lease) -> Iterator[None]:
    """The same, and the statements inside go to the database with it in one round trip: their rows can be read after the
    block, whose end raises LostLease (the transaction is then rolled back) where the lease was lost."""
    values = {"id": lease.conversation_id, "epoch": lease.epoch, "fenced": is_protected("epoch")}
    held: list[psycopg.Cursor[Row]] = []
    try:
        with together(connection):
            held.append(run(connection, FENCE, values))
            yield
    except psycopg.IntegrityError:
        if _is_lost(held):  # what the new holder wrote stands in the way: that isn't the trouble
            raise _lost(lease) from None
        raise
    if _is_lost(held):
        raise _lost(lease)


def _is_lost(held: list[psycopg.Cursor[Row]]) -> bool:
    row = held[0].fetchone()
    return not (row and row["is_ours"])


def _lost(lease: Lease) -> LostLease:
    return LostLease(f"conversation {lease.conversation_id} at epoch {lease.epoch}")


def open_turn(connection: Connection, lease: Lease, settings: Settings) -> OpenTurn:
    """The unfinished turn that a crash left, or a new one up to the newest message."""
    values = {
        "conversation": lease.conversation_id,
        "epoch": lease.epoch,
        "mode": settings.mode,
        "fenced": is_protected("epoch"),
    }
    with together(connection):
        loaded, unfinished = run(connection, LOAD, values), run(connection, UNFINISHED, values)
    row, left = loaded.fetchone(), unfinished.fetchone()
    if row is None:
        raise _lost(lease)
    mode = "mute" if row["muted_reason"] else "paused" if row["is_paused"] else row["mode"]
    if row["chatwoot_id"] >= CANARY_IDS:
        mode = "canary"
    if left is not None and left["state"] == "frozen":
        outlived = {"turn": left["id"], "mode": mode, "fresh_s": settings.fresh_s}
        if not fetch_value(connection, OUTLIVED, outlived):
            return _resume(lease, row, left, mode)
        run(connection, UNFREEZE, outlived)
    wake = lease.wake_reason if left is None else left["wake"]
    span = {"from_seq": row["answered_seq"], "to_seq": row["in_seq"] if wake is None else row["answered_seq"]}
    if left is not None and left["has_acted"] and wake is None and left["from_seq"] == row["answered_seq"]:
        span["to_seq"] = left["to_seq"]  # decided by the same words again: what came since is a turn of its own
    facts = {
        **span,
        "mode": mode,
        "release_id": row["live_release_id"],
        "wake": wake,
        "human_seq": row["human_seq"],
        "spoken_seq": row["spoken_seq"],
    }
    opened = run(connection, OPEN, values | facts).fetchone() or {}
    return OpenTurn(lease=lease, row=row, **facts, **opened)


def _resume(lease: Lease, row: Row, left: Row, mode: str) -> OpenTurn:
    """A frozen turn goes on as it was, whatever it was claimed for; only another installation's bot stops it."""
    names = [n for n in OpenTurn.__dataclass_fields__ if n in left and n not in {"id", "lease", "row", "mode"}]
    mode = "mute" if mode == "mute" else left["mode"]
    return OpenTurn(id=left["id"], lease=lease, row=row, is_frozen=True, mode=mode, **{n: left[n] for n in names})


MESSAGES = sql(f"""
SELECT * FROM (
  SELECT seq, chatwoot_id, text, kind, attachments, is_unsupported, sent_at, arrived_at, ignore_rule FROM message
  WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NULL
  ORDER BY seq DESC LIMIT {MAX_MESSAGES}) m
ORDER BY chatwoot_id, seq
""")

# What the customer wrote in a span of messages, as one word: another one where any of it was changed or deleted meanwhile.
WORDING = """(SELECT md5(string_agg(seq || ' ' || text, chr(10) ORDER BY seq)) FROM message
        WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NULL) AS wording"""
HAS_ACTED = f"""{has_acted(":conversation", ":from_seq")} AS has_acted"""
SAME_WORDING = sql(f"SELECT {WORDING}, {HAS_ACTED}")

COUNTS = sql(f"""
SELECT {WORDING}, {HAS_ACTED}, (SELECT min(coalesce(sent_at, arrived_at)) FROM message
        WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NULL) AS oldest_at,
       (SELECT ignore_rule FROM message
        WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NOT NULL
        ORDER BY seq LIMIT 1) AS rule,
       (SELECT count(*) FROM turn WHERE conversation_id = :conversation AND state = 'answered'
        AND finished_at > now() - interval '{LOOP_MINUTES} minutes') AS recent_answers,
       EXISTS (SELECT FROM turn WHERE conversation_id = :conversation AND handoff_reason = 'unreadable'
        AND finished_at > now() - interval '1 minute') AS is_unreadable_known
""")

HISTORY = sql(f"""
SELECT who, text, attachments FROM (
  (SELECT chatwoot_id, CASE author WHEN 'customer' THEN 'customer' ELSE 'agent' END AS who, text, attachments FROM message
   WHERE conversation_id = :conversation AND chatwoot_id > (SELECT context_from FROM conversation WHERE id = :conversation)
   AND (seq IS NULL AND author = 'agent' OR seq <= :from_seq) AND (text <> '' OR attachments <> '[]')
   ORDER BY chatwoot_id DESC LIMIT {MAX_HISTORY})
  UNION ALL
  (SELECT chatwoot_id, 'assistant', text, '[]' FROM part
   WHERE conversation_id = :conversation AND state = 'sent' AND NOT is_note
   AND coalesce(chatwoot_id, (SELECT newest_chatwoot_id FROM turn WHERE id = turn_id))
     > (SELECT context_from FROM conversation WHERE id = :conversation)
   ORDER BY id DESC LIMIT {MAX_HISTORY})
) h ORDER BY chatwoot_id
""")


@dataclass(frozen=True, slots=True)
class Facts:
    """What deciding needs beside the messages. rule: why messages of this turn are never answered, if all are such; wording:
    what the customer wrote, as one word (WORDING); has_acted: HAS_ACTED."""

    oldest_at: datetime | None
    rule: str | None
    recent_answers: int
    is_unreadable_known: bool = False
    wording: str | None = None
    has_acted: bool = False


Assembled = tuple[TurnInput, Facts, str]


def _span(turn: OpenTurn) -> dict[str, int]:
    return {"conversation": turn.lease.conversation_id, "from_seq": turn.from_seq, "to_seq": turn.to_seq}


def read_facts(connection: Connection, turn: OpenTurn) -> Facts:
    return Facts(**(run(connection, COUNTS, _span(turn)).fetchone() or {}))


def check_wording(connection: Connection, turn: OpenTurn, facts: Facts) -> None:
    """Raises Interrupted where the customer changed or deleted a message while its reply was made: it is made anew, but where a
    flow has done something by what was written. Holds the conversation's row for this transaction, so that nothing changes
    before the turn is frozen in it."""
    with fenced(connection, turn.lease):
        found = run(connection, SAME_WORDING, _span(turn))
    now = found.fetchone() or {}
    if now.get("wording") != facts.wording and not now.get("has_acted"):
        raise Interrupted("a message was changed meanwhile")


def assemble(connection: Connection, turn: OpenTurn) -> Assembled:
    """The turn's frozen input, and by what its language was decided."""
    values = _span(turn)
    with together(connection):
        asked = [run(connection, statement, values) for statement in (MESSAGES, COUNTS, HISTORY)]
    messages = tuple(_read_message(row) for row in asked[0])
    facts = Facts(**(asked[1].fetchone() or {}))
    history = tuple(line for row in asked[2] if (line := _read_line(row)) is not None)
    content = select_spoken(load_content(connection, turn.release_id))
    row = turn.row
    language, by = _decide_language(row, content, messages)
    return (
        TurnInput(
            messages=messages,
            content=content,
            language=language,
            now=row["now"],
            history=history,
            contact=ContactView(row["contact_name"] or "", row["email"] or "", row["phone"] or ""),
            inbox=InboxView(row["inbox_chatwoot_id"], row["inbox_name"], row["channel"], row["tone"]),
            turn_id=turn.id,
            conversation_id=turn.lease.conversation_id,
            answered_seq=turn.from_seq,
            is_first=not any(line.who == "assistant" for line in history),
            llm_allowed=turn.lease.crashes < queue.HAND_OFF_CRASHES and turn.mode != "canary",
            flow_run=row["flow_run"],
            may_act=turn.mode == "live",
            epoch=turn.lease.epoch,
            assistant=row["assistant"],
            source_id=row["source_id"],
        ),
        facts,
        by,
    )


def with_messages(turn: OpenTurn, given: TurnInput, messages: tuple[CustomerMessage, ...]) -> tuple[TurnInput, str]:
    """The input after its attachments were read: what was spoken has a language too. And by what that was decided."""
    language, by = _decide_language(turn.row, given.content, messages)
    return replace(given, messages=messages, language=language), by


def _decide_language(row: Row, content: Content, messages: tuple[CustomerMessage, ...]) -> tuple[Language, str]:
    inbox = row["inbox_chatwoot_id"]
    persona = content.pick_assistant(row["assistant"], inbox)
    written = "\n".join(m.text for m in messages)
    default = persona.default_language if persona else "es"
    return decide_language(written, row["language"], row["contact_language"], content.list_languages(inbox), default)


def read_attachments(stored: Iterable[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    """As the column has them; what a later release wrote beside is left alone."""
    return tuple(Attachment(**{name: a[name] for name in a if name in ATTACHMENT}) for a in stored)


def join_spoken(text: str, attachments: Iterable[Attachment]) -> str:
    """What a customer wrote and said, as one text."""
    return "\n".join(t for t in (text, *(a.transcript for a in attachments)) if t.strip())


def _read_line(row: Row) -> HistoryLine | None:
    attachments = read_attachments(row["attachments"])
    line = HistoryLine(
        row["who"], join_spoken(row["text"], attachments), "\n".join(a.description for a in attachments if a.description)
    )
    return line if line.text or line.seen else None


def _read_message(row: Row) -> CustomerMessage:
    attachments = read_attachments(row["attachments"])
    return CustomerMessage(
        seq=row["seq"],
        chatwoot_id=row["chatwoot_id"],
        text=join_spoken(row["text"], attachments),
        kind=row["kind"],
        attachments=attachments,
        is_unsupported=row["is_unsupported"],
    )
