"""What the content pages ask of entries and revisions: lists of the draft, what isn't published yet, history, word diffs."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, takewhile
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select, true
from sqlalchemy.orm import aliased

from chatbot.content import live_release_id
from chatbot.models import Entry, Revision, release_revision
from chatbot.models.folding import ACCENTED, PLAIN, fold_words

BIN_DAYS = 30
MOST_CHANGES = 100  # each is shown with what differs
WORDS = re.compile(r"\s+|\w+|[^\w\s]")
LINES = re.compile(r".*\n|.+")
MOST_PAIRS = 40_000  # of words against words, in one piece: pages show many texts, and webhooks come in beside them


@dataclass(frozen=True, slots=True)
class EntryLine:
    """The newest revision of an entry. state: "live" as it is, "changed" since publishing, "new", or "removed"."""

    key: str
    body: dict[str, Any]
    revision_id: int
    author: str
    changed_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry whose draft differs from what is published. before, after: readable texts; None where there is none."""

    kind: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    author: str
    changed_at: datetime
    revision_id: int


newest = (
    select(Revision)
    .where(Revision.entry_id == Entry.id)
    .order_by(Revision.id.desc())
    .limit(1)
    .correlate(Entry)
    .lateral("newest")
)
SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {"key": (cast("ColumnElement[Any]", Entry.key),), "changed": (newest.c.id,)}


def select_entries(connection: Connection, kind: str, search: str, state: str) -> Select[Any]:
    """A statement of rows as make_line() reads them, without order and limit. state: "", "live", "changed", "off" or "bin"."""
    live = live_release_id(connection)
    of_live = aliased(Revision)
    in_release = (
        release_revision.c.release_id == live,
        release_revision.c.revision_id == of_live.id,
        of_live.entry_id == Entry.id,
    )
    was_live = exists().where(*in_release)
    in_live = exists().where(*in_release, of_live.body == newest.c.body)
    columns = (
        Entry.key, newest.c.id, newest.c.body, newest.c.author, newest.c.created_at,
        in_live.label("in_live"), was_live.label("was_live"),
    )  # fmt: skip
    statement = select(*columns).select_from(Entry).join(newest, true()).where(Entry.kind == kind)
    if state == "bin":
        young = newest.c.created_at > func.now() - func.make_interval(0, 0, 0, BIN_DAYS)
        statement = statement.where(newest.c.body.is_(None), young)
    else:
        statement = statement.where(newest.c.body.is_not(None))
    if state in {"live", "changed"}:
        statement = statement.where(in_live if state == "live" else ~in_live)
    if state == "off":
        statement = statement.where(newest.c.body["enabled"].as_boolean().is_(False))
    for word in search.lower().split():
        folded = fold_words(word)
        text = func.translate(func.lower(func.concat(Entry.key, " ", newest.c.body)), ACCENTED, PLAIN)
        statement = statement.where(text.contains(folded, autoescape=True))
    return statement


def make_line(row: Any) -> EntryLine:
    state = "removed" if row.body is None else "live" if row.in_live else "changed" if row.was_live else "new"
    return EntryLine(row.key, row.body or {}, row.id, row.author, row.created_at, state)


def read_newest(connection: Connection, kind: str, key: str) -> Any | None:
    """The newest revision's row (id, entry_id, body, author, created_at), or None where there is no such entry."""
    columns = (Revision.id, Revision.entry_id, Revision.body, Revision.author, Revision.created_at)
    statement = select(*columns).join(Entry, Entry.id == Revision.entry_id).where(Entry.kind == kind, Entry.key == key)
    return connection.execute(statement.order_by(Revision.id.desc()).limit(1)).first()


def list_history(connection: Connection, kind: str, key: str, limit: int = 100) -> list[Any]:
    """Its revisions, the newest first, each with `is_live`."""
    is_live = exists().where(
        release_revision.c.release_id == live_release_id(connection), release_revision.c.revision_id == Revision.id
    )
    columns = (Revision.id, Revision.body, Revision.author, Revision.created_at, is_live.label("is_live"))
    statement = select(*columns).join(Entry, Entry.id == Revision.entry_id).where(Entry.kind == kind, Entry.key == key)
    return list(connection.execute(statement.order_by(Revision.id.desc()).limit(limit)))


def read_bodies(connection: Connection, kind: str, revision_ids: list[int]) -> list[dict[str, Any]]:
    """Of these revisions, as far as they are of the kind and no removals."""
    statement = select(Revision.body).join(Entry, Entry.id == Revision.entry_id).where(Entry.kind == kind)
    return list(connection.scalars(statement.where(Revision.id.in_(revision_ids), Revision.body.is_not(None))))


