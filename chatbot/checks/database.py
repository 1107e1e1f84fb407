"""Checks of PostgreSQL and of what the tables tell: migrations, indexes, room for connections, and whether work gets done."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, UniqueConstraint, text
from sqlalchemy.exc import SQLAlchemyError

from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.checks import Finding, Surroundings, fail, ok, warn
from chatbot.config import Config
from chatbot.db import Base
from chatbot.errors import ConfigError
from chatbot.migrations import find_head, is_behind, read_revision
from chatbot.models.state import PAUSED
from chatbot.queue import LIFE_CLASS
from chatbot.settings import check_secrets

OLDEST_VERSION = 160_000
# beside web and workers: checks, commands, the nightly dump
SPARE_CONNECTIONS = 6
PATIENCE_S = 30.0
CALLS_LOOKED_AT = 5
FAILS_IN_A_ROW = 3
SILENT_AFTER_S = 300.0
REFUSED = (401, 403)


def check_database(at: Surroundings) -> Finding:
    started = time.monotonic()
    try:
        with at.engine.connect() as connection:
            number, version = connection.execute(
                text("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
            ).one()
    except SQLAlchemyError as e:
        return fail("away", problem=read_problem(e))
    if number < OLDEST_VERSION:
        return fail("old", version=version)
    return ok(version=version.split()[0], ms=round((time.monotonic() - started) * 1000))


def read_problem(error: SQLAlchemyError) -> str:
    return (str(error.__cause__ or type(error).__name__).strip().splitlines() or ["?"])[0][:160]


def check_migrations(at: Surroundings) -> Finding:
    with at.engine.connect() as connection:
        revision = read_revision(connection)
    head = find_head()
    return fail("behind", at=revision or "-", head=head) if is_behind(revision) else ok(head=revision or head)


INDEXES = text("""
SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace
""")


def list_needed_indexes() -> set[str]:
    """Names of the indexes and unique constraints that the models ask for."""
    needed: set[str] = set()
    for table in Base.metadata.tables.values():
        needed |= {str(index.name) for index in table.indexes}
        needed |= {str(c.name) for c in table.constraints if isinstance(c, UniqueConstraint)}
    return needed


def check_indexes(at: Surroundings) -> Finding:
    needed = list_needed_indexes()
    with at.engine.connect() as connection:
        found: dict[str, bool] = {row.relname: row.indisvalid for row in connection.execute(INDEXES)}
    missing = sorted(name for name in needed if not found.get(name))
    return fail("missing", names=", ".join(missing)) if missing else ok(count=len(needed))


def check_connections(at: Surroundings) -> Finding:
    """Whether max_connections has room for what web, worker and commands may open: docs/design.md."""
    statement = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    with at.engine.connect() as connection:
        room = connection.execute(text(statement)).scalar_one()
    needed = count_needed_connections(at.config)
    return ok(room=room, needed=needed) if room >= needed else fail("few", room=room, needed=needed)


def count_needed_connections(config: Config) -> int:
    return 4 * config.web_concurrency + config.worker_threads + 7 + SPARE_CONNECTIONS


def check_stored_secrets(at: Surroundings) -> Finding:
    try:
        with at.engine.connect() as connection:
            check_secrets(connection, at.config)
            connection.rollback()
    except ConfigError as e:
        return fail("unreadable", is_sure=True, variable=e.variable)
    return ok()


def count_workers(connection: Connection) -> int:
    """Workers whose lives last: each holds an advisory lock."""
    statement = text("""
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :life AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """)
    return int(connection.execute(statement, {"life": LIFE_CLASS}).scalar_one())


def check_worker(at: Surroundings) -> Finding:
    with at.engine.connect() as connection:
        count = count_workers(connection)
    return ok(count=count) if count else fail("none")


# what is put back is due later, so that age is reckoned from when the customer wrote
WAITING = text("""
SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(m.arrived_at)), 0)::float AS oldest_s
FROM conversation c CROSS JOIN LATERAL (
  SELECT arrived_at FROM message WHERE conversation_id = c.id AND seq > c.answered_seq ORDER BY seq LIMIT 1) m
