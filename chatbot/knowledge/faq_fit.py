"""Learns a FAQ's model from its phrasings and calibrates it on itself. Needs numpy: web and worker never import this.

Ridge regression from the phrasings' likeness to each other (a kernel), so that a fold is one small system of equations:
https://en.wikipedia.org/wiki/Kernel_method
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chatbot.bodies import FaqEntry
from chatbot.knowledge.faq import FaqIndex, Match, Rules
from chatbot.knowledge.faq_calibration import Calibration
from chatbot.knowledge.faq_model import (
    LANGUAGES,
    MIXES,
    FaqModel,
    Mix,
    Weights,
    list_features,
    mix_scores,
)
from chatbot.knowledge.faq_strangers import STRANGERS
from chatbot.knowledge.faq_words import Asked, read_words
from chatbot.reply import Language

# texts -> their vectors, in order
EmbedAll = Callable[[list[str]], list[list[float]]]
Matrix = Any
RIDGE, DENSE_RIDGE = 1.0, 0.3
# a system of so many equations takes 36 MB; of larger FAQs each entry's first phrasings are learned from
MOST_PHRASINGS = 3_000
# what finding the folds may cost, in multiplications
WORK = 2e11
# so many questions tell enough
MOST_ASKED = 800
FOLDS = 4
LEAST_PHRASINGS = 3
BATCH = 32


@dataclass(frozen=True, slots=True)
class Phrasing:
    number: int
    language: Language
    text: str


@dataclass(frozen=True)
class Learned:
    """A question's scores, worked out before, as FaqIndex asks for them."""

    mix: Mix
    linear: Sequence[float]
    meaning: tuple[Sequence[float], Sequence[float]] | None

    @property
    def rules(self) -> Rules:
        return replace(self.mix.rules, threshold=0.0)

    def combine(self, asked: Asked, similar: dict[int, float]) -> dict[int, float]:  # noqa: ARG002
        return mix_scores(self.mix, similar, self.linear, self.meaning)


def train(entries: Sequence[FaqEntry], embed: EmbedAll | None = None) -> FaqModel:
    """A model of these entries, calibrated on them. embed: what makes vectors of questions, or None."""
    free = tuple(sorted((entry.model_copy(update={"inboxes": ()}) for entry in entries), key=lambda entry: entry.key))
    texts = Texts(embed)
    school = School(free, texts)
    calibrations = _calibrate(school, texts)
    one = (lambda question: embed([question])[0]) if embed else None
    return FaqModel(tuple(entries), school.make_weights(), calibrations, one)


def calibrate(entries: Sequence[FaqEntry], max_false: float, embed: EmbedAll | None = None) -> tuple[float, Calibration]:
    """The threshold that lets at most max_false of the questions outside through, and what tells it."""
    model = train(entries, embed)
    found = model.calibrations["hybrid" if embed else "lexical"]
    return found.find_threshold(max_false), found


class Texts:
    """Vectors, each text's asked for once."""

    def __init__(self, embed: EmbedAll | None) -> None:
        self._embed = embed
        self._kept: dict[str, list[float]] = {}

    def find(self, texts: Sequence[str]) -> Matrix | None:
        """A row for each text; None where there are no vectors."""
        if self._embed is None:
            return None
        missing = [text for text in dict.fromkeys(texts) if text not in self._kept]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            self._kept.update(zip(batch, self._embed(batch), strict=True))
        return np.array([self._kept[text] for text in texts], np.float32)


class School:
    """The phrasings of some entries, and how alike they are."""

    def __init__(self, entries: tuple[FaqEntry, ...], texts: Texts) -> None:
        self.entries = entries
        self.phrasings = _list_phrasings(entries)
        self.owners = np.array([phrasing.number for phrasing in self.phrasings])
        self.spaces = WordSpaces([list_features(read_words(phrasing.text).words) for phrasing in self.phrasings])
        self.alike = self.spaces.compare()
        self.vectors = texts.find([phrasing.text for phrasing in self.phrasings])

    def solve(self, alike: Matrix, kept: Matrix, ridge: float) -> tuple[Matrix, Matrix]:
        """Dual weights (a row for each kept phrasing) and means of the linear model that knows the kept ones."""
        wanted = np.zeros((len(kept), len(self.entries)), np.float32)
        wanted[np.arange(len(kept)), self.owners[kept]] = 1
        means = wanted.mean(0)
        system = alike.copy()
        system[np.diag_indices_from(system)] += ridge
        return np.linalg.solve(system, wanted - means), means

    def teach(self, kept: Matrix) -> Taught:
        return Taught(self, kept)

    def compare(self, index: FaqIndex, asked: Sequence[Phrasing]) -> Matrix:
        """Rows of other questions to the phrasings."""
        return self.spaces.compare_to([list_features(index.read(phrasing.text).words) for phrasing in asked])

    def make_weights(self) -> Weights:
        taught = self.teach(np.arange(len(self.phrasings)))
        values, offsets, numbers, scale = self.spaces.weigh(taught.dual)
        return Weights(
            tuple(entry.key for entry in self.entries), self.spaces.features, self.spaces.unknown, scale,
            offsets, numbers, values, array("f", self.spaces.idf), array("f", taught.means),
            *(array("f", rows.ravel()) for rows in taught.meaning),
        )  # fmt: skip


