"""One file to its sections: what it is, the module that reads it, clean texts, and the limits on how much there may be."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from chatbot.extractor import archive
from chatbot.extractor.cleaning import Cleaner, clean_line
from chatbot.extractor.kinds import find_kind
from chatbot.extractor.outcome import Outcome, Refused
from chatbot.knowledge.extract import MAX_CHARS

# each imports its libraries only where it is needed
MODULES = {
    "pdf": "pdf", "docx": "word", "xlsx": "sheets", "csv": "sheets", "html": "markup", "markdown": "plain", "text": "plain",
}  # fmt: skip
SAME = {"text", "markdown", "csv"}  # nobody calls one of these in another's name wrong


def read(content: bytes, name: str, media_type: str) -> Outcome:
    """Raises Refused, and whatever a library raises over a broken file."""
    found = find_kind(content, name, media_type)
    kind = found.kind if found.kind != "zip" else archive.find_kind(content, found.claimed)
    module = import_module(f"chatbot.extractor.{MODULES[kind]}")
    outcome = cast("Callable[[bytes, str, str], Outcome]", module.read)(content, kind, media_type)
    if found.claimed and found.claimed != kind and not {found.claimed, kind} <= SAME:
        outcome.note("other_kind", claimed=found.claimed, kind=kind)
    _clean(outcome)
    return outcome


def _clean(outcome: Outcome) -> None:
    cleaner = Cleaner()
    outcome.title = clean_line(outcome.title)
    cleaned = ((cleaner.clean(text).strip("\n"), page) for text, page in outcome.sections)
    outcome.sections = [(text, page) for text, page in cleaned if text.strip()]
    cleaner.tell(outcome)
    size = sum(len(text) for text, _ in outcome.sections)
    if size > MAX_CHARS:
        raise Refused("too_big", chars=size, most_chars=MAX_CHARS)
    if not size:
        raise Refused("empty")
