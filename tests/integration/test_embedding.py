"""Passages get vectors and keep them: whatever ends in the middle, whichever model comes after, whoever asks meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.pool import NullPool
from standins.embedders import Embedder, EmbeddingStandIn

from chatbot.bodies import Article
from chatbot.content import publish, save_drafts
from chatbot.db import statements
from chatbot.errors import EmbeddingError
from chatbot.knowledge.embedding import Sought, active_model, embed_missing, embed_query, needs_filling, read_progress
from chatbot.models import Chunk, Embedding, EmbeddingModel, Entry, Page, PageCopy
from chatbot.settings import Settings

ARTICLES = 20
FOREVER = float("inf")


@pytest.fixture
def stand_in() -> Iterator[EmbeddingStandIn]:
    with EmbeddingStandIn() as server:
        yield server


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
def shop(database_url: str) -> Iterator[Engine]:
    """A database of its own with published articles."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        save_drafts(connection, [make_article(number) for number in range(ARTICLES)])
        publish(connection)
    yield engine
    engine.dispose()


def make_article(number: int, words: str = "Se lava a treinta grados") -> Article:
    return Article(key=f"a{number}", title=f"Colcha número {number}", text=f"{words}, la colcha {number}.")


def settings(server: EmbeddingStandIn, model: str = "model-a", key: str = "", **more: Any) -> Settings:
    """Patient, where a test isn't about time-outs: others use the machine too."""
    given = {"embeddings_timeout_s": 20, **more}
    return Settings(embeddings_base_url=server.url, embeddings_model=model, embeddings_api_key=SecretStr(key), **given)


def count(engine: Engine) -> int:
    return int(value(engine, "SELECT count(*) FROM embedding"))


def value(engine: Engine, statement: str, **values: Any) -> Any:
    with engine.connect() as connection:
        return connection.scalar(text(statement), values)


def active(engine: Engine, given: Settings) -> tuple[int, int] | None:
    with statements(engine) as connection:
        return active_model(connection, given)


def is_wanted(engine: Engine, given: Settings) -> bool:
    with statements(engine) as connection:
        return needs_filling(connection, given)


def ask(engine: Engine, given: Settings, question: str = "¿a cuántos grados?") -> Sought:
    with statements(engine) as connection:
        return embed_query(connection, given, question)


