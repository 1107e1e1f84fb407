"""Finds the passages that a question may be answered from: articles' chunks by PostgreSQL full-text search, and FAQs.

Each passage says how much of the question's content it covers, which the fallback judges by.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from chatbot.content import Content, FaqEntry
from chatbot.db import Row, run, sql
from chatbot.reply import Language, TurnInput
from chatbot.text import FUNCTION_WORDS, split_words, stem_words

LANGUAGES: tuple[Language, ...] = ("es", "en")
MAX_STEMS = 40
LONGEST_QUESTION = 4_000
CANDIDATES = 40
FEW_STEMS = 3
# What a passage in another language than the customer's is worth beside one in theirs.
FOREIGN = 0.5
RANK_WEIGHT = 0.5
# the release id of a Content that is rehearsed before it is published: what is newest of each entry
DRAFT = 0

IN_RELEASE = "release_revision rr ON rr.revision_id = c.revision_id AND rr.release_id = :release_id"
IN_DRAFT = "(SELECT max(id) AS newest FROM revision GROUP BY entry_id) rr ON rr.newest = c.revision_id"
SEARCH_TEXT = """
WITH stem AS MATERIALIZED (
    SELECT stem, to_tsquery('simple', '''' || stem || '''') AS query FROM unnest(cast(:stems AS text[])) AS s (stem)
), found AS MATERIALIZED (
    SELECT c.id, c.language, ts_rank(c.lexemes, to_tsquery('simple', :query), 1) AS rank,
           ARRAY(SELECT stem FROM stem WHERE c.lexemes @@ stem.query) AS has
      FROM chunk c
      JOIN release_revision rr ON rr.revision_id = c.revision_id AND rr.release_id = :release_id
     WHERE c.lexemes @@ to_tsquery('simple', :query)
), best AS (
    SELECT * FROM found ORDER BY rank * CASE WHEN language = :language THEN 1 ELSE :foreign END DESC, id LIMIT :limit
), size AS (
    SELECT count(*) AS chunks
      FROM chunk c JOIN release_revision rr ON rr.revision_id = c.revision_id AND rr.release_id = :release_id
)
SELECT c.id AS chunk_id, c.revision_id, e.key AS entry_key, r.body ->> 'title' AS title, c.heading, c.text,
       r.body ->> 'url' AS url, c.language, best.rank, best.has, (SELECT chunks FROM size) AS size,
       (SELECT jsonb_object_agg(stem, chunks) FROM (
         SELECT stem, count(*) AS chunks FROM found, unnest(has) AS stem GROUP BY stem) f) AS frequencies
  FROM best
  JOIN chunk c ON c.id = best.id
  JOIN revision r ON r.id = c.revision_id
  JOIN entry e ON e.id = r.entry_id
 WHERE jsonb_array_length(r.body -> 'inboxes') = 0 OR r.body -> 'inboxes' @> to_jsonb(cast(:inbox AS bigint))
    OR NOT r.body ? 'inboxes'
"""
SEARCH = sql(SEARCH_TEXT)
SEARCH_DRAFT = sql(SEARCH_TEXT.replace(IN_RELEASE, IN_DRAFT))


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece that may hold the answer. chunk_id and revision_id: None for an FAQ, whose heading is its first question.

    coverage: how much of the question's content words it has, the rare ones counting more, 0 to 1;
    matched: how many of them; score: what passages are ordered by.
    """

    chunk_id: int | None
    revision_id: int | None
    entry_key: str
    title: str
    heading: str
    text: str
    url: str | None
    language: Language
    score: float
    coverage: float
    matched: int = 0
    kind: str = "article"

    @property
    def source(self) -> str:
        return f"{self.kind}:{self.entry_key}"


def search(
    connection: Connection, release_id: int | None, question: str, language: Language, limit: int = 6, inbox: int | None = None
) -> list[Passage]:
    """The release's (or the DRAFT's) passages about a question, best first; the customer's language before equal foreign ones.

    inbox: Chatwoot's id; articles limited to other inboxes are left out. None leaves out every limited one.
    """
    stems = stem_content(question)
    if release_id is None or not any(stems.values()):
        return []
    every = sorted({stem for of_language in stems.values() for stem in of_language})
    found = run(
        connection,
        SEARCH_DRAFT if release_id == DRAFT else SEARCH,
        {
            "query": " | ".join(f"'{stem}'" for stem in every),
            "stems": every,
            "release_id": release_id,
            "language": language,
            "foreign": FOREIGN,
            "limit": CANDIDATES,
            "inbox": inbox,
        },
    )
    rows = found.fetchall()
    if not rows:
        return []
    weights = {its: weigh_stems(stems[its], rows[0]["frequencies"] or {}, rows[0]["size"]) for its in LANGUAGES}
    measured = [(row, _measure(row, weights[row["language"]], language)) for row in rows]
    measured.sort(key=lambda pair: (-pair[1]["score"], pair[0]["chunk_id"]))
    return [_make_passage(row, numbers) for row, numbers in measured[:limit]]


def search_faq(content: Content, question: str, language: Language, limit: int = 3, inbox: int | None = None) -> list[Passage]:
    """The FAQs about a question, measured as search() measures: their answers are as good a source as articles."""
    stems = stem_content(question)
    texts = [(entry, lang) for entry in content.faq for lang in entry.answers if not entry.inboxes or inbox in entry.inboxes]
    if not any(stems.values()) or not texts:
        return []
    having = [(entry, lang, _stem_faq(entry, lang)) for entry, lang in texts]
    frequencies = {stem: sum(stem in has for _, _, has in having) for of_language in stems.values() for stem in of_language}
    weights = {its: weigh_stems(stems[its], frequencies, len(having)) for its in LANGUAGES}
    measured = [(entry, lang, *measure_coverage(weights[lang], has)) for entry, lang, has in having]
    found = [
        (entry, lang, cover * _worth(lang, language), cover, matched) for entry, lang, cover, matched in measured if matched
    ]
    found.sort(key=lambda one: (-round(one[2], 4), one[0].key))
    return [_make_faq_passage(*one) for one in found[:limit]]


def find_passages(connection: Connection, turn: TurnInput, *, with_history: bool, limit: int = 6) -> list[Passage]:
    """Articles' and FAQs' passages for a turn, best first.

    with_history: a question of few words ("and to the islands?") is searched with the customer's words before it.
    """
    question, inbox = turn.text, turn.inbox.chatwoot_id
    if with_history and len(stem_content(question)[turn.language]) < FEW_STEMS:
        earlier = next((line.text for line in reversed(turn.history) if line.who == "customer"), "")
        question = f"{question}\n{earlier}"
    found = search(connection, turn.content.release_id, question, turn.language, limit, inbox)
    found += search_faq(turn.content, question, turn.language, limit // 2, inbox)
    return sorted(found, key=lambda p: -p.score)[:limit]


def stem_content(question: str) -> dict[Language, list[str]]:
    """The distinct content stems of a question under each language's stemmer; function words of both are left out."""
    left_out = FUNCTION_WORDS["es"] | FUNCTION_WORDS["en"]
    words = [w for w in dict.fromkeys(split_words(question[:LONGEST_QUESTION])) if w not in left_out][:MAX_STEMS]
    return {lang: list(dict.fromkeys(stem_words(" ".join(words), lang))) for lang in LANGUAGES}


def weigh_stems(stems: Iterable[str], frequencies: Mapping[str, int], size: int) -> dict[str, float]:
    """How telling each stem of a question is among `size` texts."""
    return {stem: weigh(frequencies.get(stem, 0), size) for stem in stems}


def measure_coverage(weights: Mapping[str, float], has: Iterable[str]) -> tuple[float, int]:
    """The share of the stems that is there, weighed by rarity, and how many that are."""
    matched = weights.keys() & has
    total = sum(weights.values())
    return (sum(weights[stem] for stem in matched) / total if total else 0.0), len(matched)


def weigh(frequency: int, size: int) -> float:
    """How telling a stem is that `frequency` of `size` texts have (BM25's idf, never negative)."""
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))


