"""What the doctor says of pgvector, the embedder, and how far the passages are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from conftest import make_config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from standins.embedders import Embedder, EmbeddingStandIn

from chatbot.bodies import Article
from chatbot.checks import Surroundings
from chatbot.checks.embeddings import check_embedded, check_embedder, check_pgvector
from chatbot.content import publish, save_drafts
from chatbot.knowledge.embedding import embed_missing
from chatbot.settings import Settings


@pytest.fixture
def look(make_database: Callable[[], str]) -> Iterator[Callable[..., Surroundings]]:
    """look(settings by name) -> surroundings with a database of their own, which has one article."""
    url = make_database()
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        save_drafts(connection, [Article(key="a", title="Colchas", text="Se lavan a treinta grados.")])
        publish(connection)
    yield lambda **values: Surroundings(make_config(url), Settings(**values), engine)
    engine.dispose()


def test_the_local_one_is_asked_and_where_it_is_away_the_command_is_told(look: Callable[..., Surroundings]) -> None:
    with Embedder() as embedder:
        at = look(embedder_socket=embedder.socket)
        assert (check_embedder(at).level, check_embedder(at).key) == ("ok", "local")
        embedder.kill()
        found = check_embedder(at)
        assert (found.level, found.key, found.values["socket"]) == ("warn", "away", embedder.socket)
        assert check_embedder(replace(at, facts={})).level == "fail", "on a box it is to run"
        embedder.start()
        assert check_embedder(at).level == "ok"


def test_another_server_is_asked_with_its_key(look: Callable[..., Surroundings]) -> None:
    with EmbeddingStandIn() as stand_in:
        at = look(embeddings_base_url=stand_in.url, embeddings_api_key="key-that-is-refused")
        assert check_embedder(at).values == {"model": "text-embedding-3-small", "url": stand_in.url}
        stand_in.fails_after, stand_in.status = 0, 401
        assert (check_embedder(at).level, check_embedder(at).key) == ("fail", "refused")
        stand_in.status = 500
        assert check_embedder(at).key == "failed"
        assert "key-that-is-refused" not in str(check_embedder(at).values)


def test_off_is_well(look: Callable[..., Surroundings]) -> None:
    at = look(embeddings_base_url="off")
    assert (check_embedder(at).level, check_embedder(at).key, check_embedded(at)) == ("ok", "off", None)


def test_it_says_how_far_the_passages_are(look: Callable[..., Surroundings]) -> None:
    with EmbeddingStandIn() as stand_in:
        at = look(embeddings_base_url=stand_in.url)
        found = check_embedded(at)
        assert found is not None
        assert (found.key, found.values) == ("going_on", {"done": 0, "count": 1})
        embed_missing(at.engine, at.settings, float("inf"))
        found = check_embedded(at)
        assert found is not None
        assert (found.key, found.values) == ("ok", {"count": 1})


def test_without_pgvector_the_command_is_told(look: Callable[..., Surroundings]) -> None:
    at = look()
    assert (check_pgvector(at).level, bool(check_pgvector(at).values["version"])) == ("ok", True)
    with at.engine.begin() as connection:
        connection.execute(text("DROP EXTENSION vector CASCADE"))
    assert (check_pgvector(at).level, check_pgvector(at).key) == ("fail", "missing")
