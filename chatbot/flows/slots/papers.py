"""Ids of people and companies, and bank accounts: found by their form, proved by their check digits (python-stdnum)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import regex

from chatbot.flows.slots.codes import pick
from chatbot.flows.slots.kinds import Found, Heard, Reading, SlotSpec, Where, Wrong
from chatbot.flows.slots.plain import LONGEST

# country, form, module of stdnum that knows the check digit
FORMS: tuple[tuple[str, str, str], ...] = (
    ("ES", r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}[ \-]?[A-Z]", "es.dni"),
    ("ES", r"[XYZ][ \-]?[0-9]{7}[ \-]?[A-Z]", "es.nie"),
    ("ES", r"[ABCDEFGHJNPQRSUVW][ \-]?[0-9]{2}\.?[0-9]{3}\.?[0-9]{2}[ \-]?[0-9A-J]", "es.cif"),
    ("ES", r"[KLM][ \-]?[0-9]{7}[ \-]?[A-Z]", "es.nif"),
    ("MX", r"[A-ZÑ&]{3,4}[ \-]?[0-9]{6}[ \-]?[A-Z0-9]{3}", "mx.rfc"),
    ("AR", r"[0-9]{2}[ \-]?[0-9]{8}[ \-]?[0-9]", "ar.cuit"),
    ("CL", r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}[ \-]?[0-9K]", "cl.rut"),
    ("BR", r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}[ \-]?[0-9]{2}", "br.cpf"),
)
IBAN = regex.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]){11,30}(?!\w)", regex.I)
BARE_DNI = regex.compile(r"(?<![\w.\-])[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}(?![\w\-]|\.[0-9])")


def find_tax_id(_spec: SlotSpec, text: str, where: Where) -> Found | None:
    """An id whose check digit is right: of the business's country, else of another."""
    return pick([f for f in _find_ids(text, where, own=True) if isinstance(f.result, Heard)]) or pick(
        [f for f in _find_ids(text, where, own=False) if isinstance(f.result, Heard)]
    )


def read_tax_id(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    if found := find_tax_id(spec, text, where):
        return found.result
    if wrong := next(_find_ids(text, where, own=True), None):
        return wrong.result
    if where.country == "ES" and BARE_DNI.search(text):
        return Wrong("no_letter")
    return Wrong("no_tax_id") if sum(c.isdigit() for c in text) >= 5 else None


def _find_ids(text: str, where: Where, own: bool) -> Iterator[Found]:
    for country, form, module in FORMS:
        if (country == where.country) is own:
            for match in regex.finditer(rf"(?<![\w\-])(?:{form})(?![\w\-])", text[:LONGEST], regex.I):
                yield Found(_check_id(match[0], module), *match.span())


def _check_id(said: str, module: str) -> Reading:
    # imported at first use, and only that country's
    checker: Any = import_module(f"stdnum.{module}")
    compact = regex.sub(r"[\s.\-]", "", said).upper()
    if module == "es.dni":
        compact = compact.zfill(9)
    if not checker.is_valid(compact):
        return Wrong("bad_check_digit", {"said": said})
    value = str(checker.compact(compact))
    return Heard(value, value)


def find_iban(_spec: SlotSpec, text: str, _where: Where) -> Found | None:
    return pick([f for f in _find_ibans(text) if isinstance(f.result, Heard)])


def read_iban(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    if found := find_iban(spec, text, where):
        return found.result
    if wrong := next(_find_ibans(text), None):
        return wrong.result
    return Wrong("no_iban") if sum(c.isdigit() for c in text) >= 8 else None


def _find_ibans(text: str) -> Iterator[Found]:
    """The longest right beginning of what looks like one: the words behind it look like more of it."""
    from stdnum import iban  # noqa: PLC0415

    for match in IBAN.finditer(text[:LONGEST]):
        said = match[0]
        ends = [i + 1 for i, c in enumerate(said) if c.isalnum() and not said[i + 1 : i + 2].isalnum()]
        right = next((end for end in reversed(ends) if end >= 15 and iban.is_valid(said[:end], check_country=False)), 0)
        if right:
            value = str(iban.compact(said[:right]))
            yield Found(
                Heard(value, " ".join(value[i : i + 4] for i in range(0, len(value), 4))), match.start(), match.start() + right
            )
        else:
            yield Found(Wrong("bad_check_digit", {"said": said}), *match.span())
