"""A turn at its beginning: opened for a claimed conversation, or resumed, and assembled into its frozen input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from chatbot import queue
from chatbot.content import load_content
from chatbot.crash_points import is_protected
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

    is_frozen: its parts and actions exist, nothing is generated again; mode: live, suggest, watch, off, paused or mute.
    """

    id: int
    lease: Lease
    row: RowMapping
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

    suffix: str = ""

    @property
    def conversation(self) -> int:
        """Chatwoot's id of the conversation."""
        return int(self.row["chatwoot_id"])


LOAD = text("""
SELECT c.*, i.chatwoot_id AS inbox_chatwoot_id, i.is_foreign, i.name AS inbox_name, i.channel, coalesce(i.mode, :mode) AS mode,
  p.name AS contact_name, p.email, p.phone, p.language AS contact_language,
  n.live_release_id, n.muted_reason, n.paused_at IS NOT NULL AND coalesce(n.paused_until > now(), true) AS is_paused,
  now() AS now,
  set_config('synchronous_commit', 'off', true) -- nothing of this transaction has left yet: a crash may take it back
FROM conversation c JOIN inbox i ON i.id = c.inbox_id LEFT JOIN contact p ON p.id = c.contact_id, instance n
WHERE c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced)
FOR UPDATE OF c
""")

UNFINISHED = text("SELECT * FROM turn WHERE conversation_id = :conversation AND finished_at IS NULL")

OPEN = text("""
INSERT INTO turn (conversation_id, release_id, epoch, from_seq, to_seq, newest_chatwoot_id, mode, wake, human_seq, spoken_seq)
VALUES (:conversation, :release_id, :epoch, :from_seq, :to_seq, :newest, :mode, :wake, :human_seq, :spoken_seq)
ON CONFLICT (conversation_id) WHERE finished_at IS NULL DO UPDATE
SET release_id = excluded.release_id, epoch = excluded.epoch, from_seq = excluded.from_seq, to_seq = excluded.to_seq,
  newest_chatwoot_id = excluded.newest_chatwoot_id, mode = excluded.mode, wake = excluded.wake, human_seq = excluded.human_seq,
  spoken_seq = excluded.spoken_seq, started_at = now()
RETURNING id
""")

NEWEST_INPUT = text("""
SELECT coalesce(max(chatwoot_id) FILTER (WHERE seq > :from_seq AND seq <= :to_seq), max(chatwoot_id), 0)
FROM message WHERE conversation_id = :conversation AND seq IS NOT NULL
""")

# Nothing of it can have reached Chatwoot, and it was frozen in another mode or for a message that is stale by now.
OUTLIVED = text("""
SELECT NOT EXISTS (SELECT FROM part WHERE turn_id = t.id AND (attempts > 0 OR state NOT IN ('frozen', 'dropped')))
  AND NOT EXISTS (SELECT FROM action WHERE turn_id = t.id AND state NOT IN ('frozen', 'dropped'))
  AND (t.mode <> :mode OR t.mode = 'live' AND t.handoff_reason IS DISTINCT FROM 'stale' AND EXISTS (
    SELECT FROM message WHERE conversation_id = t.conversation_id AND seq > t.from_seq AND seq <= t.to_seq
    AND ignore_rule IS NULL AND coalesce(sent_at, arrived_at) < now() - make_interval(secs => :fresh_s)))
FROM turn t WHERE id = :turn
""")


UNFREEZE = text("""
WITH p AS (DELETE FROM part WHERE turn_id = :turn), a AS (DELETE FROM action WHERE turn_id = :turn)
UPDATE turn SET state = 'answering', frozen_at = NULL, rule = NULL, handoff_reason = NULL WHERE id = :turn
""")


FENCE = text("SELECT 1 FROM conversation WHERE id = :id AND (epoch = :epoch OR NOT :fenced) FOR UPDATE")


def fence(connection: Connection, lease: Lease) -> None:
    """Locks the conversation's row for this transaction. Raises LostLease where another worker has claimed it since."""
    values = {"id": lease.conversation_id, "epoch": lease.epoch, "fenced": is_protected("epoch")}
    if connection.execute(FENCE, values).first() is None:
        raise LostLease(f"conversation {lease.conversation_id} at epoch {lease.epoch}")


