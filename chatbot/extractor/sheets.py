"""XLSX and CSV: each sheet as tables in Markdown, so that every piece of them keeps the names of its columns.

What is hidden (sheets, columns, rows that no filter hid) stays out: people hide what they pay, not what they sell for.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Iterator
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from chatbot.extractor import archive, hidden
from chatbot.extractor.kinds import decode
from chatbot.extractor.outcome import Outcome, Refused

MAX_CELLS = 1_000_000
MAX_COLUMNS = 100
SAMPLE_LINES = 50
DELIMITERS = (";", "\t", ",", "|")
# a table begins where so much of its width is filled
HEAD_SHARE = 0.6
PLAIN_NAMES = ("hoja", "sheet", "libro", "tabla")
Row = list[str]

csv.field_size_limit(1_000_000)


def read(content: bytes, kind: str, media_type: str) -> Outcome:
    """A section per sheet. Raises Refused."""
    outcome = Outcome()
    if kind == "csv":
        outcome.sections.append((write_tables(_read_csv(decode(content, media_type))), None))
        return outcome
    for name, rows in _read_workbook(content, outcome):
        text = write_tables(rows)
        is_named = not name.lower().startswith(PLAIN_NAMES)
        outcome.sections.append((f"# {name}\n\n{text}" if is_named and text else text, None))
    return outcome


def _read_csv(text: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=guess_delimiter(text))
    rows: list[Row] = []
    cells = 0
    try:
        for row in reader:
            cells += len(row)
            if cells > MAX_CELLS or len(row) > MAX_COLUMNS:
                raise Refused("too_many_cells", most=MAX_CELLS)
            rows.append([_as_text(cell) for cell in row])
    except csv.Error:
        raise Refused("broken") from None
    return rows


def guess_delimiter(text: str) -> str:
    """The one that cuts the most records of the beginning into the same number of cells. Prices have commas."""
    first = text[:100_000]
    return max(DELIMITERS, key=lambda delimiter: (_count_alike(first, delimiter), -DELIMITERS.index(delimiter)))


def _count_alike(text: str, delimiter: str) -> int:
    widths: list[int] = []
    try:
        for row, _ in zip(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), range(SAMPLE_LINES), strict=False):
            widths.append(len(row))
    except csv.Error:
        pass
    wide = [width for width in widths if width > 1]
    return max((wide.count(width) for width in set(wide)), default=0)


def _read_workbook(content: bytes, outcome: Outcome) -> Iterator[tuple[str, list[Row]]]:
    parts = archive.unpack(content, lambda name: name.lower().endswith((".xml", ".rels")) and "drawing" not in name.lower())
    unseen = hidden.find(parts)
    if unseen.cells > MAX_CELLS:
        raise Refused("too_many_cells", most=MAX_CELLS)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(archive.pack(parts)))
        for sheet in workbook.sheets_metadata:
            if sheet.visible == SheetVisibleEnum.Visible:
                rows = workbook.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
                yield (
                    sheet.name,
                    list(_leave_out(rows, *unseen.of(sheet.name))),
                )
    except CalamineError:
        raise Refused("broken") from None
    names = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible != SheetVisibleEnum.Visible]
    columns, lines = (sum(map(len, kind.values())) for kind in (unseen.columns, unseen.rows))
    if names or columns or lines:
        outcome.note("hidden_cells", sheets=names, columns=columns, rows=lines)


def _leave_out(rows: Iterable[list[Any]], columns: set[int], lines: set[int]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number not in lines:
            yield [_as_text(cell) for at, cell in enumerate(row) if at not in columns]


def _as_text(value: Any) -> str:
    """One line, as a person would write it."""
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, float):
        return f"{value:.10g}" if abs(value) < 1e10 else f"{value:.0f}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, datetime.time):
        return value.isoformat("minutes")
    return " ".join(str(value).split())


def write_tables(rows: list[Row]) -> str:
    """Markdown: what stands above the first table as text, rows of a single cell as headings of what follows."""
    rows = [row for row in _trim(rows) if any(row)]
    width = max((sum(map(bool, row)) for row in rows[:SAMPLE_LINES]), default=0)
    if width < 2:
        return "\n\n".join(next(cell for cell in row if cell) for row in rows)
    start = next(at for at, row in enumerate(rows) if sum(map(bool, row)) >= max(2, width * HEAD_SHARE))
    above = [" ".join(cell for cell in row if cell) for row in rows[:start]]
    blocks = ["\n\n".join(above), *_write_body(_name_columns(rows[start]), rows[start + 1 :])]
    return "\n\n".join(block for block in blocks if block)


def _trim(rows: list[Row]) -> list[Row]:
    """Without columns that are empty throughout."""
    width = max(map(len, rows), default=0)
    used = [at for at in range(width) if any(at < len(row) and row[at] for row in rows)]
    if len(used) > MAX_COLUMNS:
        raise Refused("too_many_cells", most=MAX_CELLS)
    return [[row[at] if at < len(row) else "" for at in used] for row in rows]


def _name_columns(head: Row) -> Row:
    """An unnamed column has a letter, as in the sheet."""
    return [cell or chr(ord("A") + at % 26) for at, cell in enumerate(head)]


def _write_body(head: Row, rows: list[Row]) -> Iterator[str]:
    lines: list[Row] = []
    for at, row in enumerate(rows):
        following = rows[at + 1] if at + 1 < len(rows) else []
        if _is_heading(row) and not _is_heading(following) and any(following):
            if lines:
                yield _write_table(head, lines)
            yield f"## {row[0]}"
            lines = []
        elif row != head:  # repeated for the printer
            lines.append(row)
    yield _write_table(head, lines)


def _is_heading(row: Row) -> bool:
    """Only the first of three or more cells is filled, or of two, in capitals."""
    return bool(row) and bool(row[0]) and not any(row[1:]) and (len(row) > 2 or row[0].isupper())


def _write_table(head: Row, rows: list[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
