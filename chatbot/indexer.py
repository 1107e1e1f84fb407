"""Reads documents into passages, a page at a time: claim, fetch, extract, cut, store, embed, switch. docs/knowledge.md.

A process of its own that ends when nothing is due. Killed anywhere, the next run begins that page again: what is stored but
not switched to is found by its hash, and nothing answers before all of it is there.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import structlog
from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import InterfaceError, OperationalError

from chatbot import drafting, faults, found_pages, page_queue, proposals
from chatbot.bodies import Document, address_of
from chatbot.config import Config
from chatbot.crash_points import crash_point
from chatbot.crawl import Run, read_page
from chatbot.db import statements
from chatbot.errors import EmbeddingError, IngestError, PageError
from chatbot.knowledge.chunk import ChunkDraft, chunk_sections, decide_whole_language
from chatbot.knowledge.embedding import embed_missing
from chatbot.knowledge.extract import Extracted, extract
from chatbot.models import Chunk, PageCopy, StoredFile
from chatbot.page_queue import ClaimedPage
from chatbot.settings import Settings, load_settings

log = structlog.get_logger()
DATABASE_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
FILE = "sha256:"
# raised when reading or cutting changes, so that what is unchanged is read into new copies all the same
READER = 1
CUTTING_S = 120
EMBEDDING_S = 600.0
FILLING_S = 20.0
FIRST_PAUSE_S = 60.0
DAY_S = 86_400.0
GIVE_UP_TRIES = 8
# what a busy machine may be guilty of
UNLUCKY = {"too_slow", "too_much_memory"}
UNLUCKY_TRIES = 3
UNLUCKY_PAUSE_S = 600.0
MOST_NAMED = 5

SAME_TEXT = text("""
SELECT count(DISTINCT md5(mine.text)) AS same, array_agg(DISTINCT other.title) AS titles
  FROM chunk mine
  JOIN (SELECT md5(c.text) AS hash, coalesce(k.title, c.heading) AS title
          FROM chunk c JOIN page_copy k ON k.id = c.copy_id JOIN page p ON p.copy_id = k.id AND p.id <> :page_id) other
    ON other.hash = md5(mine.text)
 WHERE mine.copy_id = :copy_id AND length(mine.text) > 40
""")


@dataclass(slots=True)
class Done:
    """What a run did, in pages. vectors: how many were made besides."""

    read: int = 0
    unchanged: int = 0
    failed: int = 0
    vectors: int = 0
    problems: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A page's bytes with what is known of them. marks: etag, last_modified and body_hash to be remembered."""

    content: bytes
    name: str
    media_type: str
    marks: dict[str, str]


