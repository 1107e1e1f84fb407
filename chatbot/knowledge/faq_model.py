"""What was learned from a FAQ's own phrasings, used in milliseconds without a library: docs/knowledge.md.

faq_fit.py learns it in a process of its own; here it is packed, opened and asked.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul
from typing import Any

from chatbot.bodies import FaqEntry
from chatbot.knowledge.faq import FaqIndex, Match, Rules
from chatbot.knowledge.faq_calibration import Calibration
from chatbot.knowledge.faq_words import LONGEST_QUESTION, Asked
from chatbot.knowledge.similarity import count_ngrams, count_stems
from chatbot.reply import Language
from chatbot.text import WORD, fold

VERSION = 1
MAX_FALSE = 0.05
Embed = Callable[[str], Sequence[float] | None]
LIST_SIZES = ("offsets", "numbers", "values", "idf", "means", "centre", "dense", "centroids")
CODES = dict(zip(LIST_SIZES, "IHbfffff", strict=True))


@dataclass(frozen=True, slots=True)
class Mix:
    """What each way of looking counts: similarity, the linear models over words and over meaning, the entry's centre.

    Set on FAQs of a shop, a clinic and a public set together (tests/eval), with and without meaning.
    """

    similar: float
    linear: float
    dense: float
    centre: float
    rules: Rules


LEXICAL = Mix(0.9, 0.1, 0, 0, Rules(0.3, (0.4, 0.7, 0.9), frozenset({"no_content"}), 0.88, 0.12, 0.94))
# meaning knows words that the FAQ doesn't, so a strange object is a doubt only
HYBRID = Mix(0.25, 0.15, 0.5, 0.1, Rules(0.28, (0.45, 0.6, 0.8), frozenset({"other_object", "no_content"}), 0.88, 0.15, 0.94))
MIXES = {"lexical": LEXICAL, "hybrid": HYBRID}
# a linear model says less than nothing of what it doesn't know
LEAST_LINEAR = -0.3


@dataclass(frozen=True, slots=True)
class Weights:
    """keys: the entries', sorted; features: of words, with their idf, and from offsets[n] to offsets[n + 1] the numbers of
    the entries they speak for or against, by values / 127 * scale. means: each entry's share of the phrasings.

    centre: of all vectors; dense, centroids: a row of its length for each entry; all empty without meaning.
    """

    keys: tuple[str, ...]
    features: Mapping[str, int]
    unknown: tuple[float, float]
    scale: float
    offsets: array[int]
    numbers: array[int]
    values: array[int]
    idf: array[float]
    means: array[float]
    centre: array[float]
    dense: array[float]
    centroids: array[float]

    def pack(self) -> bytes:
        head = {
            "keys": self.keys,
            "features": list(self.features),
            "unknown": self.unknown,
            "scale": self.scale,
            "sizes": [len(getattr(self, name)) for name in LIST_SIZES],
        }
        text = json.dumps(head, ensure_ascii=False).encode()
        return zlib.compress(b"%d\n" % len(text) + text + b"".join(getattr(self, name).tobytes() for name in LIST_SIZES))

    @classmethod
    def open(cls, packed: bytes) -> Weights:
        content = zlib.decompress(packed)
        size, _, rest = content.partition(b"\n")
        head, at = json.loads(rest[: int(size)]), int(size)
        lists: dict[str, Any] = {}
        for name, count in zip(LIST_SIZES, head["sizes"], strict=True):
            lists[name] = array(CODES[name])
            end = at + count * lists[name].itemsize
            lists[name].frombytes(rest[at:end])
            at = end
        features = {feature: number for number, feature in enumerate(head["features"])}
        return cls(tuple(head["keys"]), features, tuple(head["unknown"]), head["scale"], **lists)

    def score_words(self, words: Sequence[str]) -> list[float]:
        """The linear model over words: about 1 for the entry that is meant, 0 for the others."""
        scores = list(self.means)
        for feature, weight in self.weigh(list_features(words)):
            number = self.features.get(feature)
            if number is not None:
                start, end = self.offsets[number], self.offsets[number + 1]
                by = weight * self.scale / 127
                for entry, value in zip(self.numbers[start:end], self.values[start:end], strict=True):
                    scores[entry] += by * value
        return scores

    def weigh(self, spaces: Sequence[Mapping[str, float]]) -> list[tuple[str, float]]:
        """Features with their tf-idf: each space's together of the length that it counts."""
        found = []
        for counts, unknown, length in zip(spaces, self.unknown, SPACE_LENGTHS, strict=True):
            weights = [damp(times) * self._find_idf(feature, unknown) for feature, times in counts.items()]
            norm = math.sqrt(sum(weight * weight for weight in weights)) or 1.0
            found += [(feature, weight / norm * length) for feature, weight in zip(counts, weights, strict=True)]
        return found

    def _find_idf(self, feature: str, unknown: float) -> float:
        number = self.features.get(feature)
        return unknown if number is None else self.idf[number]

    def score_meaning(self, vector: Sequence[float]) -> tuple[list[float], list[float]]:
        """The linear model over vectors, and how near each entry's centre is."""
        moved = [value - centre for value, centre in zip(vector, self.centre, strict=True)]
        norm = math.sqrt(sum(value * value for value in moved)) or 1.0
        asked = [value / norm for value in moved]
        size = len(asked)
        rows = range(0, size * len(self.keys), size)
        linear = [mean + sum(map(mul, self.dense[at : at + size], asked)) for mean, at in zip(self.means, rows, strict=True)]
        return linear, [sum(map(mul, self.centroids[at : at + size], asked)) for at in rows]


