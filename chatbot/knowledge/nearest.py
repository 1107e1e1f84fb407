"""The dense channel: the scope's chunks whose vectors are nearest to the question's, so many of each language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from chatbot.db import Row, run, sql, together
from chatbot.knowledge.embedding import Vector
from chatbot.knowledge.filling import INDEX_FROM
from chatbot.knowledge.scope import IS_OWN, Scope
from chatbot.reply import Language

EACH = 50
# Of all vectors, before it is known whose they are. An index takes the longer the more are asked of it.
REACH, INDEXED_REACH = 1_000, 80
MOST_OF_INDEX = 1_000
# with fewer of a language than this share of what there could be, it is looked through by itself
ENOUGH = 0.4
USE_INDEX = sql("SELECT set_config('hnsw.ef_search', :reach, true)")
# read from the chunks' side no index of vectors is used
NEAREST_TEXT = f"""
WITH near AS MATERIALIZED (
  SELECT e.chunk_id, (e.vector::vector(DIMENSIONS)) <#> cast(:vector AS vector(DIMENSIONS)) AS distance
    FROM embedding e WHERE e.model_id = MODEL
   ORDER BY (e.vector::vector(DIMENSIONS)) <#> cast(:vector AS vector(DIMENSIONS)) LIMIT :reach
), own AS MATERIALIZED (
  SELECT o.id, o.language, n.distance, row_number() OVER (PARTITION BY o.language ORDER BY n.distance, o.id) AS place
    FROM near n CROSS JOIN LATERAL (SELECT c.id, c.language FROM chunk c WHERE c.id = n.chunk_id AND {IS_OWN} LIMIT 1) o
), known AS (
  SELECT e.chunk_id AS id, '' AS language, (e.vector::vector(DIMENSIONS)) <#> cast(:vector AS vector(DIMENSIONS)) AS distance
    FROM embedding e WHERE e.model_id = MODEL AND e.chunk_id = ANY(cast(:known AS bigint[]))
)
SELECT id, language, -distance AS cosine FROM own WHERE place <= :each UNION ALL SELECT id, language, -distance FROM known
"""
OF_LANGUAGE_TEXT = f"""
WITH own AS MATERIALIZED (SELECT c.id, c.language FROM chunk c WHERE c.language = :language AND {IS_OWN})
SELECT o.id, o.language, -((e.vector::vector(DIMENSIONS)) <#> cast(:vector AS vector(DIMENSIONS))) AS cosine
  FROM own o JOIN embedding e ON e.model_id = MODEL AND e.chunk_id = o.id
 ORDER BY cosine DESC, o.id LIMIT :each
"""


@dataclass(frozen=True, slots=True)
class Nearest:
    """cosines: of each chunk that was found or asked for and has a vector; found: the nearest ones, best first."""

    cosines: dict[int, float]
    found: tuple[int, ...]


def find_nearest(
    connection: Connection, scope: Scope, vector: Vector, known: list[int], languages: dict[Language, int]
) -> Nearest:
    """known: chunks whose cosines are wanted anyway; languages: how many chunks of each the scope has."""
    reach = REACH if sum(languages.values()) < INDEX_FROM else min(INDEXED_REACH * len(languages), MOST_OF_INDEX)
    values: dict[str, Any] = {
        **scope.values, "vector": vector.values, "known": known, "each": EACH, "reach": reach
    }  # fmt: skip
    with together(connection):
        run(connection, USE_INDEX, {"reach": str(reach)})
        cursor = run(connection, _write(NEAREST_TEXT, vector.model_id, vector.dimensions), values)
    rows = cursor.fetchall()
    found = {row["id"]: row for row in rows if row["language"]}
    for language, chunks in languages.items():
        if sum(row["language"] == language for row in found.values()) < ENOUGH * min(EACH, chunks):
            statement = _write(OF_LANGUAGE_TEXT, vector.model_id, vector.dimensions)
            found |= {row["id"]: row for row in run(connection, statement, {**values, "language": language}).fetchall()}
    return _make(rows, found)


def _make(rows: list[Row], found: dict[int, Row]) -> Nearest:
    every = [*rows, *found.values()]
    # of a text without a direction the model makes nothing
    cosines = {row["id"]: float(row["cosine"]) for row in every if row["cosine"]}
    nearest = sorted((id_ for id_ in found if id_ in cosines), key=lambda id_: (-cosines[id_], id_))
    return Nearest(cosines, tuple(nearest))


@lru_cache(maxsize=16)
def _write(statement: str, model_id: int, dimensions: int) -> bytes:
    """With the model's numbers written out, as its index has them."""
    return sql(statement.replace("DIMENSIONS", str(int(dimensions))).replace("MODEL", str(int(model_id))))
