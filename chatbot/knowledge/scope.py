"""What may be found for a turn: the chunks of its release's articles and documents, as far as they are valid and meant for it.

Who may use an entry is decided from the release's content in memory. PostgreSQL makes the owners of chunks of it: the articles'
revisions, and the copies that answer for the documents' pages now.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import URL, Connection

from chatbot.bodies import Content, Knowledge
from chatbot.db import run, sql
from chatbot.reply import TurnInput

# the release id of a Content that is rehearsed before it is published: what is newest of each entry
DRAFT = 0
KEPT = 16
MOST_WANTED = 48
# a page's new copy is found as much later as there are owners, since reading them takes the longer; never a gone one
OWNERS_A_SECOND, MOST_S = 1_000, 5.0

OF_RELEASE = "SELECT revision_id FROM release_revision WHERE release_id = :release_id"
OF_DRAFT = "SELECT max(id) FROM revision WHERE cast(:release_id AS bigint) = 0 GROUP BY entry_id"
READ_TEXT = f"""
WITH document AS MATERIALIZED (
  SELECT e.id, d.file FROM unnest(cast(:documents AS text[]), cast(:files AS text[])) AS d (key, file)
    JOIN entry e ON e.kind = 'document' AND e.key = d.key
), revisions AS (
  SELECT rv.id FROM revision rv JOIN entry e ON e.id = rv.entry_id
   WHERE rv.id IN ({OF_RELEASE}) AND e.kind = 'article' AND e.key <> ALL(cast(:left_out AS text[]))
), copies AS (
  SELECT p.copy_id FROM page p JOIN document d ON d.id = p.entry_id
   WHERE p.copy_id IS NOT NULL AND p.state <> 'gone'
     AND CASE WHEN d.file = '' THEN p.address NOT LIKE 'sha256:%' ELSE p.address = 'sha256:' || d.file END
)
SELECT ARRAY(SELECT id FROM revisions ORDER BY 1)::text AS revisions,
       ARRAY(SELECT copy_id FROM copies ORDER BY 1)::text AS copies,
       (SELECT count(*) FROM revisions) + (SELECT count(*) FROM copies) AS owners
"""
READ, READ_DRAFT = sql(READ_TEXT), sql(READ_TEXT.replace(OF_RELEASE, OF_DRAFT))
# of a chunk c; each a set that PostgreSQL makes once for a statement
IS_OWN = """CASE WHEN c.copy_id IS NULL THEN c.revision_id IN (SELECT unnest(cast(:revisions AS bigint[])))
  ELSE c.copy_id IN (SELECT unnest(cast(:copies AS bigint[]))) END"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """release_id: DRAFT for what is newest; left_out: keys of articles that aren't for a turn; documents: those that are, and
    files: of each the SHA-256, or "" for what is on the web. All three as PostgreSQL writes arrays: there may be thousands.
    hidden: sources whose address customers don't get.
    """

    release_id: int
    left_out: str = "{}"
    documents: str = "{}"
    files: str = "{}"
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """revisions, copies: the chunks' owners, as PostgreSQL writes arrays; expires_at: by time.monotonic()."""

    wanted: Wanted
    revisions: str
    copies: str
    expires_at: float = 0.0

    @property
    def values(self) -> dict[str, Any]:
        """What IS_OWN needs."""
        return {"revisions": self.revisions, "copies": self.copies}


def find_scope(connection: Connection, turn: TurnInput, time_zone: str) -> Scope | None:
    """None where there is no release."""
    if turn.content.release_id is None:
        return None
    return read_scope(connection, find_wanted(turn, tell_day(turn.now, time_zone)))


_lock = threading.Lock()
_scopes: OrderedDict[tuple[URL, Wanted], Scope] = OrderedDict()
# by the content's identity: a release's is kept and never changes
_wanted: list[tuple[Content, tuple[int, str, date], Wanted]] = []


def read_scope(connection: Connection, wanted: Wanted) -> Scope:
    name = (connection.engine.url, wanted)
    with _lock:
        kept = _scopes.get(name)
    if kept is not None and time.monotonic() < kept.expires_at:
        return kept
    values = {name: getattr(wanted, name) for name in ("release_id", "left_out", "documents", "files")}
    row = run(connection, READ_DRAFT if wanted.release_id == DRAFT else READ, values).fetchone() or {}
    kept_s = min(row["owners"] / OWNERS_A_SECOND, MOST_S) if wanted.release_id != DRAFT else 0.0
    scope = Scope(wanted, row["revisions"], row["copies"], time.monotonic() + kept_s)
    with _lock:
        _scopes[name] = scope
        _scopes.move_to_end(name)
        while len(_scopes) > KEPT:
            _scopes.popitem(last=False)
    return scope


def find_wanted(turn: TurnInput, today: date) -> Wanted:
    content, inbox, assistant = turn.content, turn.inbox.chatwoot_id, turn.persona.key if turn.persona else ""
    name = (inbox, assistant, today)
    with _lock:
        kept = next((wanted for whole, its, wanted in _wanted if whole is content and its == name), None)
    if kept is None:
        kept = _list_wanted(content, inbox, assistant, today)
        if kept.release_id == DRAFT:  # each look at a draft makes another object of it
            return kept
        with _lock:
            _wanted[:] = [(content, name, kept), *_wanted][:MOST_WANTED]
    return kept


def _list_wanted(content: Content, inbox: int, assistant: str, today: date) -> Wanted:
    def fits(body: Knowledge) -> bool:
        return is_meant(body, inbox, assistant) and is_valid(body, today)

    documents = [d for d in content.document if fits(d)]
    hidden = [f"article:{a.key}" for a in content.article if not a.show_link]
    hidden += [f"document:{d.key}" for d in documents if not d.show_link]
    return Wanted(
        content.release_id or DRAFT,
        _write_array(article.key for article in content.article if not fits(article)),
        _write_array(d.key for d in documents),
        _write_array(d.file or "" for d in documents),
        frozenset(hidden),
    )


def _write_array(words: Iterable[str]) -> str:
    """Keys and digests have no sign that would have to be escaped."""
    return "{" + ",".join([f'"{word}"' for word in words]) + "}"


def tell_day(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(ZoneInfo(time_zone)).date()


def is_meant(body: Knowledge, inbox: int | None, assistant: str) -> bool:
    of_inbox = not body.inboxes or inbox in body.inboxes
    return body.enabled and of_inbox and (not body.assistants or assistant in body.assistants)


def is_valid(body: Knowledge, today: date) -> bool:
    return (body.valid_from is None or body.valid_from <= today) and (body.valid_until is None or today <= body.valid_until)
