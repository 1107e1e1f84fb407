"""Plain text and Markdown: only its encoding is found out."""

from __future__ import annotations

import regex

from chatbot.extractor.kinds import decode
from chatbot.extractor.outcome import Outcome

COMMENT = regex.compile(r"<!--(.*?)(?:-->|\Z)", regex.S)
FRONT_MATTER = regex.compile(r"\A---\n(.*?\n)---\n", regex.S)
TITLE = regex.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", regex.M)
FIRST_HEADING = regex.compile(r"\A\s*#\s+(.+)$", regex.M)
LONGEST_SAMPLE = 100


def read(content: bytes, kind: str, media_type: str) -> Outcome:
    """One section."""
    text = decode(content, media_type).replace("\r\n", "\n").replace("\r", "\n")
    outcome = Outcome()
    if kind == "markdown":
        text = _read_front_matter(text, outcome)
        text = _take_out_comments(text, outcome)
        heading = FIRST_HEADING.search(text)
        outcome.title = outcome.title or (heading[1].strip("# ") if heading else "")
    outcome.sections.append((text, None))
    return outcome


def _read_front_matter(text: str, outcome: Outcome) -> str:
    found = FRONT_MATTER.match(text)
    if found is None:
        return text
    title = TITLE.search(found[1])
    outcome.title = title[1] if title else ""
    return text[found.end() :]


def _take_out_comments(text: str, outcome: Outcome) -> str:
    """What a browser wouldn't show isn't quoted either."""
    comments = [found[1].strip() for found in COMMENT.finditer(text)]
    if comments:
        outcome.note("hidden_text", count=len(comments), samples=[comment[:LONGEST_SAMPLE] for comment in comments[:3]])
    return COMMENT.sub("", text)
