"""A database that was restored from a backup is noticed at the start: it gets a new installation id and starts paused.

It speaks again once it has read what happened since (reconcile.py), or when its owner says so.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from chatbot.crash_points import is_protected
from chatbot.db import fetch_value, run, sql

log = structlog.get_logger()

# which server, which of its databases, which making of its tables, and which branch of its history
FINGERPRINT = sql("""
SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||
  'instance'::regclass::oid || '/' ||
  (SELECT timeline_id FROM pg_control_checkpoint())
FROM pg_control_system()
""")

NOTICE = sql("""
UPDATE instance SET fingerprint = :fingerprint, installation_id = gen_random_uuid(), restored_at = now(), held_at = now()
""")

# A snapshot of the whole machine looks like the same database. A gap in its readings shows it, and costs one reading.
HOLD_AFTER_GAP = sql("""
UPDATE instance SET held_at = now() WHERE reconciled_at < now() - interval '5 minutes' AND held_at IS NULL
""")

# A restored one waits for its reading or its owner, however long; a mere gap, which may have other reasons, five minutes.
HELD = sql("""
SELECT held_at IS NOT NULL AND (held_at = restored_at OR held_at > now() - interval '5 minutes') IS TRUE FROM instance
""")

# What was frozen or on its way at the backup may have been sent since: nothing of it goes out unproved.
DOUBT_PARTS = sql("""
UPDATE part p SET state = 'unknown', unknown_since = now(), deadline_at = now(),
  last_id_before = greatest(p.last_id_before, t.newest_chatwoot_id)
FROM turn t WHERE p.state IN ('frozen', 'sending') AND t.id = p.turn_id AND t.finished_at IS NULL
""")


def notice_restore(connection: Connection, *, is_start: bool = True) -> bool:
    """Compares this database with the one that last started. True where it is another one, or old at a start."""
    run(connection, sql("SELECT 1 FROM instance FOR UPDATE"))
    now, before = (
        fetch_value(connection, FINGERPRINT),
        fetch_value(connection, sql("SELECT fingerprint FROM instance")),
    )
    if before is None:
        run(connection, sql("UPDATE instance SET fingerprint = :now"), {"now": now})
    if not is_protected("restore_notice"):
        return False
    if before not in {None, now}:
        run(connection, NOTICE, {"fingerprint": now})
    elif not is_start or not run(connection, HOLD_AFTER_GAP).rowcount:
        return False
    run(connection, DOUBT_PARTS)
    log.warning("database_restored_or_old", note="nothing is said until what happened since was read from Chatwoot")
    return True


def is_held(connection: Connection) -> bool:
    """Whether nothing may be claimed at all because a restored database hasn't read what happened since."""
    return bool(fetch_value(connection, HELD))


def release_gap(connection: Connection) -> None:
    """Chatwoot was reached, or will not be: a hold for a mere gap in its readings ends."""
    run(connection, sql("UPDATE instance SET held_at = NULL WHERE held_at IS DISTINCT FROM restored_at"))


def release_hold(connection: Connection) -> None:
    run(connection, sql("UPDATE instance SET held_at = NULL"))
