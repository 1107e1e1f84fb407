"""The worker asks for the indexer where something is due, and leaves it alone where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import make_config
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from chatbot.bodies import Article
from chatbot.content import save_drafts
from chatbot.indexing import WISH, Waker
from chatbot.page_queue import ALONE
from chatbot.settings import Settings
from integration.documents import add_file, read_all

OFF = Settings(embeddings_base_url="off")


@pytest.fixture
def own(make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
    engine = create_engine(make_database(), poolclass=NullPool)
    yield engine
    engine.dispose()


def wishes(engine: Engine, folder: Path, settings: Settings = OFF, waker: Waker | None = None) -> bool:
    (folder / WISH).unlink(missing_ok=True)
    config = make_config(engine.url.render_as_string(hide_password=False), worker_runtime_dir=str(folder))
    (waker or Waker(engine, config))(settings)
    return (folder / WISH).exists()


def test_it_wishes_for_the_indexer_while_a_page_is_due(own: Engine, tmp_path: Path) -> None:
    assert not wishes(own, tmp_path)
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    assert wishes(own, tmp_path)
    read_all(own)
    assert not wishes(own, tmp_path)


def test_what_a_dead_one_held_is_due(own: Engine, tmp_path: Path) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.begin() as connection:
        connection.execute(text("UPDATE page SET state = 'reading', lease_until = now() + interval '20 minutes'"))
    assert wishes(own, tmp_path)


def test_it_leaves_one_that_runs_alone(own: Engine, tmp_path: Path) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.connect() as other:
        other.execute(text(f"SELECT pg_advisory_lock({ALONE})"))
        assert not wishes(own, tmp_path)
    assert wishes(own, tmp_path)


def test_vectors_that_are_missing_are_wished_for_once_a_while(own: Engine, tmp_path: Path) -> None:
    with own.begin() as connection:
        save_drafts(connection, [Article(key="a", title="A", text="Abrimos de nueve a dos.")])
    config = make_config(own.url.render_as_string(hide_password=False), worker_runtime_dir=str(tmp_path))
    waker = Waker(own, config)
    assert wishes(own, tmp_path, Settings(embeddings_base_url="local"), waker)
    assert not wishes(own, tmp_path, Settings(embeddings_base_url="local"), waker), "the next look is a minute away"
    assert not wishes(own, tmp_path, OFF)
