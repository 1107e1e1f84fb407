"""The mark that every message of ours carries in `content_attributes.mostrador`, by which it is recognised again.

`<conversation>-<newest message answered>-<part>`: part is 1, 2 ... for customers' texts, n1, n2 ... for private notes. What
a timer, a press or a failure caused has a random end, so that a restored database can't make the same mark again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import regex

MARK = regex.compile(r"^(\d{1,18})-(\d{1,18})-(n?\d{1,4})(?:-([a-z0-9]{1,16}))?$")


@dataclass(frozen=True, slots=True)
class Mark:
    """Ids are Chatwoot's. place: "1" or "n1"."""

    conversation: int
    newest: int
    place: str
    suffix: str = ""

    def __str__(self) -> str:
        return "-".join([str(self.conversation), str(self.newest), self.place, *([self.suffix] if self.suffix else [])])


def read_mark(text: str) -> Mark | None:
    found = MARK.match(text)
    return Mark(int(found[1]), int(found[2]), found[3], found[4] or "") if found else None


def make_suffix() -> str:
    return secrets.token_hex(3)
