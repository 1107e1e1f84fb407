"""Searches what was written, in messages and in our parts, by their indexes, and never reads more than the newest MOST of each.

A word that half of all messages have would else be looked up a hundred thousand times. Where more were found than are read,
the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, TextClause, func, literal_column, text

from chatbot.models.folding import fold_words, vector_sql

MOST = 1_000
WINDOW = 50_000  # ids; what isn't found in the newest is looked for in larger ones
LARGEST_WINDOW = 200_000
# the expression of the two search indexes
FOLDED = vector_sql("{0}.text")
QUERY = "plainto_tsquery('simple', :words)"
# when a row came; parts may have no moment of their own
MOMENTS = {
    "message": "SELECT id, arrived_at AS at FROM message WHERE id >= :id ORDER BY id LIMIT 1",
    "part": "SELECT part.id, turn.started_at AS at FROM part JOIN turn ON turn.id = part.turn_id WHERE part.id >= :id"
    " ORDER BY part.id LIMIT 1",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Conversations in which somebody, or we, wrote all of the words in one message. is_all: no older ones were left out."""

    ids: list[int]
    is_all: bool


def fold(words: list[str]) -> str:
    return fold_words(" ".join(words))


def matches(table: str, words: list[str]) -> Any:
    """The same as a condition, for whoever has the time to read them all."""
    query = func.plainto_tsquery(literal_column("'simple'::regconfig"), fold(words))
    return literal_column(FOLDED.format(table)).op("@@")(query)


def find_newest(connection: Connection, words: list[str], until: datetime | None = None) -> Found:
    """until: nothing is looked for that came later."""
    ids: set[int] = set()
    is_all = True
    highs = {table: _find_high(connection, table, until) for table in MOMENTS}
    # else the planner may read the key's index alone, and make a vector of every text on the way
    connection.execute(text("SET LOCAL enable_indexscan = off"))
    for table, high in highs.items():
        found, is_all_of_it = _find_in(connection, table, fold(words), high)
        ids.update(found)
        is_all = is_all and is_all_of_it
    connection.execute(text("SET LOCAL enable_indexscan = on"))
    return Found(sorted(ids), is_all)


def _find_high(connection: Connection, table: str, until: datetime | None) -> int:
    """The first id that isn't looked at."""
    high: int = connection.execute(text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")).scalar_one()
    return high if until is None else _find_first_since(connection, table, until, high)


def _find_in(connection: Connection, table: str, words: str, high: int) -> tuple[list[int], bool]:
    """Ids are in the order of time, and so are the pages on the disk: a common word is found in the newest of them."""
    low = max(high - WINDOW, 0)
    found = _read_window(connection, table, words, low, high)
    if len(found) < MOST and low > 0:
        few = connection.execute(_select(table, f"LIMIT {MOST + 1}"), {"words": words}).scalars().all()
        if len(few) <= MOST:
            return list(few), True
        size = WINDOW
        while low > 0 and len(found) < MOST:
            size = min(size * 2, LARGEST_WINDOW)
            low, high = max(low - size, 0), low
            found += _read_window(connection, table, words, low, high)
    return found[:MOST], len(found) < MOST


def _select(table: str, more: str) -> TextClause:
    return text(f"SELECT conversation_id FROM {table} WHERE {FOLDED.format(table)} @@ {QUERY} {more}")


def _read_window(connection: Connection, table: str, words: str, low: int, high: int) -> list[int]:
    statement = _select(table, f"AND {table}.id >= :low AND {table}.id < :high ORDER BY {table}.id DESC LIMIT {MOST}")
    return list(connection.execute(statement, {"words": words, "low": low, "high": high}).scalars())


def _find_first_since(connection: Connection, table: str, moment: datetime, high: int) -> int:
    """By halving: twenty looks at the key's index, where an index of moments would cost every message."""
    statement, low = text(MOMENTS[table]), 0
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(statement, {"id": middle}).first()
        if row is None or row.at >= moment:
            high = middle
        else:
            low = row.id + 1
    return high
