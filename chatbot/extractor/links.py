"""HTML's links, and what a page says to programs that read it: its canonical address, and what it asks them not to do."""

from __future__ import annotations

from typing import Any

from lxml import html
from lxml.etree import ParserError

from chatbot.extractor.kinds import CHARSET, decode

HEAD = 4_096
MAX_LINKS = 3_000
MAX_LINK = 2_000
ROBOTS = {"robots", "mostrador"}


def read_links(content: bytes, media_type: str) -> dict[str, Any]:
    """links: hrefs as they stand, without those marked nofollow; base, canonical: as they stand, or ""; robots: its words."""
    said = CHARSET.search(content[:HEAD])
    text = decode(content, media_type if "charset" in media_type.lower() else said[0].decode() if said else "")
    try:
        parser = html.HTMLParser(encoding="utf-8", no_network=True)
        tree = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (ParserError, ValueError):
        return {"links": [], "base": "", "canonical": "", "robots": ""}
    heads = [(e.get("name") or "", e.get("content") or "") for e in tree.iter("meta")]
    canonical = [e.get("href") for e in tree.iter("link") if "canonical" in _words(e.get("rel")) and e.get("href")]
    return {
        "links": _find_links(tree),
        "base": next((e.get("href") for e in tree.iter("base") if e.get("href")), "")[:MAX_LINK],
        "canonical": canonical[0][:MAX_LINK] if canonical else "",
        "robots": ",".join(said for name, said in heads if name.strip().lower() in ROBOTS)[:MAX_LINK],
    }


def _find_links(tree: html.HtmlElement) -> list[str]:
    found: dict[str, None] = {}
    for element in tree.iter("a", "area"):
        href = (element.get("href") or "").strip()
        is_wanted = 0 < len(href) <= MAX_LINK and not href.startswith(("#", "mailto:", "tel:", "javascript:", "data:"))
        if is_wanted and "nofollow" not in _words(element.get("rel")):
            found[href] = None
        if len(found) >= MAX_LINKS:
            break
    return list(found)


def _words(value: str | None) -> list[str]:
    return (value or "").lower().split()
