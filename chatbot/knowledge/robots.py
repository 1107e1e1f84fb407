"""What a site's robots.txt asks of programs, and the pause between requests to one host."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from protego import Protego

from chatbot.knowledge.web_addresses import host_of

NAME = "Mostrador"
MAX_BYTES = 500 * 1024  # RFC 9309 has a program read this much of it at least
PROGRAM = re.compile(r"^[ \t]*user[- ]?agent[ \t]*:?[ \t]*([^\r\n#]*)", re.IGNORECASE | re.MULTILINE)
PAUSE_S = 1.0
MAX_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Robots:
    """One origin's. An empty one allows everything. https://www.rfc-editor.org/rfc/rfc9309"""

    parsed: Protego

    @classmethod
    def read(cls, body: bytes = b"") -> Robots:
        text = body[:MAX_BYTES].decode("utf-8-sig", "replace")
        return cls(Protego.parse(PROGRAM.sub(_shorten, text)))

    def allows(self, url: str) -> bool:
        return self.parsed.can_fetch(url, NAME)

    @property
    def pause_s(self) -> float:
        """At most MAX_PAUSE_S, whatever it says: an hour between pages would never end."""
        return min(max(self.parsed.crawl_delay(NAME) or 0.0, PAUSE_S), MAX_PAUSE_S)

    @property
    def sitemaps(self) -> list[str]:
        return list(self.parsed.sitemaps)


def _shorten(line: re.Match[str]) -> str:
    """Three names are all that we need; thousands of them times thousands of rules would take all memory there is."""
    name = line[1].strip().lower()
    is_known = name == "*" or name.startswith(NAME.lower())
    return f"User-agent: {name[: len(NAME)] if is_known else 'other'}"


class Pace:
    """One request at a time to each host, with a pause between them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}

    def wait(self, url: str, pause_s: float) -> None:
        """Returns when the host may be asked again."""
        host, now = host_of(url), self._clock()
        start = max(self._next.get(host, now), now)
        self._next[host] = start + pause_s
        if start > now:
            self._sleep(start - now)

    def hold(self, url: str, seconds: float) -> None:
        """The host asked not to be asked for so long."""
        self._next[host_of(url)] = self._clock() + seconds

    def held_s(self, url: str) -> float:
        """How long it isn't to be asked, beyond the pause."""
        return max(self._next.get(host_of(url), 0.0) - self._clock() - MAX_PAUSE_S, 0.0)
