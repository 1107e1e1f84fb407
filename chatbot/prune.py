"""Takes away what is kept only for a while: raw webhooks, traces, old conversations, deleted tests, forgotten logins."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine, text

from chatbot.settings import Settings

BATCH = 5_000
OLD_CONVERSATIONS = 200  # each may have hundreds of rows below it
# table: (its key, when it began, days); those of messages and traces are settings
FIXED = {
    "webhook": ("id", "received_at", 7),
    "kept_test": ("id", "deleted_at", 30),
    "import_job": ("id", "created_at", 30),
    "login_failure": ("id", "failed_at", 1),
    "login_session": ("id", "seen_at", 60),
    "kept_form": ("id", "created_at", 1),
    "fault": ("id", "at", 30),
}
PAST = "now() - make_interval(days => :days)"

# nothing is owed, planned or being done in it
CONVERSATIONS = text(f"""
DELETE FROM conversation c WHERE id IN (
  SELECT id FROM conversation c WHERE updated_at < {PAST} AND in_seq <= answered_seq AND answer_due_at IS NULL
    AND wake_at IS NULL AND lease_by IS NULL
    AND NOT EXISTS (SELECT FROM message WHERE conversation_id = c.id AND arrived_at >= {PAST})
    AND NOT EXISTS (SELECT FROM turn WHERE conversation_id = c.id AND (finished_at IS NULL OR finished_at >= {PAST}))
  ORDER BY updated_at LIMIT {OLD_CONVERSATIONS} FOR UPDATE SKIP LOCKED)
RETURNING contact_id
""")
CONTACTS = text("""
DELETE FROM contact p WHERE id = ANY(:ids) AND NOT EXISTS (SELECT FROM conversation WHERE contact_id = p.id)
""")
# the old part of a conversation that goes on for years
TURNS = text(f"SELECT id, conversation_id FROM turn WHERE finished_at < {PAST} ORDER BY finished_at LIMIT {BATCH}")
MESSAGES = text(f"""
DELETE FROM message m USING conversation c WHERE c.id = m.conversation_id AND m.conversation_id = ANY(:conversations)
  AND m.arrived_at < {PAST} AND (m.seq IS NULL OR m.seq <= c.answered_seq)
""")
DELETE_TURNS = text("DELETE FROM turn WHERE id = ANY(:turns)")


def prune(engine: Engine, settings: Settings) -> dict[str, tuple[int, int]]:
    """Deletes in batches, so that intake never waits long. Returns by table how many rows went, and after how many days."""
    days = settings.messages_kept_days
    found = {
        "conversation": (_repeat(engine, _prune_conversations, days), days),
        "turn": (_repeat(engine, _prune_turns, days), days),
    }
    for table, (key, column, kept) in {**FIXED, "turn_trace": ("turn_id", "created_at", settings.traces_kept_days)}.items():
        statement = text(
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {column} < {PAST} LIMIT {BATCH})"
        )
        found[table] = (_repeat(engine, lambda c, d, s=statement: c.execute(s, {"days": d}).rowcount, kept), kept)  # type: ignore[misc]
    return found


def _repeat(engine: Engine, step: Callable[[Connection, int], int], days: int) -> int:
    """Each step in a transaction of its own, until one finds nothing."""
    count = 0
    while True:
        with engine.begin() as connection:
            gone = step(connection, days)
        count += gone
        if not gone:
            return count


def _prune_conversations(connection: Connection, days: int) -> int:
    contacts = connection.execute(CONVERSATIONS, {"days": days}).scalars().all()
    connection.execute(CONTACTS, {"ids": sorted({c for c in contacts if c is not None})})
    return len(contacts)


def _prune_turns(connection: Connection, days: int) -> int:
    rows = connection.execute(TURNS, {"days": days}).all()
    if rows:
        connection.execute(MESSAGES, {"days": days, "conversations": sorted({row.conversation_id for row in rows})})
        connection.execute(DELETE_TURNS, {"turns": [row.id for row in rows]})
    return len(rows)
