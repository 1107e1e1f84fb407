"""Makes the vectors that chunks lack, beside answering: a batch at a time, each stored at once, so that nothing is lost.

Another model than the one that answers is filled until all that is live has its vectors; then it answers, in one
transaction, and the former one's are taken away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from chatbot.clients.embeddings import Endpoint, embed
from chatbot.crash_points import crash_point
from chatbot.db import Row, fetch_value, run, sql, statements
from chatbot.errors import EmbeddingError
from chatbot.knowledge.embedding_model import find_endpoint, read_active
from chatbot.models.embedding import write_vector
from chatbot.settings import Settings

log = structlog.get_logger()
BATCH = 8
LISTED = 256
BATCH_TIMEOUT_S = 180.0
PRUNED = 5_000
# below, PostgreSQL looks at every vector in a few milliseconds and misses none
INDEX_FROM = 10_000
INDEXED_DIMENSIONS = 2_000
ALONE = 7_016_996_015

# A copy that a newer one has replaced is never asked again; one that is just being read comes first, then what is live.
MISSING_TEXT = """
  FROM chunk c LEFT JOIN page_copy k ON k.id = c.copy_id LEFT JOIN page p ON p.id = k.page_id
  CROSS JOIN LATERAL (SELECT c.copy_id = p.copy_id OR EXISTS (
    SELECT FROM release_revision rr JOIN instance i ON rr.release_id = i.live_release_id
    WHERE rr.revision_id = c.revision_id) AS is_live) l
 WHERE NOT EXISTS (SELECT FROM embedding e WHERE e.model_id = :model_id AND e.chunk_id = c.id)
   AND (c.copy_id IS NULL OR p.copy_id IS NULL OR c.copy_id >= p.copy_id)
"""
LIST = sql(f"""
SELECT c.id, c.heading, c.text {MISSING_TEXT}
   AND (cast(:copy_id AS bigint) IS NULL OR c.copy_id = :copy_id)
 ORDER BY c.copy_id IS NOT NULL AND k.ready_at IS NULL DESC, l.is_live IS TRUE DESC, c.id DESC LIMIT :limit
""")
IS_INCOMPLETE = sql(f"SELECT EXISTS (SELECT {MISSING_TEXT} AND l.is_live)")
IS_WANTED = sql(f"""
SELECT EXISTS (SELECT {MISSING_TEXT}) OR EXISTS (SELECT FROM embedding_model WHERE (state = 'active') <> (id = :model_id))
""")
COUNT = sql(f"""
SELECT (SELECT count(*) FROM embedding WHERE model_id = :model_id) AS done, (SELECT count(*) {MISSING_TEXT}) AS missing
""")
FIND_MODEL = sql("SELECT id, dimensions, state FROM embedding_model WHERE base_url = :base_url AND name = :name")
# the first model answers at once: there is none that could meanwhile
ADD_MODEL = sql("""
INSERT INTO embedding_model (base_url, name, dimensions, key_digest, state)
SELECT :base_url, :name, :dimensions, :key_digest,
       CASE WHEN EXISTS (SELECT FROM embedding_model WHERE state = 'active') THEN 'filling' ELSE 'active' END
ON CONFLICT DO NOTHING
""")
NOTE_KEY = sql("UPDATE embedding_model SET key_digest = :key_digest WHERE id = :id AND key_digest <> :key_digest")
# a chunk may have gone while it was embedded
STORE = sql("""
INSERT INTO embedding (model_id, chunk_id, vector)
SELECT cast(:model_id AS bigint), c.id, cast(v.vector AS vector)
  FROM unnest(cast(:ids AS bigint[]), cast(:vectors AS text[])) AS v (id, vector) JOIN chunk c ON c.id = v.id
ON CONFLICT DO NOTHING
""")
RETIRE = sql("UPDATE embedding_model SET state = 'retired' WHERE state = 'active'")
ACTIVATE = sql("UPDATE embedding_model SET state = 'active' WHERE id = :id")
UNNEEDED = sql("SELECT id FROM embedding_model WHERE state <> 'active' AND id <> :id")
PRUNE = sql("""
DELETE FROM embedding WHERE ctid IN (SELECT ctid FROM embedding WHERE model_id = :id LIMIT :limit)
""")
DROP_MODEL = sql("DELETE FROM embedding_model WHERE id = :id")
INDEX_STATE = sql("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
COUNT_VECTORS = sql("SELECT count(*) FROM embedding WHERE model_id = :id")


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the model that is set: how many chunks have its vectors, how many lack them, and whether it answers already."""

    done: int
    missing: int
    is_active: bool


