"""Free text, addresses and files."""

from __future__ import annotations

import regex

from chatbot.body_types import PATTERN_TIMEOUT_S, UNWANTED
from chatbot.flows.slots.kinds import Found, Heard, Reading, SlotSpec, Where, Wrong

LONGEST = 10_000
LEAD_IN = regex.compile(
    r"^(?:(?:pues|bueno|vale|ok|eh+|mmm+|a ver|well|so|um+)[\s,.]+)*"
    r"(?:(?:me llamo|mi nombre (?:completo )?es|my (?:full )?name is|mi direcci[oó]n (?:de env[ií]o )?es|vivo en"
    r"|my address is|i live (?:at|in))[\s:,]+)?",
    regex.IGNORECASE,
)
NAME = regex.compile(
    r"\b(?i:me llamo|mi nombre (?:completo )?es|soy|a nombre de|my (?:full )?name is|i am|i'm|in the name of)\s+"
    r"((?!(?:el|la|un|una|de|the|a|an)\b)\p{L}[\p{L}'’-]*(?:\s+(?:de |la |del |los )*\p{Lu}[\p{L}'’-]*){0,4})"
)
IS_NAME = regex.compile(r"\b(?:nombre|name)\b", regex.IGNORECASE)
STREET = regex.compile(
    r"\b(?:calle|c/|av(?:da|enida|\.)|plaza|pza|paseo|camino|carretera|ronda|traves[ií]a|urbanizaci[oó]n)\.?\s*[^\n;]{2,150}"
    r"|\b\d{1,5}\s+[^\n;,]{2,60}\b(?:street|st|road|rd|avenue|ave|lane|drive|boulevard|blvd)\b[^\n;]{0,100}",
    regex.IGNORECASE,
)


def _tidy(text: str) -> str:
    cleaned = UNWANTED.sub("", text.strip()[:LONGEST])
    return cleaned[found.end() :].strip() if (found := LEAD_IN.match(cleaned)) and found.end() < len(cleaned) else cleaned


def _check(spec: SlotSpec, value: str) -> Reading | None:
    if not value:
        return None
    if spec.max_chars and len(value) > spec.max_chars:
        return Wrong("too_long", {"chars": len(value), "max_chars": spec.max_chars})
    return Heard(value, value)


def read_text(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """The text as it is; where the slot has a pattern, the first place that fits it."""
    if spec.pattern is None:
        named = find_text(spec, text, where)
        return named.result if named else _check(spec, _tidy(text))
    if found := search(spec.pattern, text):
        return _check(spec, found[0])
    return Wrong("no_pattern", {"pattern": spec.pattern})


def find_text(spec: SlotSpec, text: str, _where: Where) -> Found | None:
    """What fits the pattern; without one only a name behind "me llamo", where a name is asked for."""
    if spec.pattern is not None:
        found = search(spec.pattern, text)
        return Found(Heard(found[0], found[0]), *found.span()) if found else None
    asks_name = any(IS_NAME.search(label) for label in spec.label.values())
    if not asks_name or not (named := NAME.search(text[:LONGEST])):
        return None
    result = _check(spec, named[1].strip())
    return Found(result, *named.span(1)) if result else None


def search(pattern: str, text: str) -> regex.Match[str] | None:
    """The owner's expression in a customer's text; one that takes too long has found nothing."""
    try:
        return regex.search(pattern, text[:LONGEST], regex.IGNORECASE, timeout=PATTERN_TIMEOUT_S)
    except TimeoutError:
        return None


def read_address(spec: SlotSpec, text: str, _where: Where) -> Reading | None:
    """Two words at least: what belongs in an address differs too much for more."""
    value = " ".join(_tidy(text).split())
    if len(regex.findall(r"[\p{L}\p{N}]+", value)) < 2 or not regex.search(r"\p{L}{2}", value):
        return Wrong("too_short") if value else None
    return _check(spec, value)


def find_address(spec: SlotSpec, text: str, _where: Where) -> Found | None:
    found = STREET.search(text[:LONGEST])
    result = _check(spec, " ".join(found[0].split())) if found else None
    return Found(result, *found.span()) if found and result else None


def read_file(_spec: SlotSpec, _text: str, _where: Where) -> Reading | None:
    """Words are no file: it comes as an attachment, which isn't read here."""
    return None


def find_file(_spec: SlotSpec, _text: str, _where: Where) -> Found | None:
    return None