class Indexer:
    """is_stopping is asked between pages."""

    def __init__(self, engine: Engine, config: Config, is_stopping: Callable[[], bool]) -> None:
        self._engine = engine
        self._config = config
        self._is_stopping = is_stopping
        self._crawl = Run(contact=config.public_url)
        self.done = Done()

    def run(self) -> Done | None:
        """Until nothing is due. None where another one is at it."""
        with _alone(self._engine) as life:
            if life is None:
                return None
            with self._engine.begin() as connection:
                page_queue.free(connection)
                proposals.free(connection)
                found_pages.rest_unwanted(connection)
            self._read_all(life)
        return self.done

    def _read_all(self, life: psycopg.Connection[Any]) -> None:
        is_filling = True
        while not self._is_stopping():
            life.execute("SELECT 1")  # without it somebody else may have begun
            with statements(self._engine) as connection:
                page = page_queue.claim(connection)
                settings = load_settings(connection, self._config)
            if page is not None:
                crash_point("page_claimed")
                self._read_or_fail(page, settings)
                is_filling = True
            elif drafting.step(self._engine, settings):
                continue
            elif is_filling:
                is_filling = self._fill(settings)
            else:
                return

    def _fill(self, settings: Settings) -> bool:
        """Vectors that articles and former copies lack, a while at a time. False where there was nothing to do."""
        try:
            made = embed_missing(self._engine, settings, time.monotonic() + FILLING_S)
        except EmbeddingError as e:
            log.warning("vectors_missing", problem=str(e))
            return False
        self.done.vectors += made
        return made > 0

    def _read_or_fail(self, page: ClaimedPage, settings: Settings) -> None:
        document: Document | None = None
        try:
            with statements(self._engine) as connection:
                document = find_document(connection, page)
            if document is None:
                self._leave(page)
                return
            self._read(page, document, settings)
        except IngestError as e:
            self._fail(page, e.code, e.facts, plan_after_refusal(page, document, e.code))
        except PageError as e:
            self._fail_page(page, document, e)
        except DATABASE_AWAY:
            raise
        except Exception as e:  # a fault of ours with one document keeps none of the others waiting
            number = secrets.token_hex(8)
            log.exception("page_broke", page=page.id, error=type(e).__name__, fault=number)
            faults.keep(self._engine, number, "indexer", e)
            self._fail(page, "fault", {"number": number}, plan_again(page, document))

    def _leave(self, page: ClaimedPage) -> None:
        with statements(self._engine) as connection:
            page_queue.leave(connection, page, is_due=False)

    def _fail(self, page: ClaimedPage, code: str, facts: dict[str, Any], next_s: float | None) -> None:
        log.info("page_failed", page=page.id, problem=code)
        self.done.failed += 1
        self.done.problems[code] = self.done.problems.get(code, 0) + 1
        with statements(self._engine) as connection:
            page_queue.fail(connection, page, code, facts, next_s)

    def _fail_page(self, page: ClaimedPage, document: Document | None, error: PageError) -> None:
        if not error.is_gone:
            next_s = plan_schedule(document) if error.permanent else plan_again(page, document)
            wait_s = error.retry_after_s or 0.0
            self._fail(page, error.kind, error.facts, None if next_s is None else max(next_s, wait_s))
            return
        self.done.failed += 1
        with statements(self._engine) as connection:
            page_queue.let_go(connection, page, error.kind)

    def _read(self, page: ClaimedPage, document: Document, settings: Settings) -> None:
        source = fetch_source(self._engine, page, document, settings, self._crawl)
        if source is None:
            self._settle(page, document, page.copy_id, {m: getattr(page, m) for m in ("etag", "last_modified", "body_hash")})
            return
        extracted = extract(source.content, source.name, source.media_type)
        crash_point("page_extracted")
        title = document.title if document.source == "file" else extracted.title or document.title
        with within(CUTTING_S):
            drafts = chunk_sections(title, extracted.sections, document.language)
        if not drafts:
            raise IngestError("empty")
        copy_id = self._store(page, document, title, extracted, drafts)
        if copy_id is None:
            return  # somebody else has the page now
        crash_point("page_stored")
        if copy_id != page.copy_id:
            self._embed(copy_id, settings)
        crash_point("page_embedded")
        self._settle(page, document, copy_id, source.marks)
        crash_point("page_switched")

    def _settle(self, page: ClaimedPage, document: Document, copy_id: int | None, marks: dict[str, str]) -> None:
        is_new = copy_id != page.copy_id
        with self._engine.begin() as connection:
            if is_new:
                ready = update(PageCopy).where(PageCopy.id == copy_id, PageCopy.ready_at.is_(None)).values(ready_at=func.now())
                connection.execute(ready)
            page_queue.settle(connection, page, copy_id, marks, plan_schedule(document))
        self.done.read += is_new
        self.done.unchanged += not is_new
        log.info("page_read", page=page.id, copy=copy_id, is_new=is_new)

    def _store(
        self, page: ClaimedPage, document: Document, title: str, extracted: Extracted, drafts: list[ChunkDraft]
    ) -> int | None:
        """The copy with this text, made where there is none yet. None where the lease was lost."""
        text_hash = hash_text(title, document, extracted)
        with self._engine.begin() as connection:
            if not page_queue.hold(connection, page):
                return None
            found = select(PageCopy.id).where(PageCopy.page_id == page.id, PageCopy.text_hash == text_hash)
            if (copy_id := connection.scalar(found.order_by(PageCopy.id.desc()).limit(1))) is not None:
                return copy_id
            values: dict[str, Any] = {
                "page_id": page.id, "text_hash": text_hash, "title": extracted.title or title,
                "language": document.language or decide_whole_language(draft.text for draft in drafts),
                "chars": sum(len(section.text) for section in extracted.sections), "notes": list(extracted.notes),
            }  # fmt: skip
            copy_id = connection.execute(insert(PageCopy).values(values).returning(PageCopy.id)).scalar_one()
            rows = [{"copy_id": copy_id, "ordinal": ordinal, **asdict(draft)} for ordinal, draft in enumerate(drafts)]
            connection.execute(insert(Chunk), rows)
            note_duplicates(connection, page.id, copy_id, values["notes"])
        return int(copy_id)

    def _embed(self, copy_id: int, settings: Settings) -> None:
        """Before it answers. Where that can't be now, words alone find it until the vectors are there."""
        try:
            embed_missing(self._engine, settings, time.monotonic() + EMBEDDING_S, copy_id)
        except EmbeddingError as e:
            log.warning("copy_without_vectors", copy=copy_id, problem=str(e))


