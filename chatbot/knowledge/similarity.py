"""How alike a question and the phrasings of the FAQ are: tf-idf over any features (character n-grams, stems). Pure."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence

from chatbot.reply import Language

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
