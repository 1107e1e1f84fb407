"""Claims that bind a business: prices, percentages, durations, dates and policies in a text, as they are compared. Pure.

A number alone says little ("30 €" isn't "30 days"), so what is compared is a number with its unit; the other numbers are
grounding.find_unknown_numbers' to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import regex

from chatbot.text import FUNCTION_WORDS, fold, stem_words

# how much of a clause another must share to be about the same thing, and how many words at least
SAME = 0.6
LEAST_SHARED = 2
NEGATION_REACH = 3
CHARS_BEFORE = 60
MOST_CLAUSES = 100
ALL_DAYS = 7

NUMBER_WORDS = {
    "un": 1, "una": 1, "uno": 1, "one": 1, "dos": 2, "two": 2, "tres": 3, "three": 3, "cuatro": 4, "four": 4, "cinco": 5,
    "five": 5, "seis": 6, "six": 6, "siete": 7, "seven": 7, "ocho": 8, "eight": 8, "nueve": 9, "nine": 9, "diez": 10,
    "ten": 10, "once": 11, "eleven": 11, "doce": 12, "twelve": 12, "catorce": 14, "fourteen": 14, "quince": 15,
    "fifteen": 15, "veinte": 20, "twenty": 20, "veinticuatro": 24, "treinta": 30, "thirty": 30, "cuarenta": 40,
    "forty": 40, "cuarenta y ocho": 48, "cincuenta": 50, "fifty": 50, "sesenta": 60, "sixty": 60, "noventa": 90,
    "ninety": 90, "cien": 100, "ciento": 100, "hundred": 100,
}  # fmt: skip
# unit -> what it measures and how much of that it is; in folded text
UNITS = {
    r"min(?:uto|ute)?s?": ("time", 1),
    r"h(?:(?:ora|our)s?|rs?|s)?": ("time", 60),
    r"di?as?|days?": ("time", 1_440),
    r"semanas?|weeks?": ("time", 10_080),
    r"mes(?:es)?|months?": ("months", 1),
    r"anos?|years?": ("months", 12),
    r"€|euros?|eur": ("€", 1),
    r"\$|dolar(?:es)?|dollars?|usd": ("$", 1),
    r"£|libras esterlinas|gbp": ("£", 1),
    r"pesos?|mxn|ars|clp|cop": ("pesos", 1),
    r"%|por ciento|per ?cent": ("%", 1),
}
MONEY = frozenset({"€", "$", "£", "pesos"})
DIGITS = r"[0-9]{1,9}(?:[.,:][0-9]{1,3}){0,3}"
WORDS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
NUMBER = rf"(?:{DIGITS}|\b(?:{WORDS})\b)"
BETWEEN = r"\s{0,2}(?:-|–|—|/|\ba\b|\by\b|\bo\b|\bto\b|\band\b|\bor\b)\s{0,2}"
BEFORE_UNIT = (
    r"(?:\s{0,2}(?:primer[oa]s|proxim[oa]s|siguientes|first|next|business|working|calendar|full|mas|more)\s)?[\s*_\-]{0,3}"
)
QUANTITY = regex.compile(
    rf"(?:(?P<low>{NUMBER}){BETWEEN})?(?P<high>{NUMBER}){BEFORE_UNIT}(?P<unit>{'|'.join(UNITS)})(?![\p{{L}}\p{{N}}])"
    rf"|(?P<sign>[€$£])\s?(?P<price>{DIGITS})"
)
BARE = regex.compile(DIGITS)
COUNT = regex.compile(
    r"(?<![\p{L}0-9.,:/\-])(?<!^\s*)[0-9](?![0-9\p{L}]|[.,:/\-][0-9])(?P<half>\s(?:de la (?:tarde|noche)|p\.?\s?m\b))?"
    r"(?!\s(?:opciones|formas|maneras|pasos|cosas|casos|motivos|tipos|preguntas|options|ways|steps|things|cases|kinds|questions)\b)",
    regex.MULTILINE,
)
NUMBER_WORD = regex.compile(rf"\b(?:{WORDS})\b")
DENIED = regex.compile(r"[\s,*_]{0,3}no\b")
READ_UNITS = tuple((regex.compile(pattern), unit) for pattern, unit in UNITS.items())

MONTHS = (
    "enero|january", "febrero|february", "marzo|march", "abril|april", "mayo|may", "junio|june", "julio|july",
    "agosto|august", "septiembre|setiembre|september|sept", "octubre|october", "noviembre|november",
    "diciembre|december",
)  # fmt: skip
# "may" and "march" are also verbs: months only beside a day
MONTH_ALONE = regex.compile(rf"\b(?:{'|'.join(MONTHS)})\b")
VERBS_TOO = {"may", "march"}
MONTH = "|".join(MONTHS)
DAY = r"(?:[0-9]{1,2}|primero|first)"
DATES = tuple(
    regex.compile(pattern)
    for pattern in (
        rf"\b(?P<d>{DAY})(?:st|nd|rd|th)?(?:\s{{0,2}}(?:al?|-|–|y|to|and|hasta el)\s{{0,2}}(?P<e>{DAY})(?:st|nd|rd|th)?)?"
        rf"\s{{1,2}}(?:de |of )?(?P<m>{MONTH})\b",
        rf"\b(?P<m>{MONTH})\s{{1,2}}(?P<d>{DAY})(?:st|nd|rd|th)?(?:\s{{0,2}}(?:-|–|to|and)\s{{0,2}}(?P<e>{DAY})(?:st|nd|rd|th)?)?\b(?![.,:][0-9])",
    )
)
NUMERIC_DATE = regex.compile(
    r"(?<![0-9./\-])(?:(?P<y>[0-9]{4})-(?P<b>[0-9]{2})-(?P<a>[0-9]{2})|(?P<a>[0-9]{1,2})[/.\-](?P<b>[0-9]{1,2})[/.\-](?:[0-9]{4}|[0-9]{2})"
    r"|(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2}))(?![0-9/\-])"
)
WEEKDAYS = (
    r"lunes|mon(?:days?)?", r"martes|tue(?:s(?:days?)?)?", r"miercoles|wed(?:nesdays?)?", r"jueves|thu(?:rs?(?:days?)?)?",
    r"viernes|fri(?:days?)?", r"sabados?|saturdays?", r"domingos?|sundays?",
)  # fmt: skip
WEEKDAY = regex.compile("|".join(rf"\b(?P<d{n}>{names})\b" for n, names in enumerate(WEEKDAYS)))
RANGE = regex.compile(r"\s{0,2}(?:a|-|–|to|through|until|hasta(?: el)?|al)\s{0,2}$")
EVERY_DAY = regex.compile(
    r"\b(?:todos los dias|cada dia|every day|daily|7 (?:dias|days) (?:a|de|por) (?:la )?(?:semana|week)|a diario)\b"
)
WEEKEND = regex.compile(r"\b(?:fin(?:es)? de semana|weekends?)\b")

# What a business grants or refuses; a synonym counts as the same. In folded text.
POLICIES = {
    "free": r"gratis|gratuit[oa]s?|gratuitamente|sin (?:ningun )?(?:cost[eo]s?|cargos?|gastos)\b"
    r"|no (?:cuestan?|cobramos|se cobra) nada"
    r"|a (?:nuestro cargo|cargo nuestro)|corren? de nuestra cuenta|(?<!feel )(?<!\w-)\bfree\b(?!-)|complimentary"
    r"|(?:at )?no (?:extra |additional )?(?:charge|cost)\b|costs? nothing|on us\b|on the house",
    "refund": r"(?<!contra )reembols\p{L}+|refund\p{L}*|money back|devol\p{L}+ (?:el|del|tu|su) (?:dinero|importe)"
    r"|devuelv\p{L}+ (?:el|tu|su) (?:dinero|importe)",
    "discount": r"descuent\p{L}+|rebaj\p{L}+|discount\p{L}*|cupon\p{L}*|coupons?|vouchers?|codigos? promocional\p{L}*"
    r"|\b[23]x[12]\b|promo code",
    "guarantee": r"garanti\p{L}*|guarante\p{L}*|warrant(?:y|ies)",
    "unlimited": r"ilimitad[oa]s?|unlimited|de por vida|lifetime|sin limites?\b|for life",
    "same day": r"el mismo dia|mismo dia\b|same[ -]day|al dia siguiente|next[ -]day",
    "minimum": r"(?:pedido|compra|importe|gasto|estancia) minim[oa]s?|minimum (?:order|purchase|spend|stay)",
}
SAID = {name: regex.compile(rf"(?:\b(?:non-?)?(?:{pattern}))") for name, pattern in POLICIES.items()}
NEGATIONS = frozenset({
    "no", "nunca", "ni", "tampoco", "sin", "jamas", "not", "never", "without", "cannot", "cant", "dont", "don", "doesn",
    "didn", "isn", "aren", "won", "non", "t",
})  # fmt: skip
NOT_DENYING = regex.compile(
    r"\bno (?:solo|olvid\p{L}+|dud\p{L}+|te preocup\p{L}+|hay (?:problema|duda)|only|problem|worr\p{L}+|doubt)\b|\bno,"
)
CLAUSE = regex.compile(r"[^.;:!?,\n()|]*[.;:!?,\n()|]?")
BUT = regex.compile(r"\b(?:pero|aunque|sino|but|although|though|while|mientras que)\b")
# a clause with one of these holds only in part
LIMITED = regex.compile(
    r"\b(?:pasad[oa]s?|tras|despues|antes|dentro|hasta|mas|menos|salvo|excepto|solo|solamente|unicamente|si|cuando|unless|if"
    r"|only|after|before|within|until|except|more|less|over|under|when|otherwise|ademas|otr[oa]s?|other)\b"
)
QUESTION = regex.compile(r"¿[^?]{0,500}\?|[^.!?¿\n]{0,500}\?")

Amount = tuple[str, float]
Date = tuple[int, int]


def find_unknown_amounts(text: str, known: Iterable[str]) -> list[str]:
    """Prices, percentages and durations that no known text has; a week is seven days. One that a text tells without its
    unit (in a table) is known with any; one that is denied ("en 2 días no") says nothing."""
    folded = _plain(text)
    wanted = [found for found in _find_amounts(folded) if not DENIED.match(folded, found[0].end())]
    if not wanted:
        return []
    amounts: set[Amount] = set()
    bare: set[float] = set()
    for source in map(_plain, known):
        amounts.update(found for _, found, _ in _find_amounts(source))
        bare.update(read_number(number) for number in BARE.findall(drop_claims(source)))
    return [match[0] for match, amount, number in wanted if amount not in amounts and number not in bare]


def find_unknown_counts(text: str, known: Iterable[str]) -> list[str]:
    """Single digits ("4 personas") that no known text has, in digits or words. Those of a list ("1.", "2 opciones") count what
    is said; "las 2 de la tarde" may be 14 h."""
    found = [(match[0], match["half"]) for match in COUNT.finditer(drop_claims(text))]
    if not found:
        return []
    numbers: set[float] = set()
    for source in map(_plain, known):
        numbers.update(read_number(number) for number in (*BARE.findall(source), *NUMBER_WORD.findall(source)))
    return [said for said, half in found if not {float(said[0]), float(said[0]) + 12 * bool(half)} & numbers]


def drop_claims(text: str) -> str:
    """A text, folded, without its amounts and dates: the numbers that are left claim nothing that is compared here."""
    folded = _plain(text)
    for pattern in (QUANTITY, *DATES, NUMERIC_DATE):
        folded = pattern.sub(" ", folded)
    return folded


def _find_amounts(folded: str) -> Iterator[tuple[regex.Match[str], Amount, float]]:
    for match in QUANTITY.finditer(folded):
        if match["sign"]:
            yield match, (match["sign"], read_number(match["price"])), read_number(match["price"])
            continue
        kind, size = next(unit for pattern, unit in READ_UNITS if pattern.fullmatch(match["unit"]))
        for number in (match["low"], match["high"]):
            if number:
                value = read_number(number)
                yield match, (kind, value * size), value


def read_number(text: str) -> float:
    """ "1.500", "14,95", "10:00" and "dos" as numbers."""
    if text in NUMBER_WORDS:
        return float(NUMBER_WORDS[text])
    if regex.fullmatch(r"[0-9]{1,3}(?:([.,])[0-9]{3}(?:\1[0-9]{3})*)", text):
        return float(regex.sub(r"[.,]", "", text))
    whole, _, rest = text.replace(":", ".").replace(",", ".").rpartition(".")
    digits = regex.sub(r"\D", "", whole or "")
    return float(f"{digits}.{rest}") if digits else float(regex.sub(r"\D", "", text) or 0)


def find_unknown_dates(text: str, known: Iterable[str], *, asked: str = "") -> list[str]:
    """Days of the year, months and weekdays that no known text has. asked: the customer's words, whose days may be denied
    ("los sábados no abrimos")."""
    folded = _plain(text)
    sources = [_plain(source) for source in known]
    dates = set(chain.from_iterable(_find_dates(source) for source in sources))
    unknown = [f"{day}/{month}" for day, month in _find_dates(folded) if not {(day, month), (month, day)} & dates]
    months = {month for _, month in dates}.union(*(_find_months(source) for source in sources))
    unknown += [f"month {month}" for month in _find_months(folded) - months]
    weekdays = set[int]().union(*(_find_weekdays(source) for source in sources))
    for sentence in regex.split(r"[.;!?\n]", folded):
        denied = (
            _find_weekdays(_plain(asked)) if _is_negated(sentence) or "cerrad" in sentence or "closed" in sentence else set()
        )
        unknown += [f"weekday {day}" for day in _find_weekdays(sentence) - weekdays - denied]
    return unknown


def _find_dates(folded: str) -> set[Date]:
    found: set[Date] = set()
    for pattern in DATES:
        for match in pattern.finditer(folded):
            month = next(n for n, names in enumerate(MONTHS, 1) if match["m"] in names.split("|"))
            found.update((_read_day(day), month) for day in (match["d"], match["e"]) if day)
    for match in NUMERIC_DATE.finditer(folded):
        day, month = int(match["a"]), int(match["b"])
        if min(day, month) in range(1, 13) and max(day, month) <= 31:
            found.add((day, month))
    return found


def _read_day(text: str) -> int:
    return int(text) if text.isdigit() else 1


def _find_months(folded: str) -> set[int]:
    said = {match[0] for match in MONTH_ALONE.finditer(folded)} - VERBS_TOO
    return {n for n, names in enumerate(MONTHS, 1) if said & set(names.split("|"))}


def _find_weekdays(folded: str) -> set[int]:
    """0 is Monday. "lunes a viernes" has five."""
    if EVERY_DAY.search(folded):
        return set(range(ALL_DAYS))
    found: set[int] = {5, 6} if WEEKEND.search(folded) else set()
    last: regex.Match[str] | None = None
    for match in WEEKDAY.finditer(folded):
        day = int(str(match.lastgroup)[1:])
        if last is not None and RANGE.fullmatch(folded, last.end(), match.start()):
            first = int(str(last.lastgroup)[1:])
            found.update((first + n) % ALL_DAYS for n in range((day - first) % ALL_DAYS + 1))
        found.add(day)
        last = match
    return found


def find_unknown_policies(text: str, known: Iterable[str]) -> list[str]:
    """What the text grants or refuses and no known text does, or where all of them say the opposite."""
    said = _find_policies(drop_questions(text))
    if not said:
        return []
    sources = list(known)
    granted = set[tuple[str, bool]]().union(*(_find_policies(_answer_question(source)) for source in sources))
    if ("free", False) not in granted and any(_has_price(source) for source in sources):
        granted.add(("free", True))  # what has a price isn't free
    return sorted(f"{'no ' if is_negated else ''}{name}" for name, is_negated in said - granted)


def _has_price(source: str) -> bool:
    return any(kind in MONEY for _, (kind, _), _ in _find_amounts(_plain(source)))


def _find_policies(text: str) -> set[tuple[str, bool]]:
    """(name, whether it is denied)."""
    folded = _plain(text)
    found = set()
    for name, pattern in SAID.items():
        for match in pattern.finditer(folded):
            before = regex.split(r"[.;:!?\n|]", folded[max(0, match.start() - CHARS_BEFORE) : match.start()])[-1]
            near = regex.findall(r"\p{L}+", NOT_DENYING.sub(" ", before))[-NEGATION_REACH:]
            found.add((name, bool(NEGATIONS & set(near)) or match[0].startswith("non")))
    return found


def drop_questions(text: str) -> str:
    """What is asked states nothing."""
    return QUESTION.sub(" ", text)


def _answer_question(source: str) -> str:
    """A source with its question ("¿Es gratis?") as what a "sí" after it says; one that isn't answered so says nothing."""
    asked = QUESTION.search(source)
    answer = fold(source[asked.end() :]).lstrip(" \n-*¡") if asked else ""
    if asked and regex.match(r"(?:si|claro|por supuesto|yes|sure|of course)\b", answer):
        return f"{asked[0].strip('¿? ')}.\n{source[asked.end() :]}"
    return drop_questions(source)


