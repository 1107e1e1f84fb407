"""Cuts articles and documents into the pieces that search finds: by heading, whole blocks, sentences never broken."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatbot.knowledge.extract import Section
from chatbot.language import decide_language
from chatbot.reply import Language
from chatbot.text import stem_words

if TYPE_CHECKING:
    from chatbot.bodies import Article

CHARS_PER_TOKEN = 4
TARGET_TOKENS = 500
# a table or a list stays whole, but not at the price of a prompt without room for anything else
WHOLE_TOKENS = 1_500
SENTENCE_END = regex.compile(r"(?<=[.!?…][\"'»”)\]*_]*)\s+(?=[\"'«“(\[*_¿¡]*[\p{Lu}\p{N}¿¡])")
# what is within a block is of no concern here, but for headings
HEADINGS = MarkdownIt("commonmark")
BLOCKS = MarkdownIt("commonmark").enable("table").disable("inline")
WHOLE_BLOCKS = {"table_open", "bullet_list_open", "ordered_list_open", "fence", "code_block", "html_block"}
LONGEST_HEADING = 200
READ_FOR_LANGUAGE = 2_000
SAMPLES = 20
LEAST_TOLD = 40
WORDS = regex.compile(r"[\p{L}¿¡']+")


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """heading: the article's title and the headings above the piece, joined by " > "; stems: of both, for search.

    page_number: where the piece begins, of a PDF.
    """

    heading: str
    text: str
    language: Language
    stems: str
    page_number: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table ... under its headings. language: None where it is too short to tell."""

    heading: str
    text: str
    kind: str = "paragraph_open"
    page_number: int | None = None
    language: Language | None = None


def chunk_article(article: Article) -> list[ChunkDraft]:
    """The article's pieces in order, at least one, each of about 500 tokens at most and under one heading."""
    pieces = list(_pack(_read_blocks(article.title, article.text))) or [Block(article.title, article.text)]
    return [_draft(piece, article.language) for piece in pieces]


def chunk_sections(title: str, sections: Iterable[Section], language: Language | None) -> list[ChunkDraft]:
    """A document's pieces in order, none where there is no text. language: None is found out, block by block."""
    sections = _mend_pages(list(sections))
    blocks = list(_read_sections(title, sections))
    if not blocks and (text := "\n\n".join(section.text for section in sections).strip()):
        blocks = [Block(title, text, page_number=sections[0].page_number)]
    if language:
        return [_draft(piece, language) for piece in _pack(blocks)]
    whole = decide_whole_language(block.text for block in blocks)
    told = (replace(block, language=_tell_language(block, whole)) for block in blocks)
    return [_draft(piece, piece.language or whole) for piece in _pack(told)]


