"""The dense channel: nearest within the scope, in each language, beside the words, and what happens without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, select, text
from standins.embedders import EmbeddingStandIn

from chatbot.bodies import Article
from chatbot.content import load_content, publish, save_drafts
from chatbot.db import statements
from chatbot.knowledge.embedding import Vector, embed_missing
from chatbot.knowledge.nearest import EACH, find_nearest
from chatbot.knowledge.scope import Wanted, read_scope
from chatbot.knowledge.search import Found, look_up
from chatbot.models import Chunk, Embedding, EmbeddingModel
from chatbot.models.embedding import write_vector
from chatbot.reply import CustomerMessage, InboxView, TurnInput
from chatbot.settings import Settings

FOREVER = float("inf")


@pytest.fixture
def stand_in() -> Iterator[EmbeddingStandIn]:
    with EmbeddingStandIn() as server:
        yield server


@pytest.fixture
def shop(make_database: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database())
    with engine.begin() as connection:
        save_drafts(connection, [make_article(n, "es") for n in range(4)] + [make_article(n, "en") for n in range(2)])
        publish(connection)
    yield engine
    engine.dispose()


def make_article(number: int, language: str, words: str = "") -> Article:
    words = words or ("La colcha se lava en frío" if language == "es" else "The quilt is washed cold")
    return Article(key=f"{language}-{number}", title="T", text=f"{words} {number}.", language=language)  # type: ignore[arg-type]


def ask(engine: Engine, settings: Settings, question: str, *, language: str = "es") -> Found:
    with statements(engine) as connection:
        content = load_content(connection, connection.scalar(text("SELECT live_release_id FROM instance")))
        turn = TurnInput(
            (CustomerMessage(1, 1, question),), content, language, datetime.now(UTC), inbox=InboxView(1)  # type: ignore[arg-type]
        )  # fmt: skip
        return look_up(connection, turn, settings)


def test_both_channels_are_in_the_trace(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    settings = Settings(embeddings_base_url=stand_in.url, embeddings_model="m")
    embed_missing(shop, settings, FOREVER)
    found = ask(shop, settings, "¿cómo se lava la colcha?")
    best = found.passages[0]
    assert found.notes["dense"] == "ok"
    assert best.dense is not None
    assert best.by_meaning is not None
    assert best.score == pytest.approx(best.by_words + best.by_meaning, abs=0.11)
    assert best.to_trace()[:2] == [best.source, best.chunk_id]
    assert set(found.figures) >= {"coverage", "cosine"}


@pytest.mark.parametrize(("fault", "reason"), [("status", "server"), ("silence", "timeout")])
def test_without_the_embedder_words_find_alone_and_the_trace_says_so(
    shop: Engine, stand_in: EmbeddingStandIn, fault: str, reason: str
) -> None:
    settings = Settings(embeddings_base_url=stand_in.url, embeddings_model="m", embeddings_timeout_s=1)
    embed_missing(shop, settings, FOREVER)
    if fault == "status":
        stand_in.fails_after = 0
    else:
        stand_in.is_silent = True
    found = ask(shop, settings, f"¿cómo se lava la colcha? {fault}")
    assert found.notes["dense"] == reason
    assert {p.dense for p in found.passages} == {None}
    assert found.passages[0].entry_key.startswith("es-")


def test_off_or_with_no_vectors_yet_nobody_is_asked(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    for settings, reason in (
        (Settings(embeddings_base_url="off"), "off"),
        (Settings(embeddings_base_url=stand_in.url, embeddings_model="m"), "none"),
    ):
        found = ask(shop, settings, "colcha")
        assert (found.notes["dense"], bool(found.passages)) == (reason, True)
    assert stand_in.requests == []


def test_a_typo_is_put_right_for_the_model_too(shop: Engine, stand_in: EmbeddingStandIn) -> None:
    settings = Settings(embeddings_base_url=stand_in.url, embeddings_model="m")
    embed_missing(shop, settings, FOREVER)
    ask(shop, settings, "¿Cómo se lava la Colhca?")
    assert stand_in.texts[-1] == "¿Cómo se lava la colcha?"


# --- nearest alone: three dimensions, vectors by hand ------------------------------------------------------------------


@pytest.fixture
def model_id(connection: Connection) -> int:
    added = insert(EmbeddingModel).values(base_url="x", name="y", dimensions=3, state="active").returning(EmbeddingModel.id)
    return connection.execute(added).scalar_one()


def place(connection: Connection, model_id: int, vectors: dict[str, list[float]]) -> dict[str, int]:
    """entry's key -> its newest chunk, which gets this vector."""
    of = text("SELECT max(c.id) FROM chunk c JOIN revision r ON r.id = c.revision_id JOIN entry e ON e.id = r.entry_id"
              " WHERE e.key = :key")  # fmt: skip
    ids = {key: connection.scalar(of, {"key": key}) for key in vectors}
    rows = [{"model_id": model_id, "chunk_id": ids[key], "vector": vector} for key, vector in vectors.items()]
    connection.execute(insert(Embedding), rows)
    return ids


