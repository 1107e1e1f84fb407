"""The pages of documents on the web: what the crawl found becomes rows, and what no document wants any more is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from chatbot.bodies import Document
from chatbot.content import live_release_id
from chatbot.knowledge.web_addresses import key_of
from chatbot.models import Page, Revision, release_revision

FILE = "sha256:"
# a page that is no more, or asked not to be read, is looked at again when it is still linked after so long
SECOND_LOOK = timedelta(days=1)
MOST_TRIES = 6  # rows for each page that may be: a site of broken links comes to an end


def save_found(connection: Connection, entry_id: int, addresses: Iterable[str], depth: int, max_pages: int) -> int:
    """Makes rows, due now, for pages that aren't known yet, as far as the document has room. Returns how many had none.

    Two addresses of one page (http and https, a slash at the end) are one row.
    """
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("mostrador pages"), entry_id)))
    looked_at = func.coalesce(Page.checked_at, Page.created_at) < func.now() - SECOND_LOOK
    columns = (Page.id, Page.address, Page.state, looked_at.label("is_old"))
    rows = connection.execute(select(*columns).where(Page.entry_id == entry_id, ~Page.address.startswith(FILE))).all()
    known = {key_of(row.address): row for row in rows}
    room = min(max_pages - sum(row.state != "gone" for row in rows), MOST_TRIES * max_pages - len(rows))
    new: dict[str, str] = {}
    for address in addresses:
        new.setdefault(key_of(address), address)
    fresh = [address for key, address in new.items() if key not in known]
    again = [row.id for key in new if (row := known.get(key)) is not None and row.state == "gone" and row.is_old]
    taken = fresh[: max(room, 0)]
    for address in taken:
        line = {"entry_id": entry_id, "address": address, "depth": depth, "due_at": func.now()}
        connection.execute(upsert(Page).values(line).on_conflict_do_nothing())
    _read_again(connection, again[: max(room - len(taken), 0)])
    return len(fresh) - len(taken)


def _read_again(connection: Connection, ids: list[int]) -> None:
    values = {"state": "waiting", "problem": "", "due_at": func.now(), "tries": 0}
    if ids:
        connection.execute(update(Page).where(Page.id.in_(ids)).values(values))


def take_away(connection: Connection, page_id: int) -> None:
    """What was read of it answers no more."""
    connection.execute(update(Page).where(Page.id == page_id).values(copy_id=None))


def retire_outside(connection: Connection, entry_id: int, is_inside: Callable[[str], bool]) -> None:
    """Takes away the pages that the document has no more, after its address was changed."""
    columns = select(Page.id, Page.address).where(Page.entry_id == entry_id, Page.state != "gone")
    rows = connection.execute(columns.where(~Page.address.startswith(FILE)))
    ids = [row.id for row in rows if not is_inside(row.address)]
    if ids:
        values = {"state": "gone", "copy_id": None, "due_at": None}
        connection.execute(update(Page).where(Page.id.in_(ids)).values(values))


def is_gone(connection: Connection, entry_id: int, address: str) -> bool:
    """Whether an address of this document was looked at and isn't one of its pages."""
    rows = connection.execute(select(Page.address).where(Page.entry_id == entry_id, Page.state == "gone")).scalars()
    return key_of(address) in {key_of(found) for found in rows}


def saved_after(connection: Connection, entry_id: int, moment: Any) -> bool:
    """Whether the document was changed since: its limits may be others now."""
    if moment is None:
        return True
    return bool(connection.scalar(select(exists().where(Revision.entry_id == entry_id, Revision.created_at > moment))))


def find_documents(connection: Connection, entry_id: int) -> list[Document]:
    """What a page is to be read by: the draft's document and the live one, as far as they are there and switched on."""
    newest = select(Revision.body).where(Revision.entry_id == entry_id).order_by(Revision.id.desc()).limit(1)
    live = (
        select(Revision.body)
        .join(release_revision, release_revision.c.revision_id == Revision.id)
        .where(Revision.entry_id == entry_id, release_revision.c.release_id == live_release_id(connection))
    )
    found = (connection.scalar(newest), connection.scalar(live))
    documents = (Document.model_validate(body) for body in found if body is not None)
    return [document for document in documents if document.enabled]


def rest_unwanted(connection: Connection) -> int:
    """Takes the due time from pages whose document is neither in the draft nor live, and gives it back once one is again.

    Returns how many pages were put to rest. Documents that are read only once aren't read again by this.
    """
    newest = select(func.max(Revision.id)).group_by(Revision.entry_id)
    live = select(release_revision.c.revision_id).where(release_revision.c.release_id == live_release_id(connection))
    is_there = and_(
        Revision.entry_id == Page.entry_id,
        or_(Revision.id.in_(newest), Revision.id.in_(live)),
        func.jsonb_typeof(Revision.body) == "object",
        func.coalesce(Revision.body["enabled"].as_boolean(), True),
    )
    is_wanted = exists().where(is_there)
    is_repeated = and_(
        Page.state.in_(("ready", "failed")),
        exists().where(is_there, Revision.body["read_every_h"].as_integer() > 0),
        ~Page.address.startswith(FILE),
    )
    was_stopped = and_(Page.state.in_(("waiting", "reading")), is_wanted)
    rested = connection.execute(update(Page).where(Page.due_at.is_not(None), ~is_wanted).values(due_at=None)).rowcount
    connection.execute(
        update(Page).where(Page.due_at.is_(None), Page.lease_until.is_(None), or_(is_repeated, was_stopped))
        .values(due_at=func.now(), tries=0)
    )  # fmt: skip
    return rested