def read_revision_body(connection: Connection, kind: str, key: str, revision_id: int) -> dict[str, Any] | None:
    """A former state of an entry. None where it is another entry's, or was a removal."""
    statement = select(Revision.body).join(Entry, Entry.id == Revision.entry_id)
    found: dict[str, Any] | None = connection.scalar(
        statement.where(Entry.kind == kind, Entry.key == key, Revision.id == revision_id)
    )
    return found


def list_changes(connection: Connection) -> list[Change]:
    """What publishing would change, by kind and key: the first MOST_CHANGES."""
    statement = _select_changes(connection).order_by(Entry.kind, Entry.key).limit(MOST_CHANGES)
    return [Change(*row) for row in connection.execute(statement)]


def find_change(connection: Connection, kind: str, key: str) -> Change | None:
    """What publishing would change of this entry. None: nothing."""
    row = connection.execute(_select_changes(connection).where(Entry.kind == kind, Entry.key == key)).first()
    return Change(*row) if row else None


def count_changes(connection: Connection) -> int:
    changes = _select_changes(connection).with_only_columns(Entry.id).subquery()
    return connection.scalar(select(func.count()).select_from(changes)) or 0


def _select_changes(connection: Connection) -> Select[Any]:
    """Rows as Change has its fields."""
    published = (
        select(Revision.id, Revision.body, Revision.entry_id)
        .join(release_revision, release_revision.c.revision_id == Revision.id)
        .where(release_revision.c.release_id == live_release_id(connection))
        .subquery()
    )
    columns = (Entry.kind, Entry.key, published.c.body.label("before"), newest.c.body.label("after"), newest.c.author)
    return (
        select(*columns, newest.c.created_at, newest.c.id)
        .select_from(Entry)
        .join(newest, true())
        .outerjoin(published, published.c.entry_id == Entry.id)
        .where(newest.c.body.is_distinct_from(published.c.body), newest.c.body.is_not(None) | published.c.id.is_not(None))
    )


def diff_words(before: str, after: str) -> Iterator[tuple[str, str]]:
    """("=" | "-" | "+", text) pieces that lead from before to after: line by line, and word by word where lines differ."""
    for sign, pieces in groupby(_diff(before, after), key=lambda piece: piece[0]):
        if text := "".join(text for _sign, text in pieces):
            yield sign, text


def _diff(before: str, after: str) -> Iterator[tuple[str, str]]:
    for old_lines, new_lines in _cut(LINES.findall(before), LINES.findall(after)):
        if old_lines == new_lines:
            yield "=", "".join(old_lines)
            continue
        for old, new in _cut(WORDS.findall("".join(old_lines)), WORDS.findall("".join(new_lines))):
            if old == new:
                yield "=", "".join(old)
            elif len(old) * len(new) > MOST_PAIRS:
                yield from (("-", "".join(old)), ("+", "".join(new)))
            else:
                yield from _match(old, new)


def _match(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "=", "".join(old[a:b])
        else:
            yield from (("-", "".join(old[a:b])), ("+", "".join(new[c:d])))


def _cut(old: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Both in blocks: what they begin and end with alike, and between what stands once in both (Bram Cohen's patience diff)."""
    start = _count_alike(old, new)
    end = _count_alike(reversed(old[start:]), reversed(new[start:]))
    yield old[:start], new[:start]
    old_rest, new_rest = old[start : len(old) - end], new[start : len(new) - end]
    a = b = 0
    for x, y in _pair_unique(old_rest, new_rest):
        yield old_rest[a:x], new_rest[b:y]
        yield [old_rest[x]], [new_rest[y]]
        a, b = x + 1, y + 1
    yield old_rest[a:], new_rest[b:]
    yield old[len(old) - end :], new[len(new) - end :]


def _count_alike(old: Iterable[str], new: Iterable[str]) -> int:
    """How many from the first one on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _pair_unique(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """(index in old, index in new) of what stands once in both, as many as have the same order in both."""
    in_old, in_new = Counter(old), Counter(new)
    places = {piece: y for y, piece in enumerate(new) if in_new[piece] == in_old[piece] == 1}
    last: list[int] = []  # of the rising runs of each length: the lowest end, and the run itself
    runs: list[Any] = []
    for pair in ((x, places[piece]) for x, piece in enumerate(old) if piece in places):
        n = bisect_left(last, pair[1])
        last[n : n + 1] = [pair[1]]
        runs[n : n + 1] = [(pair, runs[n - 1] if n else None)]
    found, run = [], runs[-1] if runs else None
    while run:
        pair, run = run
        found.append(pair)
    return found[::-1]
