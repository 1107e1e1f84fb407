"""Numbers and money: figures as they are written here or there, words, "una docena", "unos 20 euros"."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import regex

from chatbot.flows.slots import asides
from chatbot.flows.slots.folded import WORD, Folded, fold_in_place, listed
from chatbot.flows.slots.kinds import Found, Heard, Reading, SlotSpec, Unclear, Where, Wrong
from chatbot.flows.slots.number_words import PHRASE, read_words

# where 1,234.50 is written; elsewhere it is 1.234,50
POINT = frozenset(listed("US MX GB IE CA AU NZ PE PA GT SV HN NI DO PR IN PH"))
CURRENCIES = {
    "ES": "EUR", "FR": "EUR", "IT": "EUR", "DE": "EUR", "PT": "EUR", "IE": "EUR", "US": "USD", "PR": "USD", "EC": "USD",
    "SV": "USD", "PA": "USD", "MX": "MXN", "AR": "ARS", "CL": "CLP", "CO": "COP", "PE": "PEN", "UY": "UYU", "BR": "BRL",
    "GB": "GBP", "BO": "BOB", "PY": "PYG", "CR": "CRC", "GT": "GTQ", "HN": "HNL", "DO": "DOP", "CU": "CUP", "CA": "CAD",
}  # fmt: skip
DOLLAR = {"MX", "AR", "CL", "CO", "UY", "DO", "CU", "CA"}
PESO = {"MX", "AR", "CL", "CO", "UY", "DO", "CU"}
NAMES = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "euritos": "EUR", "us$": "USD", "usd": "USD", "dolar": "USD",
    "dolares": "USD", "dollar": "USD", "dollars": "USD", "bucks": "USD", "£": "GBP", "gbp": "GBP", "libras": "GBP",
    "pounds": "GBP",
    "soles": "PEN", "s/": "PEN", "r$": "BRL", "reales": "BRL", "reais": "BRL", "mxn": "MXN", "ars": "ARS", "clp": "CLP",
    "cop": "COP",
    "pen": "PEN", "uyu": "UYU", "brl": "BRL",
}  # fmt: skip
CURRENCY = "|".join(map(regex.escape, sorted([*NAMES, "$", "pesos", "peso"], key=len, reverse=True)))
FIGURE = regex.compile(r"(?<![\w.,/:])(?P<minus>- ?)?(?P<n>[0-9][0-9.,' ]*[0-9]|[0-9])(?P<k> ?(?:k|mil)\b)?(?![0-9:/])")
HALF = regex.compile(r" y medi[oa]\b| and a half\b")
CENTS = regex.compile(
    rf"(?P<whole>[0-9]+) ?(?P<cur>{CURRENCY})?(?: con | y | and )(?P<cents>[0-9]{{1,2}})(?: ?(?:centimos|centavos"
    rf"|cents))?(?!\w)"
    rf"|(?P<whole>[0-9]+) ?(?P<cur>€)(?P<cents>[0-9]{{2}})(?!\w)"
    r"|(?P<only>[0-9]{1,2}) ?(?P<cur>centimos|centavos|cents)(?!\w)"
)
MORE = frozenset(listed("mas menos more less than over under mayor menor minimo maximo maximum minimum hasta"))


# one person
ALONE = regex.compile(
    r"\W*(?:(?:voy|vengo|vendre|ire|soy) )?"
    r"(?:(?:sol[oa]|solamente|unicamente) yo(?: sol[oa])?"
    r"|yo(?: sol[oa]| nada mas)?|sol[oa])\W*"
    r"|\W*(?:it s |its |it's )?(?:just|only) me\W*|\W*(?:me|myself) (?:only|alone)\W*"
)
SINGLE = frozenset(listed("sola solo single only somos soy yo me there just"))
MANY = {"person": "people", "child": "children"}
LONGEST_FIGURE = 18
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in a text. values: what it can be, one where it is certain."""

    start: int
    end: int
    values: tuple[Decimal, ...]
    currency: str = ""


def parse_figure(text: str, where: Where) -> tuple[Decimal, ...]:
    """What a written number can be: "1.234,50", "1,234.50", "1.234" (asked where the country doesn't say)."""
    figure = regex.sub(r"[ ']", "", text).strip(".,")
    marks = [c for c in figure if c in ".,"]
    if len(figure) > LONGEST_FIGURE:
        return ()
    if not marks:
        return (Decimal(figure),)
    if len(set(marks)) == 2:
        decimal = marks[-1]
        return _parse(figure, decimal) if marks.count(decimal) == 1 else ()
    mark, tail = marks[0], figure.rpartition(marks[0])[2]
    grouped = regex.fullmatch(r"[1-9][0-9]{0,2}(?:[.,][0-9]{3})+", figure) is not None
    if len(marks) > 1:
        return _parse(figure, "") if grouped else ()
    if not grouped or len(tail) != 3:
        return _parse(figure, mark)
    thousands = "," if where.country in POINT else "."
    is_foreign = where.language == "en" and where.country not in POINT
    if mark == thousands and not is_foreign:
        return _parse(figure, "")
    return (*_parse(figure, ""), *_parse(figure, mark))


