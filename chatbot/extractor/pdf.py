"""PDF: text by pdfium, and on pages that have rules drawn on them tables by pdfplumber. A scanned one is recognised."""

from __future__ import annotations

import ctypes
import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pdfplumber.page
import pdfplumber.pdf
import pypdfium2
import pypdfium2.raw as pdfium
import regex
from pdfplumber.utils.exceptions import PdfminerException

from chatbot.extractor.outcome import Outcome, Refused
from chatbot.knowledge.extract import MAX_CHARS, MAX_PAGES

LEAST_CHARS = 16  # a stamp or a page number isn't text
TABLES_SECONDS = 20  # of processor time: pdfplumber takes a tenth of a second a page, and more
LEAST_RULES = 4
HEADING_SIZE = 1.15
LONGEST_HEADING = 120
SMALLEST_SEEN = 1.0
RUNNING_SHARE = 0.6
RUNNING_FROM = 4
EDGE_LINES = 2
SENTENCE_ENDS = regex.compile(r"[.!?…:;][\"'»”)\]]*$")
ITEM = regex.compile(r"^(?:[•·▪◦‣●○■–—*-]|\d{1,3}[.)]|[a-z][.)])\s+")
BULLET = regex.compile(r"^[•·▪◦‣●○■–—*-]\s+")
BROKEN_WORD = "\ufffe"  # where pdfium took a hyphen at the end of a line away
PAGE_NUMBER = regex.compile(r"\W*(?:p[aá]g(?:ina|e|\.)?|page|p\.)?\s*\d{1,4}(?:\s*(?:/|de|of)\s*\d{1,4})?\W*", regex.I)


@dataclass(slots=True)
class Line:
    """size: of its letters, in points."""

    text: str
    size: float


@dataclass(slots=True)
class PageText:
    """table: Markdown of the whole page where tables were found, which then stands for the lines."""

    lines: list[Line]
    has_pictures: bool
    table: str = ""

    @property
    def chars(self) -> int:
        return len(self.table) + sum(len(line.text) for line in self.lines)


