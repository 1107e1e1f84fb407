"""What the documents' pages ask and do: uploads, how far the reading is, what was read, reading again.

A document is an entry (bodies.Document); its pages, their copies and the files' bytes are models/knowledge.py's.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Row,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from chatbot import drafts
from chatbot.bodies import Document
from chatbot.body_types import UNWANTED
from chatbot.content import save_drafts
from chatbot.drafts import newest
from chatbot.models import Chunk, Entry, Inbox, Page, PageCopy, Revision, StoredFile

MAX_FILE_BYTES = 20 * 1024 * 1024
SUFFIXES = (".pdf", ".docx", ".xlsx", ".csv", ".html", ".htm", ".md", ".markdown", ".txt")
MOST_NAME = 200
MOST_ADDRESS = 2_000
STORING_MS = 20_000  # 20 MB take their time on a small machine, and a page's statements have 3 s
SHEET = re.compile(r"^https://docs\.google\.com/spreadsheets/d/([\w-]+)(?:/.*?[?#&]gid=(\d+)|/.*)?$")
FILE = "sha256:"

of_body = newest.c.body
# a file has one page, what is on the web all those that aren't a former file's; a page that is no more counts only where it is
# the document's own address
IS_OWN = and_(
    Page.entry_id == Entry.id,
    or_(Page.state != "gone", Page.address == of_body["url"].astext),
    or_(
        Page.address == func.concat(FILE, of_body["file"].astext),
        and_(of_body["source"].astext != "file", ~Page.address.startswith(FILE)),
    ),
)
IS_OPEN = or_(Page.state.in_(("waiting", "reading")), Page.due_at <= func.now())
IS_FAILED = and_(Page.state.in_(("failed", "gone")), ~func.coalesce(Page.due_at <= func.now(), False))
read_at = func.coalesce(
    select(func.max(Page.checked_at)).where(IS_OWN).correlate(Entry, newest).scalar_subquery(),
    type_coerce(func.to_timestamp(0), DateTime(timezone=True)),
    type_=DateTime(timezone=True),
)
SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {**drafts.SORTS, "read": (read_at, type_coerce(Entry.id, Entry.id.type))}


@dataclass(frozen=True, slots=True)
class Reading:
    """How far one document is: pages in all, `open` still to be read, `failed` at their last try, `ready` with a copy.

    problem: the code of a failed page's, with its facts; passages: of the copies that answer.
    """

    pages: int = 0
    open: int = 0
    failed: int = 0
    ready: int = 0
    passages: int = 0
    languages: tuple[str, ...] = ()
    checked_at: datetime | None = None
    problem: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.pages - self.open


@dataclass(frozen=True, slots=True)
class Added:
    """A file that was taken in. is_same: the very bytes were there already, as this document."""

    document: Document
    is_same: bool = False


def select_documents(connection: Connection, search: str, state: str = "", source: str = "", reading: str = "") -> Select[Any]:
    """Rows as drafts.make_line() reads them, with entry_id and read_at. reading: "", "ready", "reading" or "problem"."""
    statement = drafts.select_entries(connection, "document", search, state)
    statement = statement.add_columns(Entry.id.label("entry_id"), read_at.label("read_at"))
    if source:
        statement = statement.where(of_body["source"].astext == source)
    if reading == "reading":
        statement = statement.where(exists().where(IS_OWN, IS_OPEN))
    elif reading == "problem":
        statement = statement.where(exists().where(IS_OWN, IS_FAILED))
    elif reading == "ready":
        statement = statement.where(exists().where(IS_OWN, Page.copy_id.is_not(None)), ~exists().where(IS_OWN, IS_OPEN))
    return statement


def summarize(connection: Connection, entry_ids: Iterable[int]) -> dict[int, Reading]:
    """How far each of these documents is, by entry."""
    chunks = select(func.count()).where(Chunk.copy_id == Page.copy_id).correlate(Page).scalar_subquery()
    language = PageCopy.language
    columns = (
        Entry.id, func.count(Page.id).label("pages"), func.count().filter(IS_OPEN).label("open"),
        func.count().filter(IS_FAILED).label("failed"), func.count(Page.copy_id).label("ready"),
        func.coalesce(func.sum(chunks), 0).label("passages"), func.max(Page.checked_at).label("checked_at"),
        func.array_agg(language.distinct()).filter(language.is_not(None)).label("languages"),
        func.min(Page.id).filter(IS_FAILED).label("failed_id"),
    )  # fmt: skip
    statement = select(*columns).select_from(Entry).join(newest, true()).outerjoin(Page, IS_OWN)
    statement = statement.outerjoin(PageCopy, PageCopy.id == Page.copy_id).where(Entry.id.in_(list(entry_ids)))
    rows = connection.execute(statement.group_by(Entry.id)).all()
    failed = select(Page.id, Page.problem, Page.problem_facts).where(Page.id.in_([r.failed_id for r in rows if r.failed_id]))
    problems = {row.id: row for row in connection.execute(failed)}
    return {row.id: _make_reading(row, problems.get(row.failed_id)) for row in rows}


def _make_reading(row: Row[Any], failed: Row[Any] | None) -> Reading:
    numbers = {name: int(getattr(row, name)) for name in ("pages", "open", "failed", "ready", "passages")}
    facts = failed.problem_facts if failed and isinstance(failed.problem_facts, Mapping) else {}
    problem = failed.problem if failed else ""
    return Reading(
        **numbers, languages=tuple(row.languages or ()), checked_at=row.checked_at, problem=problem, facts=facts
    )  # fmt: skip


def name_files(connection: Connection, digests: Iterable[str]) -> dict[str, Any]:
    """(name, size) of stored files by their SHA-256."""
    columns = (StoredFile.sha256, StoredFile.name, StoredFile.size)
    rows = connection.execute(select(*columns).where(StoredFile.sha256.in_(list(digests))))
    return {row.sha256: row for row in rows}


def read_content(connection: Connection, sha256: str) -> bytes | None:
    return connection.scalar(select(StoredFile.content).where(StoredFile.sha256 == sha256))


def list_assistants(connection: Connection) -> dict[str, str]:
    """Names of the draft's specialised agents by their keys."""
    statement = select(Entry.key, of_body["name"].astext.label("name")).join(newest, true())
    rows = connection.execute(statement.where(Entry.kind == "assistant", of_body.is_not(None)).order_by(Entry.key))
    return {row.key: row.name or row.key for row in rows}


