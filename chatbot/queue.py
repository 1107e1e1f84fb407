"""The conversation row is the queue: claim with a lease, renew, settle, put back, sweep. The database's clock rules.

Every claim raises the row's epoch; what a former holder writes later is refused by it (a fence). See docs/delivery.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from chatbot.crash_points import is_protected
from chatbot.db import fetch_value, run, sql
from chatbot.settings import Settings
from chatbot.timers import fire_due

LIFE_CLASS = 0x4D4F5354  # first key of the advisory lock that is a worker's life; the second is the worker's number
SUSPECT_CRASHES = 2
HAND_OFF_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed conversation. crashes: claims before this one that broke; tries: put-backs in a row."""

    conversation_id: int
    worker: int
    epoch: int
    crashes: int
    tries: int = 0
    wake_reason: str | None = None


def _claim_by(column: str) -> str:
    return f"""
    WITH due AS (
      SELECT id FROM conversation
      WHERE {column} <= now() AND (lease_until IS NULL OR lease_until < now())
        AND (crashes >= {SUSPECT_CRASHES}) = :suspects
      ORDER BY {column} FOR UPDATE SKIP LOCKED LIMIT :limit)
    UPDATE conversation c SET epoch = c.epoch + 1, lease_by = :worker, crashes = c.crashes + 1,
      lease_until = now() + make_interval(secs => :lease_s)
    FROM due WHERE c.id = due.id
    RETURNING c.id, c.epoch, c.crashes - 1 AS crashes, c.tries,
      CASE WHEN c.wake_at <= now() THEN split_part(c.wake_reason, ',', 1) END AS wake_reason
    """


CLAIMS = tuple(sql(_claim_by(column)) for column in ("answer_due_at", "wake_at"))

# from the oldest and the newest arrival above :seq, as in intake
NEXT_DUE = """
  (SELECT CASE
     WHEN count(*) = 0 THEN NULL
     WHEN bool_or(m.kind = 'submitted') THEN now()
     WHEN bool_and(m.ignore_rule IS NOT NULL) THEN now()
     ELSE least(min(m.arrived_at) FILTER (WHERE m.ignore_rule IS NULL) + make_interval(secs => :debounce_max_s),
                max(m.arrived_at) FILTER (WHERE m.ignore_rule IS NULL)
                  + make_interval(secs => coalesce(i.debounce_s, :debounce_s))) END
   FROM message m WHERE m.conversation_id = c.id AND m.seq > :seq)
"""

SETTLE = sql(f"""
UPDATE conversation c SET answered_seq = greatest(answered_seq, :seq), lease_by = NULL, lease_until = NULL, crashes = 0,
  tries = 0, discards = 0, answer_due_at = {NEXT_DUE},
  wake_at = CASE WHEN NOT :is_wake THEN wake_at WHEN wake_reason LIKE '%,%' THEN now() END,
  wake_reason = CASE WHEN :is_wake THEN nullif(regexp_replace(wake_reason, '^[^,]*,?', ''), '') ELSE wake_reason END
FROM inbox i WHERE i.id = c.inbox_id AND c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced)
RETURNING c.id
""")

SETTLE_WITHOUT_RECOUNT = sql("""
UPDATE conversation c SET answered_seq = greatest(answered_seq, :seq), lease_by = NULL, lease_until = NULL, crashes = 0,
  tries = 0, discards = 0, answer_due_at = NULL
WHERE c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced) RETURNING c.id
""")

PUT_BACK = sql("""
UPDATE conversation SET lease_by = NULL, lease_until = NULL, crashes = greatest(crashes - 1, 0), tries = tries + :try,
  answer_due_at = CASE WHEN :is_wake AND answer_due_at IS NULL THEN NULL
                       WHEN :is_wake THEN greatest(answer_due_at, now() + make_interval(secs => :delay_s))
                       ELSE now() + make_interval(secs => :delay_s) END,
  wake_at = CASE WHEN :is_wake THEN now() + make_interval(secs => :delay_s) ELSE wake_at END
WHERE id = :conversation AND (epoch = :epoch OR NOT :fenced) RETURNING id
""")

RELEASE_BROKEN = sql("""
UPDATE conversation SET lease_by = NULL, lease_until = NULL,
  answer_due_at = CASE WHEN :is_wake AND answer_due_at IS NULL THEN NULL
                       WHEN :is_wake THEN greatest(answer_due_at, now() + make_interval(secs => :delay_s))
                       ELSE now() + make_interval(secs => :delay_s) END,
  wake_at = CASE WHEN :is_wake THEN now() + make_interval(secs => :delay_s) ELSE wake_at END
WHERE id = :conversation AND (epoch = :epoch OR NOT :fenced) RETURNING id
""")

DISCARD = sql(f"""
UPDATE conversation c SET lease_by = NULL, lease_until = NULL, crashes = greatest(crashes - 1, 0), discards = discards + 1,
  answer_due_at = {NEXT_DUE}
FROM inbox i WHERE i.id = c.inbox_id AND c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced) RETURNING c.id
""")

RENEW = sql("""
UPDATE conversation SET lease_until = now() + make_interval(secs => :lease_s)
WHERE lease_by = :worker AND id = ANY(:ids) AND lease_until > now()
""")

FREE_DEAD_LEASES = sql(f"""
UPDATE conversation SET lease_by = NULL, lease_until = NULL
WHERE lease_by IS NOT NULL AND NOT EXISTS (
  SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {LIFE_CLASS} AND objid::bigint = lease_by::bigint AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
""")

RING_OWED = sql("""
UPDATE conversation SET answer_due_at = now()
WHERE in_seq > answered_seq AND answer_due_at IS NULL AND lease_by IS NULL
""")