def nearest(
    connection: Connection, model_id: int, release: int, known: list[int], **languages: int
) -> tuple[list[int], dict[int, float]]:
    vector = Vector(model_id, 3, write_vector([1.0, 0.0, 0.0]))
    found = find_nearest(connection, read_scope(connection, Wanted(release)), vector, known, languages)  # type: ignore[arg-type]
    return list(found.found), found.cosines


def test_the_nearest_come_first_and_nothing_from_another_release(connection: Connection, model_id: int) -> None:
    save_drafts(connection, [make_article(n, "es") for n in range(3)])
    release = publish(connection)
    ids = place(connection, model_id, {"es-0": [0, 1, 0], "es-1": [0.6, 0.8, 0], "es-2": [0.8, 0.6, 0]})
    save_drafts(connection, [make_article(9, "es")])
    later = place(connection, model_id, {"es-9": [1, 0, 0]})
    found, cosines = nearest(connection, model_id, release, [later["es-9"]], es=3)
    assert found == [ids["es-2"], ids["es-1"]]  # a right angle says nothing
    assert cosines[ids["es-2"]] == pytest.approx(0.8)
    assert cosines[later["es-9"]] == pytest.approx(1)


def test_former_revisions_do_not_crowd_out_what_answers(connection: Connection, model_id: int) -> None:
    """An article that was edited a thousand times has a thousand vectors that are all alike."""
    save_drafts(connection, [make_article(1, "es")])
    release = publish(connection)
    ids = place(connection, model_id, {"es-1": [0.1, 0.9, 0]})
    revision = connection.scalar(select(Chunk.revision_id).where(Chunk.id == ids["es-1"]))
    copied = text("""
    WITH r AS (INSERT INTO revision (entry_id, body) SELECT entry_id, body FROM revision, generate_series(1, 1100) n
               WHERE id = :revision RETURNING id), c AS (
      INSERT INTO chunk (revision_id, ordinal, text, language, stems) SELECT id, 0, 'x', 'es', 'x' FROM r RETURNING id)
    INSERT INTO embedding SELECT :model, id, '[0.9,0.1,0]' FROM c
    """)
    connection.execute(copied, {"revision": revision, "model": model_id})
    found, _ = nearest(connection, model_id, release, [], es=1)
    assert found == [ids["es-1"]]


def test_each_language_has_its_own_nearest(connection: Connection, model_id: int) -> None:
    save_drafts(connection, [make_article(n, "es") for n in range(EACH + 5)] + [make_article(n, "en") for n in range(3)])
    release = publish(connection)
    near = {f"es-{n}": [0.9, 0.1, 0] for n in range(EACH + 5)}
    ids = place(connection, model_id, {**near, **{f"en-{n}": [0.2, 0.9, 0] for n in range(3)}})
    found, _ = nearest(connection, model_id, release, [], es=EACH + 5, en=3)
    assert len(found) == EACH + 3
    assert {ids[f"en-{n}"] for n in range(3)} <= set(found)


def test_an_index_of_vectors_finds_the_same(connection: Connection, model_id: int) -> None:
    save_drafts(connection, [make_article(n, "es") for n in range(60)])
    release = publish(connection)
    ids = place(connection, model_id, {f"es-{n}": [n / 60, 1 - n / 60, 0] for n in range(1, 60)})
    exact, _ = nearest(connection, model_id, release, [], es=60)
    connection.execute(
        text(f"CREATE INDEX near_here ON embedding USING hnsw ((vector::vector(3)) vector_ip_ops) WHERE model_id = {model_id}")
    )
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    connection.execute(text("SET LOCAL enable_sort = off"))
    indexed, _ = nearest(connection, model_id, release, [], es=60)
    assert exact[0] == ids["es-59"]
    assert indexed == exact