def read_progress(connection: Connection, settings: Settings) -> Progress | None:
    """None where embeddings are off."""
    endpoint = find_endpoint(settings)
    if endpoint is None:
        return None
    row = _find_model(connection, endpoint)
    counted = run(connection, COUNT, {"model_id": row["id"] if row else 0}).fetchone() or {}
    return Progress(counted.get("done", 0), counted.get("missing", 0), bool(row and row["state"] == "active"))


def needs_filling(connection: Connection, settings: Settings) -> bool:
    """Whether embed_missing() has anything to do. Looks through all chunks, so once a minute is often enough."""
    endpoint = find_endpoint(settings)
    if endpoint is None:
        return False
    row = _find_model(connection, endpoint)
    return bool(fetch_value(connection, IS_WANTED, {"model_id": row["id"] if row else 0}))


def embed_missing(engine: Engine, settings: Settings, deadline: float, copy_id: int | None = None) -> int:
    """How many vectors were made until time.monotonic() is at deadline. copy_id: of this copy's chunks alone.

    Somebody else at it: 0 at once. Raises EmbeddingError where the model that is set can't be asked now; what is stored stays.
    """
    endpoint = find_endpoint(settings)
    if endpoint is None:
        return 0
    with _alone(engine, copy_id) as is_alone:
        if not is_alone:
            return 0
        stored = _fill_former(engine, settings, endpoint, deadline, copy_id) + _fill(engine, endpoint, deadline, copy_id)
        if copy_id is None and time.monotonic() < deadline:
            _settle(engine, endpoint, deadline)
    return stored


@contextmanager
def _alone(engine: Engine, copy_id: int | None) -> Iterator[bool]:
    """One at a time fills, or all would embed the same; a copy that is waited for is nobody else's."""
    if copy_id is not None:
        yield True
        return
    with statements(engine) as connection:
        is_alone = bool(fetch_value(connection, sql("SELECT pg_try_advisory_lock(:key)"), {"key": ALONE}))
        try:
            yield is_alone
        finally:
            if is_alone:
                run(connection, sql("SELECT pg_advisory_unlock(:key)"), {"key": ALONE})


def _fill_former(engine: Engine, settings: Settings, wanted: Endpoint, deadline: float, copy_id: int | None) -> int:
    """What is new is found by the former model too, as long as that one answers and can be asked."""
    with statements(engine) as connection:
        active = read_active(connection, settings)
    if active is None or (active.endpoint.base_url, active.endpoint.model) == (wanted.base_url, wanted.model):
        return 0
    try:
        return _fill(engine, active.endpoint, deadline, copy_id)
    except EmbeddingError as e:
        log.info("former_model_away", problem=str(e))
        return 0


def _fill(engine: Engine, endpoint: Endpoint, deadline: float, copy_id: int | None) -> int:
    stored = 0
    with statements(engine) as connection:
        row = _find_model(connection, endpoint)
        if row:
            run(connection, NOTE_KEY, {"id": row["id"], "key_digest": endpoint.key_digest})
    while time.monotonic() < deadline:
        with statements(engine) as connection:
            values = {"model_id": row["id"] if row else 0, "copy_id": copy_id, "limit": LISTED}
            chunks = run(connection, LIST, values).fetchall()
        for start in range(0, len(chunks), BATCH):
            if time.monotonic() >= deadline:
                break
            batch = chunks[start : start + BATCH]
            vectors = _embed(endpoint, batch)
            crash_point("embedded")
            row = row or _add_model(engine, endpoint, len(vectors[0]))
            stored += _store(engine, row, batch, vectors)
        if len(chunks) < LISTED:
            break
    return stored


