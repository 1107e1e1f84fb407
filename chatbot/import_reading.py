"""Uploaded files to tables of text: CSV, pasted cells, XLSX, an older bot's SQLite. Nothing in them is run or trusted."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sqlite3
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from chatbot.errors import ContentError

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 5_000
MAX_COLUMNS = 60
MAX_TABLES = 50
MAX_UNPACKED_BYTES = 25 * 1024 * 1024
MAX_SHEET_CELLS = 1_000_000
SQLITE_TIME_S = 3.0
SAMPLE_LINES = 30
DELIMITERS = ",;\t|"
SQLITE_START = b"SQLite format 3\x00"
OLD_EXCEL_START = b"\xd0\xcf\x11\xe0"
CELL_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,8})(\d{1,12})["']""")
# no part of these passes over a "<": whatever a file is made of, they read it once
SHARED_STRING_EDGE = re.compile(rb"<(/?)(?:\w+:)?si\b(?:[^<>]*(/)>)?")
SHARED_INDEX = re.compile(rb"<(?:\w+:)?v\b[^<]*?>\s*(\d{1,9})\s*<")
DEFUSED = re.compile(r"^'(?=\s*[=+\-@]|[\t\r])")

csv.field_size_limit(MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text as they stand in the file, the first one included. One row more than MAX_ROWS + 1 says: too many."""

    name: str
    rows: list[list[str]]

    @property
    def is_too_long(self) -> bool:
        return len(self.rows) > MAX_ROWS + 1


class UnreadableUpload(ContentError):
    """code: what is wrong, for the page to say in the reader's language; value: what it names."""

    def __init__(self, code: str, value: str = "") -> None:
        super().__init__(f"{code} {value}".strip())
        self.code = code
        self.value = value


def read_tables(content: bytes, name: str) -> list[Table]:
    """The tables that hold something. Raises UnreadableUpload."""
    if len(content) > MAX_BYTES:
        raise UnreadableUpload("too_large")
    if content.startswith(OLD_EXCEL_START):
        raise UnreadableUpload("old_excel")
    if content.startswith(b"PK\x03\x04"):
        tables = read_xlsx(content)
    elif content.startswith(SQLITE_START):
        tables = read_sqlite(content)
    else:
        tables = [Table(name, read_csv(decode(content)))]
    return _check(tables)


def read_pasted(text: str) -> list[Table]:
    """Cells copied from a spreadsheet. Raises UnreadableUpload."""
    if len(text.encode()) > MAX_BYTES:
        raise UnreadableUpload("too_large")
    return _check([Table("", read_csv(text))])


def _check(tables: list[Table]) -> list[Table]:
    found = [table for table in tables if any(any(row) for row in table.rows)]
    if not found:
        raise UnreadableUpload("nothing")
    if all(table.is_too_long for table in found):
        raise UnreadableUpload("too_many_rows")
    if max(len(row) for table in found for row in table.rows) > MAX_COLUMNS:
        raise UnreadableUpload("too_many_columns")
    return found


def decode(content: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, else Windows-1252: what spreadsheets write."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise UnreadableUpload("no_table")
    return text


def read_csv(text: str) -> list[list[str]]:
    delimiter = guess_delimiter(text)
    try:
        return _clean(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise UnreadableUpload("no_table") from None


def guess_delimiter(text: str) -> str:
    """The one that cuts the most records of the beginning into the same number of cells, two or more."""
    return max(DELIMITERS, key=lambda delimiter: (_count_alike(text, delimiter), -DELIMITERS.index(delimiter)))


def _count_alike(text: str, delimiter: str) -> int:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    widths: Counter[int] = Counter()
    try:
        for row, _ in zip(reader, range(SAMPLE_LINES), strict=False):
            widths[len(row)] += len(row) > 1
    except csv.Error:
        return 0
    return max(widths.values(), default=0)


def read_xlsx(content: bytes) -> list[Table]:
    """Every sheet. What it would take unpacked is looked at first."""
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415  for an import now and then

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(repack(content)))
        names = workbook.sheet_names[:MAX_TABLES]
        return [Table(n, _clean(workbook.get_sheet_by_name(n).to_python(skip_empty_area=False))) for n in names]
    # encrypted files are a RuntimeError of zipfile's, unknown ways of packing a NotImplementedError
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError):
        raise UnreadableUpload("broken") from None


def repack(content: bytes) -> bytes:
    """The same workbook without compression, so that no reader can be led to unpack more than was counted here."""
    out = io.BytesIO()
    left = MAX_UNPACKED_BYTES
    strings, sheets = b"", []
    with zipfile.ZipFile(io.BytesIO(content)) as packed, zipfile.ZipFile(out, "w") as plain:
        if sum(member.file_size for member in packed.infolist()) > MAX_UNPACKED_BYTES:
            raise UnreadableUpload("unpacks_too_large")
        for member in packed.infolist():
            with packed.open(member) as f:
                part = f.read(left + 1)
            left -= len(part)
            if left < 0:
                raise UnreadableUpload("unpacks_too_large")
            plain.writestr(member.filename, part)
            if "sharedstrings" in member.filename.lower():
                strings = part
            elif "worksheets" in member.filename.lower():
                sheets.append(part)
    _check_cells(sheets, strings)
    return out.getvalue()


def _check_cells(sheets: list[bytes], strings: bytes) -> None:
    """A reader makes room for the whole rectangle up to the farthest cell, and a copy of each text for each of its uses."""
    lengths = list(_measure_strings(strings))
    for sheet in sheets:
        places = [(_column_number(column), int(row)) for column, row in CELL_PLACE.findall(sheet)]
        width, height = (max((place[axis] for place in places), default=1) for axis in (0, 1))
        used = sum(lengths[i] for i in map(int, SHARED_INDEX.findall(sheet)) if i < len(lengths))
        if width * height > MAX_SHEET_CELLS or used > MAX_UNPACKED_BYTES:
            raise UnreadableUpload("unpacks_too_large")


def _measure_strings(strings: bytes) -> Iterator[int]:
    """The length of each shared text, from its start to the next end; one that is only a sign, <si/>, counts as a text too."""
    start: int | None = None
    for edge in SHARED_STRING_EDGE.finditer(strings):
        is_start = not edge[1]
        if is_start and start is None and not edge[2]:
            start = edge.start()
        elif is_start and start is None:
            yield 0
        elif not is_start and start is not None:
            yield edge.end() - start
            start = None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return max(number, 1)


def read_sqlite(content: bytes) -> list[Table]:
    """Plain tables only, their stored columns only: no view, trigger, virtual table or computed column is ever asked."""
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as f:
        f.write(content)
        f.flush()
        try:
            with closing(sqlite3.connect(f"file:{f.name}?mode=ro&immutable=1", uri=True)) as connection:
                return list(_read_tables(connection))
        except sqlite3.Error as e:
            raise UnreadableUpload("too_slow" if "interrupted" in str(e) else "broken") from None


def _read_tables(connection: sqlite3.Connection) -> Iterator[Table]:
    ends_at = time.monotonic() + SQLITE_TIME_S
    connection.set_progress_handler(lambda: int(time.monotonic() > ends_at), 10_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
    listed = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    plain = [
        name for name, sql in listed if not name.startswith("sqlite_") and not re.match(r"\s*CREATE\s+VIRTUAL", sql or "", re.I)
    ]
    for name in plain[:MAX_TABLES]:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({_quote(name)})") if row[6] == 0]
        if columns:
            wanted = ", ".join(map(_quote, columns))
            # names come from the file itself and are quoted; there is no other way to name a table
            rows = connection.execute(f"SELECT {wanted} FROM {_quote(name)} LIMIT {MAX_ROWS + 1}")
            yield Table(name, [columns, *_clean(rows)])


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _clean(rows: Iterable[Iterable[Any]]) -> list[list[str]]:
    """At most one row more than may be; trailing empty cells are left away."""
    found: list[list[str]] = []
    for row in rows:
        cells = [_as_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        found.append(cells)
        if len(found) > MAX_ROWS + 1:
            break
    while found and not found[-1]:
        found.pop()
    return found


def _as_text(value: Any) -> str:
    """A cell's text without the apostrophe that our own exports put before what looks like a formula."""
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()
    return DEFUSED.sub("", text)
