"""The mark that every message of ours carries in `content_attributes.mostrador`, by which it is recognised again.

`<conversation>-<newest message answered>-<part>`: part is 1, 2 ... for customers' texts, n1, n2 ... for private notes. What
a timer, a press or a failure caused has a random end, so that a restored database can't make the same mark again. It begins
with "p" and, in base 36, the message that was pressed first; with "w" for the others.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

import regex

DIGITS = string.digits + string.ascii_lowercase
RANDOM = 3
MARK = regex.compile(r"^(\d{1,18})-(\d{1,18})-(n?\d{1,4})(?:-([a-z0-9]{1,16}))?$")


@dataclass(frozen=True, slots=True)
class Mark:
    """Ids are Chatwoot's. place: "1" or "n1"."""

    conversation: int
    newest: int
    place: str
    suffix: str = ""

    @property
    def pressed(self) -> int | None:
        """The id of the message that was pressed."""
        return int(self.suffix[1:-RANDOM], 36) if self.suffix.startswith("p") and len(self.suffix) > 1 + RANDOM else None

    @property
    def is_wakes(self) -> bool:
        return self.suffix.startswith("w")

    def __str__(self) -> str:
        return "-".join([str(self.conversation), str(self.newest), self.place, *([self.suffix] if self.suffix else [])])


def read_mark(text: str) -> Mark | None:
    found = MARK.match(text)
    return Mark(int(found[1]), int(found[2]), found[3], found[4] or "") if found else None


def make_suffix(pressed: int | None = None, *, is_wakes: bool = False) -> str:
    """pressed: the id of the message that was pressed first; is_wakes: what a timer or a failure caused."""
    if pressed:
        return f"p{_write_base_36(pressed)}{secrets.token_hex(2)[:RANDOM]}"
    return f"{'w' if is_wakes else ''}{secrets.token_hex(3)}"


def _write_base_36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text
