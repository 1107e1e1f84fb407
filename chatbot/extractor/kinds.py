"""What a file is, by its first bytes and what is in it; its name and media type are only hints."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import PurePosixPath

import regex

from chatbot.extractor.outcome import Refused

SUFFIXES = {
    ".pdf": "pdf", ".docx": "docx", ".xlsx": "xlsx", ".csv": "csv", ".tsv": "csv", ".html": "html", ".htm": "html",
    ".xhtml": "html", ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text",
}  # fmt: skip
MEDIA_TYPES = {
    "text/html": "html", "application/xhtml+xml": "html", "text/csv": "csv", "text/tab-separated-values": "csv",
    "text/markdown": "markdown", "text/plain": "text",
}  # fmt: skip
# what can't hurt here but is meant to run, or is something else than a text
FOREIGN = {
    b"MZ": "program", b"\x7fELF": "program", b"#!": "program", b"\xca\xfe\xba\xbe": "program", b"\xcf\xfa\xed\xfe": "program",
    b"\x89PNG": "image", b"\xff\xd8\xff": "image", b"GIF8": "image", b"RIFF": "media", b"BM": "image", b"II*\x00": "image",
    b"MM\x00*": "image", b"ID3": "media", b"OggS": "media", b"\x1aE\xdf\xa3": "media", b"\x1f\x8b": "archive",
    b"Rar!": "archive", b"7z\xbc\xaf": "archive", b"BZh": "archive", b"\xfd7zXZ": "archive", b"%!PS": "postscript",
    b"{\\rtf": "rtf", b"SQLite format 3": "database",
}  # fmt: skip
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
HTML_START = regex.compile(r"^\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", regex.I | regex.S)
CHARSET = regex.compile(rb"""charset\s*=\s*["']?\s*([\w-]{2,40})""", regex.I)
# Windows-1252 leaves these bytes out, and they stand in no text
NEVER_TEXT = regex.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
HEAD = 4_096


@dataclass(frozen=True, slots=True)
class Kind:
    """kind: pdf, zip (an office file, to be looked into), csv, html, markdown or text; claimed: what the name says, or ""."""

    kind: str
    claimed: str


def find_kind(content: bytes, name: str, media_type: str) -> Kind:
    """Raises Refused for what is no text, by name where it pretends to be one."""
    claimed = SUFFIXES.get(PurePosixPath(name.lower()).suffix, "")
    if b"%PDF-" in content[:1_024]:
        return Kind("pdf", claimed)
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind("zip", claimed)
    if content.startswith(OLD_OFFICE):
        _refuse_old_office(content, claimed)
    if found := next((what for start, what in FOREIGN.items() if content.startswith(start)), ""):
        is_text = found in ("program", "image") and not NEVER_TEXT.search(content[:HEAD])  # "BM", "MZ" begin words too
        if not is_text or content.startswith(b"#!"):
            _refuse_foreign(found, claimed)
    if is_binary(content):
        raise Refused("broken" if claimed in ("pdf", "docx", "xlsx") else "wrong_extension" if claimed else "unknown_type")
    return Kind(_find_text_kind(content, claimed, media_type), claimed)


def _refuse_old_office(content: bytes, claimed: str) -> None:
    if ENCRYPTED_OFFICE in content:
        raise Refused("encrypted")
    _refuse_foreign("old_office", claimed)


def _refuse_foreign(found: str, claimed: str) -> None:
    raise Refused("wrong_extension" if claimed else "unknown_type", found=found)


def is_binary(content: bytes) -> bool:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    return len(NEVER_TEXT.findall(content[: HEAD * 16])) > len(content[: HEAD * 16]) / 500


def _find_text_kind(content: bytes, claimed: str, media_type: str) -> str:
    sent_as = MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower(), "")
    if HTML_START.match(decode(content[:HEAD])):
        return "html"
    said = claimed or sent_as
    if said == "html" and not regex.search(rb"<\w+[^>]*>", content):
        return "text"
    return said if said in ("csv", "html", "markdown", "text") else sent_as or "text"


def decode(content: bytes, media_type: str = "") -> str:
    """UTF-8 or UTF-16 by their marks, what the server or the page says, UTF-8 where it is that, else Windows-1252."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    said = CHARSET.search(media_type.encode("ascii", "ignore"))
    for name in ("utf-8-sig", said[1].decode() if said else "utf-8"):
        try:
            return content.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    if len(content) == HEAD:  # cut in the middle of a sign
        return content.decode("utf-8", "ignore")
    return content.decode("cp1252", "replace")