# the kernels of characters and stems count 1 and 0.5
SPACE_LENGTHS = (1.0, math.sqrt(0.5))


def damp(times: float) -> float:
    return 1 + math.log(times) if times >= 1 else times


def list_features(words: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Character n-grams, and stems of both languages, each with how often it occurs."""
    chars = {f"c{ngram}": times for ngram, times in count_ngrams(words).items()}
    stems = {f"s{language}{stem}": times for language in LANGUAGES for stem, times in count_stems(words, language).items()}
    return chars, stems


LANGUAGES: tuple[Language, ...] = ("es", "en")


def mix_scores(
    mix: Mix, similar: Mapping[int, float], linear: Sequence[float], meaning: tuple[Sequence[float], Sequence[float]] | None
) -> dict[int, float]:
    """Each entry's score, by its number."""
    scores = {}
    for number, by_words in enumerate(linear):
        score = mix.similar * similar.get(number, 0.0) + mix.linear * max(by_words, LEAST_LINEAR)
        if meaning:
            score += mix.dense * max(meaning[0][number], LEAST_LINEAR) + mix.centre * max(meaning[1][number], 0.0)
        scores[number] = max(score, 0.0)
    return scores


class FaqModel:
    """Entries with what was learned from them, ready to be asked. calibrations: by "lexical" and "hybrid".

    embed: a question's vector, None where there is none just now.
    """

    def __init__(
        self,
        entries: tuple[FaqEntry, ...],
        weights: Weights,
        calibrations: Mapping[str, Calibration],
        embed: Embed | None = None,
        index: FaqIndex | None = None,
    ) -> None:
        self.index = index or FaqIndex(entries)
        self.weights = weights
        self.calibrations = calibrations
        self.embed = embed
        known = {key: number for number, key in enumerate(weights.keys)}
        self.order = [known[entry.key] for entry in entries]
        self._spelled = _list_spellings(entries)

    def match(
        self,
        question: str,
        language: Language,
        inbox: int | None = None,
        *,
        max_false: float = MAX_FALSE,
        embed: Embed | None = None,
    ) -> Match:
        """The entry that a question means, at the threshold that lets at most so many outside questions through.

        inbox: Chatwoot's id; embed: instead of the model's own.
        """
        embed = embed or self.embed
        match = self._ask(question, question, language, inbox, max_false, embed)
        if match.kind == "none" and embed and self.weights.centre and (mended := self.mend(question)) != question:
            again = self._ask(question, mended, language, inbox, max_false, embed)
            return again if again.kind == "answered" else match
        return match

    def _ask(
        self, question: str, embedded: str, language: Language, inbox: int | None, max_false: float, embed: Embed | None
    ) -> Match:
        return self.index.match(question, language, inbox, learned=_Question(self, embedded, max_false, embed))

    def mend(self, question: str) -> str:
        """With typos put right and accents as the FAQ writes them, for a second try: a vector is of what is written."""
        return WORD.sub(lambda found: self._mend(found[0]), question[:LONGEST_QUESTION])

    def _mend(self, written: str) -> str:
        word = fold(written)
        right = self.index.correct(word)
        return written if right == word and written.casefold() == word not in self._spelled else self._spelled.get(right, right)


class _Question:
    """One question as the model sees it; the text's vector is asked for only where its words aren't a phrasing's."""

    def __init__(self, model: FaqModel, text: str, max_false: float, embed: Embed | None) -> None:
        self._model = model
        self._text = text
        self._max_false = max_false
        self._embed = embed
        self._channel = "lexical"

    @property
    def rules(self) -> Rules:
        threshold = self._model.calibrations[self._channel].find_threshold(self._max_false)
        return replace(MIXES[self._channel].rules, threshold=threshold)

    def combine(self, asked: Asked, similar: dict[int, float]) -> dict[int, float]:
        weights, order = self._model.weights, self._model.order
        linear = weights.score_words(asked.words)
        vector = self._embed(self._text) if self._embed and weights.centre else None
        meaning = None
        if vector is not None and len(vector) == len(weights.centre):
            self._channel = "hybrid"
            near = weights.score_meaning(vector)
            meaning = [near[0][n] for n in order], [near[1][n] for n in order]
        return mix_scores(MIXES[self._channel], similar, [linear[n] for n in order], meaning)


def _list_spellings(entries: Sequence[FaqEntry]) -> dict[str, str]:
    """Folded word -> how the FAQ writes it."""
    spelled: dict[str, str] = {}
    for entry in entries:
        for texts in entry.questions.values():
            for text in texts:
                for written in WORD.findall(text.casefold()):
                    spelled.setdefault(fold(written), written)
    return spelled


def hash_entries(entries: Sequence[FaqEntry]) -> str:
    """The same for the same phrasings and answers in whatever order: what was learned from them fits them wherever they are."""
    said = sorted([entry.key, entry.model_dump(mode="json")["questions"], dict(entry.answers)] for entry in entries)
    return hashlib.sha256(json.dumps([VERSION, said], ensure_ascii=False, sort_keys=True).encode()).hexdigest()