def _measure(row: Row, weights: Mapping[str, float], language: Language) -> dict[str, Any]:
    coverage, matched = measure_coverage(weights, row["has"])
    score = (coverage + RANK_WEIGHT * row["rank"]) * _worth(row["language"], language)
    return {"score": round(score, 4), "coverage": round(coverage, 4), "matched": matched}


def _make_passage(row: Row, numbers: Mapping[str, Any]) -> Passage:
    fields = ("chunk_id", "revision_id", "entry_key", "heading", "text", "url", "language")
    return Passage(title=row["title"] or "", **{name: row[name] for name in fields}, **numbers)


def _worth(its: Language, language: Language) -> float:
    return 1.0 if its == language else FOREIGN


def _make_faq_passage(entry: FaqEntry, language: Language, score: float, coverage: float, matched: int) -> Passage:
    question = next(iter(entry.questions.get(language) or next(iter(entry.questions.values()))), "")
    passage = Passage(None, None, entry.key, question, question, entry.answers[language], None, language, 0, 0, matched, "faq")
    return replace(passage, score=round(score, 4), coverage=round(coverage, 4))


_stems: dict[tuple[int, Language], tuple[FaqEntry, frozenset[str]]] = {}
STEMS_KEPT = 5_000


def _stem_faq(entry: FaqEntry, language: Language) -> frozenset[str]:
    """The stems of an entry's text. Kept by the entry itself, which never changes: its texts would be long keys."""
    kept = _stems.get((id(entry), language))
    if kept is None or kept[0] is not entry:
        whole = "\n".join((*entry.questions.get(language, ()), entry.answers[language]))
        kept = entry, frozenset(stem_words(whole, language))
        if len(_stems) >= STEMS_KEPT:
            _stems.clear()
        _stems[id(entry), language] = kept
    return kept[1]
