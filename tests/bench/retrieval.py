"""A question's passages among 500, 5,000 and 50,000 made-up chunks with made-up vectors, beside the embedding call.

Words are as common as in a language (Zipf's law). Each document has a former copy with a quarter as much, which isn't found.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from evaluation.store import Store, open_store
from sqlalchemy import Engine, text

from bench.table import Figure, percentile
from chatbot.bodies import Content
from chatbot.content import load_content
from chatbot.db import statements
from chatbot.knowledge.embedding import embed_query
from chatbot.knowledge.filling import INDEX_FROM, name_index
from chatbot.knowledge.search import look_up
from chatbot.local_embedder import DIMENSIONS, MODEL
from chatbot.reply import CustomerMessage, InboxView, TurnInput
from chatbot.text import stem_words

SIZES = (500, 5_000, 50_000)
WORDS = 30_000
CHUNK_WORDS = 250
EACH, FORMER = 20, 5  # chunks of a document's copy, and of its former one
QUESTION_WORDS = 7
QUESTIONS = 300
# the first ones learn how common words are
WARM_UP = 30
LIMIT_MS, LIMIT_MB = 40.0, 50.0
BATCH = 25
SYLLABLES = [a + b for a in "bcdfglmnprstvz" for b in "aeiou"]
RSS = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)

DOCUMENTS = text("""
WITH e AS (
  INSERT INTO entry (kind, key)
  SELECT 'document', 'd' || n FROM generate_series(cast(:first AS int), cast(:last AS int)) AS n RETURNING id, key
), r AS (
  INSERT INTO revision (entry_id, body) SELECT id, jsonb_build_object(
    'key', key, 'title', key, 'source', 'page', 'url', 'https://example.com/' || key) FROM e
), p AS (
  INSERT INTO page (entry_id, address, state) SELECT id, 'https://example.com/' || key, 'ready' FROM e RETURNING id
)
INSERT INTO page_copy (page_id, text_hash, language, ready_at)
SELECT p.id, n::text, 'es', now() FROM p, generate_series(1, 2) AS n ORDER BY n RETURNING id, text_hash = '2' AS is_newest
""")
ANSWERING = text(
    "UPDATE page SET copy_id = k.id FROM page_copy k WHERE k.page_id = page.id AND k.text_hash = '2' AND copy_id IS NULL"
)
CHUNKS = text("""
INSERT INTO chunk (copy_id, ordinal, text, language, stems)
SELECT *, 'es', v.text FROM unnest(cast(:copies AS bigint[]), cast(:ordinals AS int[]), cast(:texts AS text[]))
  AS v (copy, ordinal, text)
""")
VECTORS = text("""
INSERT INTO embedding SELECT m.id, c.id, (
  SELECT array_agg((random() - 0.5) / 5.66) FROM generate_series(1, cast(:dimensions AS int)) WHERE c.id IS NOT NULL)::vector
  FROM chunk c, embedding_model m WHERE NOT EXISTS (SELECT FROM embedding e WHERE e.chunk_id = c.id)
""")
MODEL_ROW = text("""
INSERT INTO embedding_model (base_url, name, dimensions, state) VALUES ('local', :name, :dimensions, 'active') RETURNING id
""")
RELEASE = text("WITH r AS (INSERT INTO release DEFAULT VALUES RETURNING id) INSERT INTO release_revision"
               " SELECT r.id, v.id FROM r, revision v RETURNING release_id")  # fmt: skip


class Speaker:
    """Says made-up words, some of them often."""

    def __init__(self) -> None:
        self.chance = random.Random(1)
        made = ("".join(parts) for parts in itertools.product(SYLLABLES, repeat=3))
        # a chunk's stems are made of its text: these are their own
        self.words = list(itertools.islice((w for w in made if stem_words(w, "es") == [w]), WORDS))
        self.chance.shuffle(self.words)
        self.weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(WORDS)))

    def say(self, count: int) -> str:
        return " ".join(self.chance.choices(self.words, cum_weights=self.weights, k=count))


def measure(_seconds: float, _rounds: int) -> list[Figure]:
    speaker, figures = Speaker(), []
    with open_store() as store:
        with store.engine.begin() as connection:
            model_id = connection.scalar(MODEL_ROW, {"name": MODEL, "dimensions": DIMENSIONS})
        made, before = 0, read_memory()
        for size in SIZES:
            add_chunks(store.engine, speaker, made // EACH, size // EACH)
            made = size
            settle(store.engine, int(model_id or 0))
            figures += measure_size(store, speaker, size)
        grown = read_memory() - before
    return [*figures, Figure("memory that the process grew by; limit", "MB", grown, LIMIT_MB, aim=1.0)]


def add_chunks(engine: Engine, speaker: Speaker, first: int, last: int) -> None:
    for begin in range(first, last, BATCH):
        with engine.begin() as connection:
            copies = connection.execute(DOCUMENTS, {"first": begin, "last": min(begin + BATCH, last) - 1}).all()
            rows = [(copy, n) for copy, is_newest in copies for n in range(EACH if is_newest else FORMER)]
            values = {"copies": [copy for copy, _ in rows], "ordinals": [n for _, n in rows]}
            connection.execute(CHUNKS, {**values, "texts": [speaker.say(CHUNK_WORDS) for _ in rows]})
            connection.execute(ANSWERING)
            connection.execute(VECTORS, {"dimensions": DIMENSIONS})


def settle(engine: Engine, model_id: int) -> None:
    """What autovacuum and the indexer do in time."""
    with statements(engine) as connection:
        connection.exec_driver_sql("VACUUM ANALYZE chunk, embedding, page, page_copy, revision, entry, vocabulary")
        if connection.scalar(text("SELECT count(*) FROM embedding")) >= INDEX_FROM:
            connection.exec_driver_sql("SET maintenance_work_mem = '512MB'")
            connection.exec_driver_sql("SET max_parallel_maintenance_workers = 0")
            connection.exec_driver_sql(
                f"CREATE INDEX {name_index(model_id)} ON embedding USING hnsw"
                f" ((vector::vector({DIMENSIONS})) vector_ip_ops) WHERE model_id = {model_id}"
            )


def measure_size(store: Store, speaker: Speaker, size: int) -> list[Figure]:
    with store.engine.begin() as connection:
        release_id = connection.scalars(RELEASE).first()
        content = load_content(connection, release_id)
    lags = list(time_questions(store, speaker, content))[WARM_UP:]
    aim = 1.0 if size == SIZES[-1] else None
    return [
        Figure(f"a question among {size:,} chunks, p50", "ms", percentile(lags, 50), None, aim=None),
        Figure(f"a question among {size:,} chunks, p95; limit", "ms", percentile(lags, 95), LIMIT_MS, aim=aim),
    ]


def time_questions(store: Store, speaker: Speaker, content: Content) -> Iterator[float]:
    """How long each takes whose vector is known already."""
    with statements(store.engine) as connection:
        for _ in range(WARM_UP + QUESTIONS):
            question = speaker.say(QUESTION_WORDS)
            embed_query(connection, store.settings, question)
            turn = TurnInput((CustomerMessage(1, 1, question),), content, "es", datetime.now(UTC), inbox=InboxView(1))
            begin = time.perf_counter()
            found = look_up(connection, turn, store.settings)
            yield (time.perf_counter() - begin) * 1000
            if not found.passages or (store.is_dense and found.notes["dense"] != "ok"):
                raise RuntimeError(f"not what was meant to be measured: {found.notes}")


def read_memory() -> float:
    found = RSS.search(Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
