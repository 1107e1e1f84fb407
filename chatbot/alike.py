"""FAQs of the draft that a question would already reach: said while somebody writes another one."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sqlalchemy import URL, Connection, func, select

from chatbot.bodies import Content, FaqEntry
from chatbot.content import load_draft
from chatbot.knowledge.faq import get_index
from chatbot.models import Revision
from chatbot.reply import Language

MOST_QUESTIONS = 20
_lock = threading.Lock()
_drafts: dict[URL, tuple[int, Content]] = {}


def load_draft_cached(connection: Connection) -> Content:
    """The draft, read again only after somebody saved: with 2,000 FAQs that is too slow for every key press."""
    newest = connection.scalar(select(func.max(Revision.id))) or 0
    url = connection.engine.url
    with _lock:
        kept = _drafts.get(url)
    if kept is None or kept[0] != newest:
        kept = (newest, load_draft(connection))
        with _lock:
            _drafts[url] = kept
    return kept[1]


def find_alike(connection: Connection, questions: Iterable[tuple[Language, str]], but_key: str = "") -> list[FaqEntry]:
    """FAQs that one of these questions would be answered with. but_key: the entry that is being written itself."""
    index = get_index(load_draft_cached(connection).faq)
    found: dict[str, FaqEntry] = {}
    for language, question in list(questions)[:MOST_QUESTIONS]:
        match = index.match(question, language)
        if match.kind != "none":
            found.update({c.entry.key: c.entry for c in match.candidates[: match.near]})
    found.pop(but_key, None)
    return list(found.values())
