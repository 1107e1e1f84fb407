"""Passages: pieces of articles, documents and FAQs that may hold an answer, as they are read for a reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from chatbot.db import Row, run, sql
from chatbot.knowledge.fusion import Fused
from chatbot.reply import Language

CHARS_PER_TOKEN = 4

READ = sql("""
SELECT c.id, c.revision_id, c.copy_id, c.ordinal, c.page_number, c.heading, c.text, c.language, e.kind, e.key,
       CASE WHEN c.copy_id IS NULL THEN r.body ->> 'title' ELSE coalesce(nullif(k.title, ''), c.heading) END AS title,
       CASE WHEN c.copy_id IS NULL THEN r.body ->> 'url' ELSE p.address END AS url,
       coalesce(r.created_at, k.read_at) AS at
  FROM chunk c
  LEFT JOIN revision r ON r.id = c.revision_id
  LEFT JOIN page_copy k ON k.id = c.copy_id
  LEFT JOIN page p ON p.id = k.page_id
  JOIN entry e ON e.id = coalesce(r.entry_id, p.entry_id)
 WHERE c.id = ANY(cast(:ids AS bigint[])) AND (c.copy_id IS NULL OR p.copy_id = c.copy_id AND p.state <> 'gone')
""")
BESIDE = sql("""
SELECT c.id, n.ordinal - c.ordinal AS side, n.text
  FROM chunk c JOIN chunk n ON (n.revision_id = c.revision_id OR n.copy_id = c.copy_id)
   AND n.ordinal IN (c.ordinal - 1, c.ordinal + 1)
 WHERE c.id = ANY(cast(:ids AS bigint[]))
""")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece that may hold the answer. chunk_id and revision_id: None for an FAQ, whose heading is its first question.

    coverage: how much of the question's content words it has, the rare ones counting more, 0 to 1; matched: how many of them;
    score: what passages are ordered by; lexical: BM25; letters: of its words' letters, 0 to 1; dense: the cosine, None
    without a vector; by_words, by_meaning: what of the score each channel brought. url: None where customers may not get it.
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
    copy_id: int | None = None
    page_number: int | None = None
    lexical: float = 0.0
    letters: float = 0.0
    dense: float | None = None
    by_words: float = 0.0
    by_meaning: float | None = None
    at: datetime | None = None

    @property
    def source(self) -> str:
        return f"{self.kind}:{self.entry_key}"

    @property
    def tokens(self) -> int:
        """About as many as a model counts."""
        return (len(self.heading) + len(self.text)) // CHARS_PER_TOKEN + 1

    def to_trace(self) -> list[object]:
        """[source, chunk, score, coverage, matched, BM25, cosine, part by words, part by meaning]."""
        return [
            self.source, self.chunk_id, self.score, self.coverage, self.matched, self.lexical, self.dense, self.by_words,
            self.by_meaning,
        ]  # fmt: skip


def read_passages(connection: Connection, fused: Sequence[Fused], hidden: frozenset[str]) -> list[Passage]:
    """The chunks' passages in the given order; what went meanwhile is left out. hidden: sources whose address isn't told."""
    rows = {row["id"]: row for row in run(connection, READ, {"ids": [f.candidate.id for f in fused]}).fetchall()}
    return [_make(rows[f.candidate.id], f, hidden) for f in fused if f.candidate.id in rows]


def _make(row: Row, fused: Fused, hidden: frozenset[str]) -> Passage:
    url = None if f"{row['kind']}:{row['key']}" in hidden else row["url"]
    is_address = bool(url) and str(url).startswith(("http://", "https://"))
    names = ("revision_id", "heading", "text", "language", "kind", "copy_id", "page_number", "at")
    passage = Passage(
        chunk_id=row["id"], entry_key=row["key"], title=row["title"] or "", url=url if is_address else None,
        score=0.0, coverage=0.0, **{name: row[name] for name in names},
    )  # fmt: skip
    return with_scores(passage, fused)


def with_scores(passage: Passage, fused: Fused) -> Passage:
    words, cosine = fused.candidate.words, fused.candidate.cosine
    return replace(
        passage, score=round(fused.score, 4), coverage=round(words.coverage, 4), matched=words.matched,
        lexical=round(words.bm25, 4), letters=round(words.letters or 0.0, 4),
        dense=None if cosine is None else round(cosine, 4), by_words=round(fused.lexical, 4),
        by_meaning=None if fused.dense is None else round(fused.dense, 4),
    )  # fmt: skip


def drop_repeated(passages: Sequence[Passage]) -> tuple[list[Passage], list[Passage]]:
    """What stays and what goes: of two with the same words, the one that came later, in the place of the better one."""
    kept: dict[tuple[str, ...], Passage] = {}
    gone = []
    for passage in passages:
        words = tuple(passage.text.split())
        first = kept.setdefault(words, passage)
        if first is passage:
            continue
        if first.at and passage.at and passage.at > first.at:
            kept[words] = passage
            gone.append(first)
        else:
            gone.append(passage)
    return list(kept.values()), gone


def fit_budget(passages: Sequence[Passage], max_tokens: int) -> tuple[list[Passage], list[Passage]]:
    """What is sent and what is cut: the best that fit together; one alone may be larger."""
    sent: list[Passage] = []
    cut: list[Passage] = []
    left = max_tokens
    for passage in passages:
        fits = passage.tokens <= left or not sent
        (sent if fits else cut).append(passage)
        left -= passage.tokens if fits else 0
    return sent, cut


def widen(connection: Connection, passages: Sequence[Passage], max_tokens: int) -> list[Passage]:
    """With what stands before and after each, best first, as long as all stay within max_tokens.

    A neighbour that is a passage itself isn't said twice.
    """
    ids = [p.chunk_id for p in passages if p.chunk_id is not None]
    rows = run(connection, BESIDE, {"ids": ids}).fetchall() if ids else []
    beside = {(row["id"], row["side"]): row["text"] for row in rows}
    said = {p.text for p in passages}
    left = max_tokens - sum(p.tokens for p in passages)
    wide = []
    for passage in passages:
        text = passage.text
        for side in (1, -1):
            more = beside.get((passage.chunk_id, side))
            if more is None or more in said or len(more) // CHARS_PER_TOKEN + 1 > left:
                continue
            text = f"{text}\n\n{more}" if side > 0 else f"{more}\n\n{text}"
            said.add(more)
            left -= len(more) // CHARS_PER_TOKEN + 1
        wide.append(replace(passage, text=text))
    return wide
