"""Finds the passages that a question may be answered from, in articles, documents and FAQs: by words and by meaning.

PostgreSQL gives candidates of either channel (the rarest words' chunks by an index; the nearest vectors), which are measured
exactly (lexical.py), put in one order (fusion.py) and judged (confidence.py). docs/knowledge.md has the whole way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from chatbot.db import run, sql
from chatbot.knowledge import faq_passages
from chatbot.knowledge.asking import Asked, ask, read_question
from chatbot.knowledge.confidence import Verdict, decide, estimate, read_figures, tell_kind
from chatbot.knowledge.faq_passages import FaqText
from chatbot.knowledge.fusion import BEST, Candidate, Fused, fuse
from chatbot.knowledge.lexical import Words, measure, measure_letters, read_text, stem_content
from chatbot.knowledge.nearest import Nearest, find_nearest
from chatbot.knowledge.passages import Passage, drop_repeated, fit_budget, read_passages, widen
from chatbot.knowledge.scope import DRAFT, IS_OWN, Scope, find_scope
from chatbot.reply import Language, TurnInput
from chatbot.settings import Settings

__all__ = ["DRAFT", "Found", "Passage", "find_passages", "look_up", "stem_content"]

LIMIT = 6
MAX_TOKENS = 3_000
TIME_ZONE = "Europe/Madrid"
# so many chunks are measured exactly: those that have most of the rare stems
CANDIDATES = 100
# the rarest stems choose them, as many as bring so many chunks together
HITS = 1_500
# of each channel's best, so many are compared by letters too
HOPEFUL = 25
LEXICAL, DENSE = "lexical", "dense"
BOTH = frozenset({LEXICAL, DENSE})
NOTHING = Nearest({}, ())

# of equally many, short ones: the stems are a larger part of them
FIND = sql(f"""
WITH asked AS MATERIALIZED (
  SELECT to_tsquery('simple', '''' || stem || '''') AS query, language, weight
    FROM unnest(cast(:stems AS text[]), cast(:languages AS text[]), cast(:weights AS float8[])) AS a (stem, language, weight)
), hit AS MATERIALIZED (
  SELECT h.id, sum(a.weight) AS weight, min(h.length) AS length FROM asked a CROSS JOIN LATERAL (
    SELECT c.id, octet_length(c.stems) AS length FROM chunk c
     WHERE c.lexemes @@ a.query AND c.language = a.language AND {IS_OWN} LIMIT :hits) h
   GROUP BY h.id
), best AS (
  SELECT id FROM hit ORDER BY weight DESC, length, id LIMIT :candidates
)
SELECT c.id, c.language, c.stems FROM best b JOIN chunk c ON c.id = b.id
""")
READ_STEMS = sql("SELECT id, language, stems FROM chunk WHERE id = ANY(cast(:ids AS bigint[]))")


@dataclass(frozen=True, slots=True)
class Found:
    """passages: those to answer from, best first; probability: that the first holds the answer, by these figures; notes: for
    the trace."""

    passages: list[Passage] = field(default_factory=list)
    probability: float = 0.0
    verdict: Verdict = "dont_know"
    figures: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


def find_passages(
    connection: Connection, turn: TurnInput, *, with_history: bool, limit: int = LIMIT, settings: Settings | None = None
) -> list[Passage]:
    """look_up()'s passages alone."""
    return look_up(connection, turn, settings, with_history=with_history, limit=limit).passages


def look_up(
    connection: Connection,
    turn: TurnInput,
    settings: Settings | None = None,
    *,
    with_history: bool = False,
    limit: int = LIMIT,
    max_tokens: int = MAX_TOKENS,
    is_wide: bool = False,
    channels: frozenset[str] = BOTH,
) -> Found:
    """What a turn may be answered from. settings: None does without the dense channel, as whoever can't reach it does.

    with_history: a short question is searched with the customer's words before it; is_wide: passages come with what stands
    beside them, as far as max_tokens allows. connection: one of db.statements(), since embedding waits for another process.
    """
    scope = find_scope(connection, turn, settings.time_zone if settings else TIME_ZONE)
    question = read_question(turn, with_history=with_history)
    if scope is None or not question.strip():
        return Found(notes={"why": "no_release" if scope is None else "no_text"})
    faqs = faq_passages.list_texts(turn) if LEXICAL in channels else []
    asked = ask(connection, scope, question, turn.language, settings, [faq.text for faq in faqs], is_dense=DENSE in channels)
    candidates = _find_candidates(connection, scope, asked, channels)
    candidates += faq_passages.measure_all(faqs, asked)
    fused = fuse(candidates, turn.language)
    figures = read_figures(fused, asked.weights)
    kind = tell_kind(fused, turn.language)
    probability = estimate(figures, kind)
    notes = {
        "dense": asked.sought.reason or "ok", "corrected": dict(asked.corrected), "chunks": asked.statistics.size,
        "candidates": len(candidates), "kind": kind, "probability": round(probability, 3),
    }  # fmt: skip
    found = Found([], probability, decide(probability, kind), figures, notes)
    return _select(connection, found, fused, scope.wanted.hidden, faqs, (limit, max_tokens), is_wide=is_wide)


def _find_candidates(connection: Connection, scope: Scope, asked: Asked, channels: frozenset[str]) -> list[Candidate]:
    """The best of each channel, measured by both."""
    statistics, vector = asked.statistics, asked.sought.vector
    if not statistics.size:
        return []
    texts = _find_by_words(connection, scope, asked) if LEXICAL in channels else []
    near = NOTHING
    if vector is not None:
        known = [text.id for text in texts]
        near = find_nearest(connection, scope, vector, known, statistics.languages)
        if more := sorted(set(near.found) - set(known)):
            texts += _read_texts(run(connection, READ_STEMS, {"ids": more}).fetchall(), asked)
    if LEXICAL not in channels:
        return [Candidate(t.id, t.language, Words(), near.cosines.get(t.id)) for t in texts]
    hopeful = {t.id for t in texts[:HOPEFUL]} | _pick_nearest(texts, near)
    return [t.to_candidate(asked, near.cosines.get(t.id), is_hopeful=t.id in hopeful) for t in texts]


def _pick_nearest(texts: Sequence[_Text], near: Nearest) -> set[int]:
    """The nearest of each language."""
    languages = {text.id: text.language for text in texts}
    of_each: dict[Language, list[int]] = {}
    for id_ in near.found:
        of_each.setdefault(languages[id_], []).append(id_)
    return {id_ for ids in of_each.values() for id_ in ids[:HOPEFUL]}


@dataclass(frozen=True, slots=True)
class _Text:
    """A chunk whose words are measured, but for their letters."""

    id: int
    language: Language
    text: str
    words: Words

    def to_candidate(self, asked: Asked, cosine: float | None, *, is_hopeful: bool) -> Candidate:
        """Without letters where neither channel gives it much hope: they take time."""
        letters = measure_letters(self.text, asked.weights[self.language]) if is_hopeful else None
        return Candidate(self.id, self.language, replace(self.words, letters=letters), cosine)


def _find_by_words(connection: Connection, scope: Scope, asked: Asked) -> list[_Text]:
    chosen = _choose_stems(asked)
    if not chosen:
        return []
    languages, stems, weights = zip(*chosen, strict=True)
    values = {
        **scope.values, "languages": list(languages), "stems": list(stems), "weights": list(weights),
        "hits": HITS, "candidates": CANDIDATES,
    }  # fmt: skip
    texts = _read_texts(run(connection, FIND, values).fetchall(), asked)
    return sorted(texts, key=lambda text: (-text.words.bm25, text.id))[:BEST]


def _read_texts(rows: Sequence[dict[str, Any]], asked: Asked) -> list[_Text]:
    read = ((row["id"], row["language"], read_text(row["stems"])) for row in rows)
    return [_Text(id_, its, text, measure(text, asked.weights[its], asked.average)) for id_, its, text in read]


def _choose_stems(asked: Asked) -> list[tuple[Language, str, float]]:
    """(language, stem, weight) of the rarest that some chunk has."""
    frequencies = asked.statistics.frequencies
    known = [
        (language, stem, weight)
        for language, weights in asked.weights.items()
        if language in asked.statistics.languages
        for stem, weight in weights.items()
        if frequencies.get(stem)
    ]
    known.sort(key=lambda one: frequencies[one[1]])
    chosen: list[tuple[Language, str, float]] = []
    hits = 0.0
    for one in known:
        hits += frequencies[one[1]]
        if chosen and hits > HITS:
            break
        chosen.append(one)
    return chosen


def _select(
    connection: Connection,
    found: Found,
    fused: Sequence[Fused],
    hidden: frozenset[str],
    faqs: Sequence[FaqText],
    limits: tuple[int, int],
    *,
    is_wide: bool,
) -> Found:
    """Reads the best ones' texts; without what is said twice, and what finds no room."""
    limit, max_tokens = limits
    best = [f for f in fused if f.candidate.cosine is not None or f.candidate.words.matched][: limit * 2]
    read = {p.chunk_id: p for p in read_passages(connection, [f for f in best if f.candidate.id > 0], hidden)}
    every = [
        read.get(f.candidate.id) if f.candidate.id > 0 else faq_passages.make_passage(faqs, f) for f in best
    ]  # fmt: skip
    single, repeated = drop_repeated([p for p in every if p is not None])
    sent, cut = fit_budget(single[:limit], max_tokens)
    left_out = [[p.source, p.chunk_id, why] for why, gone in (("repeated", repeated), ("no_room", cut)) for p in gone]
    passages = widen(connection, sent, max_tokens) if is_wide else sent
    return replace(found, passages=passages, notes={**found.notes, "cut": left_out})
