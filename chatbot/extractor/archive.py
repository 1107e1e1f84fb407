"""Office files are zip archives: what they declare is looked at before, and what they unpack to is counted while, unpacking."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import NoReturn
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.sax import parse

from chatbot.extractor.outcome import Refused

MAX_MEMBERS = 5_000
MAX_UNPACKED = 120 * 1024 * 1024
# what an honest member reaches: a sheet of the same cell again and again is packed to a hundredth
MAX_RATIO = 250
RATIO_FROM = 4 * 1024 * 1024
KINDS = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx"}
OTHERS = {
    "ppt/presentation.xml": "presentation",
    "xl/workbook.bin": "xlsb",
    "mimetype": "opendocument",
    "content.xml": "opendocument",
}


def find_kind(content: bytes, claimed: str) -> str:
    """docx or xlsx by what is in it. Raises Refused."""
    names = {member.filename.lower() for member in _list(content)}
    for name, kind in KINDS.items():
        if name in names:
            return kind
    found = next((what for name, what in OTHERS.items() if name in names), "archive")
    raise Refused("wrong_extension" if claimed and found == "archive" else "unknown_type", found=found)


def unpack(content: bytes, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The wanted members by their names, which are never names of files of ours. Raises Refused: bomb, broken, encrypted."""
    found: dict[str, bytes] = {}
    left = MAX_UNPACKED
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for member in _list(content):
            if not is_wanted(member.filename):
                continue
            with packed.open(member) as f:
                part = f.read(min(member.file_size, left) + 1)
            left -= len(part)
            if left < 0 or len(part) > member.file_size:
                raise Refused("bomb")
            if member.filename.lower().endswith((".xml", ".rels")):
                check_xml(part)
            found[member.filename] = part
    return found


def pack(parts: dict[str, bytes]) -> bytes:
    """The same again without compression, so that no reader unpacks more than was counted here."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as plain:
        for name, part in parts.items():
            plain.writestr(name, part)
    return out.getvalue()


def _list(content: bytes) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, zlib.error):
        raise Refused("broken") from None
    if any(member.flag_bits & 1 for member in members):
        raise Refused("encrypted")
    unpacked = sum(member.file_size for member in members)
    is_bomb = unpacked > MAX_UNPACKED or len(members) > MAX_MEMBERS or any(map(_is_bomb, members))
    if is_bomb:
        raise Refused("bomb", bytes=unpacked, most=MAX_UNPACKED)
    return members


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    return member.file_size > RATIO_FROM and member.file_size > MAX_RATIO * max(member.compress_size, 1)


class _Began(SAXException):
    pass


class _Prologue(ContentHandler):
    """Ends at the first element: what can explode is declared before it."""

    def startElement(self, name: str, attrs: object) -> NoReturn:  # noqa: ARG002  its name in xml.sax
        raise _Began(name)


def check_xml(part: bytes) -> None:
    """Raises Refused("bomb") where it declares entities or a document type: office files never do."""
    try:
        parse(io.BytesIO(part), _Prologue(), forbid_dtd=True)
    except _Began:
        return
    except DefusedXmlException:
        raise Refused("bomb") from None
    except SAXException:
        raise Refused("broken") from None
