"""How alike a question and the phrasings of the FAQ are: tf-idf over any features (character n-grams, stems). Pure.

And what is read from words: whether they are content, their features and roots, what they want to know.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import regex

from chatbot.reply import Language
from chatbot.text import FUNCTION_WORDS, stem_words

NGRAMS = (2, 3, 4, 5)
LONGEST_WORD = 40
# what a word counts that only builds the sentence
FUNCTION_WEIGHT = 0.6
# words that ask, whatever it is about
ASKING = """
hablame hablamos cuentame explicame explica describe define ensename muestrame necesito conseguir consigo encontrar encuentro
sirve queda quedo deberia deberias preguntar pregunta queria duda consulta informacion info tell explain show describe need
find question information
"""
ASKING_WORDS = frozenset(ASKING.split())
# what a question wants to know, by its folded words in order ...
WANTED = {
    "price": regex.compile(
        r"\bcuanto (?:me |nos |os )?(?:cuesta\w*|costar\w*|vale\w*|valdr\w*|sale\w*|saldr\w*|cobra\w*|es)\b"
        r"|\b(?:cobrais|precios?|coste|costo|tarifas?|gratis|gratuit[oa]s?|how much|costs?|prices?|fees?|charge|free)\b"
    ),
    "time": regex.compile(
        r"^(?:dime |y |desde |hasta |para |de )*(?:cuando|when|until when)\b|\bcuanto (?:tiempo|dura\w*|tarda\w*)\b"
        r"|\b(?:hasta cuando|a que hora|horarios?|plazos?|periodo|period|how long|hours)\b"
        r"|\b(?:how many|cuant[oa]s) (?:dias|horas|semanas|meses|anos|days|hours|weeks|months|years)\b"
    ),
    "place": regex.compile(
        r"^(?:dime |y |a |de |por |desde )*(?:donde|where)\b|\b(?:direccion|address)\b"
        r"|\b(?:que|which|what) (?:ciudad|calle|city|street)\b"
    ),
    "person": regex.compile(r"^(?:dime |de |con |a )*(?:quien|quienes|who)\b"),
}
# ... and what in an answer tells it
TOLD = {
    "price": regex.compile(r"[€$£]|\b(?:gratis|gratuit\w+|free|euros?|precios?|prices?|costs?|cuestan?)\b"),
    "time": regex.compile(
        r"\b(?:dias?|horas?|semanas?|mes|meses|anos?|minutos?|days?|hours?|weeks?|months?|years?|minutes?)\b|\d:\d\d"
    ),
}
# an entry's number and the language of its phrasings
Group = tuple[int, Language]
Counts = Mapping[str, float]
# each of four similarities: by characters and by stems, of the nearest phrasing and of an entry's phrasings together
WEIGHT = 0.25
# where a feature occurs and its weight there: arrays, because pairs of objects take ten times the memory
Postings = tuple["array[int]", "array[float]"]


def _make_postings() -> Postings:
    return array("I"), array("f")


def _post(postings: Postings, number: int, weight: float) -> None:
    postings[0].append(number)
    postings[1].append(weight)


NOWHERE = _make_postings()


class Space:
    """One way of looking at texts, as feature counts: tf-idf vectors of phrasings and of an entry's phrasings together."""

    def __init__(self, phrasings: Sequence[tuple[Group, Counts]]) -> None:
        seen: dict[str, int] = defaultdict(int)
        for _, counts in phrasings:
            for feature in counts:
                seen[feature] += 1
        self.idf = {feature: math.log((1 + len(phrasings)) / (1 + times)) + 1 for feature, times in seen.items()}
        self.unknown = math.log(1 + len(phrasings)) + 1
        self.owners = [group for group, _ in phrasings]
        self.groups = list(dict.fromkeys(self.owners))
        self.nearest: dict[str, Postings] = defaultdict(_make_postings)
        self.together: dict[str, Postings] = defaultdict(_make_postings)
        sums: dict[Group, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for number, (group, counts) in enumerate(phrasings):
            for feature, weight in self.weigh(counts).items():
                _post(self.nearest[feature], number, weight)
                sums[group][feature] += weight
        for number, group in enumerate(self.groups):
            norm = math.sqrt(sum(weight * weight for weight in sums[group].values())) or 1.0
            for feature, weight in sums[group].items():
                _post(self.together[feature], number, weight / norm)

    def weigh(self, counts: Counts) -> dict[str, float]:
        """The tf-idf vector of length 1."""
        vector = {
            feature: (1 + math.log(times) if times >= 1 else times) * self.idf.get(feature, self.unknown)
            for feature, times in counts.items()
        }
        norm = math.sqrt(sum(weight * weight for weight in vector.values())) or 1.0
        return {feature: weight / norm for feature, weight in vector.items()}

    def add_scores(self, counts: Counts, scores: dict[Group, float]) -> None:
        """Add each group's similarity: half by its nearest phrasing, half by all of them together."""
        single: dict[int, float] = defaultdict(float)
        for feature, weight in self.weigh(counts).items():
            for number, other in zip(*self.nearest.get(feature, NOWHERE), strict=True):
                single[number] += weight * other
            for number, other in zip(*self.together.get(feature, NOWHERE), strict=True):
                scores[self.groups[number]] += WEIGHT * weight * other
        best: dict[Group, float] = defaultdict(float)
        for number, similarity in single.items():
            best[self.owners[number]] = max(best[self.owners[number]], similarity)
        for group, similarity in best.items():
            scores[group] += WEIGHT * similarity


class Roots:
    """A set of stems that also knows words of the same root: "aburrimiento" beside "aburrido"."""

    def __init__(self, stems: Iterable[str]) -> None:
        self.stems = frozenset(stems)
        self.by_start: dict[str, list[str]] = defaultdict(list)
        for stem in self.stems:
            self.by_start[stem[:4]].append(stem)

    def has(self, word: str) -> bool:
        if any(stem in self.stems for stem in stem_both(word)):
            return True
        return any(_share_root(word, stem) for stem in self.by_start.get(word[:4], ()))


def is_content(word: str) -> bool:
    if len(word) < 2 and not word.isdigit():
        return False
    return not any(word in words for words in (FUNCTION_WORDS["es"], FUNCTION_WORDS["en"], ASKING_WORDS))


def count_ngrams(words: Iterable[str]) -> dict[str, float]:
    counts: dict[str, float] = defaultdict(float)
    for word in words:
        framed = f" {word[:LONGEST_WORD]} "
        weight = 1.0 if is_content(word) else FUNCTION_WEIGHT
        for size in NGRAMS:
            for at in range(len(framed) - size + 1):
                counts[framed[at : at + size]] += weight
    return counts


def count_stems(words: Sequence[str], language: Language) -> dict[str, float]:
    counts: dict[str, float] = defaultdict(float)
    for word in words:
        for stem in find_stems(word, language):
            counts[stem] += 1.0 if is_content(word) else FUNCTION_WEIGHT
    return counts


@lru_cache(maxsize=50_000)
def find_stems(word: str, language: Language) -> tuple[str, ...]:
    """A word's stems. Spanish verbs change their vowel: "devuelvo" is "devolver", "cierra" is "cerrar"."""
    stems = stem_words(word, language)
    return tuple(stem.replace("ue", "o").replace("ie", "e") for stem in stems) if language == "es" else tuple(stems)


@lru_cache(maxsize=50_000)
def stem_both(word: str) -> tuple[str, ...]:
    return (*find_stems(word, "es"), *find_stems(word, "en"))


def _share_root(word: str, other: str) -> bool:
    size = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    return size >= max(4, 0.6 * min(len(word), len(other)), 0.5 * max(len(word), len(other)))
