"""How the installation is doing, as rows for the panel's Health: the queue, what is stuck, sends, dead letters, versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sqlalchemy import Connection, Row, text

from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.checks.database import count_workers
from chatbot.migrations import find_head

SHOWN = 50

QUEUE = text("""
SELECT count(*) AS waiting, min(m.arrived_at) AS oldest_at, count(*) FILTER (WHERE c.lease_until > now()) AS under_way,
  (SELECT max(finished_at) FROM turn) AS answered_at,
  (SELECT count(*) FROM webhook WHERE error IS NOT NULL) AS dead
FROM conversation c CROSS JOIN LATERAL (
  SELECT arrived_at FROM message WHERE conversation_id = c.id AND seq > c.answered_seq ORDER BY seq LIMIT 1) m
WHERE c.in_seq > c.answered_seq AND c.chatwoot_id < :canary
""")

# put back after a failure, or broken; one that is being answered for the first time has crashes 1 for as long
STUCK = text("""
SELECT c.id, c.chatwoot_id, p.name, i.name AS inbox, c.tries, c.crashes, c.lease_until > now() AS is_under_way,
  least(c.answer_due_at, c.wake_at) AS next_at,
  coalesce((SELECT min(arrived_at) FROM message WHERE conversation_id = c.id AND seq > c.answered_seq), t.started_at) AS since,
  coalesce((
    SELECT error FROM part WHERE turn_id = t.id AND error IS NOT NULL ORDER BY id DESC LIMIT 1), (
    SELECT error FROM action WHERE turn_id = t.id AND error IS NOT NULL ORDER BY id DESC LIMIT 1)) AS problem
FROM (SELECT id FROM conversation WHERE in_seq > answered_seq
      UNION SELECT conversation_id FROM turn WHERE finished_at IS NULL) o
JOIN conversation c ON c.id = o.id JOIN inbox i ON i.id = c.inbox_id LEFT JOIN contact p ON p.id = c.contact_id
LEFT JOIN turn t ON t.conversation_id = c.id AND t.finished_at IS NULL
WHERE c.tries > 0 OR c.crashes > 1 OR (c.crashes > 0 AND (c.lease_until IS NULL OR c.lease_until < now()))
ORDER BY 9, c.id LIMIT :limit
""")

_PART = """
SELECT part.id, part.conversation_id, part.state, part.text, part.is_note, part.error, part.attempts, part.unknown_since,
  c.chatwoot_id, p.name, t.finished_at FROM part JOIN turn t ON t.id = part.turn_id
JOIN conversation c ON c.id = part.conversation_id LEFT JOIN contact p ON p.id = c.contact_id
"""
DOUBTFUL = text(f"""
{_PART} WHERE t.finished_at IS NULL AND (part.state = 'unknown' OR part.state = 'sending' AND part.deadline_at < now())
ORDER BY part.id DESC LIMIT :limit
""")
TROUBLED = text(f"""
{_PART} WHERE part.state IN ('failed', 'held') AND coalesce(t.finished_at, now()) > now() - interval '30 days'
  AND part.turn_id >= coalesce(  -- there is no index of states: as numbers.ATTENTION
    (SELECT id FROM turn WHERE finished_at > now() - interval '30 days' ORDER BY finished_at LIMIT 1), 0)
ORDER BY part.id DESC LIMIT :limit
""")
HELD = text("""
SELECT part.id, c.chatwoot_id, c.id AS conversation_id
FROM part JOIN turn t ON t.id = part.turn_id JOIN conversation c ON c.id = part.conversation_id
WHERE part.id = :id AND part.state = 'held' AND t.finished_at IS NOT NULL
""")
# its turn has ended, so that no worker writes it any more: it is never sent again
SETTLE_HELD = text("""
UPDATE part SET state = CAST(:state AS text),
  sent_at = CASE WHEN CAST(:state AS text) = 'sent' THEN coalesce(unknown_since, now()) ELSE sent_at END
WHERE id = :id AND state = 'held' RETURNING id
""")

DEAD = text("""
SELECT w.id, w.received_at, w.event, w.error, w.conversation_chatwoot_id, c.id AS conversation_id
FROM webhook w LEFT JOIN conversation c ON c.chatwoot_id = w.conversation_chatwoot_id
WHERE w.error IS NOT NULL ORDER BY w.received_at DESC LIMIT :limit
""")
FAULTS = text("""
SELECT id, at, number, place, error, code, conversation_id FROM fault WHERE CAST(:number AS text) IN ('', number)
ORDER BY id DESC LIMIT :limit
""")
SERVER = text("""
SELECT current_setting('server_version') AS postgresql, (SELECT version_num FROM alembic_version) AS migration,
  (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector
""")


@dataclass(frozen=True, slots=True)
class Queue:
    """under_way: of those who wait, how many are being answered right now; dead: webhooks of this week that can't be read."""

    waiting: int
    oldest_at: datetime | None
    under_way: int
    answered_at: datetime | None
    dead: int
    workers: int


def read_queue(connection: Connection) -> Queue:
    row = connection.execute(QUEUE, {"canary": CANARY_IDS}).one()
    return Queue(row.waiting, row.oldest_at, row.under_way, row.answered_at, row.dead, count_workers(connection))


def list_stuck(connection: Connection, limit: int = SHOWN) -> Sequence[Row[Any]]:
    return connection.execute(STUCK, {"limit": limit}).all()


def list_doubtful(connection: Connection) -> Sequence[Row[Any]]:
    """Messages of which it is being found out whether Chatwoot has them."""
    return connection.execute(DOUBTFUL, {"limit": SHOWN}).all()


def list_troubled(connection: Connection) -> Sequence[Row[Any]]:
    """Messages that the channel didn't deliver, or that nobody knows of whether they arrived."""
    return connection.execute(TROUBLED, {"limit": SHOWN}).all()


def find_held(connection: Connection, part_id: int) -> Row[Any] | None:
    return connection.execute(HELD, {"id": part_id}).first()


def settle_held(connection: Connection, part_id: int, *, has_arrived: bool) -> bool:
    """Writes what a later look found out. False where somebody else has written it."""
    values = {"id": part_id, "state": "sent" if has_arrived else "dropped"}
    return connection.execute(SETTLE_HELD, values).first() is not None


def list_dead_letters(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(DEAD, {"limit": SHOWN}).all()


def list_faults(connection: Connection, number: str = "") -> Sequence[Row[Any]]:
    return connection.execute(FAULTS, {"limit": SHOWN, "number": number}).all()


def read_versions(connection: Connection) -> dict[str, str]:
    server = connection.execute(SERVER).one()
    found = {
        "Mostrador": find_version(),
        "Python": platform.python_version(),
        "PostgreSQL": server.postgresql.split()[0],
        "pgvector": server.pgvector or "",
        "migration": server.migration if server.migration == find_head() else f"{server.migration} ({find_head()})",
        "system": find_system(),
    }
    return {name: value for name, value in found.items() if value}


def find_version() -> str:
    try:
        return version("mostrador")
    except PackageNotFoundError:
        return "source"


def find_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.system()