def _find_model(connection: Connection, endpoint: Endpoint) -> Row | None:
    return run(connection, FIND_MODEL, {"base_url": endpoint.base_url, "name": endpoint.model}).fetchone()


def _add_model(engine: Engine, endpoint: Endpoint, dimensions: int) -> Row:
    values = {"base_url": endpoint.base_url, "name": endpoint.model, "dimensions": dimensions}
    with statements(engine) as connection:
        run(connection, ADD_MODEL, {**values, "key_digest": endpoint.key_digest})
        row = _find_model(connection, endpoint)
    if row is None:
        raise EmbeddingError("the model was taken away meanwhile")
    return row


def _embed(endpoint: Endpoint, chunks: list[Row]) -> list[list[float]]:
    """A chunk whose text the model can't bear gets no direction: it is found by its words alone, and not asked for again."""
    texts = [f"{chunk['heading']}\n{chunk['text']}" for chunk in chunks]
    try:
        return embed(endpoint, texts, "passage", BATCH_TIMEOUT_S)
    except EmbeddingError as e:
        if e.kind != "text":
            raise
    if len(chunks) > 1:
        return [_embed(endpoint, [chunk])[0] for chunk in chunks]
    well = embed(endpoint, ["ok"], "passage", BATCH_TIMEOUT_S)  # raises where it isn't the text's fault
    log.warning("chunk_not_embedded", chunk=chunks[0]["id"])
    return [[0.0] * len(well[0])]


def _store(engine: Engine, model: Row, chunks: list[Row], vectors: list[list[float]]) -> int:
    if any(len(vector) != model["dimensions"] for vector in vectors):
        raise EmbeddingError(f"not {model['dimensions']} dimensions any more; name another EMBEDDINGS_MODEL", permanent=True)
    values = {"model_id": model["id"], "ids": [c["id"] for c in chunks], "vectors": [write_vector(v) for v in vectors]}
    try:
        with statements(engine) as connection:
            return run(connection, STORE, values).rowcount
    except IntegrityError:
        return 0  # one went in this very moment; the others are listed again


def _settle(engine: Engine, endpoint: Endpoint, deadline: float) -> None:
    """Lets a complete model answer, and takes away what is needed no more."""
    with engine.begin() as connection:
        row = _find_model(connection, endpoint)
        if row is None:
            return
        is_complete = not fetch_value(connection, IS_INCOMPLETE, {"model_id": row["id"]})
        if row["state"] != "active" and is_complete:
            run(connection, RETIRE)
            run(connection, ACTIVATE, {"id": row["id"]})
            log.info("model_answers", model=endpoint.model, at=endpoint.base_url)
    with statements(engine) as connection:
        _ensure_index(connection, row)
        for unneeded in run(connection, UNNEEDED, {"id": row["id"]}).fetchall():
            _take_away(connection, unneeded["id"], deadline)


def _take_away(connection: Connection, model_id: int, deadline: float) -> None:
    """Some rows at a time, so that nothing waits for it."""
    connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name_index(model_id)}")
    while time.monotonic() < deadline:
        if run(connection, PRUNE, {"id": model_id, "limit": PRUNED}).rowcount < PRUNED:
            run(connection, DROP_MODEL, {"id": model_id})
            return


def name_index(model_id: int) -> str:
    return f"ix_embedding_nearest_{model_id}"


def _ensure_index(connection: Connection, model: Row) -> None:
    """HNSW, where there are many vectors. Made without keeping anybody waiting; one that was cut off is made anew."""
    if model["dimensions"] > INDEXED_DIMENSIONS or fetch_value(connection, COUNT_VECTORS, model) < INDEX_FROM:
        return
    name, id_, dimensions = name_index(model["id"]), int(model["id"]), int(model["dimensions"])
    is_valid = fetch_value(connection, INDEX_STATE, {"name": name})
    if is_valid:
        return
    connection.exec_driver_sql("SET statement_timeout = 0")
    try:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        connection.exec_driver_sql(
            f"CREATE INDEX CONCURRENTLY {name} ON embedding USING hnsw"
            f" ((vector::vector({dimensions})) vector_ip_ops) WHERE model_id = {id_}"
        )
    finally:
        connection.exec_driver_sql("RESET statement_timeout")
