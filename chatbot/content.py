"""What the bot may say: one pydantic model per kind of entry, and the immutable releases that turns are pinned to.

Import, export, panel and API share these models. Entry -> Revision -> Release is the only history there is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from math import prod
from typing import Annotated, Any, Literal

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from sqlalchemy import URL, Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from chatbot.errors import ContentError
from chatbot.knowledge.chunk import chunk_article
from chatbot.models import Chunk, Entry, Instance, Release, Revision, release_revision
from chatbot.reply import Language
from chatbot.saying import gettext as _
from chatbot.text import split_words

# PostgreSQL can't store NUL or half a surrogate pair, YAML can't hold the rest, and no customer should get any of them
UNWANTED = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
PATTERN_TIMEOUT_S = 0.5
MAX_REPEATS = 10_000


def _join_lines(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


def _unify_newlines(value: object) -> object:
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _check_characters(value: str) -> str:
    if found := UNWANTED.search(value):
        raise ValueError(_("has the control character %(sign)s; take it out", sign=f"U+{ord(found[0]):04X}"))
    return value


def _check_keyword(value: str) -> str:
    if not split_words(value):
        raise ValueError(_("has no letter or digit, so it can never be found in a message; write a word"))
    return value


def _count_repeats(pattern: str) -> int:
    """All counts in {} multiplied together, never too low (in verbose mode `{10 00}` is a thousand)."""
    ranges = [inside.split(",") for inside in regex.findall(r"\{([^{}]*\d[^{}]*)\}", pattern)]
    return prod(max(int(regex.sub(r"\D", "", bound) or "1") for bound in bounds) or 1 for bounds in ranges)


def _check_pattern(value: str) -> str:
    if "\n" in value:
        raise ValueError(_("must stand on one line"))
    # counted repeats inside each other are written out when compiled: ((a{1000}){1000}){1000} takes all memory there is
    if _count_repeats(value) > MAX_REPEATS:
        raise ValueError(
            _("repeats too much: its counts in {}, multiplied, may be %(most)s at most; use + or *", most=MAX_REPEATS)
        )
    try:
        is_greedy = regex.compile(value, regex.IGNORECASE).search("", timeout=PATTERN_TIMEOUT_S) is not None
    except (regex.error, TimeoutError, RecursionError, OverflowError, MemoryError) as e:
        raise ValueError(_("is not a regular expression that works: %(why)s", why=e)) from None
    if is_greedy:
        raise ValueError(_("matches the empty text, so it would fire on every message; make some part of it obligatory"))
    return value


LINE_LIMITS = StringConstraints(strip_whitespace=True, min_length=1, max_length=500)
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Line = Annotated[str, BeforeValidator(_join_lines), LINE_LIMITS, AfterValidator(_check_characters)]
Keyword = Annotated[Line, AfterValidator(_check_keyword)]
Pattern = Annotated[str, LINE_LIMITS, AfterValidator(_check_characters), AfterValidator(_check_pattern)]
Text = Annotated[
    str,
    BeforeValidator(_unify_newlines),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000),
    AfterValidator(_check_characters),
]
LongText = Annotated[
    str,
    BeforeValidator(_unify_newlines),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200_000),
    AfterValidator(_check_characters),
]
Event = Literal["new_conversation", "thanks", "goodbye"]
Priority = Annotated[int, Field(ge=0, le=1_000_000)]


class Body(BaseModel):
    """What every kind of entry has. inboxes: Chatwoot inbox ids it is limited to; empty means all.

    enabled: false keeps it without answering from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    enabled: bool = True
    inboxes: tuple[int, ...] = ()


