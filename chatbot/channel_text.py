"""Markdown as a channel shows it, taken apart into units that length.py may part but never cuts. Pure.

Chatwoot renders Markdown itself in some channels; WhatsApp has marks of its own; the others show plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

Style = Literal["markdown", "whatsapp", "plain"]

# longer texts are shown as they are: no content may be that long, and parsing hostile ones takes seconds
LONGEST_MARKDOWN = 20_000
MARKS: dict[Style, dict[str, str]] = {
    "markdown": {"strong": "**", "em": "*", "s": "~~", "code": "`", "bullet": "-"},
    "whatsapp": {"strong": "*", "em": "_", "s": "~", "code": "`", "bullet": "•"},
    "plain": {"strong": "", "em": "", "s": "", "code": "", "bullet": "•"},
}
# an indented line or a bracketed word is no code and no definition in what people write
MARKDOWN = (
    MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable(["code", "lheading", "reference"])
)

UNSENDABLE = regex.compile(r"[\p{Cc}\p{Cs}--[\n\t]]", regex.V1)
URL = regex.compile(r"(?:https?://|www\.)\S+", regex.IGNORECASE)
OPENED_TWICE = regex.compile(r"(?<=\{)(?=[{%])")
CLOSED_TWICE = regex.compile(r"(?<=[}%])(?=\})")
END = regex.compile(r"(?<![.!?…])[.!?…]++[\"»”’')\]*_~]*+(\s++)")
LAST_WORD = regex.compile(r"[^\s(¿¡\"«“]*$")
STARTS_SENTENCE = regex.compile(r"[\p{Lu}\p{Lt}\p{Lo}\p{N}\p{So}¿¡\"«“‘'(\[*_~#•–—-]")
ABBREVIATED = """
sr sra srta sres dr dra d dña prof ud uds vd vds ee uu av avda ctra pza c n nº núm pág págs tel tfno aprox máx mín art ej p
s vs mr mrs ms st inc ltd co dept fig ref min max hrs ext urb pol apdo izq dcha
"""
ABBREVIATIONS = frozenset(ABBREVIATED.split())
DOTTED = regex.compile(r"(?:\p{L}{1,3}\.)+\p{L}{1,3}")


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, list item, line or heading. gap: what stands before it unless it opens a message.

    is_lead: it introduces what follows (a heading, a line ending in a colon) and mustn't come last.
    """

    text: str
    gap: str
    is_lead: bool = False


def split_units(text: str, style: Style) -> list[Unit]:
    """The text's units in order, in the channel's formatting, without images and without Liquid's delimiters."""
    clean = UNSENDABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(clean) > LONGEST_MARKDOWN:
        return list(_split_paragraph(defuse(clean), "\n\n", style))
    tokens = MARKDOWN.parse(clean)
    rendered = _split_source(clean, tokens) if style == "markdown" else _render(tokens, style)
    return [unit for unit in rendered if unit.text.strip()]


def defuse(text: str) -> str:
    """Text that Liquid doesn't take for its own: braces apart, or percent-encoded inside a URL."""
    if "{" not in text and "}" not in text:
        return text
    text = URL.sub(lambda url: url[0].replace("{", "%7B").replace("}", "%7D"), text)
    return CLOSED_TWICE.sub(" ", OPENED_TWICE.sub(" ", text))


def split_sentences(text: str) -> list[str]:
    """Sentences without the space between them. Abbreviations, initials, decimals and URLs end none."""
    sentences, start = [], 0
    for end in END.finditer(text):
        if _is_end(text, end.start(), end.end()):
            sentences.append(text[start : end.start(1)])
            start = end.end()
    return [*sentences, text[start:]] if text[start:].strip() else sentences


def _is_end(text: str, at: int, following: int) -> bool:
    if not STARTS_SENTENCE.match(text, following):
        return text[at] in "!?" and following == len(text)
    if text[at] != ".":
        return True
    word = LAST_WORD.search(text[max(0, at - 40) : at])
    last = word[0].casefold() if word else ""
    if last == "no":  # "No. 5" is a number, "No. Gracias" two sentences
        return not text[following].isdigit()
    is_list_number = last.isdigit() and at == len(last)
    return not (last in ABBREVIATIONS or (len(last) == 1 and last.isalpha()) or DOTTED.fullmatch(last) or is_list_number)


def _split_paragraph(text: str, gap: str, style: Style) -> Iterator[Unit]:
    """One unit per sentence; lines stay lines. Sentences inside one pair of marks stay together."""
    for line in text.split("\n"):
        if not line.strip():
            gap = "\n\n"
            continue
        for sentence in _join_marked(split_sentences(line.strip()), style):
            yield Unit(sentence, gap, is_lead=sentence.endswith(":"))
            gap = " "
        gap = "\n"


def _join_marked(sentences: list[str], style: Style) -> list[str]:
    if style == "plain" or len(sentences) < 2:
        return sentences
    joined: list[str] = []
    held: list[str] = []
    for sentence in sentences:
        held.append(sentence)
        marks = sum(sentence.count(mark) for mark in ("*", "`", "~~")) + sentence.count("[") - sentence.count("]")
        if not held[:-1] and marks % 2 == 0:
            joined.append(held.pop())
        elif held[:-1] and marks % 2:
            joined.append(" ".join(held))
            held = []
    # an unpaired mark is only a star: its sentences part like all others
    return joined + held


