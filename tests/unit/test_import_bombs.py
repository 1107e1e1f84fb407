"""Workbooks made to keep whoever reads them busy, or to look smaller than they are."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import pytest
import xlsxwriter

from chatbot.import_reading import MAX_UNPACKED_BYTES, UnreadableUpload, read_tables

ENDS_S = 60.0  # it takes one or two; one that reads anew from each start takes days
READ = """
import sys
from chatbot.import_reading import UnreadableUpload, read_tables
try:
    print(len(read_tables(sys.stdin.buffer.read(), "x")[0].rows))
except UnreadableUpload as e:
    print(e.code)
"""
SPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
ROOM = 24_000_000  # bytes of what may be unpacked


def make_book(strings: bytes | None = None, sheet: bytes | None = None) -> bytes:
    """A workbook with one sheet, of which single parts are others."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        book.add_worksheet("Precios").write(0, 0, "Café")
    out = io.BytesIO()
    with zipfile.ZipFile(made) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            other = {"xl/sharedStrings.xml": strings, "xl/worksheets/sheet1.xml": sheet}.get(name)
            after.writestr(name, before.read(name) if other is None else other)
    return out.getvalue()


def make_sheet(*values: bytes) -> bytes:
    """One row; values: a cell's <v>, whole."""
    cells = b"".join(b'<c r="A%d" t="s">%s</c>' % (n, value) for n, value in enumerate(values, 1))
    return b"<worksheet %s><sheetData><row>%s</row></sheetData></worksheet>" % (SPACE, cells)


def bomb(name: str, strings: bytes | None, sheet: bytes | None = None, *marks: pytest.MarkDecorator) -> object:
    return pytest.param(strings, sheet, id=name, marks=marks)


@pytest.mark.parametrize(
    ("strings", "sheet"),
    [
        bomb("starts", b"<si" * (ROOM // 3)),
        bomb("values", None, b"<v" * (ROOM // 2)),
        bomb("closed starts", b"<si>" * (ROOM // 4), None, pytest.mark.thorough),
        bomb("half signs", b"<si/" * (ROOM // 4), None, pytest.mark.thorough),
        bomb("a long name", b"<" + b"a" * (ROOM - 1), None, pytest.mark.thorough),
        bomb("spaces", b"<si" + b" " * ROOM, None, pytest.mark.thorough),
        bomb("ends", None, b"<v " + b">" * ROOM, pytest.mark.thorough),
        bomb("ends apart", None, b"<v> " + b"> " * (ROOM // 2), pytest.mark.thorough),
        bomb("spaces after", None, b"<v>1" + b" " * ROOM, pytest.mark.thorough),
    ],
)
def test_a_file_of_starts_without_ends_is_read_once(strings: bytes | None, sheet: bytes | None) -> None:
    """In a process of its own: one that doesn't end can be ended there."""
    book = make_book(strings, sheet)
    done = subprocess.run([sys.executable, "-c", READ], input=book, capture_output=True, timeout=ENDS_S, check=True)
    assert done.stdout.strip() in {b"broken", b"nothing", b"1"}


def count_needed(uses: int) -> int:
    return MAX_UNPACKED_BYTES // uses + 1


@pytest.mark.parametrize(
    ("before", "value"),
    [(b"", b"<v>0</v>"), (b"<si/>" * 3, b"<v>3</v>"), (b"<si></si><si />", b"<v>2</v>"), (b"", b'<v a=">">0</v>')],
    ids=["plain", "after signs", "after an empty one", "a bracket in an attribute"],
)
def test_one_text_used_again_and_again_is_counted_each_time(before: bytes, value: bytes) -> None:
    uses = 1_000
    long = b"<si><t>%s</t></si>" % (b"x" * count_needed(uses))
    book = make_book(b"<sst %s>%s%s</sst>" % (SPACE, before, long), make_sheet(*[value] * uses))
    with pytest.raises(UnreadableUpload) as caught:
        read_tables(book, "x")
    assert caught.value.code == "unpacks_too_large"


def test_texts_that_fit_are_read_whatever_stands_between_them() -> None:
    strings = b"<sst %s><si/><si><t>uno</t></si><x:si xmlns:x='y'><t>dos</t></x:si></sst>" % SPACE
    book = make_book(strings, make_sheet(b"<v>1</v>", b'<v a=">">1</v>'))
    assert read_tables(book, "x")[0].rows == [["uno"], ["uno"]]