@contextmanager
def _alone(engine: Engine) -> Iterator[psycopg.Connection[Any] | None]:
    """A connection that holds the lock of a run, or None."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="mostrador-indexer-life") as life:
        row = life.execute("SELECT pg_try_advisory_lock(%s)", [page_queue.ALONE]).fetchone()
        yield life if row and row[0] else None


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Ends what takes longer with IngestError("too_slow"). For the main thread of a process."""

    def end(_signal: int, _frame: object) -> None:
        raise IngestError("too_slow")

    former = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def find_document(connection: Connection, page: ClaimedPage) -> Document | None:
    """What the page is to be read by: the draft's document or the live one. None where neither wants it."""
    is_file = page.address.startswith(FILE)
    for document in found_pages.find_documents(connection, page.entry_id):
        if address_of(document) == page.address if is_file else document.source != "file":
            return document
    return None


def fetch_source(engine: Engine, page: ClaimedPage, document: Document, settings: Settings, crawl: Run) -> Source | None:
    """None where it is as it was. Raises IngestError or PageError."""
    if not page.address.startswith(FILE):
        fetched = read_page(engine, page, document, settings, crawl)
        if fetched is None:
            return None
        marks = {"etag": fetched.etag, "last_modified": fetched.last_modified, "body_hash": fetched.body_hash}
        return Source(fetched.body, unquote(urlsplit(fetched.url).path.rpartition("/")[2]), fetched.media_type, marks)
    digest = page.address.removeprefix(FILE)
    with engine.connect() as connection:
        row = connection.execute(
            select(StoredFile.name, StoredFile.content).where(StoredFile.sha256 == digest)
        ).first()  # fmt: skip
    if row is None:
        raise IngestError("missing")
    return Source(row.content, row.name, "", {"etag": "", "last_modified": "", "body_hash": digest})


def hash_text(title: str, document: Document, extracted: Extracted) -> str:
    """Of all that the chunks are made of."""
    said = [READER, title, document.language, [(section.text, section.page_number) for section in extracted.sections]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def note_duplicates(connection: Connection, page_id: int, copy_id: int, notes: list[dict[str, Any]]) -> None:
    """Says where the same passages stand already."""
    row = connection.execute(SAME_TEXT, {"page_id": page_id, "copy_id": copy_id}).one()
    if row.same:
        note = {"code": "duplicate", "count": row.same, "where": sorted(row.titles)[:MOST_NAMED]}
        connection.execute(update(PageCopy).where(PageCopy.id == copy_id).values(notes=[*notes, note]))


def plan_schedule(document: Document | None) -> float | None:
    """When it is read again if all is well, in seconds. None: only when somebody asks."""
    if document is None or document.source == "file" or not document.read_every_h:
        return None
    return document.read_every_h * 3_600.0


def plan_again(page: ClaimedPage, document: Document | None) -> float | None:
    """When it is tried again after what may pass by itself: later each time, and at last with its schedule or not at all."""
    schedule_s = plan_schedule(document)
    if page.tries >= GIVE_UP_TRIES:
        return schedule_s
    pause_s = FIRST_PAUSE_S * 4.0 ** min(page.tries - 1, 6)
    return float(min(pause_s, schedule_s or DAY_S, DAY_S))


def plan_after_refusal(page: ClaimedPage, document: Document | None, code: str) -> float | None:
    """A file that was refused stays refused, unless the machine may have been too busy."""
    if code in UNLUCKY and page.tries < UNLUCKY_TRIES:
        return UNLUCKY_PAUSE_S
    return plan_schedule(document)
