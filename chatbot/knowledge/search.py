"""Finds the passages that a question may be answered from: articles' chunks by PostgreSQL full-text search, and FAQs.

Each passage says how much of the question's content it covers, which the fallback judges by.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, text

from chatbot.content import Content, FaqEntry
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

SEARCH = text("""
WITH found AS MATERIALIZED (
    SELECT c.id, c.lexemes, c.language, ts_rank(c.lexemes, to_tsquery('simple', :query), 1) AS rank
      FROM chunk c
      JOIN release_revision rr ON rr.revision_id = c.revision_id AND rr.release_id = :release_id
     WHERE c.lexemes @@ to_tsquery('simple', :query)
), best AS (
    SELECT id, rank FROM found ORDER BY rank * CASE WHEN language = :language THEN 1 ELSE :foreign END DESC, id LIMIT :limit
), stem AS (
    SELECT s.stem, (SELECT count(*) FROM found f WHERE f.lexemes @@ to_tsquery('simple', '''' || s.stem || '''')) AS chunks
      FROM unnest(cast(:stems AS text[])) AS s (stem)
), size AS (
    SELECT count(*) AS chunks
      FROM chunk c JOIN release_revision rr ON rr.revision_id = c.revision_id AND rr.release_id = :release_id
)
SELECT c.id AS chunk_id, c.revision_id, e.key AS entry_key, r.body ->> 'title' AS title, c.heading, c.text,
       r.body ->> 'url' AS url, c.language, best.rank,
       ARRAY(SELECT stem FROM stem WHERE c.lexemes @@ to_tsquery('simple', '''' || stem || '''')) AS has,
       (SELECT jsonb_object_agg(stem, chunks) FROM stem) AS frequencies, (SELECT chunks FROM size) AS size
  FROM best
  JOIN chunk c ON c.id = best.id
  JOIN revision r ON r.id = c.revision_id
  JOIN entry e ON e.id = r.entry_id
 WHERE jsonb_array_length(r.body -> 'inboxes') = 0 OR r.body -> 'inboxes' @> to_jsonb(cast(:inbox AS bigint))
    OR NOT r.body ? 'inboxes'
""")


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
    """The release's passages about a question, best first; those in the customer's language before equal foreign ones.

    inbox: Chatwoot's id; articles limited to other inboxes are left out. None leaves out every limited one.
    """
    stems = stem_content(question)
    if release_id is None or not any(stems.values()):
        return []
    every = sorted({stem for of_language in stems.values() for stem in of_language})
    found = connection.execute(
        SEARCH,
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
    passages = [_read(row._asdict(), stems, language) for row in found]
    return sorted(passages, key=lambda p: (-p.score, p.chunk_id))[:limit]


def search_faq(content: Content, question: str, language: Language, limit: int = 3, inbox: int | None = None) -> list[Passage]:
    """The FAQs about a question, measured as search() measures: their answers are as good a source as articles."""
    stems = stem_content(question)
    texts = [(entry, lang) for entry in content.faq for lang in entry.answers if not entry.inboxes or inbox in entry.inboxes]
    if not any(stems.values()) or not texts:
        return []
    having = [(entry, lang, _stem_faq(entry, lang)) for entry, lang in texts]
    frequencies = {stem: sum(stem in has for _, _, has in having) for of_language in stems.values() for stem in of_language}
    passages = []
    for entry, lang, has in having:
        coverage, matched = measure_coverage(stems[lang], has, frequencies, len(having))
        if matched:
            passages.append(_make_faq_passage(entry, lang, coverage * _worth(lang, language), coverage, matched))
    return sorted(passages, key=lambda p: (-p.score, p.entry_key))[:limit]


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


def measure_coverage(stems: Iterable[str], has: Iterable[str], frequencies: Mapping[str, int], size: int) -> tuple[float, int]:
    """The share of the stems that is there, weighed by rarity among `size` texts, and how many that are."""
    there = set(has)
    weights = {stem: weigh(frequencies.get(stem, 0), size) for stem in stems}
    total = sum(weights.values())
    matched = there & weights.keys()
    return (sum(weights[stem] for stem in matched) / total if total else 0.0), len(matched)


def weigh(frequency: int, size: int) -> float:
    """How telling a stem is that `frequency` of `size` texts have (BM25's idf, never negative)."""
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))


def _read(row: Mapping[str, Any], stems: Mapping[Language, list[str]], language: Language) -> Passage:
    its: Language = row["language"]
    coverage, matched = measure_coverage(stems[its], row["has"], row["frequencies"], row["size"])
    score = (coverage + RANK_WEIGHT * row["rank"]) * _worth(its, language)
    fields = ("chunk_id", "revision_id", "entry_key", "heading", "text", "url", "language")
    measured = {"score": round(score, 4), "coverage": round(coverage, 4), "matched": matched}
    return Passage(title=row["title"] or "", **{name: row[name] for name in fields}, **measured)


def _worth(its: Language, language: Language) -> float:
    return 1.0 if its == language else FOREIGN


def _make_faq_passage(entry: FaqEntry, language: Language, score: float, coverage: float, matched: int) -> Passage:
    question = next(iter(entry.questions.get(language) or next(iter(entry.questions.values()))), "")
    passage = Passage(None, None, entry.key, question, question, entry.answers[language], None, language, 0, 0, matched, "faq")
    return replace(passage, score=round(score, 4), coverage=round(coverage, 4))


def _stem_faq(entry: FaqEntry, language: Language) -> frozenset[str]:
    return _stem_text("\n".join((*entry.questions.get(language, ()), entry.answers[language])), language)


@lru_cache(maxsize=5_000)
def _stem_text(whole: str, language: Language) -> frozenset[str]:
    return frozenset(stem_words(whole, language))
