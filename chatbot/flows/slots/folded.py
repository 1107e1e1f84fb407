"""A text made comparable that still knows where each letter stood: lower case, no accents, single spaces."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

WORD = regex.compile(r"[a-z0-9']+")
SAME = {"’": "'", "‘": "'", "´": "'", "`": "'", "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "∕": "/", "⁄": "/", "：": ":"}
LONGEST = 600


def listed(words: str) -> tuple[str, ...]:
    """Words that are written one after the other, apart."""
    return tuple(words.split())


@dataclass(frozen=True, slots=True)
class Folded:
    """text: folded. places: for each of its letters the place in the original."""

    text: str
    places: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the folded text stands in the original."""
        return self.places[start], self.places[end - 1] + 1


def fold_in_place(text: str) -> Folded:
    """The first 600 letters of a text, folded. Nobody needs more to say a day or a number."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text[:LONGEST]):
        for plain in _fold_letter(letter):
            if plain == " " and letters[-1:] in ([], [" "]):
                continue
            letters.append(plain)
            places.append(place)
    return Folded("".join(letters), tuple(places))


def _fold_letter(letter: str) -> str:
    if letter in SAME:
        return SAME[letter]
    if letter.isspace():
        return " "
    if unicodedata.category(letter).startswith("C"):
        return ""
    plain = unicodedata.normalize("NFKD", letter.casefold())
    return "".join(SAME.get(c, " " if c.isspace() else c) for c in plain if not unicodedata.combining(c))