WHERE c.in_seq > c.answered_seq AND c.chatwoot_id < :canary
""")


def check_queue(at: Surroundings) -> Finding:
    """How long the longest waiting customer has waited."""
    settings = at.settings
    patience_s = settings.debounce_max_s + 2 * settings.llm_timeout_s + PATIENCE_S
    with at.engine.connect() as connection:
        row = connection.execute(WAITING, {"canary": CANARY_IDS}).one()
    values: dict[str, Any] = {"count": row.count, "age_s": round(row.oldest_s)}
    return fail("late", **values) if row.oldest_s > patience_s else ok(**values)


STATE = text(f"""
SELECT held_at, muted_reason, {PAUSED} AS is_paused,
  live_release_id, reconcile_error, extract(epoch FROM now() - reconciled_at)::float AS read_s FROM instance n
""")


def check_answering(at: Surroundings) -> Finding:
    """Whether something keeps this installation from answering: restored, mute or paused."""
    with at.engine.connect() as connection:
        row = connection.execute(STATE).one()
    if row.muted_reason:
        return fail("muted", is_sure=True, reason=row.muted_reason)
    if row.held_at:
        return warn("held")
    return warn("paused") if row.is_paused else ok()


def check_content(at: Surroundings) -> Finding:
    with at.engine.connect() as connection:
        release = connection.execute(STATE).one().live_release_id
    return ok(release=release) if release else warn("none")


STUCK = text("""
SELECT p.error FROM turn t JOIN part p ON p.turn_id = t.id JOIN conversation c ON c.id = t.conversation_id
WHERE t.finished_at IS NULL AND c.tries >= 3 AND p.state IN ('frozen', 'unknown') AND p.error IS NOT NULL
ORDER BY p.id DESC LIMIT 1
""")


def check_chatwoot_use(at: Surroundings) -> Finding | None:
    """Chatwoot as the worker met it last: its reading every minute, and what couldn't be posted."""
    if not at.settings.chatwoot_url or at.settings.chatwoot_account_id is None:
        return None
    with at.engine.connect() as connection:
        row = connection.execute(STATE).one()
        stuck = connection.execute(STUCK).scalar()
    problem, read_s = stuck or row.reconcile_error or "", row.read_s
    is_refused = any(f"answered {status}" in problem for status in REFUSED)
    # one reading that failed is no trouble yet: the next one covers it too
    if is_refused or stuck or (problem and (read_s is None or read_s > 2 * at.settings.reconcile_s)):
        return fail("refused" if is_refused else "failed", problem=problem[:160])
    if row.read_s is not None and row.read_s > SILENT_AFTER_S + at.settings.reconcile_s:
        return fail("silent", age_s=round(row.read_s))
    return None if row.read_s is None else ok(age_s=round(row.read_s))


CALLS = text(f"""
SELECT state, coalesce(error, '') AS error FROM llm_call WHERE state <> 'reserved' AND started_at > now() - interval '1 day'
ORDER BY id DESC LIMIT {CALLS_LOOKED_AT}
""")


def read_llm_use(at: Surroundings) -> tuple[int, str] | None:
    """How many of the newest model calls failed in a row, and the newest one's error; None where there were none."""
    with at.engine.connect() as connection:
        calls = connection.execute(CALLS).all()
    if not calls:
        return None
    in_a_row = next((i for i, call in enumerate(calls) if call.state == "settled"), len(calls))
    return in_a_row, calls[0].error


HEARD = text("SELECT extract(epoch FROM now() - max(received_at))::float FROM webhook WHERE conversation_chatwoot_id < :canary")


def check_webhook_heard(at: Surroundings) -> Finding | None:
    """Whether Chatwoot's webhooks really come: raw ones are kept for seven days."""
    if not at.settings.chatwoot_url:
        return None
    with at.engine.connect() as connection:
        age_s = connection.execute(HEARD, {"canary": CANARY_IDS}).scalar()
    if age_s is None:
        return warn("none")
    return ok("lately") if age_s < 3_600 else ok(hours=round(age_s / 3_600))
