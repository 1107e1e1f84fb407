"""Whole numbers in words, Spanish and English, 0 to 999, and the few that stand for an amount ("una docena")."""

from __future__ import annotations

import regex

from chatbot.flows.slots.folded import listed

ES_SMALL = listed(
    """
    cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete
    dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco veintiseis veintisiete
    veintiocho veintinueve
    """
)
ES_TENS = listed("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
ES_HUNDREDS = listed(
    """
    ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos
    """
)
EN_SMALL = listed(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """
)
EN_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")


def _spell_spanish() -> dict[str, int]:
    words = {word: n for n, word in enumerate(ES_SMALL)}
    for ten, word in enumerate(ES_TENS, 3):
        words[word] = ten * 10
        words.update({f"{word} y {ES_SMALL[one]}": ten * 10 + one for one in range(1, 10)})
    below = dict(words)
    words["cien"] = 100
    for hundred, word in enumerate(ES_HUNDREDS, 1):
        if hundred > 1:
            words[word] = hundred * 100
        words.update({f"{word} {rest}": hundred * 100 + n for rest, n in below.items() if n})
    # "veintiun", "treinta y una", "doscientas"
    for word, n in list(words.items()):
        if word.endswith("uno"):
            words[word[:-1]] = words[f"{word[:-1]}a"] = n
    words.update({w.replace("ientos", "ientas"): n for w, n in list(words.items()) if "ientos" in w})
    return words


def _spell_english() -> dict[str, int]:
    words = {word: n for n, word in enumerate(EN_SMALL)}
    for ten, word in enumerate(EN_TENS, 2):
        words[word] = ten * 10
        words.update({f"{word}{gap}{EN_SMALL[one]}": ten * 10 + one for one in range(1, 10) for gap in " -"})
    below = dict(words)
    for hundred, word in enumerate(["a", *EN_SMALL[1:10]]):
        head = f"{word} hundred"
        words[head] = max(hundred, 1) * 100
        words.update(
            {f"{head}{gap}{rest}": max(hundred, 1) * 100 + n for rest, n in below.items() for gap in (" ", " and ") if n}
        )
    return words


ES = _spell_spanish()
EN = _spell_english()
AMOUNTS = {
    "una docena": 12, "1 docena": 12, "media docena": 6, "dos docenas": 24, "un par": 2, "una pareja": 2, "a dozen": 12,
    "one dozen": 12, "half a dozen": 6, "two dozen": 24, "a couple": 2, "a pair": 2, "ninguno": 0, "ninguna": 0, "none": 0,
    "mil": 1000,
}  # fmt: skip
ALL = {**ES, **EN, **AMOUNTS}
_ATOMS = sorted(
    {part for phrase in {**ES, **EN} for part in regex.split(r"[ -]", phrase)} - {"y", "and", "a"}, key=len, reverse=True
)
PHRASE = regex.compile(
    rf"\b(?:{'|'.join(sorted(AMOUNTS, key=len, reverse=True))}|(?:a hundred|{'|'.join(_ATOMS)})(?:(?: y | and | "
    rf"|-)(?:{'|'.join(_ATOMS)}))*)\b"
)


def small(most: int, english: bool) -> str:
    """An expression for a number from 0 to `most` in digits or words, without a group."""
    words = sorted((w for w, n in (EN if english else ES).items() if n <= most), key=len, reverse=True)
    return f"(?:[0-9]{{1,3}}|{'|'.join(words)})"


def read_words(folded: str) -> int | None:
    """The number that the folded words or digits are, None for anything else."""
    return int(folded) if regex.fullmatch(r"[0-9]{1,9}", folded) else ALL.get(folded)
