"""Passages to draft FAQs from: those about what every business is asked, and a spread over all that was read.

Only of documents that answer everybody, always: what holds for one inbox, one agent or some days makes no FAQ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from chatbot.db import Row, run, sql
from chatbot.knowledge.passages import Passage
from chatbot.text import split_words, stem_words

OF_EACH = 4
CANDIDATES = 30
NEAR = 2_000
LEAST_CHARS = 30
# so long a piece of it is given to a model
LONGEST = 2_500
# a heading or an address with the word says more than a sentence with it
HEADED = 2

WORDS = {
    "hours": "horario horarios abrimos abierto abren abre cerramos cerrado apertura cierre lunes viernes sábados domingos"
    " festivos opening hours open opens close closed monday friday saturdays sundays holidays",
    "address": "dirección calle avenida plaza paseo polígono ubicación encontrarnos tienda local mapa visítanos"
    " address street avenue road square located location find shop store postcode map visit",
    "shipping": "envío envíos enviamos entrega entregas entregamos plazo transporte gastos mensajería reparto península"
    " shipping ship delivery deliveries deliver courier postage dispatch",
    "returns": "devolución devoluciones devolver devuelve cambio cambios reembolso desistimiento"
    " return returns refund refunds exchange exchanges withdrawal",
}

READ_FROM = """
  FROM chunk c JOIN page_copy k ON k.id = c.copy_id JOIN page p ON p.copy_id = k.id AND p.state <> 'gone'
  JOIN entry e ON e.id = p.entry_id AND e.kind = 'document'
  JOIN LATERAL (SELECT body FROM revision WHERE entry_id = e.id ORDER BY id DESC LIMIT 1) r ON jsonb_typeof(r.body) = 'object'
 WHERE coalesce((r.body ->> 'enabled')::boolean, true)
   AND coalesce(r.body -> 'inboxes', '[]') = '[]' AND coalesce(r.body -> 'assistants', '[]') = '[]'
   AND r.body ->> 'valid_from' IS NULL AND r.body ->> 'valid_until' IS NULL
   AND (NOT starts_with(p.address, 'sha256:') OR p.address = 'sha256:' || coalesce(r.body ->> 'file', ''))
"""
# of a large site those near its first page are enough
FIND = sql(f"""
WITH near AS MATERIALIZED (
  SELECT c.id, c.heading, c.lexemes, p.address, p.depth {READ_FROM} AND c.lexemes @@ to_tsquery('simple', :any)
   ORDER BY p.depth, c.id LIMIT {NEAR}
)
SELECT id, heading, address, depth, (SELECT count(*) FROM unnest(cast(:stems AS text[])) stem
       WHERE lexemes @@ to_tsquery('simple', '''' || stem || '''')) AS hits
  FROM near ORDER BY hits DESC, depth, id LIMIT {CANDIDATES}
""")
# a piece of each page, those near the first page before, then the second of each; what is said twice comes once
SPREAD = sql(f"""
SELECT id FROM (
  SELECT c.id, p.depth, p.id AS page_id, row_number() OVER (PARTITION BY p.id ORDER BY c.ordinal) AS turn,
         row_number() OVER (PARTITION BY md5(c.text) ORDER BY p.depth, c.id) AS said
  {READ_FROM} AND length(c.text) >= {LEAST_CHARS}) pieces
 WHERE said = 1 ORDER BY turn, depth, page_id LIMIT :most
""")
READ = sql(f"""
SELECT c.id, c.copy_id, c.heading, c.text, c.language, c.page_number, e.key, p.address, k.read_at,
       coalesce(nullif(k.title, ''), r.body ->> 'title') AS title, coalesce((r.body ->> 'show_link')::boolean, true) AS is_shown
{READ_FROM} AND c.id = ANY(cast(:ids AS bigint[]))
""")


def find_topics(connection: Connection) -> list[int]:
    """The chunks that tell most about each topic, none twice."""
    return list(dict.fromkeys(id_ for words in WORDS.values() for id_ in _find(connection, words)))


def find_spread(connection: Connection, most: int) -> list[int]:
    """Chunks of as many pages as there are, in the order in which they are drafted from: the same as long as nothing is read
    anew."""
    return [row["id"] for row in run(connection, SPREAD, {"most": most}).fetchall()]


def _find(connection: Connection, words: str) -> list[int]:
    stems = sorted({*stem_words(words, "es"), *stem_words(words, "en")})
    rows = run(connection, FIND, {"stems": stems, "any": " | ".join(f"'{stem}'" for stem in stems)}).fetchall()
    best = sorted(rows, key=lambda row: (-row["hits"] - HEADED * _count_headed(row, set(stems)), row["depth"], row["id"]))
    return [row["id"] for row in best[:OF_EACH]]


def _count_headed(row: Row, stems: set[str]) -> int:
    above = f"{row['heading']} {' '.join(split_words(row['address']))}"
    return len(stems & {*stem_words(above, "es"), *stem_words(above, "en")})


def read(connection: Connection, ids: Sequence[int]) -> list[Passage]:
    """The passages in this order; what went meanwhile is left out."""
    rows = {row["id"]: row for row in run(connection, READ, {"ids": list(ids)}).fetchall()}
    return [_make(rows[id_]) for id_ in ids if id_ in rows]


def _make(row: dict[str, Any]) -> Passage:
    is_address = row["is_shown"] and row["address"].startswith(("http://", "https://"))
    return Passage(
        chunk_id=row["id"], revision_id=None, entry_key=row["key"], title=row["title"] or "", heading=row["heading"],
        text=row["text"][:LONGEST], url=row["address"] if is_address else None, language=row["language"], score=0.0,
        coverage=0.0, kind="document", copy_id=row["copy_id"], page_number=row["page_number"], at=row["read_at"],
    )  # fmt: skip
