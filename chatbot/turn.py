"""A turn at its beginning: opened for a claimed conversation, or resumed, and assembled into its frozen input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Connection

from chatbot import queue
from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.content import load_content, select_spoken
from chatbot.crash_points import is_protected
from chatbot.db import Row, fetch_value, run, sql, together
from chatbot.errors import LostLease
from chatbot.language import decide_language
from chatbot.queue import Lease
from chatbot.reply import Attachment, ContactView, CustomerMessage, HistoryLine, InboxView, TurnInput
from chatbot.settings import Settings

MAX_MESSAGES = 30
MAX_HISTORY = 30
LOOP_MINUTES = 10


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
    def conversation(self) -> int:
        """Chatwoot's id of the conversation."""
        return int(self.row["chatwoot_id"])


LOAD = sql("""
-- columns by name: a migration that adds one while a release runs must not change what a prepared statement returns
SELECT c.chatwoot_id, c.in_seq, c.answered_seq, c.human_seq, c.spoken_seq, c.status, c.owner, c.owner_reason,
  c.has_bot, c.language,
  i.chatwoot_id AS inbox_chatwoot_id, i.is_foreign, i.name AS inbox_name, i.channel, i.tone, coalesce(i.mode, :mode) AS mode,
  p.name AS contact_name, p.email, p.phone, p.language AS contact_language,
  n.live_release_id, n.muted_reason, n.paused_at IS NOT NULL AND coalesce(n.paused_until > now(), true) AS is_paused,
  now() AS now,
  set_config('synchronous_commit', 'off', true) -- nothing of this transaction has left yet: a crash may take it back
FROM conversation c JOIN inbox i ON i.id = c.inbox_id LEFT JOIN contact p ON p.id = c.contact_id, instance n
WHERE c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced)
FOR UPDATE OF c
""")

UNFINISHED = sql("""
SELECT id, state, from_seq, to_seq, newest_chatwoot_id, mode, release_id, wake, handoff_reason, rule, human_seq,
  spoken_seq, suffix
FROM turn WHERE conversation_id = :conversation AND finished_at IS NULL
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
UPDATE turn SET state = 'answering', frozen_at = NULL, rule = NULL, handoff_reason = NULL WHERE id = :turn
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
    is_wake = wake is not None
    span = {"from_seq": row["answered_seq"], "to_seq": row["answered_seq"] if is_wake else row["in_seq"]}
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

COUNTS = sql(f"""
SELECT (SELECT min(coalesce(sent_at, arrived_at)) FROM message
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
SELECT who, text FROM (
  (SELECT chatwoot_id, CASE author WHEN 'customer' THEN 'customer' ELSE 'agent' END AS who, text FROM message
   WHERE conversation_id = :conversation AND (seq IS NULL AND author = 'agent' OR seq <= :from_seq) AND text <> ''
   ORDER BY chatwoot_id DESC LIMIT {MAX_HISTORY})
  UNION ALL
  (SELECT chatwoot_id, 'assistant', text FROM part
   WHERE conversation_id = :conversation AND state = 'sent' AND NOT is_note
   ORDER BY id DESC LIMIT {MAX_HISTORY})
) h ORDER BY chatwoot_id
""")


@dataclass(frozen=True, slots=True)
class Facts:
    """What deciding needs beside the messages. rule: why messages of this turn are never answered, if all are such."""

    oldest_at: datetime | None
    rule: str | None
    recent_answers: int
    is_unreadable_known: bool = False


Assembled = tuple[TurnInput, Facts, str]


def _span(turn: OpenTurn) -> dict[str, int]:
    return {"conversation": turn.lease.conversation_id, "from_seq": turn.from_seq, "to_seq": turn.to_seq}


def read_facts(connection: Connection, turn: OpenTurn) -> Facts:
    return Facts(**(run(connection, COUNTS, _span(turn)).fetchone() or {}))


def assemble(connection: Connection, turn: OpenTurn) -> Assembled:
    """The turn's frozen input, and by what its language was decided."""
    values = _span(turn)
    with together(connection):
        asked = [run(connection, statement, values) for statement in (MESSAGES, COUNTS, HISTORY)]
    messages = tuple(_read_message(row) for row in asked[0])
    facts = Facts(**(asked[1].fetchone() or {}))
    history = tuple(HistoryLine(row["who"], row["text"]) for row in asked[2])
    content = select_spoken(load_content(connection, turn.release_id))
    row, persona = turn.row, content.persona
    allowed = persona.languages if persona else ("es", "en")
    written = "\n".join(m.text for m in messages)
    default = persona.default_language if persona else "es"
    language, by = decide_language(written, row["language"], row["contact_language"], allowed, default)
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
        ),
        facts,
        by,
    )


def _read_message(row: Row) -> CustomerMessage:
    attachments = tuple(Attachment(**a) for a in row["attachments"])
    spoken = "\n".join(a.transcript for a in attachments if a.transcript)
    return CustomerMessage(
        seq=row["seq"],
        chatwoot_id=row["chatwoot_id"],
        text="\n".join(t for t in (row["text"], spoken) if t.strip()),
        kind=row["kind"],
        attachments=attachments,
        is_unsupported=row["is_unsupported"],
    )
