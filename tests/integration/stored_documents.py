"""Documents as the indexer leaves them: an entry, its page, the copy that answers, and its chunks."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from chatbot.bodies import Document
from chatbot.content import save_drafts
from chatbot.models import Chunk, Entry, Page, PageCopy
from chatbot.reply import Language
from chatbot.text import stem_words

FILE = "0" * 64


def make_file(key: str, title: str, **more: object) -> Document:
    return Document.model_validate({"key": key, "title": title, "source": "file", "file": FILE, **more})


def make_page(key: str, title: str, url: str, **more: object) -> Document:
    return Document.model_validate({"key": key, "title": title, "source": "page", "url": url, **more})


def store_document(
    connection: Connection, document: Document, texts: Sequence[str], *, heading: str = "", language: Language = "es"
) -> int:
    """Saves the draft and reads it: one chunk for each text. Returns the copy's id; it answers once it is published."""
    save_drafts(connection, [document])
    entry = select(Entry.id).where(Entry.kind == "document", Entry.key == document.key).scalar_subquery()
    page_id = connection.execute(select(Page.id).where(Page.entry_id == entry)).scalar_one()
    copy = {"page_id": page_id, "text_hash": f"{document.key}-{len(texts)}", "title": document.title, "language": language}
    copy_id: int = connection.execute(insert(PageCopy).values(copy).returning(PageCopy.id)).scalar_one()
    rows = [
        {
            "copy_id": copy_id,
            "ordinal": n,
            "heading": heading or document.title,
            "text": text,
            "language": language,
            "stems": " ".join(stem_words(f"{document.title}\n{heading}\n{text}", language)),
        }
        for n, text in enumerate(texts)
    ]
    connection.execute(insert(Chunk), rows)
    connection.execute(update(Page).where(Page.id == page_id).values(copy_id=copy_id, state="ready", due_at=None))
    return copy_id
