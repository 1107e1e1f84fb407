"""Runs migrations one at a time, and never waits long for a table that the running product holds."""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

import chatbot.models.people  # noqa: F401  all models register their tables
from chatbot.db import Base

ADVISORY_LOCK = 7_016_996_001
OTHER_MIGRATION_WAIT = "60s"
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "300s"


def migrate(connection: Connection) -> None:
    # a session lock, gone with this connection however it ends; a second migration waits and then finds nothing to do
    connection.execute(text(f"SET lock_timeout = '{OTHER_MIGRATION_WAIT}'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    url = current_app.config["CONFIG"].database_url
    if context.is_offline_mode():
        context.configure(url=url, target_metadata=Base.metadata, literal_binds=True, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5, "application_name": "migrate"})
    with engine.connect() as connection:
        migrate(connection)


run()