def decide_whole_language(texts: Iterable[str]) -> Language:
    """What most of some texts, spread over a document, are in."""
    every = list(texts)
    listed = [text for text in every if len(text) >= LEAST_TOLD] or every
    spread = listed[:: max(len(listed) // SAMPLES, 1)][: 2 * SAMPLES]
    found = [decide_language(words) for text in spread if (words := _only_words(text))]
    english, spanish = (sum(by != "default" and one == its for one, by in found) for its in ("en", "es"))
    return "en" if english > spanish else "es"


def _tell_language(block: Block, whole: Language) -> Language | None:
    return decide_language(_only_words(block.text), whole)[0] if len(block.text) >= LEAST_TOLD else None


def _only_words(text: str) -> str:
    """What a table is drawn with is no language."""
    return " ".join(WORDS.findall(text[:READ_FOR_LANGUAGE]))


def _draft(piece: Block, language: Language) -> ChunkDraft:
    stems = " ".join(stem_words(f"{piece.heading}\n{piece.text}", language))
    return ChunkDraft(heading=piece.heading, text=piece.text, language=language, stems=stems, page_number=piece.page_number)


def _mend_pages(sections: list[Section]) -> list[Section]:
    """What runs over the foot of a page belongs to the sentence that it continues."""
    mended: list[Section] = []
    for section in sections:
        first, _, rest = section.text.partition("\n\n")
        if mended and first[:1].islower() and not mended[-1].text.rstrip().endswith((".", "!", "?", "|", ":")):
            mended[-1] = Section(f"{mended[-1].text.rstrip()} {first}", mended[-1].page_number)
            section = Section(rest, section.page_number)  # noqa: PLW2901
        if section.text.strip():
            mended.append(section)
    return mended


def _read_sections(title: str, sections: Iterable[Section]) -> Iterator[Block]:
    """Blocks of all sections; the headings of a page go on over the next ones."""
    above: list[tuple[int, str]] = []
    for section in sections:
        yield from _read_blocks(title, section.text, section.page_number, above)


def _pack(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks of one heading together, as long as they fit. A new page begins a new piece where the one before is half full."""
    packed: Block | None = None
    for block in blocks:
        for text in _fit(block):
            piece = replace(block, text=text)
            if packed and _belongs(packed, piece):
                packed = replace(packed, text=f"{packed.text}\n\n{text}", language=packed.language or piece.language)
                continue
            if packed:
                yield packed
            packed = piece
    if packed:
        yield packed


def _belongs(packed: Block, piece: Block) -> bool:
    room = TARGET_TOKENS * CHARS_PER_TOKEN
    if packed.page_number != piece.page_number:
        room //= 2
    is_alike = packed.heading == piece.heading and len({packed.language, piece.language} - {None}) < 2
    return is_alike and len(packed.text) + len(piece.text) <= room


def _read_blocks(
    title: str, text: str, page_number: int | None = None, above: list[tuple[int, str]] | None = None
) -> Iterator[Block]:
    """Every top-level block as it is written, with the headings above it. above: those of before, which it carries on."""
    lines = text.split("\n")
    tokens = BLOCKS.parse(text)
    above = [] if above is None else above
    done = 0
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.level or token.map is None or token.nesting < 0:
            continue
        start, end = token.map
        # what stands between two blocks (a link's definition) belongs to the first
        if skipped := "\n".join(lines[done:start]).strip("\n"):
            yield Block(_join_headings(title, above), skipped, "paragraph_open", page_number)
        if token.type == "heading_open":
            depth = int(token.tag[1])
            above[:] = [h for h in above if h[0] < depth] + [(depth, _plain(following)[:LONGEST_HEADING])]
        else:
            yield Block(_join_headings(title, above), "\n".join(lines[start:end]).rstrip(), token.type, page_number)
        done = end
    if rest := "\n".join(lines[done:]).strip("\n"):
        yield Block(_join_headings(title, above), rest, "paragraph_open", page_number)


def _plain(inline: Token | None) -> str:
    """A heading's words without their marks."""
    (parsed,) = HEADINGS.parseInline(inline.content[: 2 * LONGEST_HEADING] if inline else "")
    return "".join(c.content if c.content else " " * (c.type == "softbreak") for c in parsed.children or []).strip()


def _join_headings(title: str, above: list[tuple[int, str]]) -> str:
    return " > ".join(name for name in (title, *(name for _, name in above if name != title)) if name)


def _fit(block: Block) -> Iterator[str]:
    """The block whole where it may be, else cut between sentences, rows or items."""
    is_whole = block.kind in WHOLE_BLOCKS
    room = (WHOLE_TOKENS if is_whole else TARGET_TOKENS) * CHARS_PER_TOKEN
    if len(block.text) <= room:
        yield block.text
        return
    lines = block.text.split("\n")
    # once it must be cut, each piece is as small as any other: the row that is asked for is among fewer others
    room = TARGET_TOKENS * CHARS_PER_TOKEN
    header = "\n".join(lines[:2]) if block.kind == "table_open" else ""
    units = lines[2:] if header else lines if is_whole else SENTENCE_END.split(block.text)
    units = [part for unit in units for part in _cut_long(unit, room)]
    for text in _join_up_to(units, room - len(header), "\n" if is_whole else " "):
        yield f"{header}\n{text}" if header else text


def _cut_long(unit: str, room: int) -> list[str]:
    """What has no end of a sentence for pages, such as a list of words, is cut between words."""
    if len(unit) <= 2 * room:
        return [unit]
    return textwrap.wrap(unit, room, replace_whitespace=False, drop_whitespace=True, break_on_hyphens=False)


def _join_up_to(units: list[str], room: int, joint: str) -> Iterator[str]:
    joined = ""
    for unit in units:
        if joined and len(joined) + len(unit) > room:
            yield joined
            joined = ""
        joined = f"{joined}{joint}{unit}" if joined else unit
    if joined:
        yield joined
