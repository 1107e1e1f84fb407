"""A customer's voice note or picture, fetched from Chatwoot. Nothing of Chatwoot's credentials goes along: its files need none.

Chatwoot's own host may be private, as its owner has set it; its files are asked for there, by whatever name it calls itself
in their addresses. A redirect away from it (to its storage) is followed by pages.py's
rules, to checked public addresses only, and never back: neither to Chatwoot, nor from the web to the owner's own machines.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

from chatbot.clients import pages
from chatbot.clients.pages import Resolve, Rules, name_of, port_of, resolve_name
from chatbot.errors import PageError
from chatbot.media_kinds import Kind, sniff

# where Chatwoot keeps files, of every release that is known
FILES = "/rails/active_storage/"
# what servers call a file that they don't know
UNTOLD = {"", "application/octet-stream", "binary/octet-stream", "application/x-binary"}
# a voice note in a container for films, or in one that is older than its name
VOICE_TYPES = ("audio/", "video/mp4", "video/webm", "video/ogg", "application/ogg", "video/quicktime")


@dataclass(frozen=True, slots=True)
class Place:
    """base_url: Chatwoot's; private_hosts: "host:port" of the owner's own machines, such as its storage."""

    base_url: str
    private_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class File:
    kind: Kind
    body: bytes


def fetch_attachment(
    url: str, place: Place, family: str, *, max_bytes: int, timeout_s: float, resolve: Resolve = resolve_name
) -> File:
    """family: "audio" or "image". Raises PageError: "elsewhere" where it isn't Chatwoot's, "wrong_type", "too_big" ..."""
    way = Way(place)
    url = way.bring_home(url)
    rules = Rules(
        allowed=frozenset({way.home, *place.private_hosts}), max_bytes=max_bytes, timeout_s=timeout_s, stays=way.may_go_on
    )
    found = pages.fetch(url, rules, resolve=resolve)
    if found is None:  # only where it was asked whether anything is new
        raise PageError("empty", permanent=True)
    told = found.media_type.split(";")[0].strip().lower()
    kind = sniff(found.body)
    wanted = VOICE_TYPES if family == "audio" else ("image/",)
    if kind is None or kind.family != family or not (told in UNTOLD or told.startswith(wanted)):
        raise PageError("wrong_type", permanent=True, media_type=told[:80])
    return File(kind, found.body)


class Way:
    """Where one fetch has been: once it has left Chatwoot's host, nothing leads back there, and once it has been at a foreign
    server, nothing leads to the owner's other machines either."""

    def __init__(self, place: Place) -> None:
        base = pages.parse(place.base_url)
        self.home = _name(base)
        self._base_url = place.base_url
        self._private = place.private_hosts
        self._has_left = self._is_abroad = False

    def bring_home(self, url: str) -> str:
        """The address on Chatwoot's own host: we may know it by another name (inside a network) than its customers do."""
        address = pages.parse(url)
        if self.is_home(address):
            return url
        if not address.path.startswith(FILES):
            raise PageError("elsewhere", "not on Chatwoot's host", permanent=True)
        return self._base_url.rstrip("/") + address.raw_path.decode("ascii")

    def is_home(self, address: httpx2.URL) -> bool:
        return _name(address) == self.home

    def may_go_on(self, url: str) -> bool:
        address = pages.parse(url)
        if self.is_home(address):
            return not self._has_left
        self._has_left = True
        if _name(address) in self._private:
            return not self._is_abroad
        self._is_abroad = True
        return True


def _name(address: httpx2.URL) -> str:
    return name_of(address.raw_host.decode("ascii"), port_of(address))