def list_inboxes(connection: Connection) -> dict[int, str]:
    return {row.chatwoot_id: row.name for row in connection.execute(select(Inbox.chatwoot_id, Inbox.name))}


def select_pages(entry_id: int, document: Document, state: str = "") -> Select[Any]:
    """A document's pages with what was read of them, without order and limit. state: "", "ready", "reading" or "failed"."""
    chunks = select(func.count()).where(Chunk.copy_id == Page.copy_id).correlate(Page).scalar_subquery()
    columns = (
        Page.id, Page.address, Page.state, Page.problem, Page.problem_facts, Page.copy_id, Page.checked_at, Page.changed_at,
        Page.due_at, PageCopy.title, PageCopy.language, PageCopy.notes, PageCopy.chars, PageCopy.read_at,
        chunks.label("passages"), IS_OPEN.label("is_open"), IS_FAILED.label("is_failed"),
    )  # fmt: skip
    statement = select(*columns).outerjoin(PageCopy, PageCopy.id == Page.copy_id).where(Page.entry_id == entry_id)
    is_file = document.source == "file"
    own = Page.address == f"{FILE}{document.file}" if is_file else ~Page.address.startswith(FILE)
    of_state = {"ready": Page.copy_id.is_not(None), "reading": IS_OPEN, "failed": IS_FAILED}.get(state, literal(True))
    return statement.where(own, or_(Page.state != "gone", Page.address == document.url), of_state)


def read_page(connection: Connection, entry_id: int, document: Document, page_id: int) -> Row[Any] | None:
    return connection.execute(select_pages(entry_id, document).where(Page.id == page_id)).first()


def read_copy(connection: Connection, page_id: int, copy_id: int) -> Row[Any] | None:
    """A state of a page, also one that doesn't answer any more."""
    return connection.execute(select(PageCopy).where(PageCopy.id == copy_id, PageCopy.page_id == page_id)).first()


def select_passages(copy_id: int) -> Select[Any]:
    columns: tuple[Any, ...] = (Chunk.id, Chunk.ordinal, Chunk.page_number, Chunk.heading, Chunk.text, Chunk.language)
    return select(*columns).where(Chunk.copy_id == copy_id)


def find_passage(connection: Connection, chunk_id: int) -> Any | None:
    """Where a passage stands: kind and key of its entry; of a document also page_id, copy_id and ordinal."""
    of_page = select(Entry.kind, Entry.key, Page.id.label("page_id"), PageCopy.id.label("copy_id"), Chunk.ordinal)
    of_page = of_page.select_from(Chunk).join(PageCopy, PageCopy.id == Chunk.copy_id).join(Page, Page.id == PageCopy.page_id)
    found = connection.execute(of_page.join(Entry, Entry.id == Page.entry_id).where(Chunk.id == chunk_id)).first()
    if found is not None:
        return found
    of_article = select(Entry.kind, Entry.key).join(Revision, Revision.entry_id == Entry.id)
    return connection.execute(
        of_article.join(Chunk, Chunk.revision_id == Revision.id).where(Chunk.id == chunk_id)
    ).first()  # fmt: skip


