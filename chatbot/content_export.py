"""Content as tables for a spreadsheet: the same columns that an import knows, and nothing that it would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import regex

from chatbot.bodies import Article, CannedResponse, Content, FaqEntry
from chatbot.body_types import Body
from chatbot.errors import ContentError

COLUMNS: dict[str, tuple[str, ...]] = {
    "faq": ("key", "question_es", "question_en", "answer_es", "answer_en", "handoff", "inboxes", "enabled"),
    "canned": (
        "key", "text_es", "text_en", "exact", "keywords", "patterns", "events", "handoff", "priority", "inboxes", "enabled",
    ),
    "article": ("key", "title", "language", "text", "url", "inboxes", "enabled"),
}  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@")  # also after blanks, which a spreadsheet may take away
INNER_FORMULA = regex.compile(r"([,;\t][^\S\n]*)(?=[=+\-@])")
MAX_XLSX_CELL = 32_767  # Excel's own limit


def defuse(cell: str) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it, as a person would type it."""
    return f"'{cell}" if cell.lstrip().startswith(FORMULA_STARTS) or cell.startswith(("\t", "\r")) else cell


def make_rows(content: Content, kind: str) -> Iterator[list[str]]:
    """The columns' names, then one row per entry; several phrasings stand on lines of their own."""
    columns = COLUMNS[kind]
    yield list(columns)
    entries: Sequence[Body] = getattr(content, kind)
    for body in entries:
        cells = _read_cells(body)
        yield [cells.get(column, "") for column in columns]


def _read_cells(body: Body) -> dict[str, str]:
    cells = {"key": body.key, "inboxes": " ".join(map(str, body.inboxes)), "enabled": "yes" if body.enabled else "no"}
    if isinstance(body, FaqEntry):
        cells |= {f"question_{language}": "\n".join(listed) for language, listed in body.questions.items()}
        cells |= {f"answer_{language}": text for language, text in body.answers.items()}
    if isinstance(body, CannedResponse):
        cells |= {f"text_{language}": text for language, text in body.texts.items()}
        cells |= {name: "\n".join(getattr(body, name)) for name in ("exact", "keywords", "patterns", "events")}
        cells["priority"] = str(body.priority)
    if isinstance(body, FaqEntry | CannedResponse):
        cells["handoff"] = "yes" if body.handoff else "no"
    if isinstance(body, Article):
        cells |= {"title": body.title, "language": body.language, "text": body.text, "url": body.url or ""}
    return cells


def write_csv(rows: Iterable[Sequence[Any]], delimiter: str, *, is_read_back: bool = True) -> Iterator[bytes]:
    """Row by row; the mark at the start tells spreadsheets that it is UTF-8. is_read_back: an import reads it, so that only a
    cell's beginning is changed; else neither does a spreadsheet with another separator find a formula."""
    yield b"\xef\xbb\xbf"
    for row in rows:
        out = io.StringIO()
        cells = [defuse(str(cell)) for cell in row]
        if not is_read_back:
            cells = [INNER_FORMULA.sub(r"\1'", cell) for cell in cells]
        csv.writer(out, delimiter=delimiter).writerow(cells)
        yield out.getvalue().encode()


def write_xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    """Raises ContentError where a text is longer than a cell of Excel may be."""
    out = io.BytesIO()
    import xlsxwriter  # noqa: PLC0415  2 MB, for an export now and then

    workbook = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = workbook.add_worksheet()
    wraps = workbook.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 20, 30, wraps)
    for number, row in enumerate(rows):
        for column, cell in enumerate(map(defuse, row)):
            if len(cell) > MAX_XLSX_CELL:
                raise ContentError(row[0])
            sheet.write_string(number, column, cell)
    workbook.close()
    return out.getvalue()
