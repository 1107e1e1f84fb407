"""Personal data leaves only as placeholders: mask() before the model sees a text, unmask() after it answered.

Pure. A Vault belongs to one turn; within it the same value always has the same placeholder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import phonenumbers
import regex
from stdnum import iban, luhn
from stdnum.ar import cuit
from stdnum.br import cpf
from stdnum.cl import rut
from stdnum.es import cif, dni, nie
from stdnum.mx import rfc

HOME_REGION = "ES"

# The same word in the languages that a model may translate it to.
WORDS = {
    "EMAIL": "EMAIL",
    "CORREO": "EMAIL",
    "PHONE": "PHONE",
    "TELEFONO": "PHONE",
    "TELÉFONO": "PHONE",
    "CARD": "CARD",
    "TARJETA": "CARD",
    "IBAN": "IBAN",
    "ID": "ID",
}
_WORD = "(" + "|".join(WORDS) + ")"
# Square brackets with any case and spacing, or the bare word as it was given out. Markdown may escape [ _ and ].
PLACEHOLDER = regex.compile(
    rf"(?i:\\?[\[［]\s{{0,3}}{_WORD}(?:\\?[\s_\-]){{0,3}}#?([0-9]{{1,6}})\s{{0,3}}\\?[\]］])|(?<!\w){_WORD}_([0-9]{{1,6}})(?!\w)"
)
LEFTOVER = regex.compile(r"[\[［]\s{0,3}\p{Lu}{2,12}\\?_[0-9]{1,6}\s{0,3}\\?[\]］]")

EMAIL = regex.compile(r"(?<![\w.+\-])[\w.+%\-]{1,64}@(?:[\w\-]{1,63}\.){1,8}[\p{L}]{2,24}(?![\w])")
IBAN = regex.compile(r"(?<!\w)[A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]){11,30}(?!\w)")
CARD = regex.compile(r"(?<!\w)[2-6](?:[ \-]?[0-9]){12,18}(?!\w)")
PHONE = regex.compile(r"(?<!\w)(?<!\w-)(?<![0-9][.,:])(?:\+|00)?\(?[0-9](?:[ ().\-]{0,3}[0-9]){6,16}(?!\w|[.,:\-][0-9])")
ID_DIGITS = regex.compile(r"[0-9](?:[.\-]?[0-9]){5}")
IDS: tuple[tuple[regex.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (regex.compile(rf"(?<![\w\-])(?:{pattern})(?![\w\-])", regex.IGNORECASE), is_valid)
    for pattern, is_valid in (
        (r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}[ \-]?[A-Z]", dni.is_valid),
        (r"[XYZ][ \-]?[0-9]{7}[ \-]?[A-Z]", nie.is_valid),
        (r"[A-HJNP-SUVW][ \-]?[0-9]{7}[ \-]?[0-9A-J]", cif.is_valid),
        (r"[A-ZÑ&]{3,4}[ \-]?[0-9]{6}[ \-]?[A-Z0-9]{3}", rfc.is_valid),
        (r"[0-9]{2}-?[0-9]{8}-?[0-9]", cuit.is_valid),
        (r"[0-9]{1,2}(?:\.[0-9]{3}\.|[0-9]{3})[0-9]{3}-[0-9K]", rut.is_valid),
        (r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}", cpf.is_valid),
    )
)


@dataclass(slots=True)
class Vault:
    """What one turn's placeholders stand for."""

    originals: dict[str, str] = field(default_factory=dict)
    _given: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def hide(self, kind: str, value: str) -> str:
        """The placeholder of a value, e.g. "[EMAIL_1]"."""
        if value not in self._given:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"{kind}_{self._counts[kind]}"
            self._given[value] = name
            self.originals[name] = value
        return f"[{self._given[value]}]"


Span = tuple[int, int, str]


def mask(text: str, vault: Vault) -> str:
    """The text with personal data replaced. Mask a text once only: what looks like a placeholder in it is defused,

    because it was written by somebody who wants to see what ours stand for.
    """
    out: list[str] = []
    at = 0
    for start, end, kind in _pick(text):
        out.append(text[at:start])
        value = text[start:end]
        out.append(vault.hide(kind, value) if kind else _defuse(value))
        at = end
    out.append(text[at:])
    return "".join(out)


def unmask(text: str, vault: Vault) -> str:
    """The text with known placeholders put back, however the model spelled them. Unknown ones stay."""

    def put_back(match: regex.Match[str]) -> str:
        return vault.originals.get(_name(match), match.group())

    return PLACEHOLDER.sub(put_back, text)


def has_placeholder(text: str) -> bool:
    """Whether something that looks like a placeholder is left, which a customer must never see."""
    return PLACEHOLDER.search(text) is not None or LEFTOVER.search(text) is not None


def _name(match: regex.Match[str]) -> str:
    word = match.group(1) or match.group(3)
    return f"{WORDS[word.upper()]}_{int(match.group(2) or match.group(4))}"


def _defuse(value: str) -> str:
    """Readable, but no longer a placeholder: [EMAIL_1] becomes (EMAIL 1)."""
    return "(" + " ".join(regex.findall(r"[\p{L}]+|[0-9]+", value)) + ")"


def _pick(text: str) -> Iterator[Span]:
    """The spans to replace, in order and apart from each other; where two overlap, the earlier finder wins."""
    taken: list[Span] = []
    for find in (_find_placeholders, _find_emails, _find_ibans, _find_cards, _find_ids, _find_phones):
        found = sorted([*taken, *((s, e, k) for s, e, k in find(text))], key=lambda span: span[0])
        taken = _drop_overlaps(found, {span[:2] for span in taken})
    yield from taken


def _drop_overlaps(spans: list[Span], kept: set[tuple[int, int]]) -> list[Span]:
    out: list[Span] = []
    for span in spans:
        if out and span[0] < out[-1][1]:
            if span[:2] in kept and out[-1][:2] not in kept:
                out[-1] = span
            continue
        out.append(span)
    return out


def _find_placeholders(text: str) -> Iterator[Span]:
    for pattern in (PLACEHOLDER, LEFTOVER):
        yield from ((*m.span(), "") for m in pattern.finditer(text))


def _find_emails(text: str) -> Iterator[Span]:
    yield from ((*m.span(), "EMAIL") for m in EMAIL.finditer(text))


def _find_ibans(text: str) -> Iterator[Span]:
    """The longest valid beginning of each candidate: the words after an IBAN look like more of it."""
    for match in IBAN.finditer(text):
        value = match.group()
        ends = [i + 1 for i, c in enumerate(value) if c.isalnum()][14:]
        for end in reversed(ends):
            if (end == len(value) or not value[end].isalnum()) and iban.is_valid(value[:end], check_country=False):
                yield match.start(), match.start() + end, "IBAN"
                break


def _find_cards(text: str) -> Iterator[Span]:
    for match in CARD.finditer(text):
        if luhn.is_valid(match.group().replace(" ", "").replace("-", "")):
            yield *match.span(), "CARD"


def _find_ids(text: str) -> Iterator[Span]:
    if not ID_DIGITS.search(text):  # each of them has six digits in a row, and few texts do
        return
    for pattern, is_valid in IDS:
        for match in pattern.finditer(text):
            if is_valid(match.group().replace(".", "")):
                yield *match.span(), "ID"


def _find_phones(text: str) -> Iterator[Span]:
    """Own candidates first: the matcher alone takes seconds for a long text of digits."""
    for match in PHONE.finditer(text):
        for found in phonenumbers.PhoneNumberMatcher(match.group(), HOME_REGION):
            yield match.start() + found.start, match.start() + found.end, "PHONE"
