"""What a web page tells the crawl: links, its canonical address, and what it asks of programs. Read by the limited process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from chatbot.errors import IngestError
from chatbot.knowledge.extract import run_limited
from chatbot.knowledge.web_addresses import normalize

MAX_SECONDS = 60.0
WITH_VALUES = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class PageLinks:
    """links, canonical: normalised addresses; asks: words such as noindex, of the page and of the server's head."""

    links: tuple[str, ...] = ()
    canonical: str | None = None
    asks: frozenset[str] = frozenset()

    @property
    def may_index(self) -> bool:
        return not self.asks & {"noindex", "none"}

    @property
    def may_follow(self) -> bool:
        return not self.asks & {"nofollow", "none"}


def find_links(body: bytes, media_type: str, url: str, robots: str = "") -> PageLinks:
    """robots: the server's X-Robots-Tag. Whatever can't be read has no links: reading its text will say why."""
    asks = read_asks(robots)
    if media_type.partition(";")[0].strip().lower() not in HTML:
        return PageLinks(asks=asks)
    head = json.dumps({"name": "", "media_type": media_type[:200], "links": True}).encode()
    try:
        said = json.loads(run_limited(head + b"\n" + body, MAX_SECONDS))
        base = normalize(str(said["base"]), url) if said["base"] else None
        links = (normalize(str(href), base or url) for href in said["links"])
        canonical = normalize(str(said["canonical"]), base or url) if said["canonical"] else None
        found = dict.fromkeys(link for link in links if link)
        return PageLinks(tuple(found), canonical, asks | read_asks(str(said["robots"])))
    except (IngestError, ValueError, KeyError, TypeError, RecursionError):
        return PageLinks(asks=asks)


def read_asks(said: str) -> frozenset[str]:
    """ "mostrador: noindex, nofollow" and the like; what is said to another program by its name isn't for us."""
    found: set[str] = set()
    for_us = True
    for word in _split(said):
        name, colon, rest = word.partition(":")
        if is_name := bool(colon) and name not in WITH_VALUES:
            for_us = name == "mostrador"
        if for_us:
            found.add(rest.strip() if is_name else word)
    return frozenset(found - {""})


def _split(said: str) -> Iterable[str]:
    return (word.strip() for word in said.lower().split(","))