def _parse(figure: str, decimal: str) -> tuple[Decimal, ...]:
    other = {".": ",", ",": "."}.get(decimal, "")
    plain = figure.replace(other, "") if other else regex.sub(r"[.,]", "", figure)
    return (Decimal(plain.replace(decimal, ".") if decimal else plain),)


def _find_amounts(text: str, where: Where, words: bool = True) -> list[Amount]:
    """Every number in a folded text, in order and apart."""
    found: list[Amount] = []
    for match in FIGURE.finditer(text):
        values = parse_figure(match["n"], where)
        sign = -1 if match["minus"] else 1
        found.append(Amount(match.start(), match.end(), tuple(v * sign * (1000 if match["k"] else 1) for v in values)))
    for match in PHRASE.finditer(text) if words else ():
        number = read_words(match[0])
        thousand = text[match.end() :].startswith(" mil")
        end = match.end() + 4 * thousand
        if not any(a.start < end and match.start() < a.end for a in found) and match[0] not in ("un", "una", "one", "uno"):
            found.append(Amount(match.start(), end, () if number is None else (Decimal(number * (1000 if thousand else 1)),)))
    return [_add_half(text, amount) for amount in sorted(found, key=lambda a: a.start)]


def _add_half(text: str, amount: Amount) -> Amount:
    if half := HALF.match(text, amount.end):
        return Amount(amount.start, half.end(), tuple(v + Decimal("0.5") for v in amount.values))
    return amount


# numbers


