"""The history of what the bot may say: revisions of entries (bodies.py), and the releases that turns are pinned to.

Entry -> Revision -> Release is the only history there is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import URL, Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from chatbot.bodies import KIND_NAMES, KINDS, ORDERED, Article, Content, Document, address_of, dump_body, make_content
from chatbot.body_types import Body
from chatbot.errors import ContentError
from chatbot.flows.definition import Flow
from chatbot.knowledge.chunk import chunk_article
from chatbot.models import Chunk, Entry, Instance, Page, Release, Revision, release_revision

CACHED_RELEASES = 4


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """A release as lists show it."""

    id: int
    created_at: datetime
    author: str
    note: str
    entries: int
    is_live: bool


def save_drafts(connection: Connection, bodies: Iterable[Body], author: str = "") -> int:
    """A new revision for each entry that differs from its newest one. Returns how many that were."""
    _lock(connection)
    newest = _read_newest(connection)
    wanted = {(KIND_NAMES[type(b)], b.key): b for b in bodies}
    changed = {name: body for name, body in wanted.items() if not _is_same(newest.get(name), body)}
    if not changed:
        return 0
    entry_ids = _ensure_entries(connection, changed)
    rows = [{"entry_id": entry_ids[n], "body": dump_body(b), "author": author} for n, b in changed.items()]
    statement = insert(Revision).returning(Revision.id, sort_by_parameter_order=True)
    revision_ids = connection.execute(statement, rows).scalars().all()
    _save_chunks(connection, zip(revision_ids, changed.values(), strict=True))
    _ring_documents(connection, ((entry_ids[name], body) for name, body in changed.items()))
    return len(changed)


def remove_drafts(connection: Connection, kind_keys: Iterable[tuple[str, str]], author: str = "") -> int:
    """Takes entries out of the draft; their history and the releases stay. Returns how many were there."""
    _lock(connection)
    newest = _read_newest(connection)
    present = [newest[name] for name in dict.fromkeys(kind_keys) if name in newest and newest[name].body is not None]
    if present:
        rows = [{"entry_id": row.entry_id, "body": None, "author": author} for row in present]
        connection.execute(insert(Revision), rows)
    return len(present)


def load_draft(connection: Connection) -> Content:
    """What would be published now."""
    return _make(row for row in _read_newest(connection).values() if row.body is not None)


def publish(connection: Connection, author: str = "", note: str = "") -> int:
    """Makes the draft live and returns its release. Where nothing changed, that is the release that already is."""
    _lock(connection)
    wanted = {row.id for row in _read_newest(connection).values() if row.body is not None}
    live = live_release_id(connection)
    if live is not None and wanted == _read_revision_ids(connection, live):
        return live
    release_id = connection.execute(insert(Release).values(author=author, note=note).returning(Release.id)).scalar_one()
    if wanted:
        rows = [{"release_id": release_id, "revision_id": revision_id} for revision_id in sorted(wanted)]
        connection.execute(insert(release_revision), rows)
    _point_to(connection, release_id)
    return release_id


def roll_back(connection: Connection, release_id: int) -> None:
    """Makes a former release live. The draft stays as it is. Raises ContentError where there is no such release."""
    _lock(connection)
    if connection.execute(select(Release.id).where(Release.id == release_id)).first() is None:
        raise ContentError(f"there is no release {release_id}; `flask content releases` lists them")
    _point_to(connection, release_id)


def live_release_id(connection: Connection) -> int | None:
    return connection.execute(select(Instance.live_release_id)).scalar()


def list_releases(connection: Connection, limit: int = 50) -> list[ReleaseLine]:
    """The newest first."""
    live = live_release_id(connection)
    size = select(func.count()).where(release_revision.c.release_id == Release.id).scalar_subquery()
    columns = (Release.id, Release.created_at, Release.author, Release.note, size.label("entries"))
    rows = connection.execute(select(*columns).order_by(Release.id.desc()).limit(limit))
    return [ReleaseLine(r.id, r.created_at, r.author, r.note, r.entries, r.id == live) for r in rows]


_cache: OrderedDict[tuple[URL, int], Content] = OrderedDict()
_cache_lock = threading.Lock()


def load_content(connection: Connection, release_id: int | None) -> Content:
    """A release's entries, kept in memory. None is an empty Content. Raises ContentError for an unknown release."""
    if release_id is None:
        return Content()
    name = (connection.engine.url, release_id)
    with _cache_lock:
        if name in _cache:
            _cache.move_to_end(name)
            return _cache[name]
    content = _read_release(connection, release_id)
    with _cache_lock:
        _cache[name] = content
        while len(_cache) > CACHED_RELEASES:
            _cache.popitem(last=False)
    return content


_spoken: list[tuple[Content, Content]] = []


