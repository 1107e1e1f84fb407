"""The page's row is the queue of its reading: claim with a lease, settle, fail. The database's clock rules, as in queue.py.

A lease is known by its very end (lease_until): whoever lost it can't write any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from chatbot.db import fetch_value, run, sql

# longer than the longest reading of a page; a run that begins frees what a dead one held, so nobody waits for its end
LEASE_S = 1_800.0
# the advisory lock that is a run of the indexer: one at a time, as long as its connection lives
ALONE = 7_016_996_014
SUSPECT_TRIES = 3
MAX_PAUSE_S = 86_400.0

CLAIM = sql("""
WITH due AS (
  SELECT id, state FROM page WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now())
  ORDER BY due_at, id FOR UPDATE SKIP LOCKED LIMIT 1)
UPDATE page p SET state = 'reading', tries = p.tries + 1, lease_until = now() + make_interval(secs => :lease_s)
  FROM due WHERE p.id = due.id
RETURNING p.id, p.entry_id, p.address, p.depth, p.problem, p.problem_facts, p.copy_id, p.etag, p.last_modified, p.body_hash,
  p.tries, p.due_at, p.lease_until, p.checked_at, p.changed_at, p.created_at, due.state
""")
# what broke several runs in a row waits longer from one to the next, so that the others have their turn
FREE = sql(f"""
UPDATE page SET lease_until = NULL, due_at = CASE WHEN tries < {SUSPECT_TRIES} THEN due_at
  ELSE greatest(due_at, now() + make_interval(secs => least(60 * 2 ^ least(tries, 20), {MAX_PAUSE_S}))) END
WHERE lease_until IS NOT NULL
""")
# a document that was saved while it was read is due again, as it was rung
NEXT_DUE = """
  CASE WHEN due_at IS DISTINCT FROM :due_at THEN due_at
       WHEN cast(:next_s AS float) IS NOT NULL THEN now() + make_interval(secs => :next_s) END
"""
SETTLE = sql(f"""
UPDATE page SET state = 'ready', problem = '', problem_facts = '{{}}', tries = 0, lease_until = NULL, checked_at = now(),
  etag = :etag, last_modified = :last_modified, body_hash = :body_hash, due_at = {NEXT_DUE},
  changed_at = CASE WHEN copy_id IS DISTINCT FROM :copy_id THEN now() ELSE changed_at END, copy_id = :copy_id
WHERE id = :id AND lease_until = :lease_until RETURNING id
""")
FAIL = sql(f"""
UPDATE page SET state = 'failed', problem = :problem, problem_facts = cast(:facts AS jsonb), lease_until = NULL,
  checked_at = now(), due_at = {NEXT_DUE}
WHERE id = :id AND lease_until = :lease_until RETURNING id
""")
LEAVE = sql("""
UPDATE page SET state = :state, lease_until = NULL, tries = greatest(tries - 1, 0), due_at = CASE WHEN :is_due THEN due_at END
WHERE id = :id AND lease_until = :lease_until RETURNING id
""")
GONE = sql(f"""
UPDATE page SET state = 'gone', problem = :problem, copy_id = NULL, lease_until = NULL, checked_at = now(),
  due_at = {NEXT_DUE}
WHERE id = :id AND lease_until = :lease_until RETURNING id
""")
HOLD = sql("SELECT id FROM page WHERE id = :id AND lease_until = :lease_until FOR UPDATE")
IS_WANTED = sql(f"""
SELECT (EXISTS (SELECT FROM page WHERE due_at <= now()) OR EXISTS (SELECT FROM drafting WHERE state IN ('waiting', 'working')))
  AND NOT EXISTS (
  SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND (classid::bigint << 32) | objid::bigint = {ALONE}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
""")


@dataclass(frozen=True, slots=True)
class ClaimedPage:
    """A Page's columns as they were before the claim; tries counts this one."""

    id: int
    entry_id: int
    address: str
    depth: int
    state: str
    problem: str
    problem_facts: Any
    copy_id: int | None
    etag: str
    last_modified: str
    body_hash: str
    tries: int
    due_at: datetime
    lease_until: datetime
    checked_at: datetime | None
    changed_at: datetime | None
    created_at: datetime

    def values(self) -> dict[str, Any]:
        return {"id": self.id, "lease_until": self.lease_until, "due_at": self.due_at}


def claim(connection: Connection) -> ClaimedPage | None:
    """The page that has been due longest."""
    row = run(connection, CLAIM, {"lease_s": LEASE_S}).fetchone()
    return ClaimedPage(**row) if row else None


def free(connection: Connection) -> None:
    """Takes back what a run that died held. Only for whoever holds ALONE."""
    run(connection, FREE)


def hold(connection: Connection, page: ClaimedPage) -> bool:
    """Until the transaction ends nobody else writes for the page. False where the lease was lost."""
    return run(connection, HOLD, page.values()).fetchone() is not None


def settle(connection: Connection, page: ClaimedPage, copy_id: int | None, marks: dict[str, str], next_s: float | None) -> bool:
    """Read well: copy_id answers from now on. marks: etag, last_modified, body_hash. next_s: None is never again."""
    values = {**page.values(), **marks, "copy_id": copy_id, "next_s": next_s}
    return run(connection, SETTLE, values).fetchone() is not None


def fail(connection: Connection, page: ClaimedPage, problem: str, facts: dict[str, Any], next_s: float | None) -> None:
    """Not read: the copy before it goes on answering."""
    values = {**page.values(), "problem": problem, "facts": json.dumps(facts, default=str), "next_s": next_s}
    run(connection, FAIL, values)


def leave(connection: Connection, page: ClaimedPage, *, is_due: bool) -> None:
    """As it was before the claim; is_due: False where nobody wants it any more."""
    run(connection, LEAVE, {**page.values(), "state": page.state if page.state != "reading" else "waiting", "is_due": is_due})


def let_go(connection: Connection, page: ClaimedPage, problem: str) -> None:
    """There is no such page any more, and what was read of it answers no more."""
    run(connection, GONE, {**page.values(), "problem": problem, "next_s": None})


def is_wanted(connection: Connection) -> bool:
    """Whether something is due and nobody reads."""
    return bool(fetch_value(connection, IS_WANTED))