def _split_source(text: str, tokens: Sequence[Token]) -> Iterator[Unit]:
    """For channels where Chatwoot renders Markdown: the source as it was written, but for what holds an image."""
    lines = text.split("\n")
    at = 0
    while at < len(tokens):
        end = _find_end(tokens, at)
        block = tokens[at:end]
        at = end
        if any(child.type == "image" for token in block for child in token.children or ()):
            yield from _render(block, "markdown")
            continue
        first, last = block[0].map or (0, 0)
        source = defuse("\n".join(lines[first:last]).strip("\n"))
        if block[0].type in ("bullet_list_open", "ordered_list_open"):
            yield from _split_items(lines, block)
        elif block[0].type == "paragraph_open":
            yield from _split_paragraph(source, "\n\n", "markdown")
        else:
            yield Unit(source, "\n\n", is_lead=block[0].type == "heading_open")


def _split_items(lines: Sequence[str], block: Sequence[Token]) -> Iterator[Unit]:
    starts = sorted({token.map[0] for token in block if token.type == "list_item_open" and token.map})
    end = (block[0].map or (0, len(lines)))[1]
    for number, start in enumerate(starts):
        stop = starts[number + 1] if number + 1 < len(starts) else end
        yield Unit(defuse("\n".join(lines[start:stop]).rstrip()), "\n" if number else "\n\n")


def _find_end(tokens: Sequence[Token], at: int) -> int:
    """The index after the block that opens at `at`."""
    depth = 0
    for index in range(at, len(tokens)):
        depth += tokens[index].nesting
        if depth <= 0:
            return index + 1
    return len(tokens)


def _render(tokens: Sequence[Token], style: Style) -> list[Unit]:
    """Blocks in the channel's own formatting: list items with their bullet or number, table rows as lines."""
    page = _Page(style)
    for token in tokens:
        page.add(token)
    return page.units


class _Page:
    """Where rendering stands: the lists that are open, what stands before the next line."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.units: list[Unit] = []
        self.lists: list[int | None] = []
        self.cells: list[str] = []
        self.inside = ""
        self.gap = "\n\n"
        self.prefix = ""

    def add(self, token: Token) -> None:
        if token.nesting >= 0 and token.level == 0:
            self.gap = "\n\n"
        if token.type in ("bullet_list_open", "ordered_list_open"):
            self.lists.append(int(token.attrGet("start") or 1) if token.type == "ordered_list_open" else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
            self.prefix = "  " * len(self.lists)
        elif token.type == "list_item_open":
            self._open_item()
        elif token.type in ("heading_open", "th_open", "td_open"):
            self.inside = token.type
        elif token.type in ("heading_close", "th_close", "td_close"):
            self.inside = ""
        elif token.type == "tr_close":
            self._put([Unit(" – ".join(cell for cell in self.cells if cell), self.gap)])
            self.cells = []
        elif token.type == "fence":
            code = token.content.rstrip()
            self._put([Unit(defuse(code if self.style == "plain" else f"```\n{code}\n```"), self.gap)])
        elif token.type == "inline":
            self._add_line(defuse(render_inline(token.children or (), self.style).strip()))

    def _open_item(self) -> None:
        number = self.lists[-1]
        mark = MARKS[self.style]["bullet"] if number is None else f"{number}."
        self.prefix = "  " * (len(self.lists) - 1) + mark + " "
        self.lists[-1] = None if number is None else number + 1

    def _add_line(self, line: str) -> None:
        if self.inside in ("th_open", "td_open"):
            self.cells.append(line)
        elif not line:
            return
        elif self.lists:
            self._put([Unit(self.prefix + line.replace("\n", "\n" + "  " * len(self.lists)), self.gap)])
            self.prefix = "  " * len(self.lists)
        elif self.inside == "heading_open":
            mark = {"markdown": "### ", "whatsapp": "*", "plain": ""}[self.style]
            self._put([Unit(mark + line.replace("*", "") + ("*" if self.style == "whatsapp" else ""), self.gap, is_lead=True)])
        else:
            self._put(list(_split_paragraph(line, self.gap, self.style)))

    def _put(self, units: list[Unit]) -> None:
        self.units += units
        self.gap = "\n" if units else self.gap


def render_inline(tokens: Sequence[Token], style: Style) -> str:
    """The words of a line with the channel's marks; a link as "text (address)", an image as its alternative text."""
    out: list[str] = []
    links: list[tuple[int, str]] = []
    marks = MARKS[style]
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            out.append("\n")
        elif token.type == "code_inline":
            out.append(f"{marks['code']}{token.content}{marks['code']}")
        elif token.type == "image":
            out.append(_read_alternative(token))
        elif token.type == "link_open":
            links.append((len(out), str(token.attrGet("href") or "")))
        elif token.type == "link_close":
            at, address = links.pop()
            out[at:] = [_render_link("".join(out[at:]), address, style)]
        elif token.nesting:
            out.append(marks.get(token.type.rsplit("_", 1)[0], ""))
        else:
            out.append(token.content)
    return "".join(out)


def _read_alternative(image: Token) -> str:
    return "".join(child.content for child in image.children or () if child.type in ("text", "code_inline"))


def _render_link(label: str, address: str, style: Style) -> str:
    bare = address.removeprefix("mailto:").removeprefix("tel:")
    if not bare or label.strip() in (address, bare, bare.removeprefix("https://").removeprefix("http://")):
        return bare if "://" in bare else label
    if not label.strip():
        return bare
    return f"[{label}]({address})" if style == "markdown" else f"{label} ({bare})"