def open_turn(connection: Connection, lease: Lease, settings: Settings) -> OpenTurn:
    """The unfinished turn that a crash left, or a new one up to the newest message."""
    values = {
        "conversation": lease.conversation_id,
        "epoch": lease.epoch,
        "mode": settings.mode,
        "fenced": is_protected("epoch"),
    }
    row = connection.execute(LOAD, values).mappings().first()
    if row is None:
        raise LostLease(f"conversation {lease.conversation_id} at epoch {lease.epoch}")
    mode = "mute" if row["muted_reason"] else "paused" if row["is_paused"] else row["mode"]
    left = connection.execute(UNFINISHED, values).mappings().first()
    if left is not None and left["state"] == "frozen":
        outlived = {"turn": left["id"], "mode": mode, "fresh_s": settings.fresh_s}
        if not connection.execute(OUTLIVED, outlived).scalar():
            return _resume(lease, row, left, mode)
        connection.execute(UNFREEZE, outlived)
    wake = lease.wake_reason if left is None else left["wake"]
    is_wake = wake is not None
    span = {"from_seq": row["answered_seq"], "to_seq": row["answered_seq"] if is_wake else row["in_seq"]}
    newest = connection.execute(NEWEST_INPUT, values | span).scalar_one()
    turn = OpenTurn(
        id=0,
        lease=lease,
        row=row,
        **span,
        newest_chatwoot_id=newest,
        mode=mode,
        release_id=row["live_release_id"],
        wake=wake,
        human_seq=row["human_seq"],
        spoken_seq=row["spoken_seq"],
    )
    names = ("release_id", "from_seq", "to_seq", "mode", "wake", "human_seq", "spoken_seq")
    values |= {n: getattr(turn, n) for n in names} | {"newest": newest}
    return replace(turn, id=connection.execute(OPEN, values).scalar_one())


def _resume(lease: Lease, row: RowMapping, left: RowMapping, mode: str) -> OpenTurn:
    """A frozen turn goes on as it was, whatever it was claimed for; only another installation's bot stops it."""
    names = [n for n in OpenTurn.__dataclass_fields__ if n in left and n not in {"id", "lease", "row", "mode"}]
    mode = "mute" if mode == "mute" else left["mode"]
    return OpenTurn(id=left["id"], lease=lease, row=row, is_frozen=True, mode=mode, **{n: left[n] for n in names})


MESSAGES = text(f"""
SELECT * FROM (
  SELECT seq, chatwoot_id, text, kind, attachments, is_unsupported, sent_at, arrived_at, ignore_rule FROM message
  WHERE conversation_id = :conversation AND seq > :from_seq AND seq <= :to_seq AND ignore_rule IS NULL
  ORDER BY seq DESC LIMIT {MAX_MESSAGES}) m
ORDER BY chatwoot_id, seq
""")

COUNTS = text(f"""
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

HISTORY = text(f"""
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
    return Facts(**connection.execute(COUNTS, _span(turn)).mappings().one())


def assemble(connection: Connection, turn: OpenTurn) -> Assembled:
    """The turn's frozen input, and by what its language was decided."""
    values = _span(turn)
    messages = tuple(_read_message(r) for r in connection.execute(MESSAGES, values))
    facts = read_facts(connection, turn)
    history = tuple(HistoryLine(r.who, r.text) for r in connection.execute(HISTORY, values))
    content = load_content(connection, turn.release_id)
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
            inbox=InboxView(row["inbox_chatwoot_id"], row["inbox_name"], row["channel"]),
            turn_id=turn.id,
            conversation_id=turn.lease.conversation_id,
            answered_seq=turn.from_seq,
            is_first=not any(line.who == "assistant" for line in history),
            llm_allowed=turn.lease.crashes < queue.HAND_OFF_CRASHES,
        ),
        facts,
        by,
    )


def _read_message(row: Any) -> CustomerMessage:
    attachments = tuple(Attachment(**a) for a in row.attachments)
    spoken = "\n".join(a.transcript for a in attachments if a.transcript)
    return CustomerMessage(
        seq=row.seq,
        chatwoot_id=row.chatwoot_id,
        text="\n".join(t for t in (row.text, spoken) if t.strip()),
        kind=row.kind,
        attachments=attachments,
        is_unsupported=row.is_unsupported,
    )
