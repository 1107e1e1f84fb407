"""Puts a question's typos right: a word that no passage has becomes one that some have, an edit or two away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA
from sqlalchemy import Connection

from chatbot.db import run, sql

# A typo leaves the beginning or the end of a word as it is: each is a range of an index.
NEAR = sql("""
SELECT a.word AS asked, v.word FROM unnest(cast(:words AS text[])) AS a (word) CROSS JOIN LATERAL (
  (SELECT word FROM vocabulary WHERE word >= left(a.word, 3)
     AND word < left(a.word, 2) || chr(ascii(substr(a.word, 3, 1)) + 1)
     AND length(word) BETWEEN length(a.word) - 2 AND length(a.word) + 2 LIMIT :most)
  UNION
  (SELECT word FROM vocabulary WHERE reverse(word) >= reverse(right(a.word, 3))
     AND reverse(word) < reverse(right(a.word, 2)) || chr(ascii(left(right(a.word, 3), 1)) + 1)
     AND length(word) BETWEEN length(a.word) - 2 AND length(a.word) + 2 LIMIT :most)
) v
""")
MOST = 2_000
SHORTEST, LONGEST = 5, 40
# a longer word may have two edits
LONG = 8
CONSIDERED = 4


def find_similar(connection: Connection, words: Sequence[str]) -> dict[str, list[str]]:
    """For words that no passage has, the ones that may have been meant, nearest first."""
    asked = [w for w in words if SHORTEST <= len(w) <= LONGEST and w.isascii() and w.isalpha()]
    if not asked:
        return {}
    near: dict[str, list[str]] = {}
    for row in run(connection, NEAR, {"words": asked, "most": MOST}).fetchall():
        near.setdefault(row["asked"], []).append(row["word"])
    return {word: found for word, among in near.items() if (found := _rank(word, among))}


def _rank(word: str, among: Sequence[str]) -> list[str]:
    most = 2 if len(word) >= LONG else 1
    found = process.extract(word, sorted(among), scorer=OSA.distance, score_cutoff=most, limit=CONSIDERED)
    return [other for other, _distance, _index in found if other != word]


def choose(similar: Mapping[str, Sequence[str]], frequency: Callable[[str], float]) -> dict[str, str]:
    """The word meant for each: of the equally near ones that are in use, the commonest."""
    chosen: dict[str, str] = {}
    for word, others in similar.items():
        used = [other for other in others if frequency(other)]
        if used:
            nearest = min(OSA.distance(word, other) for other in used)
            chosen[word] = max((o for o in used if OSA.distance(word, o) == nearest), key=frequency)
    return chosen
