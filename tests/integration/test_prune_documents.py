"""Former copies and files that nobody names any more go; what answers, or may answer again, stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from chatbot.content import publish, remove_drafts
from chatbot.prune import prune
from chatbot.settings import Settings
from integration.documents import add_file, find_chunks, read_all, rows


@pytest.fixture
def own(make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
    engine = create_engine(make_database(), poolclass=NullPool)
    yield engine
    engine.dispose()


def age(engine: Engine, *tables: str) -> None:
    """Makes what is there forty days older."""
    columns = {"revision": "created_at", "stored_file": "created_at", "page_copy": "read_at", "page": "checked_at"}
    with engine.begin() as connection:
        for table in tables or columns:
            connection.execute(text(f"UPDATE {table} SET {columns[table]} = {columns[table]} - interval '40 days'"))


def test_a_former_copy_goes_and_the_one_that_answers_stays_however_old(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    read_all(own)
    with own.begin() as connection:
        connection.execute(text("UPDATE stored_file SET content = 'Abrimos de diez a tres.'"))
        connection.execute(text("UPDATE page SET due_at = now()"))
    read_all(own)
    assert prune(own, Settings())["page_copy"] == (0, 30)
    age(own)
    assert prune(own, Settings())["page_copy"] == (1, 30)
    assert [chunk.text for chunk in find_chunks(own, "a")] == ["Abrimos de diez a tres."]


def test_a_file_of_a_release_stays_and_one_that_nobody_names_goes(own: Engine) -> None:
    live = add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.begin() as connection:
        publish(connection)
    draft_only = add_file(own, "a", b"Abrimos de diez a tres.", "a.txt")
    last = add_file(own, "a", b"Abrimos de once a cuatro.", "a.txt")
    removed = add_file(own, "b", b"Cerramos los domingos.", "b.txt")
    read_all(own)
    with own.begin() as connection:
        remove_drafts(connection, [("document", "b")])
    assert prune(own, Settings())["stored_file"] == (0, 30), "what is in the bin can still be taken out"
    age(own)
    assert prune(own, Settings())["stored_file"] == (2, 30)
    assert {row.sha256 for row in rows(own, "SELECT sha256 FROM stored_file")} == {live, last}
    gone = {f"sha256:{digest}" for digest in (draft_only, removed)}
    assert not gone & {row.address for row in rows(own, "SELECT address FROM page")}


def test_an_upload_that_was_never_saved_goes(own: Engine) -> None:
    with own.begin() as connection:
        connection.execute(
            text("INSERT INTO stored_file (sha256, name, size, content) VALUES ('ab', 'a.txt', 1, 'a'), ('cd', 'b', 1, 'b')")
        )
        connection.execute(text("UPDATE stored_file SET created_at = now() - interval '31 days' WHERE sha256 = 'ab'"))
    assert prune(own, Settings())["stored_file"] == (1, 30)
    assert [row.sha256 for row in rows(own, "SELECT sha256 FROM stored_file")] == ["cd"]


def test_a_page_that_is_gone_is_forgotten_after_a_while(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.begin() as connection:
        entry = "(SELECT id FROM entry)"
        old, new = "now() - interval '40 days'", "now()"
        values = f"({entry}, 'https://a.example/x', 'gone', {old}), ({entry}, 'https://a.example/y', 'gone', {new})"
        connection.execute(text(f"INSERT INTO page (entry_id, address, state, checked_at) VALUES {values}"))
    prune(own, Settings())
    left = {row.address for row in rows(own, "SELECT address FROM page WHERE state = 'gone'")}
    assert left == {"https://a.example/y"}