def read(content: bytes, kind: str, media_type: str) -> Outcome:  # noqa: ARG001  as all of them are called
    """A section per page. Raises Refused."""
    document = _open(content)
    if len(document) > MAX_PAGES:
        raise Refused("too_many_pages", pages=len(document), most=MAX_PAGES)
    outcome = Outcome(title=document.get_metadata_value("Title") or "")
    hidden: list[str] = []
    pages = list(_read_pages(document, content, hidden, outcome))
    _refuse_without_text(pages)
    _take_out_running_lines(pages)
    sizes = Counter(round(line.size, 1) for page in pages for line in page.lines for _ in line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    outcome.sections = [(page.table or write_page(page.lines, body), number) for number, page in enumerate(pages, 1)]
    if empty := [number for number, page in enumerate(pages, 1) if page.chars < LEAST_CHARS and page.has_pictures]:
        outcome.note("pages_without_text", pages=empty[:20], count=len(empty))
    if hidden:
        outcome.note("hidden_text", count=len(hidden), samples=[text[:100] for text in hidden[:3]])
    return outcome


def _open(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as e:
        is_locked = "password" in str(e).lower() or "security" in str(e).lower()
        raise Refused("encrypted" if is_locked else "broken") from None


def _refuse_without_text(pages: list[PageText]) -> None:
    bare = sum(page.chars < LEAST_CHARS for page in pages)
    if bare == len(pages):
        raise Refused("scanned" if any(page.has_pictures for page in pages) else "empty", pages=len(pages))
    if bare > len(pages) * 0.8 and sum(page.has_pictures for page in pages if page.chars < LEAST_CHARS) == bare:
        raise Refused("scanned", pages=len(pages), without_text=bare)


def _read_pages(document: pypdfium2.PdfDocument, content: bytes, hidden: list[str], outcome: Outcome) -> Iterator[PageText]:
    plumber: pdfplumber.pdf.PDF | None = None
    chars = skipped = 0
    for number in range(len(document)):
        page = document[number]
        kinds = Counter(found.type for found in page.get_objects(max_depth=3))
        read_page = PageText(list(_read_lines(page, hidden)), bool(kinds[pdfium.FPDF_PAGEOBJ_IMAGE]))
        if kinds[pdfium.FPDF_PAGEOBJ_PATH] >= LEAST_RULES and read_page.lines:
            if time.process_time() < TABLES_SECONDS:
                plumber = plumber or pdfplumber.pdf.PDF.open(io.BytesIO(content))
                read_page.table = _read_tables(plumber.pages[number])
            else:
                skipped += 1
        page.close()
        chars += read_page.chars
        if chars > MAX_CHARS * 2:
            raise Refused("too_big", chars=chars, most_chars=MAX_CHARS)
        yield read_page
    if skipped:
        outcome.note("tables_as_text", count=skipped)


def _read_lines(page: pypdfium2.PdfPage, hidden: list[str]) -> Iterator[Line]:
    """Lines as pdfium joins them. What stands off the page or is too small to be seen goes to `hidden`."""
    textpage = page.get_textpage()
    at = 0
    for raw in textpage.get_text_range(errors="ignore").replace("\r\n", "\n").split("\n"):
        text = " ".join(raw.replace(BROKEN_WORD, "").split())
        if text:
            middle = at + len(raw) // 2
            size = _letter_size(textpage, middle)
            if size < SMALLEST_SEEN or not _is_on_page(page, textpage, middle):
                hidden.append(text)
            else:
                yield Line(text if not raw.endswith(BROKEN_WORD) else text + BROKEN_WORD, size)
        at += len(raw) + 2
    textpage.close()


def _letter_size(textpage: pypdfium2.PdfTextPage, index: int) -> float:
    """As drawn: a font of size 1 in a matrix that makes it larger is as high as its box."""
    _, bottom, _, top = _find_box(textpage, index)
    return max(float(pdfium.FPDFText_GetFontSize(textpage, index)), top - bottom)


def _find_box(textpage: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    box = [ctypes.c_double() for _ in range(4)]
    left, right, bottom, top = box
    pdfium.FPDFText_GetCharBox(textpage, index, left, right, bottom, top)
    return left.value, bottom.value, right.value, top.value


def _is_on_page(page: pypdfium2.PdfPage, textpage: pypdfium2.PdfTextPage, index: int) -> bool:
    left, bottom, right, top = _find_box(textpage, index)
    if (left, bottom, right, top) == (0.0, 0.0, 0.0, 0.0):
        return True  # a space of pdfium's own
    page_left, page_bottom, page_right, page_top = page.get_bbox()
    return bool(right >= page_left and left <= page_right and top >= page_bottom and bottom <= page_top)


def _take_out_running_lines(pages: list[PageText]) -> None:
    """Headers, footers and the pages' numbers: what the first or last lines of most pages are."""
    if len(pages) < RUNNING_FROM:
        return
    seen = Counter(name for page in pages for name in {_bare(line) for line in _edges(page)})
    running = {name for name, count in seen.items() if count >= max(len(pages) * RUNNING_SHARE, RUNNING_FROM)}
    for page in pages:
        edges = {id(line) for line in _edges(page) if _bare(line) in running}
        page.lines = [line for line in page.lines if id(line) not in edges]


def _edges(page: PageText) -> list[Line]:
    return [*page.lines[:EDGE_LINES], *page.lines[EDGE_LINES:][-EDGE_LINES:]]


def _bare(line: Line) -> str:
    return "1" if PAGE_NUMBER.fullmatch(line.text) else line.text


def write_page(lines: list[Line], body: float) -> str:
    """Wrapped lines joined to paragraphs, larger ones as headings, items as a list."""
    blocks: list[tuple[str, str]] = []
    widest = max((len(line.text) for line in lines), default=0)
    was_full = False
    for line in lines:
        kind, text = _tell_line(line, body)
        if blocks and _continues(blocks[-1], kind, text, was_full):
            before = blocks[-1][1]
            joint = "" if before.endswith(BROKEN_WORD) else " "
            blocks[-1] = (blocks[-1][0], before.removesuffix(BROKEN_WORD) + joint + text)
        else:
            blocks.append((kind, text))
        was_full = len(line.text) > widest * 0.7
    return _join(blocks)


def _tell_line(line: Line, body: float) -> tuple[str, str]:
    is_large = body > 0 and line.size > body * HEADING_SIZE and len(line.text) <= LONGEST_HEADING
    if is_large and not line.text.endswith("."):
        return ("#" if line.size > body * 1.6 else "##"), line.text
    if ITEM.match(line.text):
        return "-", BULLET.sub("- ", line.text)
    return "", line.text


def _continues(block: tuple[str, str], kind: str, text: str, was_full: bool) -> bool:
    """Whether a line belongs to the paragraph, item or heading before it."""
    before, said = block
    if said.endswith(BROKEN_WORD):
        return True
    if before.startswith("#") or kind:
        return before == kind and kind.startswith("#")
    return text[:1].islower() or (was_full and not (SENTENCE_ENDS.search(said) and not text[:1].islower() and len(said) > 200))


def _join(blocks: list[tuple[str, str]]) -> str:
    parts: list[str] = []
    for at, (kind, text) in enumerate(blocks):
        follows_item = kind == "-" and at and blocks[at - 1][0] == "-"
        parts.append(("\n" if follows_item else "\n\n") + (f"{kind} {text}" if kind.startswith("#") else text))
    return "".join(parts).replace(BROKEN_WORD, "").strip()


def _read_tables(page: pdfplumber.page.Page) -> str:
    """The page in Markdown, its tables in their places; "" where it has none, or pdfium alone can read it."""
    try:
        return _place_tables(page)
    except (PdfminerException, ValueError, KeyError, TypeError, IndexError, AttributeError):  # over a page that is half broken
        return ""
    finally:
        page.close()


def _place_tables(page: pdfplumber.page.Page) -> str:
    tables = [table for table in page.find_tables() if len(table.rows) > 1 and len(table.rows[0].cells) > 1]
    if not tables:
        return ""
    boxes = [table.bbox for table in tables]
    rest = page.filter(lambda found: not any(_is_in(found, box) for box in boxes))
    parts: list[str] = []
    top = 0.0
    for table in sorted(tables, key=lambda table: table.bbox[1]):
        bottom = min(max(table.bbox[1], top), float(page.height))
        if bottom > top:
            parts.append(_write_around(rest.crop((0, top, page.width, bottom), strict=False)))
        parts.append(_write_table(table.extract()))
        top = bottom
    parts.append(_write_around(rest.crop((0, top, page.width, page.height), strict=False)) if top < page.height else "")
    return "\n\n".join(part for part in parts if part)


def _write_around(area: pdfplumber.page.CroppedPage) -> str:
    found = area.extract_text_lines(strip=True)
    lines = [Line(line["text"], max(char["size"] for char in line["chars"])) for line in found if line["text"].strip()]
    sizes = Counter(round(line.size, 1) for line in lines for _ in line.text)
    return write_page(lines, sizes.most_common(1)[0][0] if sizes else 0.0)


def _is_in(found: dict[str, float], box: tuple[float, float, float, float]) -> bool:
    x, y = (found["x0"] + found["x1"]) / 2, (found["top"] + found["bottom"]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _write_table(rows: list[list[str | None]]) -> str:
    lines = [[" ".join((cell or "").split()).replace("|", "\\|") for cell in row] for row in rows]
    lines = [line for line in lines if any(line)]
    if not lines:
        return ""
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
