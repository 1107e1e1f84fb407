"""Takes away what is kept only for a while: raw webhooks, traces, old conversations, deleted tests, former copies of pages.

Also counts where people took a conversation over in the middle of a flow and no turn came since.
"""

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
    "flow_call": ("id", "created_at", 7),
    "flow_passage": ("ctid", "day", 400),
    "erased_conversation": ("chatwoot_id", "erased_at", 400),
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
# a run that no turn will go on with; recording.FINISH does the same for the conversation of a turn
TAKEN_OVER = text(f"""
WITH gone AS (
  SELECT c.id, c.flow_run -> 'run' -> 'stack' AS stack, coalesce(i.mode, :mode) = 'live' AS is_live
  FROM conversation c JOIN inbox i ON i.id = c.inbox_id
  WHERE c.flow_run ->> 'human_seq' <> c.human_seq::text ORDER BY c.id LIMIT {BATCH} FOR UPDATE OF c SKIP LOCKED
), c AS (
  UPDATE conversation SET flow_run = NULL FROM gone WHERE conversation.id = gone.id
), p AS (
  INSERT INTO flow_passage (flow, day, revision_id, from_step, to_step, n)
  SELECT place ->> 'flow', (now() AT TIME ZONE :zone)::date, (place ->> 'revision')::bigint, place ->> 'step', '!people',
    count(*)
  FROM gone, jsonb_array_elements(stack) AS place WHERE is_live AND place ->> 'flow' NOT LIKE 'repair-%'
  GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
  ON CONFLICT (flow, day, revision_id, from_step, to_step) DO UPDATE SET n = flow_passage.n + excluded.n
)
SELECT count(*) FROM gone
""")
COPIES_DAYS = 30
FILES_AT_ONCE = 20  # 20 MB each
# what answers, what is being read, and what was read last of a page stay
COPIES = text(f"""
DELETE FROM page_copy WHERE id IN (
  SELECT k.id FROM page_copy k JOIN page p ON p.id = k.page_id
   WHERE k.read_at < {PAST} AND k.id IS DISTINCT FROM p.copy_id AND p.lease_until IS NULL
     AND EXISTS (SELECT FROM page_copy newer WHERE newer.page_id = k.page_id AND newer.id > k.id) LIMIT {BATCH})
""")
GONE_PAGES = text(f"""
DELETE FROM page WHERE id IN (
  SELECT p.id FROM page p WHERE p.state = 'gone' AND p.copy_id IS NULL AND p.lease_until IS NULL
     AND coalesce(p.checked_at, p.created_at) < {PAST} LIMIT {BATCH})
""")
# a file is named by the draft, by a release, or by what may still be taken out of the bin
NAMED = f"""
EXISTS (SELECT FROM revision r WHERE r.body ->> 'file' = f.sha256 AND (
  r.created_at >= {PAST} OR EXISTS (SELECT FROM release_revision rr WHERE rr.revision_id = r.id)
  OR NOT EXISTS (SELECT FROM revision newer WHERE newer.entry_id = r.entry_id AND newer.id > r.id)))
"""
FILES = text(f"""
DELETE FROM stored_file WHERE id IN (
  SELECT f.id FROM stored_file f WHERE f.created_at < {PAST} AND NOT {NAMED} LIMIT {FILES_AT_ONCE})
RETURNING sha256
""")
FILE_PAGES = text("DELETE FROM page WHERE address = ANY(:addresses)")
DELETE_TURNS = text("DELETE FROM turn WHERE id = ANY(:turns)")


def prune(engine: Engine, settings: Settings) -> dict[str, tuple[int, int]]:
    """Deletes in batches, so that intake never waits long. Returns by table how many rows went, and after how many days."""
    days = settings.messages_kept_days
    values = {"mode": settings.mode, "zone": settings.time_zone}
    _repeat(engine, lambda connection, _days: int(connection.execute(TAKEN_OVER, values).scalar_one()), 0)
    found = {
        "conversation": (_repeat(engine, _prune_conversations, days), days),
        "turn": (_repeat(engine, _prune_turns, days), days),
        "page_copy": (_repeat(engine, _prune_copies, COPIES_DAYS), COPIES_DAYS),
        "stored_file": (_repeat(engine, _prune_files, COPIES_DAYS), COPIES_DAYS),
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


def _prune_copies(connection: Connection, days: int) -> int:
    return sum(connection.execute(statement, {"days": days}).rowcount for statement in (COPIES, GONE_PAGES))


def _prune_files(connection: Connection, days: int) -> int:
    """With what was read of them."""
    digests = connection.execute(FILES, {"days": days}).scalars().all()
    connection.execute(FILE_PAGES, {"addresses": [f"sha256:{digest}" for digest in digests]})
    return len(digests)


def _prune_turns(connection: Connection, days: int) -> int:
    rows = connection.execute(TURNS, {"days": days}).all()
    if rows:
        connection.execute(MESSAGES, {"days": days, "conversations": sorted({row.conversation_id for row in rows})})
        connection.execute(DELETE_TURNS, {"turns": [row.id for row in rows]})
    return len(rows)