class CannedResponse(Body):
    """A fixed text ("Plantilla"), fired by any one of its triggers.

    exact: whole messages; keywords: whole words or phrases inside one; patterns: regular expressions searched in it.
    All ignore case and accents (patterns ignore case only). texts may hold {{contact.name}}-like variables.
    priority: of several that the same kind of trigger fires, the highest is said.
    """

    texts: dict[Language, Text] = Field(min_length=1)
    exact: tuple[Line, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    events: tuple[Event, ...] = ()
    handoff: bool = False
    priority: Priority = 0


class FaqEntry(Body):
    """One answer and its questions (phrasings), per language."""

    questions: dict[Language, tuple[Line, ...]] = Field(min_length=1)
    answers: dict[Language, Text] = Field(min_length=1)
    handoff: bool = False


class Article(Body):
    """A knowledge page in Markdown. url: where customers can read it, the only link that may be given for it."""

    title: Line
    text: LongText
    language: Language = "es"
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$", max_length=2_000)] | None = None


class Assistant(Body):
    """The AI persona ("Agente especializado").

    model: None takes the setting's; length: the reply's target; history_tokens: how much of the past it sees;
    min_confidence: below it the answer isn't used; priority: the highest is the one that speaks.
    """

    name: Line
    instructions: Text
    tone: Line = "cercano y claro"
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("es", "en")
    default_language: Language = "es"
    model: Line | None = None
    length: Literal["short", "medium", "long"] = "short"
    history_tokens: int = Field(default=1_500, ge=0, le=20_000)
    max_output_tokens: int = Field(default=600, ge=50, le=4_000)
    min_confidence: float = Field(default=0.5, ge=0, le=1)
    priority: Priority = 0


KINDS: dict[str, type[Body]] = {"canned": CannedResponse, "faq": FaqEntry, "article": Article, "assistant": Assistant}
KIND_NAMES: dict[type[Body], str] = {model: kind for kind, model in KINDS.items()}
# the kinds where an order has an effect: FAQs and articles are chosen by how well they fit
ORDERED = ("canned", "assistant")
CACHED_RELEASES = 4


class Content(BaseModel):
    """All entries of one release (or of a draft), in key order within each kind. release_id: None for a draft."""

    model_config = ConfigDict(frozen=True)

    release_id: int | None = None
    canned: tuple[CannedResponse, ...] = ()
    faq: tuple[FaqEntry, ...] = ()
    article: tuple[Article, ...] = ()
    assistant: tuple[Assistant, ...] = ()

    @property
    def persona(self) -> Assistant | None:
        return self.assistant[0] if self.assistant else None

    def entries(self) -> Iterator[Body]:
        """Every entry, kind by kind."""
        return chain(self.canned, self.faq, self.article, self.assistant)


def make_content(bodies: Iterable[Body], release_id: int | None = None) -> Content:
    """Sorts entries into a Content."""
    kinds: dict[str, list[Body]] = {kind: [] for kind in KINDS}
    for body in sorted(bodies, key=lambda b: b.key):
        kinds[KIND_NAMES[type(body)]].append(body)
    return Content.model_validate({"release_id": release_id, **kinds})


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
    return len(changed)


def dump_body(body: Body) -> dict[str, Any]:
    """As a revision holds it: what came later is left out where it is as ever, so that switching off and on is no change."""
    fields = type(body).model_fields
    later: set[str] = {
        name for name in ("enabled", "priority") if name in fields and getattr(body, name) == fields[name].default
    }
    return body.model_dump(mode="json", exclude=later)


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
    rows = _read_newest(connection).values()
    return make_content(KINDS[row.kind].model_validate(row.body) for row in rows if row.body is not None)


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
    columns = select(Entry.kind, Revision.body).join_from(Entry, Revision, Revision.entry_id == Entry.id)
    rows = connection.execute(columns.join(release_revision, release_revision.c.revision_id == Revision.id).where(in_release))
    content = make_content((KINDS[row.kind].model_validate(row.body) for row in rows), release_id)
    is_empty = next(content.entries(), None) is None
    if is_empty and connection.execute(select(Release.id).where(Release.id == release_id)).first() is None:
        raise ContentError(f"there is no release {release_id}")
    return content


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


def _read_revision_ids(connection: Connection, release_id: int) -> set[int]:
    column = release_revision.c.revision_id
    return set(connection.execute(select(column).where(release_revision.c.release_id == release_id)).scalars())


def _point_to(connection: Connection, release_id: int) -> None:
    connection.execute(update(Instance).values(live_release_id=release_id))
