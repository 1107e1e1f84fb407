"""Takes away what is kept only for a while: raw webhooks, traces, deleted tests, old imports, failed and forgotten logins."""

from __future__ import annotations

from sqlalchemy import Engine, text

KEPT_DAYS = {
    "webhook": 7,
    "turn_trace": 30,
    "kept_test": 30,
    "import_job": 30,
    "login_failure": 1,
    "login_session": 60,
}
TIMES = {
    "webhook": "received_at",
    "turn_trace": "created_at",
    "kept_test": "deleted_at",
    "import_job": "created_at",
    "login_failure": "failed_at",
    "login_session": "seen_at",
}
BATCH = 5_000


def prune(engine: Engine) -> dict[str, int]:
    """Deletes in batches, so that intake never waits long. Returns how many rows went from each table."""
    return {table: _prune_table(engine, table) for table in KEPT_DAYS}


def _prune_table(engine: Engine, table: str) -> int:
    key = "turn_id" if table == "turn_trace" else "id"
    statement = text(f"""
        DELETE FROM {table} WHERE {key} IN (
          SELECT {key} FROM {table} WHERE {TIMES[table]} < now() - make_interval(days => :days) LIMIT {BATCH})
    """)
    count = 0
    while True:
        with engine.begin() as connection:
            gone = connection.execute(statement, {"days": KEPT_DAYS[table]}).rowcount
        count += gone
        if gone < BATCH:
            return count
