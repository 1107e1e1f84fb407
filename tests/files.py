"""Small files of every format, made by hand or by what the product has anyway; good ones and hostile ones."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence

import xlsxwriter

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="word/document.xml"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
STYLES = (
    f'<?xml version="1.0"?><w:styles {W}><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Heading2"><w:name w:val="heading 2"/></w:style></w:styles>'
)
ENCRYPT = b"<</Filter/Standard/V 1/R 2/Length 40/P -44/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>"  # no password opens it


def make_pdf(pages: Sequence[bytes], *, title: str = "", with_image: bool = False, encrypt: bool = False) -> bytes:
    """pages: their content streams, as text_page() and table_page() make them."""
    objects: list[bytes] = [b"", b""]  # the catalogue and the list of pages come last
    image = b"/XObject<</I 4 0 R>>" if with_image else b""
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    raw = bytes(range(256)) * 12
    objects.append(
        b"<</Type/XObject/Subtype/Image/Width 32/Height 32/ColorSpace/DeviceRGB/BitsPerComponent 8/Length 3072>>stream\n"
        + raw + b"\nendstream"
    )  # fmt: skip
    kids = []
    for stream in pages:
        packed = zlib.compress(stream)
        objects.append(b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed) + packed + b"\nendstream")
        kids.append(len(objects) + 1)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>%s>>>>"
            % (len(objects), image)
        )
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    objects.append(b"<</Title(%s)>>" % title.encode("cp1252"))
    return _write_pdf(objects, b"/Encrypt " + ENCRYPT + b"/ID[<00><00>]" if encrypt else b"")


def _write_pdf(objects: list[bytes], trailer: bytes) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer<</Size %d/Root 1 0 R/Info %d 0 R%s>>\n" % (len(objects) + 1, len(objects), trailer))
    out.write(b"startxref\n%d\n%%%%EOF" % start)
    return out.getvalue()


def text_page(lines: Iterable[str | tuple[str, int]], *, x: int = 50) -> bytes:
    """Lines from the top; a tuple is a line and the size of its letters."""
    said, y = [], 780
    for line in lines:
        text, size = line if isinstance(line, tuple) else (line, 11)
        said.append(b"BT /F %d Tf %d %d Td (%s) Tj ET" % (size, x, y, _escape(text)))
        y -= size + 6
    return b"\n".join(said)


def table_page(rows: Sequence[Sequence[str]], above: Sequence[str] = ()) -> bytes:
    """A ruled table under some lines."""
    said = [text_page(above)]
    top, height, width = 780 - 20 * len(above), 20, 150
    for number in range(len(rows) + 1):
        y = top - number * height
        said.append(b"50 %d m %d %d l S" % (y, 50 + width * len(rows[0]), y))
    for number in range(len(rows[0]) + 1):
        x = 50 + number * width
        said.append(b"%d %d m %d %d l S" % (x, top, x, top - height * len(rows)))
    for down, row in enumerate(rows):
        for across, cell in enumerate(row):
            at = (54 + across * width, top - down * height - 14)
            said.append(b"BT /F 10 Tf %d %d Td (%s) Tj ET" % (*at, _escape(cell)))
    return b"\n".join(said)


def image_page() -> bytes:
    return b"q 500 0 0 700 50 50 cm /I Do Q"


def _escape(text: str) -> bytes:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")


def make_docx(blocks: Iterable[str | tuple[str, str] | list[list[str]]], *, title: str = "") -> bytes:
    """A str is a paragraph, a tuple (style, text), "hidden" among the styles; a list of rows a table."""
    body = "".join(_table(block) if isinstance(block, list) else _paragraph(block) for block in blocks)
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": RELATIONS,
        "word/styles.xml": STYLES,
        "word/document.xml": f'<?xml version="1.0"?><w:document {W}><w:body>{body}</w:body></w:document>',
    }
    if title:
        parts["docProps/core.xml"] = (
            '<?xml version="1.0"?><cp:coreProperties xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties">'
            f"<dc:title>{title}</dc:title></cp:coreProperties>"
        )
    return make_zip({name: part.encode() for name, part in parts.items()})


def _paragraph(block: str | tuple[str, str]) -> str:
    style, text = ("", block) if isinstance(block, str) else block
    run = "<w:rPr><w:vanish/></w:rPr>" if style == "hidden" else ""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style and style != "hidden" else ""
    return f'<w:p>{named}<w:r>{run}<w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def _table(rows: list[list[str]]) -> str:
    cells = ("".join(f"<w:tc>{_paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def make_xlsx(
    sheets: dict[str, Sequence[Sequence[object]]], *, hide_columns: str = "", hide_sheets: Sequence[str] = ()
) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            if hide_columns:
                sheet.set_column(hide_columns, None, None, {"hidden": True})
            if name in hide_sheets:
                sheet.hide()
    return out.getvalue()


def make_zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    return out.getvalue()


def make_zip_bomb(size: int = 400_000_000) -> bytes:
    """A DOCX whose document says how large it is."""
    return make_zip({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<a>" + b" " * size})


def make_lying_bomb() -> bytes:
    """One that says its document is small."""
    bomb = bytearray(make_zip_bomb(200_000_000))
    real = struct.pack("<L", 200_000_003)
    return bytes(bomb.replace(real, struct.pack("<L", 1_000)))


def make_entity_bomb() -> bytes:
    entities = '<!ENTITY a "ja">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    body = "<w:body><w:p><w:r><w:t>&i;</w:t></w:r></w:p></w:body>"
    document = f'<?xml version="1.0"?><!DOCTYPE x [{entities}]><w:document {W}>{body}</w:document>'
    parts = {"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document}
    return make_zip({name: part.encode() for name, part in parts.items()})


def make_wide_sheet() -> bytes:
    """Two cells as far apart as they may be: a rectangle of 17,000 million."""
    with zipfile.ZipFile(io.BytesIO(make_xlsx({"Hoja1": [["a", "b"]]}))) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].replace(b'r="B1"', b'r="XFD1048576"').replace(b"A1:B1", b"A1:XFD1048576")
    return make_zip({**parts, "xl/worksheets/sheet1.xml": sheet})


def make_noise(size: int = 5_000, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)
