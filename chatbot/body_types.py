"""The words that entries are made of: texts, keys, patterns with their limits, and what every kind of entry has. Pure."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from chatbot.saying import gettext as _
from chatbot.text import split_words

# PostgreSQL can't store NUL or half a surrogate pair, YAML can't hold the rest, and no customer should get any of them
UNWANTED = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
PATTERN_TIMEOUT_S = 0.5
MAX_REPEATS = 10_000


def _join_lines(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


def _unify_newlines(value: object) -> object:
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _check_characters(value: str) -> str:
    if found := UNWANTED.search(value):
        raise ValueError(_("has the control character %(sign)s; take it out", sign=f"U+{ord(found[0]):04X}"))
    return value


def _check_keyword(value: str) -> str:
    if not split_words(value):
        raise ValueError(_("has no letter or digit, so it can never be found in a message; write a word"))
    return value


def _count_repeats(pattern: str) -> int:
    """All counts in {} multiplied together, never too low (in verbose mode `{10 00}` is a thousand)."""
    ranges = [inside.split(",") for inside in regex.findall(r"\{([^{}]*\d[^{}]*)\}", pattern)]
    return prod(max(int(regex.sub(r"\D", "", bound) or "1") for bound in bounds) or 1 for bounds in ranges)


def _check_pattern(value: str) -> str:
    if "\n" in value:
        raise ValueError(_("must stand on one line"))
    # counted repeats inside each other are written out when compiled: ((a{1000}){1000}){1000} takes all memory there is
    if _count_repeats(value) > MAX_REPEATS:
        raise ValueError(
            _("repeats too much: its counts in {}, multiplied, may be %(most)s at most; use + or *", most=MAX_REPEATS)
        )
    try:
        is_greedy = regex.compile(value, regex.IGNORECASE).search("", timeout=PATTERN_TIMEOUT_S) is not None
    except (regex.error, TimeoutError, RecursionError, OverflowError, MemoryError) as e:
        raise ValueError(_("is not a regular expression that works: %(why)s", why=e)) from None
    if is_greedy:
        raise ValueError(_("matches the empty text, so it would fire on every message; make some part of it obligatory"))
    return value


LINE_LIMITS = StringConstraints(strip_whitespace=True, min_length=1, max_length=500)
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Line = Annotated[str, BeforeValidator(_join_lines), LINE_LIMITS, AfterValidator(_check_characters)]
Keyword = Annotated[Line, AfterValidator(_check_keyword)]
Pattern = Annotated[str, LINE_LIMITS, AfterValidator(_check_characters), AfterValidator(_check_pattern)]
Text = Annotated[
    str,
    BeforeValidator(_unify_newlines),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000),
    AfterValidator(_check_characters),
]
LongText = Annotated[
    str,
    BeforeValidator(_unify_newlines),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200_000),
    AfterValidator(_check_characters),
]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$", max_length=2_000)]
Event = Literal["new_conversation", "thanks", "goodbye"]
Priority = Annotated[int, Field(ge=0, le=1_000_000)]


class Body(BaseModel):
    """What every kind of entry has. inboxes: Chatwoot inbox ids it is limited to; empty means all.

    enabled: false keeps it without answering from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    enabled: bool = True
    inboxes: tuple[int, ...] = ()
