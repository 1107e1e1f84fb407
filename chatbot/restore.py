"""A database that was restored from a backup is noticed at the start: it gets a new installation id and starts paused.

It speaks again once it has read what happened since (reconcile.py), or when its owner says so.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, text

from chatbot.crash_points import is_protected

log = structlog.get_logger()

# which server, which of its databases, which making of its tables, and which branch of its history
FINGERPRINT = text("""
SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||
  'instance'::regclass::oid || '/' ||
  (SELECT timeline_id FROM pg_control_checkpoint())
FROM pg_control_system()
""")

NOTICE = text("""
UPDATE instance SET fingerprint = :fingerprint, installation_id = gen_random_uuid(), restored_at = now(), held_at = now()
""")

# A snapshot of the whole machine looks like the same database. A gap in its readings shows it, and costs one reading.
HOLD_AFTER_GAP = text("""
UPDATE instance SET held_at = now(), installation_id = gen_random_uuid()
WHERE reconciled_at < now() - interval '5 minutes' AND held_at IS NULL
""")

# What was frozen or on its way at the backup may have been sent since: nothing of it goes out unproved.
DOUBT_PARTS = text("""
UPDATE part SET state = 'unknown', unknown_since = now(), deadline_at = now()
WHERE state IN ('frozen', 'sending') AND turn_id IN (SELECT id FROM turn WHERE finished_at IS NULL)
""")


def notice_restore(connection: Connection) -> bool:
    """Compares this database with the one that last started; True where it is another one (a restored one)."""
    connection.execute(text("SELECT 1 FROM instance FOR UPDATE"))
    now, before = (
        connection.execute(FINGERPRINT).scalar_one(),
        connection.execute(text("SELECT fingerprint FROM instance")).scalar(),
    )
    if before is None:
        connection.execute(text("UPDATE instance SET fingerprint = :now"), {"now": now})
    if not is_protected("restore_notice"):
        return False
    if before not in {None, now}:
        connection.execute(NOTICE, {"fingerprint": now})
    elif not connection.execute(HOLD_AFTER_GAP).rowcount:
        return False
    connection.execute(DOUBT_PARTS)
    log.warning("database_restored_or_old", note="nothing is said until what happened since was read from Chatwoot")
    return True


def is_held(connection: Connection) -> bool:
    """Whether nothing may be claimed at all because a restored database hasn't read what happened since."""
    return bool(connection.execute(text("SELECT held_at IS NOT NULL FROM instance")).scalar())


def release_hold(connection: Connection) -> None:
    connection.execute(text("UPDATE instance SET held_at = NULL"))
