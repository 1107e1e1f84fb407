"""A site's own list of its pages, and lists of such lists. Pure. https://www.sitemaps.org/protocol.html"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from chatbot.errors import PageError

MAX_BYTES = 20 * 1024 * 1024
MAX_LINES = 50_000
GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Sitemap:
    """pages: addresses in its order; lists: other sitemaps."""

    pages: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


def read_sitemap(body: bytes) -> Sitemap | None:
    """XML or one address a line, packed or not. None for what is no sitemap. Raises PageError."""
    if body.startswith(GZIP):
        body = _unpack(body)
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"http://", b"https://")):
        lines = start.decode("utf-8", "replace").split()
        return Sitemap(tuple(line for line in lines[:MAX_LINES] if line.startswith("http")))
    if not start.startswith(b"<") or start[:200].lower().lstrip().startswith((b"<!doctype html", b"<html")):
        return None
    return _read_xml(start)


def _unpack(body: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        unpacked = unpacker.decompress(body, MAX_BYTES)
    except zlib.error as e:
        raise PageError("broken", permanent=True) from e
    if unpacker.unconsumed_tail:
        raise PageError("bomb", permanent=True)
    return unpacked


def _read_xml(body: bytes) -> Sitemap | None:
    pages: list[str] = []
    lists: list[str] = []
    root: Element | None = None
    try:
        for event, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=True):
            name = element.tag.rpartition("}")[2]
            if root is None:
                root = element
                if name not in ("urlset", "sitemapindex"):
                    return None
            if event == "end" and name in ("url", "sitemap"):
                found = next((e.text.strip() for e in element if e.tag.rpartition("}")[2] == "loc" and e.text), "")
                (pages if name == "url" else lists).append(found)
                root.clear()  # or the whole of it would stay in memory
                if len(pages) + len(lists) >= MAX_LINES:
                    break
    except DefusedXmlException as e:
        raise PageError("bomb", permanent=True) from e
    except ParseError as e:
        if not pages and not lists:
            raise PageError("broken", permanent=True) from e  # what was read before the fault still counts
    return Sitemap(tuple(p for p in pages if p), tuple(s for s in lists if s))