def read_number(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    folded = fold_in_place(text)
    if ALONE.fullmatch(folded.text) and not _check_range(spec, Decimal(1)):
        return Heard(1, "1")
    amounts = _find_amounts(folded.text, where) or _find_one(spec, folded.text)
    return _answer_number(spec, amounts, folded, where, whole=True) if amounts else None


def find_number(spec: SlotSpec, text: str, where: Where) -> Found | None:
    folded = fold_in_place(text)
    if not (amounts := _find_amounts(folded.text, where)):
        return None
    result = _answer_number(spec, amounts, folded, where, whole=False)
    return Found(result, *folded.span(amounts[0].start, amounts[-1].end))


def _find_one(spec: SlotSpec, text: str) -> list[Amount]:
    """ "uno", "solo una", and "una plaza" where places are counted: an article everywhere else."""
    match = regex.search(r"(?<!\w)(?:una?|uno|one|single)(?!\w)", text)
    left = [w for w in WORD.findall(text) if w not in asides.TOLERATED | SINGLE and not _is_counted(spec, w)]
    return [Amount(*match.span(), (Decimal(1),))] if match and not left else []


def _is_counted(spec: SlotSpec, noun: str) -> bool:
    """Whether the slot is called by this word, or by more than one of it."""
    named = {word for label in spec.label.values() for word in WORD.findall(fold_in_place(label).text)}
    return bool(named & {noun, f"{noun}s", f"{noun}es", MANY.get(noun)})


def _answer_number(spec: SlotSpec, amounts: list[Amount], folded: Folded, where: Where, whole: bool) -> Reading:
    values = list(dict.fromkeys(v for a in amounts for v in a.values))
    choices = tuple((_say_number(v, where), _write_plain(v)) for v in values[:7])
    if len(values) != 1 or not all(a.values for a in amounts):
        return Unclear("several" if len(amounts) > 1 else "which_number", choices)
    rest = _rest(folded.text, amounts)
    if doubt := _doubt_amount(rest, whole):
        return Unclear(doubt, choices)
    if wrong := _check_range(spec, values[0]):
        return wrong
    return Heard(_to_json(values[0]), _say_number(values[0], where))


def _doubt_amount(rest: list[str], whole: bool) -> str:
    if MORE.intersection(rest):
        return "range"
    why = asides.judge(" ".join(rest), whole=False)
    return why if whole or why != "negated" else ""


def _rest(text: str, amounts: list[Amount]) -> list[str]:
    """The words around the numbers, without "no, perdón" before and "¿vale?" behind."""
    start, end = asides.strip_asides(text)
    for amount in amounts:
        text = text[: amount.start] + " " * (amount.end - amount.start) + text[amount.end :]
    return WORD.findall(text[start:end])


def _check_range(spec: SlotSpec, value: Decimal) -> Wrong | None:
    facts = {"value": _to_json(value), "min": spec.min, "max": spec.max}
    too_low = spec.min is not None and value < Decimal(str(spec.min))
    too_high = spec.max is not None and value > Decimal(str(spec.max))
    return Wrong("out_of_range", facts) if too_low or too_high or abs(value) > 10**15 else None


def _to_json(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _say_number(value: Decimal, where: Where) -> str:
    """Without separators of thousands: they are read differently elsewhere."""
    plain = _write_plain(value)
    return plain if where.country in POINT or where.language == "en" else plain.replace(".", ",")


def _write_plain(value: Decimal) -> str:
    """As it is read without doubt: four decimals never look like thousands."""
    plain = f"{value.normalize():f}"
    whole, _, decimals = plain.partition(".")
    return f"{whole}.{decimals.ljust(4, '0') if len(decimals) == 3 else decimals}" if decimals else whole


# money


def read_money(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    folded = fold_in_place(text)
    amounts = _find_money(folded.text, where) or _find_amounts(folded.text, where)
    return _answer_money(spec, amounts, folded, where, whole=True) if amounts else None


def find_money(spec: SlotSpec, text: str, where: Where) -> Found | None:
    """Only amounts that name their currency."""
    folded = fold_in_place(text)
    if not (amounts := _find_money(folded.text, where)):
        return None
    result = _answer_money(spec, amounts, folded, where, whole=False)
    return Found(result, *folded.span(amounts[0].start, amounts[-1].end))


def _find_money(text: str, where: Where) -> list[Amount]:
    found = []
    for match in CENTS.finditer(text):
        only = match["only"]
        value = Decimal(only) / 100 if only else Decimal(match["whole"]) + Decimal(match["cents"].ljust(2, "0")) / 100
        named = (match["cur"] or "") if not only else ""
        if only or named or regex.search("cent", match[0]):
            found.append(Amount(*match.span(), (value,), _name_currency(named, where)))
    for amount in _find_amounts(text, where):
        if any(a.start < amount.end and amount.start < a.end for a in found):
            continue
        behind = regex.compile(rf" ?({CURRENCY})(?!\w)").match(text, amount.end)
        before = regex.search(rf"(?<!\w)({CURRENCY}) ?$", text[: amount.start])
        if named := behind or before:
            start = before.start() if before and not behind else amount.start
            end = behind.end() if behind else amount.end
            found.append(Amount(start, end, amount.values, _name_currency(named[1], where)))
    return sorted(found, key=lambda a: a.start)


def _name_currency(said: str, where: Where) -> str:
    own = CURRENCIES.get(where.country, "USD")
    if said in NAMES:
        return NAMES[said]
    if said == "$":
        return own if where.country in DOLLAR else "USD"
    if said.startswith("peso") and where.country not in PESO:
        return UNKNOWN
    return own


def _answer_money(spec: SlotSpec, amounts: list[Amount], folded: Folded, where: Where, whole: bool) -> Reading:
    own = CURRENCIES.get(where.country, "USD")
    sums = list(dict.fromkeys((v, a.currency or own) for a in amounts for v in a.values))
    choices = tuple((_say_money(v, c, where), _say_money(v, c, where)) for v, c in sums[:7] if c != UNKNOWN)
    if len(sums) != 1:
        return Unclear("several" if len(amounts) > 1 else "which_number", choices)
    value, currency = sums[0]
    if currency == UNKNOWN:
        return Unclear("which_currency")
    if doubt := _doubt_amount(_rest(folded.text, amounts), whole):
        others = [v for a in _find_amounts(folded.text, where) for v in a.values] if doubt == "several" else []
        shown = [_say_money(v, currency, where) for v in others]
        return Unclear(doubt, tuple((s, s) for s in shown) or choices)
    if value != round(value, 2):
        return Unclear("which_number", choices)
    if wrong := _check_range(spec, value):
        return wrong
    return Heard({"amount": f"{value:.2f}", "currency": currency}, _say_money(value, currency, where))


def _say_money(value: Decimal, currency: str, where: Where) -> str:
    """ "12,50 €", "12.50 USD"."""
    plain = f"{value:.2f}"
    if not (where.country in POINT or where.language == "en"):
        plain = plain.replace(".", ",")
    return f"{plain} {'€' if currency == 'EUR' else currency}"