class Taught:
    """The linear models that know some of a school's phrasings, asked by their likeness to those."""

    def __init__(self, school: School, kept: Matrix) -> None:
        self.school, self.kept = school, kept
        self.dual, self.means = school.solve(school.alike[np.ix_(kept, kept)], kept, RIDGE)
        empty = np.zeros((0, 0), np.float32)
        self.meaning: tuple[Matrix, Matrix, Matrix] = (empty, empty, empty)
        if school.vectors is not None:
            self.meaning = self._learn_meaning(school.vectors[kept])

    def _learn_meaning(self, vectors: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """The vectors' middle, a row of weights for each entry, and each entry's middle."""
        centre = vectors.mean(0)
        moved = _normalise(vectors - centre)
        dual, _ = self.school.solve(moved @ moved.T, self.kept, DENSE_RIDGE)
        own = self.school.owners[self.kept]
        sizes = np.bincount(own, minlength=len(self.school.entries))
        middles = np.zeros((len(sizes), vectors.shape[1]), np.float32)
        np.add.at(middles, own, moved)
        return centre, dual.T @ moved, middles / np.maximum(sizes, 1)[:, None]

    def score_words(self, alike: Matrix) -> Matrix:
        """alike: rows of questions to all of the school's phrasings."""
        return alike[:, self.kept] @ self.dual + self.means

    def score_meaning(self, vectors: Matrix | None) -> tuple[Matrix, Matrix] | None:
        if vectors is None:
            return None
        centre, dense, middles = self.meaning
        moved = _normalise(vectors - centre)
        return moved @ dense.T + self.means, moved @ middles.T


class WordSpaces:
    """Texts as tf-idf vectors of two kinds of features, sparse, by feature."""

    def __init__(self, texts: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> None:
        self.count = len(texts)
        seen: dict[str, int] = defaultdict(int)
        for spaces in texts:
            for counts in spaces:
                for feature in counts:
                    seen[feature] += 1
        self.features = {feature: number for number, feature in enumerate(seen)}
        times = np.array(list(seen.values()), np.float32)
        self.idf = np.log((1 + self.count) / (1 + times)) + 1
        unknown = float(np.log(1 + self.count) + 1)
        self.unknown = (unknown, unknown)
        blank = array("f")
        parts = (array("I"), array("H"), array("b"), array("f", self.idf), blank, blank, blank, blank)
        self._weigh = Weights((), self.features, self.unknown, 1, *parts).weigh
        self._rows: list[list[int]] = [[] for _ in seen]
        self._weights: list[list[float]] = [[] for _ in seen]
        for row, spaces in enumerate(texts):
            for feature, weight in self._weigh(spaces):
                self._rows[self.features[feature]].append(row)
                self._weights[self.features[feature]].append(weight)

    def compare(self) -> Matrix:
        """How alike each text is to each other."""
        alike = np.zeros((self.count, self.count), np.float32)
        for rows, weights in zip(self._rows, self._weights, strict=True):
            at, values = np.array(rows), np.array(weights, np.float32)
            alike[np.ix_(at, at)] += np.outer(values, values)
        return alike

    def compare_to(self, texts: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> Matrix:
        """Rows of other texts to these."""
        alike = np.zeros((len(texts), self.count), np.float32)
        for number, spaces in enumerate(texts):
            for feature, weight in self._weigh(spaces):
                column = self.features.get(feature)
                if column is not None:
                    alike[number, self._rows[column]] += weight * np.array(self._weights[column], np.float32)
        return alike

    def weigh(self, dual: Matrix) -> tuple[array[int], array[int], array[int], float]:
        """The linear model's weights, small whole numbers: values, offsets, numbers of entries, scale."""
        rows = [np.array(weights, np.float32) @ dual[at] for at, weights in zip(self._rows, self._weights, strict=True)]
        scale = max((float(np.abs(row).max()) for row in rows), default=1.0) or 1.0
        values, numbers, offsets = array("b"), array("H"), array("I", [0])
        for row in rows:
            small = np.rint(row / scale * 127).astype(int)
            used = np.flatnonzero(small)
            values.extend(small[used].tolist())
            numbers.extend(used.tolist())
            offsets.append(len(values))
        return values, offsets, numbers, scale


def _normalise(rows: Matrix) -> Matrix:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _list_phrasings(entries: Sequence[FaqEntry]) -> list[Phrasing]:
    """At most MOST_PHRASINGS, an entry's first ones."""
    each = [
        [Phrasing(number, language, text) for language, texts in entry.questions.items() for text in texts]
        for number, entry in enumerate(entries)
    ]
    most = max((len(own) for own in each), default=0)
    while sum(min(len(own), most) for own in each) > MOST_PHRASINGS and most > 1:
        most -= 1
    return [phrasing for own in each for phrasing in own[:most]]


# a question, and what each channel makes of it
Told = tuple[Phrasing, Mapping[str, Match]]


def _calibrate(school: School, texts: Texts) -> dict[str, Calibration]:
    """By channel: with words alone, and where there are vectors, with those too."""
    mixes = {channel: mix for channel, mix in MIXES.items() if school.vectors is not None or not mix.dense}
    ask = Asker(mixes, texts)
    index = FaqIndex(school.entries)
    near = list(_ask_hidden(school, index, ask))
    far = list(_ask_strangers(school, index, ask))
    known = list(_ask_known(school, ask))
    keys = [entry.key for entry in school.entries]
    return {
        channel: Calibration(
            tuple((_rate(m[channel]), keys[phrasing.number], _name_best(m[channel])) for phrasing, m in near),
            tuple(_rate(m[channel]) for _, m in far),
            tuple((_rate(m[channel]), _name_best(m[channel]) == keys[phrasing.number]) for phrasing, m in known),
            mix.rules.threshold,
        )
        for channel, mix in mixes.items()
    }


def _rate(match: Match) -> float:
    return round(match.confidence, 4)


def _name_best(match: Match) -> str:
    return match.candidates[0].entry.key if match.candidates else ""


class Asker:
    """Asks an index what questions mean, in each channel, with scores worked out beside it."""

    def __init__(self, mixes: Mapping[str, Mix], texts: Texts) -> None:
        self.mixes = mixes
        self.texts = texts

    def ask(
        self, index: FaqIndex, taught: Taught, asked: Sequence[Phrasing], alike: Matrix, hidden: Collection[int] = frozenset()
    ) -> Iterator[Told]:
        """alike: rows of the questions to all phrasings of the school."""
        if not asked:
            return
        linear = taught.score_words(alike)
        near = taught.score_meaning(self.texts.find([phrasing.text for phrasing in asked]))
        for row, phrasing in enumerate(asked):
            words = linear[row].tolist()
            meaning = (near[0][row].tolist(), near[1][row].tolist()) if near else None
            learned = {c: Learned(mix, words, meaning if mix.dense else None) for c, mix in self.mixes.items()}
            text, language = phrasing.text, phrasing.language
            yield phrasing, {c: index.match(text, language, learned=by, hidden=hidden) for c, by in learned.items()}


def _ask_hidden(school: School, index: FaqIndex, ask: Asker) -> Iterator[Told]:
    """Each entry hidden, its phrasings asked: the near question that isn't in the FAQ."""
    every = np.arange(len(school.phrasings))
    folds = int(max(2, min(len(school.entries), WORK / max(len(every), 1) ** 3)))
    step = max(1, len(every) // MOST_ASKED)
    for fold in range(folds if len(school.entries) > 1 else 0):
        is_hidden = school.owners % folds == fold
        taught = school.teach(every[~is_hidden])
        at = every[is_hidden][::step]
        asked = [school.phrasings[number] for number in at]
        yield from ask.ask(index, taught, asked, school.alike[at], frozenset(school.owners[is_hidden].tolist()))


def _ask_strangers(school: School, index: FaqIndex, ask: Asker) -> Iterator[Told]:
    """Questions about something else, in the FAQ's languages."""
    spoken = {phrasing.language for phrasing in school.phrasings}
    asked = [Phrasing(-1, language, text) for language in LANGUAGES if language in spoken for text in STRANGERS[language]]
    yield from ask.ask(index, school.teach(np.arange(len(school.phrasings))), asked, school.compare(index, asked))


def _ask_known(school: School, ask: Asker) -> Iterator[Told]:
    """A phrasing of each entry taken away and asked, where enough are left: questions in words that the FAQ hasn't."""
    for fold in range(FOLDS):
        left, asked = _take_away(school.entries, fold)
        asked = asked[:: max(1, len(asked) * FOLDS // MOST_ASKED)]
        if asked:
            smaller, index = School(left, ask.texts), FaqIndex(left)
            yield from ask.ask(index, smaller.teach(np.arange(len(smaller.phrasings))), asked, smaller.compare(index, asked))


def _take_away(entries: Sequence[FaqEntry], fold: int) -> tuple[tuple[FaqEntry, ...], list[Phrasing]]:
    left, asked = [], []
    for number, entry in enumerate(entries):
        questions = dict(entry.questions)
        for language, texts in entry.questions.items():
            if len(texts) >= LEAST_PHRASINGS and fold < len(texts):
                asked.append(Phrasing(number, language, texts[fold]))
                questions[language] = texts[:fold] + texts[fold + 1 :]
        left.append(entry.model_copy(update={"questions": questions}))
    return tuple(left), asked