NEXT_TIME = sql("""
SELECT extract(epoch FROM least(
  (SELECT answer_due_at FROM conversation WHERE answer_due_at IS NOT NULL AND (lease_until IS NULL OR lease_until < now())
   AND (crashes < :suspect OR :is_idle) ORDER BY answer_due_at LIMIT 1),
  (SELECT wake_at FROM conversation WHERE wake_at IS NOT NULL AND (lease_until IS NULL OR lease_until < now())
   AND (crashes < :suspect OR :is_idle) ORDER BY wake_at LIMIT 1)) - now())
""")


def claim(connection: Connection, worker: int, settings: Settings, limit: int, *, suspects: bool = False) -> list[Lease]:
    """Up to `limit` due conversations, the longest due first. suspects: those that broke two claims in a row."""
    values = {"worker": worker, "lease_s": settings.lease_s, "suspects": suspects}
    leases: list[Lease] = []
    for statement in CLAIMS:
        if len(leases) < limit:
            rows = run(connection, statement, values | {"limit": limit - len(leases)})
            leases += [Lease(r["id"], worker, r["epoch"], r["crashes"], r["tries"], r["wake_reason"]) for r in rows]
    return leases


def settle(connection: Connection, lease: Lease, seq: int, settings: Settings, *, is_wake: bool = False) -> None:
    """Answered up to `seq`; what came later is due by its own arrivals. Where the lease was lost nothing is written.

    is_wake: what the timer was for is done, and the next thing it is for, if any, is due.
    """
    statement = SETTLE if is_protected("recount") else SETTLE_WITHOUT_RECOUNT
    _write(connection, statement, lease, {"seq": seq, "is_wake": is_wake, **_debounce(settings)})


def put_back(connection: Connection, lease: Lease, delay_s: float, *, is_try: bool = True) -> bool:
    """A temporary failure or a stop: due again after delay_s, and the claim isn't counted as a crash."""
    return _write(connection, PUT_BACK, lease, {"delay_s": delay_s, "try": int(is_try)})


def release_broken(connection: Connection, lease: Lease, delay_s: float) -> bool:
    """After a fault of ours: due again after delay_s, and the claim counts as a crash."""
    return _write(connection, RELEASE_BROKEN, lease, {"delay_s": delay_s})


def discard(connection: Connection, lease: Lease, answered_seq: int, settings: Settings) -> bool:
    """The unsent reply is thrown away because the customer wrote again: due as intake would say."""
    return _write(connection, DISCARD, lease, {"seq": answered_seq, **_debounce(settings)})


def _write(connection: Connection, statement: bytes, lease: Lease, values: dict[str, Any]) -> bool:
    values = {"is_wake": lease.wake_reason is not None, **values}
    values |= {"conversation": lease.conversation_id, "epoch": lease.epoch}
    values["fenced"] = is_protected("epoch")
    return run(connection, statement, values).fetchone() is not None


def _debounce(settings: Settings) -> dict[str, float]:
    return {"debounce_s": settings.debounce_seconds, "debounce_max_s": settings.debounce_max_s}


def renew(connection: Connection, worker: int, conversation_ids: list[int], settings: Settings) -> None:
    run(connection, RENEW, {"worker": worker, "ids": conversation_ids, "lease_s": settings.lease_s})


def sweep(connection: Connection) -> int:
    """Frees the leases of dead workers, rings what is owed but has no due time, fires timers. Returns how many rows it
    touched."""
    freed = run(connection, FREE_DEAD_LEASES).rowcount
    return freed + run(connection, RING_OWED).rowcount + fire_due(connection)


# A put-back waits for its backoff; nothing else is changed, so whatever the turn has to wait for, such as the time of quiet
# before an unknown part may be looked up, it waits for at its next claim.
TRY_NOW = sql("""
UPDATE conversation c SET answer_due_at = CASE WHEN answer_due_at > now() THEN now() ELSE answer_due_at END,
  wake_at = CASE WHEN wake_at > now() AND (in_seq <= answered_seq OR EXISTS (
    SELECT FROM turn WHERE conversation_id = c.id AND finished_at IS NULL AND wake IS NOT NULL)) THEN now() ELSE wake_at END
WHERE id = :conversation AND (lease_until IS NULL OR lease_until < now()) AND (tries > 0 OR crashes > 0) RETURNING id
""")


def try_now(connection: Connection, conversation_id: int) -> bool:
    """What was put back, or broke, is due at once. False where it is being answered right now, or nothing of it failed."""
    if run(connection, TRY_NOW, {"conversation": conversation_id}).fetchone() is None:
        return False
    run(connection, sql("NOTIFY mostrador"))
    return True


OVERDUE_SUSPECT = sql(f"""
SELECT EXISTS (SELECT FROM conversation WHERE crashes >= {SUSPECT_CRASHES} AND (lease_until IS NULL OR lease_until < now())
  AND least(answer_due_at, wake_at) < now() - make_interval(secs => :after_s))
""")


def has_overdue_suspect(connection: Connection, after_s: float) -> bool:
    """Whether a suspect has waited so long for an idle worker that claims should stop until it had its turn."""
    return bool(fetch_value(connection, OVERDUE_SUSPECT, {"after_s": after_s}))


def next_due_in_s(connection: Connection, *, is_idle: bool) -> float | None:
    """Seconds until something can be claimed (negative: overdue), None where nothing waits. Suspects only count if idle."""
    found = fetch_value(connection, NEXT_TIME, {"suspect": SUSPECT_CRASHES, "is_idle": is_idle})
    return None if found is None else float(found)