def read_again(connection: Connection, entry_id: int, document: Document, page_id: int | None = None) -> int:
    """Makes its pages due now, or one of them. Returns how many; those that are being read just now stay as they are."""
    ids = select_pages(entry_id, document).with_only_columns(Page.id).where(or_(Page.lease_until.is_(None), Page.lease_until < func.now()))  # fmt: skip  # noqa: E501
    if page_id is not None:
        ids = ids.where(Page.id == page_id)
    statement = update(Page).where(Page.id.in_(ids)).values(due_at=func.now(), tries=0)
    return connection.execute(statement).rowcount


def clean_name(name: str) -> str:
    """A file's name as it may be shown: without folders and without signs that nobody sees."""
    last = re.split(r"[\\/]", name)[-1]
    shown = "".join(sign for sign in UNWANTED.sub(" ", last) if unicodedata.category(sign)[0] != "C")
    return " ".join(shown.split())[:MOST_NAME]


def name_document(name: str) -> str:
    """ "lista_de_precios.xlsx" is called "lista de precios"."""
    stem = re.sub(r"\.\w{1,8}$", "", clean_name(name))
    return " ".join(stem.replace("_", " ").split())


def is_address(url: str) -> bool:
    return len(url) <= MOST_ADDRESS and re.fullmatch(r"https?://[^\s<>\"]+", url) is not None


def complete_address(url: str) -> str:
    """As people type it, "www.shop.es/help", with https:// before it."""
    return f"https://{url}" if re.match(r"[\w-]+(\.[\w-]+)+([/:?#]|$)", url) else url


def find_sheet_address(url: str) -> str:
    """Where a shared Google sheet gives its cells: the address that people copy leads to a page for browsers only."""
    found = SHEET.match(url)
    if found is None:
        return url
    part = f"&gid={found[2]}" if found[2] else ""
    return f"https://docs.google.com/spreadsheets/d/{found[1]}/export?format=xlsx{part}"


def store_file(connection: Connection, name: str, content: bytes, author: str) -> str:
    """Keeps the bytes, once however often they come. Returns their SHA-256."""
    connection.execute(select(func.set_config("statement_timeout", str(STORING_MS), True)))
    digest = hashlib.sha256(content).hexdigest()
    row = {"sha256": digest, "name": clean_name(name), "size": len(content), "content": content, "author": author}
    if connection.scalar(select(StoredFile.id).where(StoredFile.sha256 == digest)) is None:
        connection.execute(upsert(StoredFile).values(row).on_conflict_do_nothing())
    return digest


def add_file(connection: Connection, name: str, content: bytes, author: str, key: str) -> Added:
    """A document of its own for an uploaded file, unless one of the draft has these very bytes. key: what is wished for."""
    digest = store_file(connection, name, content, author)
    if (there := find_by_file(connection, digest)) is not None:
        return Added(Document.model_validate(there.body), is_same=True)
    title = name_document(name) or digest[:12]
    document = Document(key=pick_key(connection, key), title=title, source="file", file=digest)
    save_drafts(connection, [document], author)
    return Added(document)


def find_by_address(connection: Connection, document: Document) -> Row[Any] | None:
    """(key, body) of the draft's document that reads the same in the same way."""
    same = (of_body["source"].astext == document.source, of_body["url"].astext.is_not_distinct_from(document.url))
    statement = select(Entry.key, of_body.label("body")).select_from(Entry).join(newest, true())
    return connection.execute(statement.where(Entry.kind == "document", of_body.is_not(None), *same).limit(1)).first()


def find_by_file(connection: Connection, digest: str) -> Row[Any] | None:
    """(key, body) of the draft's document that has this file."""
    statement = select(Entry.key, of_body.label("body")).select_from(Entry).join(newest, true())
    return connection.execute(statement.where(Entry.kind == "document", of_body["file"].astext == digest).limit(1)).first()


def pick_key(connection: Connection, wished: str, kind: str = "document") -> str:
    """The wished one, or with a number behind where it is taken, by what lies in the bin too."""
    start = wished[:70]
    taken = set(connection.scalars(select(Entry.key).where(Entry.kind == kind, Entry.key.startswith(start))))
    numbered = (f"{start}-{n}" for n in range(2, len(taken) + 3))
    return wished if wished not in taken else next(key for key in numbered if key not in taken)