def find_contradiction(text: str, known: Iterable[str], language: str) -> str:
    """The first clause that says the opposite of the clause it is most like, where that leaves no exception; "" for none."""
    clauses = [clause for clause in _read_clauses(drop_questions(text), language) if not LIMITED.search(clause[2])]
    if not clauses:
        return ""
    sources = [clause for source in known for clause in _read_clauses(drop_questions(source), language)]
    for stems, is_negated, said in clauses[:MOST_CLAUSES]:
        shared = [len(stems & theirs) for theirs, _, _ in sources]
        most = max(shared, default=0)
        if most < LEAST_SHARED or most < SAME * len(stems):
            continue
        likest = [source for source, count in zip(sources, shared, strict=True) if count == most]
        if all(
            negated != is_negated and not LIMITED.search(words) and most >= SAME * len(theirs)
            for theirs, negated, words in likest
        ):
            return said.strip()
    return ""


def _read_clauses(text: str, language: str) -> Iterator[tuple[frozenset[str], bool, str]]:
    """Content stems, whether it is negated, and the folded words of each clause."""
    left_out = FUNCTION_WORDS["es"] | FUNCTION_WORDS["en"] | NEGATIONS
    for piece in CLAUSE.findall(_plain(text)):
        for clause in BUT.split(piece):
            content = " ".join(word for word in regex.findall(r"[\p{L}\p{N}]+", clause) if word not in left_out)
            stems = frozenset(stem_words(content, "en" if language == "en" else "es"))
            if len(stems) >= LEAST_SHARED:
                yield stems, _is_negated(clause), clause


def _is_negated(folded: str) -> bool:
    return bool(NEGATIONS & set(regex.findall(r"\p{L}+", NOT_DENYING.sub(" ", folded))))


def _plain(text: str) -> str:
    """Folded, without Markdown's emphasis and doubled blanks."""
    return regex.sub(r"[ \t]+", " ", fold(text).replace("*", "").replace("_", "").replace("’", "'"))