def test_every_chunk_gets_its_vector_once(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    given = settings(stand_in)
    assert is_wanted(shop, given)
    assert embed_missing(shop, given, FOREVER) == ARTICLES == count(shop)
    assert not is_wanted(shop, given)
    assert is_wanted(shop, settings(stand_in, "model-b"))
    assert not is_wanted(shop, Settings(embeddings_base_url="off"))
    assert active(shop, given) == (value(shop, "SELECT id FROM embedding_model"), 8)
    asked = len(stand_in.requests)
    assert embed_missing(shop, given, FOREVER) == 0
    assert len(stand_in.requests) == asked
    assert len(stand_in.texts) == ARTICLES
    assert "Colcha número 3\nSe lava a treinta grados, la colcha 3." in stand_in.texts


def test_a_vector_is_read_back_as_it_was_made(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    embed_missing(shop, settings(stand_in), FOREVER)
    with shop.begin() as connection:
        found = connection.scalars(select(Embedding.vector)).all()
        assert [sum(v * v for v in vector) for vector in found] == pytest.approx([1.0] * ARTICLES, abs=1e-5)
        connection.execute(insert(EmbeddingModel).values(base_url="x", name="y", dimensions=3))
        other = connection.scalar(select(EmbeddingModel.id).where(EmbeddingModel.name == "y"))
        chunk = connection.scalar(select(Chunk.id))
        connection.execute(insert(Embedding).values(model_id=other, chunk_id=chunk, vector=[0.25, -1.5, 0]))
        assert connection.scalar(select(Embedding.vector).where(Embedding.model_id == other)) == [0.25, -1.5, 0.0]


def test_what_was_stored_before_a_failure_stays_and_the_rest_is_asked_for(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    stand_in.fails_after = 1
    with pytest.raises(EmbeddingError) as caught:
        embed_missing(shop, settings(stand_in), FOREVER)
    assert not caught.value.permanent
    stored = count(shop)
    assert 0 < stored < ARTICLES
    stand_in.fails_after = None
    stand_in.requests.clear()
    assert embed_missing(shop, settings(stand_in), FOREVER) == ARTICLES - stored
    assert len(stand_in.texts) == ARTICLES - stored


def test_killed_between_embedding_and_storing_it_goes_on_where_it_was(
    shop: Engine, database_url: str, stand_in: EmbeddingStandIn, tmp_path: Path
) -> None:
    (tmp_path / "crash-embedded").write_text("kill")
    code = f"""
from sqlalchemy import create_engine
from chatbot.knowledge.embedding import embed_missing
from chatbot.settings import Settings
embed_missing(create_engine({database_url!r}), Settings(embeddings_base_url={stand_in.url!r}, embeddings_model="model-a"), 1e18)
"""
    environment = {**os.environ, "FAULTS_DIR": str(tmp_path), "ENVIRONMENT": "test"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False, timeout=60)
    assert done.returncode == -9
    assert embed_missing(shop, settings(stand_in), FOREVER) == ARTICLES == count(shop)


@pytest.mark.thorough
def test_the_embedder_killed_in_mid_index_loses_nothing(shop: Engine) -> None:
    with Embedder() as embedder:
        given = Settings(embedder_socket=embedder.socket)
        assert given.embeddings_base_url == "local"
        before = embed_missing(shop, given, time.monotonic() + 0.001)
        embedder.kill()
        with pytest.raises(EmbeddingError) as caught:
            embed_missing(shop, given, FOREVER)
        assert (caught.value.kind, caught.value.permanent) == ("away", False)
        assert count(shop) == before
        assert ask(shop, given).reason in {"away", "none"}
        embedder.start()
        assert embed_missing(shop, given, FOREVER) == ARTICLES - before
        found = ask(shop, given)
        assert found.vector is not None
        assert (found.reason, found.vector.dimensions) == ("", 384)
        best = value(
            shop,
            "SELECT c.heading FROM embedding e JOIN chunk c ON c.id = e.chunk_id"
            " ORDER BY e.vector <#> cast(:vector AS vector) LIMIT 1",
            vector=ask(shop, given, "colcha número 7").vector.values,  # type: ignore[union-attr]
        )
        assert best == "Colcha número 7"


def test_another_model_answers_only_once_its_vectors_are_complete(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    old, new = settings(stand_in, "model-a"), settings(stand_in, "model-b")
    embed_missing(shop, old, FOREVER)
    former = active(shop, old)
    stand_in.requests.clear()
    stand_in.fails_after = 1
    with pytest.raises(EmbeddingError):
        embed_missing(shop, new, FOREVER)
    assert active(shop, new) == former
    stand_in.fails_after = None
    stand_in.requests.clear()
    found = ask(shop, new)
    assert found.vector is not None
    assert (found.vector.model_id, stand_in.requests[0]["model"]) == (former[0], "model-a")  # type: ignore[index]
    with statements(shop) as connection:
        progress = read_progress(connection, new)
    assert progress is not None
    assert (progress.done + progress.missing, progress.is_active) == (ARTICLES, False)
    embed_missing(shop, new, FOREVER)
    assert active(shop, new) != former
    found = ask(shop, new)
    assert (found.vector.model_id, stand_in.requests[-1]["model"]) == (active(shop, new)[0], "model-b")  # type: ignore[union-attr,index]
    assert value(shop, "SELECT array_agg(name) FROM embedding_model") == ["model-b"]
    assert count(shop) == ARTICLES


def test_what_is_new_while_a_model_fills_is_found_by_the_former_one_too(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    old, new = settings(stand_in, "model-a"), settings(stand_in, "model-b")
    embed_missing(shop, old, FOREVER)
    copy = add_copy(shop, ready=False)
    assert embed_missing(shop, new, FOREVER, copy_id=copy) == 2
    assert value(shop, "SELECT count(*) FROM embedding e JOIN chunk c ON c.id = e.chunk_id WHERE c.copy_id = :c", c=copy) == 2
    assert active(shop, new) == active(shop, old)


def add_copy(engine: Engine, *, ready: bool = True, page: int | None = None) -> int:
    """A page's copy with one chunk."""
    with engine.begin() as connection:
        if page is None:
            entry = connection.scalar(insert(Entry).values(kind="document", key="d").returning(Entry.id))
            page = connection.scalar(insert(Page).values(entry_id=entry, address="https://x.example/").returning(Page.id))
        made = insert(PageCopy).values(page_id=page, text_hash="h", language="es").returning(PageCopy.id)
        copy = int(connection.scalar(made) or 0)
        row = {"copy_id": copy, "ordinal": 0, "text": f"copia {copy}", "language": "es", "stems": "copi"}
        connection.execute(insert(Chunk).values(**row))
        if ready:
            connection.execute(text("UPDATE page SET copy_id = :copy WHERE id = :page"), {"copy": copy, "page": page})
            connection.execute(text("UPDATE page_copy SET ready_at = now() WHERE id = :copy"), {"copy": copy})
    return copy


def test_a_copy_that_was_replaced_is_not_embedded_and_a_new_one_comes_first(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    add_copy(shop)
    page = value(shop, "SELECT id FROM page")
    current, coming = add_copy(shop, page=page), add_copy(shop, ready=False, page=page)
    embed_missing(shop, settings(stand_in), FOREVER)
    assert stand_in.texts[0] == f"\ncopia {coming}".strip()
    assert {t for t in stand_in.texts if "copia" in t} == {f"copia {current}", f"copia {coming}"}


def test_a_text_that_a_model_cannot_bear_keeps_no_other_from_its_vector(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    stand_in.refuses = "la colcha 7."
    assert embed_missing(shop, settings(stand_in), FOREVER) == ARTICLES
    nowhere = "SELECT count(*) FROM embedding WHERE vector_norm(vector) = 0"
    assert value(shop, nowhere) == 1
    asked = len(stand_in.requests)
    assert embed_missing(shop, settings(stand_in), FOREVER) == 0
    assert len(stand_in.requests) == asked


def test_a_refused_key_is_no_texts_fault(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    stand_in.fails_after, stand_in.status = 0, 401
    with pytest.raises(EmbeddingError) as caught:
        embed_missing(shop, settings(stand_in), FOREVER)
    assert (caught.value.permanent, caught.value.kind, count(shop)) == (True, "auth", 0)


def test_a_server_that_refuses_everything_makes_no_vectors(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    stand_in.fails_after, stand_in.status = 0, 400
    with pytest.raises(EmbeddingError):
        embed_missing(shop, settings(stand_in), FOREVER)
    assert count(shop) == 0


def test_a_key_goes_to_no_other_server(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    embed_missing(shop, settings(stand_in, key="key-of-the-first"), FOREVER)
    with EmbeddingStandIn() as other:
        moved = settings(other, key="key-of-the-second")
        assert ask(shop, moved).vector is not None
        assert stand_in.requests[-1]["_key"] == ""
        assert ask(shop, settings(other, key="key-of-the-first"), "¿y con la misma?").vector is not None
        assert stand_in.requests[-1]["_key"] == "key-of-the-first"
        assert other.requests == []


def test_the_key_for_models_serves_the_same_address(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    given = settings(stand_in, openai_base_url=stand_in.url, openai_api_key=SecretStr("key-of-models"))
    embed_missing(shop, given, FOREVER)
    assert {request["_key"] for request in stand_in.requests} == {"key-of-models"}


def test_without_vectors_a_question_says_why(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    assert ask(shop, settings(stand_in)) == Sought(None, "none")
    assert ask(shop, Settings(embeddings_base_url="off")) == Sought(None, "off")
    embed_missing(shop, settings(stand_in), FOREVER)
    asked = len(stand_in.requests)
    assert ask(shop, settings(stand_in), " \n ").reason == "empty"
    assert ask(shop, Settings(embeddings_base_url="off")).reason == "off"
    assert active(shop, Settings(embeddings_base_url="off")) is None
    assert embed_missing(shop, Settings(embeddings_base_url="off"), FOREVER) == 0
    assert len(stand_in.requests) == asked
    stand_in.fails_after, stand_in.status = 0, 503
    assert ask(shop, settings(stand_in)).reason == "busy"


def test_after_a_time_out_the_next_question_does_not_wait(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    given = settings(stand_in, embeddings_timeout_s=0.3)
    embed_missing(shop, given, FOREVER)
    stand_in.is_silent = True
    assert ask(shop, given).reason == "timeout"
    asked = len(stand_in.requests)
    assert ask(shop, given, "¿otra?").reason == "resting"
    assert len(stand_in.requests) == asked


def test_the_same_question_is_asked_once_and_without_personal_data(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    embed_missing(shop, settings(stand_in), FOREVER)
    stand_in.requests.clear()
    question = "Soy ana@tienda.example, ¿a cuántos grados?"
    assert ask(shop, settings(stand_in), question) == ask(shop, settings(stand_in), f"  {question}\n")
    assert [len(stand_in.requests), "ana@" in str(stand_in.texts)] == [1, False]


def test_a_deadline_is_kept_between_batches(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    assert embed_missing(shop, settings(stand_in), time.monotonic() - 1) == 0
    assert stand_in.requests == []


def test_only_one_fills_at_a_time(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    with create_engine(shop.url, poolclass=NullPool).connect() as other:
        other.execute(text("SELECT pg_advisory_lock(7016996015)"))
        assert embed_missing(shop, settings(stand_in), FOREVER) == 0
    assert embed_missing(shop, settings(stand_in), FOREVER) == ARTICLES


def test_many_vectors_get_an_index_that_a_search_uses(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    with shop.begin() as connection:
        revision = connection.scalar(text("SELECT min(id) FROM revision"))
        statement = """INSERT INTO chunk (revision_id, ordinal, text, language, stems)
                       SELECT :revision, n, 'x', 'es', 'x' FROM generate_series(100, 10100) n"""
        connection.execute(text(statement), {"revision": revision})
        connection.execute(insert(EmbeddingModel).values(base_url=stand_in.url, name="model-a", dimensions=8, state="active"))
        connection.execute(
            text("""INSERT INTO embedding SELECT m.id, c.id, v.vector FROM embedding_model m, chunk c, LATERAL (
                      SELECT array_agg(random())::vector AS vector FROM generate_series(1, 8) WHERE c.id > 0) v
                    WHERE c.ordinal >= 100""")
        )
    embed_missing(shop, settings(stand_in), FOREVER)
    (model, dimensions) = active(shop, settings(stand_in)) or (0, 0)
    vector = ask(shop, settings(stand_in)).vector
    assert vector is not None
    with shop.begin() as connection:
        connection.execute(text("ANALYZE embedding"))
        plan = connection.scalars(
            text(f"EXPLAIN SELECT chunk_id FROM embedding e WHERE e.model_id = {model}"
                 f" ORDER BY e.vector::vector({dimensions}) <#> cast(:vector AS vector({dimensions})) LIMIT 40"),
            {"vector": vector.values},
        ).all()  # fmt: skip
    assert f"ix_embedding_nearest_{model}" in " ".join(plan)
    assert value(shop, "SHOW statement_timeout") == "0", "as it was"


@pytest.mark.thorough
def test_without_the_right_to_make_the_extension_the_command_to_type_is_told(postgres: Any, shop: Engine) -> None:
    name = f"bare_{os.getpid()}"
    engine = create_engine(postgres.url(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN CREATEDB"))
        connection.execute(text(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"))
    try:
        url = shop.url.set(database=name, username=name).render_as_string(hide_password=False)
        environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": "only-for-tests-" * 3, "ENVIRONMENT": "test"}
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 2, done.stderr
        assert f"type: sudo -u postgres psql -d {name} -c 'CREATE EXTENSION vector'" in done.stderr.splitlines()[-1]
        assert len(done.stderr.splitlines()) == 1
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(text(f"DROP ROLE {name}"))
