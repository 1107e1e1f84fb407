"""What a workbook hides, which calamine doesn't tell: columns and rows by sheet; and how large its sheets say they are."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

import regex
from defusedxml.ElementTree import fromstring

RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
COLUMN = regex.compile(rb"<(?:\w+:)?col\s[^>]*>")
ROW = regex.compile(rb"<(?:\w+:)?row\s[^>]*>")
HIDDEN = regex.compile(rb"""\shidden\s*=\s*["'](?:1|true)["']""")
NUMBER = {name: regex.compile(rb"\s" + name + rb"""\s*=\s*["'](\d{1,7})["']""") for name in (b"min", b"max", b"r")}
PLACE = regex.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})(\d{1,7})["']""")
MOST_COLUMNS = 16_384


@dataclass(slots=True)
class Hidden:
    """0-based numbers by the sheet's name; cells: of the largest rectangle that a reader would make room for."""

    columns: dict[str, set[int]] = field(default_factory=dict)
    rows: dict[str, set[int]] = field(default_factory=dict)
    cells: int = 0

    def of(self, sheet: str) -> tuple[set[int], set[int]]:
        """Its columns and rows."""
        return self.columns.get(sheet, set()), self.rows.get(sheet, set())


def find(parts: dict[str, bytes]) -> Hidden:
    found = Hidden()
    named = {part: name for name, part in _name_sheets(parts)}
    for part, content in parts.items():
        if "worksheets/" not in part:
            continue
        found.cells = max(found.cells, _count_cells(content))
        name = named.get(part.lower(), "")
        head, _, body = content.partition(b"sheetData")
        if columns := {n for column in COLUMN.findall(head) if HIDDEN.search(column) for n in _range(column)}:
            found.columns[name] = columns
        is_filtered = b"autoFilter" in body
        if rows := set() if is_filtered else {_number(row, b"r") - 1 for row in ROW.findall(body) if HIDDEN.search(row)}:
            found.rows[name] = rows
    return found


def _name_sheets(parts: dict[str, bytes]) -> list[tuple[str, str]]:
    """(name, member) of each sheet, members in small letters."""
    workbook = next((name for name in parts if name.lower() == "xl/workbook.xml"), "")
    relations = next((name for name in parts if name.lower() == "xl/_rels/workbook.xml.rels"), "")
    if not workbook or not relations:
        return []
    targets = {r.get("Id"): r.get("Target", "") for r in fromstring(parts[relations], forbid_dtd=True)}
    sheets = [s for s in fromstring(parts[workbook], forbid_dtd=True).iter() if s.tag.endswith("}sheet")]
    found = ((sheet.get("name", ""), targets.get(sheet.get(RELATION), "")) for sheet in sheets)
    return [(name, posixpath.normpath(posixpath.join("/xl", target)).lstrip("/").lower()) for name, target in found]


def _range(column: bytes) -> range:
    return range(_number(column, b"min") - 1, min(_number(column, b"max"), MOST_COLUMNS))


def _number(tag: bytes, name: bytes) -> int:
    found = NUMBER[name].search(tag)
    return int(found[1]) if found else 0


def _count_cells(sheet: bytes) -> int:
    width = height = 1
    for letters, row in PLACE.findall(sheet):
        height = max(height, int(row))
        number = 0
        for letter in letters.upper():
            number = number * 26 + letter - 64
        width = max(width, number)
    return width * height