def select_spoken(content: Content) -> Content:
    """What answers: without what is switched off, in the order of priority. The same object for the same content, since
    indexes are kept by identity."""
    with _cache_lock:
        found = next((spoken for whole, spoken in _spoken if whole is content), None)
    if found is None:
        kinds = {kind: [body for body in getattr(content, kind) if body.enabled] for kind in KINDS}
        for kind in ORDERED:
            kinds[kind].sort(key=lambda body: -body.priority)
        found = content.model_copy(update={kind: tuple(bodies) for kind, bodies in kinds.items()})
    with _cache_lock:
        _spoken[:] = [(content, found), *((c, s) for c, s in _spoken if c is not content)][:CACHED_RELEASES]
    return found


def forget_content() -> None:
    """Empties the memory: after a restore the same release id may mean something else."""
    with _cache_lock:
        _cache.clear()
        _spoken.clear()


def _read_release(connection: Connection, release_id: int) -> Content:
    in_release = release_revision.c.release_id == release_id
    wanted = select(Entry.kind, Entry.key, Revision.id, Revision.body)
    columns = wanted.join_from(Entry, Revision, Revision.entry_id == Entry.id)
    rows = connection.execute(columns.join(release_revision, release_revision.c.revision_id == Revision.id).where(in_release))
    content = _make(rows, release_id)
    is_empty = next(content.entries(), None) is None
    if is_empty and connection.execute(select(Release.id).where(Release.id == release_id)).first() is None:
        raise ContentError(f"there is no release {release_id}")
    return content


def _make(rows: Iterable[Row[Any]], release_id: int | None = None) -> Content:
    """Of rows (kind, key, id, body). A kind that a newer version made isn't ours to say."""
    known = [row for row in rows if row.kind in KINDS]
    flow_revisions = {row.key: row.id for row in known if row.kind == "flow"}
    return make_content((KINDS[row.kind].model_validate(row.body) for row in known), release_id, flow_revisions)


def load_flows(connection: Connection, revision_ids: Iterable[int]) -> dict[int, Flow]:
    """Flows of former releases that conversations are still in, by revision id."""
    statement = select(Revision.id, Revision.body).where(Revision.id.in_(list(revision_ids)), Revision.body.is_not(None))
    found = {}
    for row in connection.execute(statement):
        with suppress(ValidationError):  # of another version of the product: the conversation leaves that flow
            found[row.id] = Flow.model_validate(row.body)
    return found


def _lock(connection: Connection) -> None:
    """One writer of content at a time, until the transaction ends. Readers never wait."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("mostrador content"))))


def _read_newest(connection: Connection) -> dict[tuple[str, str], Row[Any]]:
    """The newest revision of each entry, by (kind, key)."""
    newest = select(func.max(Revision.id)).group_by(Revision.entry_id)
    columns = select(Entry.kind, Entry.key, Revision.entry_id, Revision.id, Revision.body)
    statement = columns.join_from(Entry, Revision, Revision.entry_id == Entry.id).where(Revision.id.in_(newest))
    return {(row.kind, row.key): row for row in connection.execute(statement)}


def _is_same(row: Row[Any] | None, body: Body) -> bool:
    # compared as models, so that a field which came later with a default makes no revision
    return row is not None and row.body is not None and type(body).model_validate(row.body) == body


def _ensure_entries(connection: Connection, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    rows = [{"kind": kind, "key": key} for kind, key in names]
    connection.execute(upsert(Entry).on_conflict_do_nothing(), rows)
    found = connection.execute(select(Entry.kind, Entry.key, Entry.id))
    return {(row.kind, row.key): row.id for row in found}


def _save_chunks(connection: Connection, revisions: Iterable[tuple[int, Body]]) -> None:
    rows = [
        {"revision_id": revision_id, "ordinal": ordinal, **asdict(draft)}
        for revision_id, body in revisions
        if isinstance(body, Article) and body.enabled
        for ordinal, draft in enumerate(chunk_article(body))
    ]
    if rows:
        connection.execute(insert(Chunk), rows)


def _ring_documents(connection: Connection, documents: Iterable[tuple[int, Body]]) -> None:
    """Lets the indexer read what a document names, or read it again."""
    rows = [
        {"entry_id": entry_id, "address": address_of(body), "due_at": func.now()}
        for entry_id, body in documents
        if isinstance(body, Document) and body.enabled
    ]
    for row in rows:
        again = {"due_at": func.now(), "tries": 0}
        connection.execute(upsert(Page).values(row).on_conflict_do_update(index_elements=["entry_id", "address"], set_=again))


def _read_revision_ids(connection: Connection, release_id: int) -> set[int]:
    column = release_revision.c.revision_id
    return set(connection.execute(select(column).where(release_revision.c.release_id == release_id)).scalars())


def _point_to(connection: Connection, release_id: int) -> None:
    connection.execute(update(Instance).values(live_release_id=release_id))
