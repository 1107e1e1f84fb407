"""Cuts an article into the pieces that search finds: by heading, whole blocks, sentences never broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatbot.reply import Language
from chatbot.text import stem_words

if TYPE_CHECKING:
    from chatbot.content import Article

CHARS_PER_TOKEN = 4
TARGET_TOKENS = 500
# a table or a list stays whole, but not at the price of a prompt without room for anything else
WHOLE_TOKENS = 1_500
SENTENCE_END = regex.compile(r"(?<=[.!?…][\"'»”)\]*_]*)\s+(?=[\"'«“(\[*_¿¡]*[\p{Lu}\p{N}¿¡])")
WHOLE_BLOCKS = {"table_open", "bullet_list_open", "ordered_list_open", "fence", "code_block", "html_block"}


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """heading: the article's title and the headings above the piece, joined by " > "; stems: of both, for search."""

    heading: str
    text: str
    language: Language
    stems: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table ... under its headings."""

    heading: str
    text: str
    kind: str


def chunk_article(article: Article) -> list[ChunkDraft]:
    """The article's pieces in order, at least one, each of about 500 tokens at most and under one heading."""
    pieces = list(_pack(article)) or [(article.title, article.text)]
    return [_draft(article, heading, text) for heading, text in pieces]


def _draft(article: Article, heading: str, text: str) -> ChunkDraft:
    stems = " ".join(stem_words(f"{heading}\n{text}", article.language))
    return ChunkDraft(heading=heading, text=text, language=article.language, stems=stems)


def _pack(article: Article) -> Iterator[tuple[str, str]]:
    """Blocks of one heading together, as long as they fit."""
    heading, packed = "", ""
    for block in _read_blocks(article):
        for text in _fit(block):
            is_full = len(packed) + len(text) > TARGET_TOKENS * CHARS_PER_TOKEN
            if packed and (block.heading != heading or is_full):
                yield heading, packed
                packed = ""
            heading, packed = block.heading, f"{packed}\n\n{text}" if packed else text
    if packed:
        yield heading, packed


def _read_blocks(article: Article) -> Iterator[Block]:
    """Every top-level block as it is written, with the headings above it."""
    lines = article.text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(article.text)
    above: list[tuple[int, str]] = []
    done = 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.level or token.map is None or token.nesting < 0:
            continue
        start, end = token.map
        # what stands between two blocks (a link's definition) belongs to the first
        if skipped := "\n".join(lines[done:start]).strip("\n"):
            yield Block(_join_headings(article, above), skipped, "paragraph_open")
        if token.type == "heading_open":
            above = [h for h in above if h[0] < int(token.tag[1])] + [(int(token.tag[1]), _plain(following))]
        else:
            yield Block(_join_headings(article, above), "\n".join(lines[start:end]).rstrip(), token.type)
        done = end
    if rest := "\n".join(lines[done:]).strip("\n"):
        yield Block(_join_headings(article, above), rest, "paragraph_open")


def _plain(inline: Token | None) -> str:
    children = (inline.children or []) if inline else []
    return "".join(c.content if c.content else " " * (c.type == "softbreak") for c in children).strip()


def _join_headings(article: Article, above: list[tuple[int, str]]) -> str:
    names = [article.title, *(name for _, name in above if name and name != article.title)]
    return " > ".join(names)


def _fit(block: Block) -> Iterator[str]:
    """The block whole where it may be, else cut between sentences, rows or items."""
    is_whole = block.kind in WHOLE_BLOCKS
    room = (WHOLE_TOKENS if is_whole else TARGET_TOKENS) * CHARS_PER_TOKEN
    if len(block.text) <= room:
        yield block.text
        return
    lines = block.text.split("\n")
    header = "\n".join(lines[:2]) if block.kind == "table_open" else ""
    units = lines[2:] if header else lines if is_whole else SENTENCE_END.split(block.text)
    for text in _join_up_to(units, room - len(header), "\n" if is_whole else " "):
        yield f"{header}\n{text}" if header else text


def _join_up_to(units: list[str], room: int, joint: str) -> Iterator[str]:
    joined = ""
    for unit in units:
        if joined and len(joined) + len(unit) > room:
            yield joined
            joined = ""
        joined = f"{joined}{joint}{unit}" if joined else unit
    if joined:
        yield joined
