"""Words of Spanish and English: folding, splitting, stemming. The one place where text becomes comparable."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex
import snowballstemmer

from chatbot.reply import Language

WORD = regex.compile(r"[\p{L}\p{N}]+")
NAMES = {"es": "spanish", "en": "english"}


def fold(text: str) -> str:
    """Lower case without accents (ñ becomes n), for comparing only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def split_words(text: str) -> list[str]:
    """The folded words and numbers of a text, in order."""
    return WORD.findall(fold(text))


def stem_words(text: str, language: Language) -> list[str]:
    """The folded stems of a text, in order. Stemmed before folding, because the stemmers know accents."""
    return [fold(_stem(word, language)) for word in WORD.findall(unicodedata.normalize("NFC", text.casefold()))]


@lru_cache(maxsize=50_000)
def _stem(word: str, language: Language) -> str:
    # the stemmer ends differently for a word written without its accent, so the accent goes first
    return str(snowballstemmer.stemmer(NAMES[language]).stemWord(fold(word)))
