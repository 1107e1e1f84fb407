"""What is old goes, and nothing that is still owed, new, or counted on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool
from web.seeding import add_turn

from chatbot.prune import prune
from chatbot.settings import Settings

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=100)
SETTINGS = Settings(messages_kept_days=90)


def make(make_database: Callable[[], str]) -> Engine:
    return create_engine(make_database(), poolclass=NullPool)


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_an_old_conversation_goes_with_its_contact_and_a_new_one_stays(make_database: Callable[[], str]) -> None:
    engine = make(make_database)
    with engine.begin() as connection:
        add_turn(connection, 1, "¿Hola?", OLD, answer_of_a_person="Dígame")
        add_turn(connection, 2, "¿Hola?", NOW)
        connection.execute(text("INSERT INTO contact (chatwoot_id, name) VALUES (1, 'Vieja'), (2, 'Nueva')"))
        connection.execute(
            text(
                "UPDATE conversation SET contact_id = (SELECT id FROM contact p WHERE p.chatwoot_id = conversation.chatwoot_id)"
            )
        )
        connection.execute(text("UPDATE conversation SET updated_at = :at WHERE chatwoot_id = 1"), {"at": OLD})
    assert prune(engine, SETTINGS)["conversation"] == (1, 90)
    assert [count(engine, t) for t in ("conversation", "contact", "turn", "part", "llm_call")] == [1, 1, 1, 1, 1]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM contact")).scalars().all() == ["Nueva"]
    assert prune(engine, SETTINGS)["conversation"] == (0, 90)


def test_of_a_conversation_that_goes_on_only_the_old_part_goes(make_database: Callable[[], str]) -> None:
    engine = make(make_database)
    with engine.begin() as connection:
        add_turn(connection, 1, "Primera", OLD, answer_of_a_person="Dígame")
        put = "INSERT INTO message (conversation_id, chatwoot_id, seq, author, text, arrived_at)"
        connection.execute(text(f"{put} SELECT id, 99, 2, 'customer', 'Segunda', now() FROM conversation"))
        connection.execute(text("UPDATE conversation SET in_seq = 2, answer_due_at = now()"))
    prune(engine, SETTINGS)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT text FROM message")).scalars().all() == ["Segunda"]
    assert [count(engine, t) for t in ("conversation", "turn")] == [1, 0]


def test_what_is_still_owed_stays_however_old(make_database: Callable[[], str]) -> None:
    engine = make(make_database)
    with engine.begin() as connection:
        for number in (1, 2, 3):
            add_turn(connection, number, "¿Hola?", OLD)
        connection.execute(text("DELETE FROM turn"))
        connection.execute(text("UPDATE conversation SET updated_at = :at"), {"at": OLD})
        connection.execute(text("UPDATE conversation SET in_seq = 2 WHERE chatwoot_id = 1"))
        connection.execute(text("UPDATE conversation SET wake_at = now() WHERE chatwoot_id = 2"))
        connection.execute(text("UPDATE conversation SET lease_by = 7, lease_until = now() WHERE chatwoot_id = 3"))
    assert prune(engine, SETTINGS)["conversation"] == (0, 90)
    assert count(engine, "message") == 3
