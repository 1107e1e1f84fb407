"""E-mail addresses, phones, order numbers and postal codes: found by their form, checked, normalised."""

from __future__ import annotations

import regex

from chatbot.flows.slots.kinds import Found, Heard, Reading, SlotSpec, Unclear, Where, Wrong
from chatbot.flows.slots.plain import LONGEST, search

EMAIL = regex.compile(
    r"(?<![\w.+%-])(?P<name>[A-Za-z0-9_+%'&-]+(?:\.[A-Za-z0-9_+%'&-]+)*)@(?P<host>(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24})(?![\w@]|\.\w|-)"
)
AT = regex.compile(r"\s+@\s*|\s*@\s+|\s+(?:arroba|\[at\])\s+|\s*\((?:arroba|at)\)\s*", regex.I)
POINT = regex.compile(r"\s+(?:punto|dot)\s+", regex.I)
PHONE = regex.compile(r"(?<![\w@.,])(?:\+|00)?\(?[0-9](?:[ ().\-/]{0,3}[0-9]){5,16}(?!\w|@|[.,][0-9])")
ORDER = r"(?<![\w/.])#?(?:[A-Z]{1,6}[-_ ]?)?[0-9]{3,14}(?:-[0-9A-Z]{1,8})*(?![\w/])"
POSTAL: dict[str, str] = {
    "ES": r"(?:0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3}", "MX": r"[0-9]{5}", "US": r"[0-9]{5}(?:-[0-9]{4})?",
    "AR": r"[A-Z]?[0-9]{4}(?:[A-Z]{3})?",
    "CL": r"[0-9]{3} ?[0-9]{4}", "CO": r"[0-9]{6}", "PE": r"[0-9]{5}", "UY": r"[0-9]{5}", "EC": r"[0-9]{6}",
    "BR": r"[0-9]{5}-?[0-9]{3}",
    "PT": r"[0-9]{4}-[0-9]{3}", "FR": r"[0-9]{5}", "IT": r"[0-9]{5}", "DE": r"[0-9]{5}", "CR": r"[0-9]{5}", "GT": r"[0-9]{5}",
    "GB": r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", "IE": r"[A-Z][0-9][0-9W] ?[A-Z0-9]{4}",
    "CA": r"[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]",
}  # fmt: skip
ANY_POSTAL = r"(?=[A-Z -]*[0-9])[A-Z0-9](?:[A-Z0-9]|[ -](?=[A-Z0-9])){2,8}"


def pick(found: list[Found]) -> Found | None:
    """The one that was found; two different ones are asked."""
    if not found:
        return None
    results = list(dict.fromkeys((f.result.value, f.result.said) for f in found if isinstance(f.result, Heard)))
    if len(results) < 2:
        return next((f for f in found if isinstance(f.result, Heard)), found[0])
    return Found(Unclear("several", tuple((said, value) for value, said in results)), found[0].start, found[-1].end)


# e-mail


def find_email(_spec: SlotSpec, text: str, _where: Where) -> Found | None:
    return pick([Found(_heard_email(m), *m.span()) for m in EMAIL.finditer(text[:LONGEST]) if len(m["name"]) <= 64])


def read_email(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """Also spelled out: "ana arroba ejemplo punto es"."""
    if found := find_email(spec, text, where):
        return found.result
    spelled = POINT.sub(".", AT.sub("@", text[:LONGEST]))
    if found := find_email(spec, spelled, where):
        return found.result
    return Wrong("no_email") if "@" in spelled else None


def _heard_email(match: regex.Match[str]) -> Heard:
    address = f"{match['name']}@{match['host'].lower()}"
    return Heard(address, address)


# phone


def find_phone(_spec: SlotSpec, text: str, where: Where) -> Found | None:
    found = [
        Found(result, *m.span())
        for m in PHONE.finditer(text[:LONGEST])
        if isinstance(result := _check_phone(m[0], where), Heard)
    ]
    return pick(found)


def read_phone(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    if found := find_phone(spec, text, where):
        return found.result
    results = [_check_phone(m[0], where) for m in PHONE.finditer(text[:LONGEST])]
    digits = sum(c.isdigit() for c in text[:LONGEST])
    return results[0] if results else Wrong("no_phone") if digits >= 4 else None


def _check_phone(text: str, where: Where) -> Reading:
    # imported at first use: its metadata of a country is loaded with the first number of it
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_valid_number, parse  # noqa: PLC0415

    for said in (text, f"+{regex.sub(r'[^0-9]', '', text)}"):
        try:
            number = parse(said, where.country)
        except NumberParseException:
            continue
        if is_valid_number(number):
            value = format_number(number, PhoneNumberFormat.E164)
            shown = format_number(number, PhoneNumberFormat.INTERNATIONAL)
            # "34600111222": a country's code without its sign
            return Heard(value, shown) if said is text else Unclear("confirm", ((shown, value),))
    return Wrong("no_phone")


# order numbers


def find_order_number(spec: SlotSpec, text: str, _where: Where) -> Found | None:
    found: list[Found] = []
    at = 0
    while at < len(text) and len(found) < 8 and (match := search(spec.pattern or ORDER, text[at:])):
        value = match[0].strip().lstrip("#")
        if regex.fullmatch(spec.pattern or ORDER, value.upper()):
            value = _shape(spec, value.upper())
        found.append(Found(Heard(value, value), at + match.start(), at + match.end()))
        at += max(match.end(), 1)
    return pick(found)


def _shape(spec: SlotSpec, value: str) -> str:
    """With the hyphen between letters and figures that a pattern allows: "AZ204518" and "AZ 204518" are "AZ-204518"."""
    shaped = regex.sub(r"(?<=[A-Z])[-_ .]*(?=[0-9])", "-", value)
    return shaped if spec.pattern and regex.fullmatch(spec.pattern, shaped) else value


def read_order_number(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """Where nothing fits, once more without the spaces and signs that people put into long numbers."""
    for said in (text, regex.sub(r"[\s.]+", "", text), regex.sub(r"[\s.\-_#]+", "", text)):
        if found := find_order_number(spec, said, where):
            return found.result
    return Wrong("no_pattern", {"pattern": spec.pattern}) if any(c.isdigit() for c in text) else None


# postal codes


def find_postal_code(_spec: SlotSpec, text: str, where: Where) -> Found | None:
    pattern = POSTAL.get(where.country, ANY_POSTAL)
    matches = regex.finditer(rf"(?<![\w.,/+-])(?:{pattern})(?![\w/]|[.,-][0-9])", text[:LONGEST], regex.I)
    return pick([Found(Heard(code, code), *m.span()) for m in matches if (code := m[0].upper())])


def read_postal_code(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    if found := find_postal_code(spec, text, where):
        return found.result
    joined = regex.sub(r"(?<=[0-9])[ .](?=[0-9])", "", text)
    if found := find_postal_code(spec, joined, where):
        return found.result
    return Wrong("no_postal_code") if any(c.isdigit() for c in text) else None
