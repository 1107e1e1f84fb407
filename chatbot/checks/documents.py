"""Checks of what documents are read by: whether the indexer comes round, and what it couldn't read."""

from __future__ import annotations

from sqlalchemy import text

from chatbot.checks import Finding, Surroundings, fail, ok, warn

LATE_MINUTES = 30
PAGES = text(f"""
SELECT count(*) AS all_pages, count(*) FILTER (WHERE state = 'failed') AS failed,
  count(*) FILTER (WHERE due_at < now() - interval '{LATE_MINUTES} minutes') AS late,
  max(now() - due_at) AS longest, max(checked_at) > now() - interval '{LATE_MINUTES} minutes' AS is_at_it
FROM page WHERE state <> 'gone'
""")


def check_documents(at: Surroundings) -> Finding | None:
    """Absent where there are no documents. A long queue that is being worked off is no fault."""
    with at.engine.connect() as connection:
        row = connection.execute(PAGES).one()
    if not row.all_pages:
        return None
    if row.late and not row.is_at_it:
        return fail("late", count=row.late, minutes=int(row.longest.total_seconds() // 60))
    if row.failed:
        return warn("failed", count=row.failed, pages=row.all_pages)
    return ok(count=row.all_pages)
