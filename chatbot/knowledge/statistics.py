"""How many chunks a scope has, how long they are, and how many of them have a stem: what BM25 weighs by.

Counted within the scope, so that an article's former revisions make none of its words common; remembered for a while where
counting takes long, and that is where a few chunks more or less change nothing.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import URL, Connection

from chatbot.db import run, sql
from chatbot.knowledge.lexical import LANGUAGES
from chatbot.knowledge.scope import DRAFT, IS_OWN, Scope
from chatbot.reply import Language

# the stored length is known without reading what is stored
SIZE = sql(f"""
SELECT c.language, count(*) AS chunks, coalesce(avg(octet_length(c.stems)), 0)::float8 AS length
  FROM chunk c WHERE {IS_OWN} GROUP BY c.language
""")
FREQUENCIES = sql(f"""
WITH stem AS MATERIALIZED (
  SELECT stem, to_tsquery('simple', '''' || stem || '''') AS query FROM unnest(cast(:stems AS text[])) AS s (stem)
)
SELECT s.stem, (SELECT count(*) FROM (
         SELECT FROM chunk c WHERE c.lexemes @@ s.query AND c.language = ANY(cast(:languages AS text[])) AND {IS_OWN}
          LIMIT :most) own) AS own
  FROM stem s
""")
# PostgreSQL's own figures have the commonest stems of all chunks, whoever has them; read like text, as their type is any array
COMMONEST = sql("""
SELECT e.stem, e.share FROM pg_stats s, unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (stem, share)
 WHERE s.schemaname = current_schema() AND s.tablename = 'chunk' AND s.attname = 'lexemes' AND e.stem IS NOT NULL
""")
# all that have one, where those figures don't say it
COMMON = sql("""
SELECT s.stem, (SELECT count(*) FROM chunk c WHERE c.lexemes @@ to_tsquery('simple', '''' || s.stem || '''')) AS chunks,
       (SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'chunk'::regclass)::float8 AS size
  FROM unnest(cast(:stems AS text[])) AS s (stem)
""")
# what more chunks than this have is counted with the former revisions' and brought down to the scope's size
COUNTED = 1_000
CHUNKS_A_SECOND = 100
SCOPES_KEPT = 8
STEMS_KEPT = 20_000


@dataclass(slots=True)
class Statistics:
    """length: the usual one of a chunk's stems, in characters; frequencies: of the stems that were asked for."""

    size: int
    length: float
    languages: dict[Language, int]
    expires_at: float
    frequencies: dict[str, float] = field(default_factory=dict)
    has_commonest: bool = False


_kept: OrderedDict[tuple[URL, int, int, int], Statistics] = OrderedDict()
_lock = threading.Lock()


def read_statistics(connection: Connection, scope: Scope, stems: Iterable[str]) -> Statistics:
    """The scope's, with these stems' frequencies."""
    name = (connection.engine.url, scope.wanted.release_id, len(scope.revisions), len(scope.wanted.documents))
    with _lock:
        found = _kept.get(name)
    if found is None or time.monotonic() >= found.expires_at or len(found.frequencies) > STEMS_KEPT:
        found = _count_chunks(connection, scope)
        with _lock:
            _kept[name] = found
            _kept.move_to_end(name)
            while len(_kept) > SCOPES_KEPT:
                _kept.popitem(last=False)
    unknown = [stem for stem in dict.fromkeys(stems) if stem not in found.frequencies]
    if unknown and found.size:
        found.frequencies |= _count_stems(connection, scope, found, unknown)
    return found


def _count_chunks(connection: Connection, scope: Scope) -> Statistics:
    rows = run(connection, SIZE, scope.values).fetchall()
    size = sum(row["chunks"] for row in rows)
    length = sum(row["chunks"] * row["length"] for row in rows) / size if size else 0.0
    kept_s = size / CHUNKS_A_SECOND if scope.wanted.release_id != DRAFT else 0.0
    languages = {row["language"]: row["chunks"] for row in rows}
    commonest = _read_commonest(connection, size)
    return Statistics(size, length, languages, time.monotonic() + kept_s, commonest, bool(commonest))


def _read_commonest(connection: Connection, size: int) -> dict[str, float]:
    if size < COUNTED:
        return {}
    shares = {row["stem"]: row["share"] for row in run(connection, COMMONEST).fetchall()}
    return {stem: share * size for stem, share in shares.items() if share * size >= COUNTED}


def _count_stems(connection: Connection, scope: Scope, found: Statistics, stems: list[str]) -> dict[str, float]:
    counted = count_in_languages(connection, scope, LANGUAGES, stems)
    common = [stem for stem, chunks in counted.items() if chunks >= COUNTED]
    # what isn't among the commonest has few more
    if common and not found.has_commonest:
        for row in run(connection, COMMON, {"stems": common}).fetchall():
            counted[row["stem"]] = max(COUNTED, row["chunks"] * min(1.0, found.size / row["size"]))
    return counted


def count_in_languages(
    connection: Connection, scope: Scope, languages: Sequence[Language], stems: Sequence[str]
) -> dict[str, float]:
    """How many of the scope's chunks in these languages have each, COUNTED at most."""
    values = {**scope.values, "stems": list(stems), "languages": list(languages), "most": COUNTED}
    rows = run(connection, FREQUENCIES, values).fetchall()
    return {row["stem"]: float(row["own"]) for row in rows}
