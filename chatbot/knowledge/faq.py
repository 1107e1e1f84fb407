"""Which FAQ entry a question means: character n-grams and stems, with what a trained model adds, then what speaks against it.

Similarity proposes; numbers, negations and content words decide: no similarity tells a paraphrase from its opposite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Literal, Protocol

from rapidfuzz import process
from rapidfuzz.distance import OSA

from chatbot.bodies import FaqEntry
from chatbot.knowledge.faq_words import (
    ACTION_AHEAD,
    ARTICLES,
    HEAD_BEFORE,
    MOST_WORDS,
    NEEDS_SUBJECT,
    NOUN_AHEAD,
    OBJECT_AHEAD,
    Asked,
    collect_told,
    find_closest,
    leans,
    read_words,
)
from chatbot.knowledge.similarity import (
    LONGEST_WORD,
    Group,
    Roots,
    Space,
    count_ngrams,
    count_stems,
    find_stems,
    is_content,
    stem_both,
)
from chatbot.reply import Language
from chatbot.text import split_words

OTHER_LANGUAGE = 0.9
# scores: to be answered at all; where a question leans on context or has no content; of what asks "which one?";
# of an entry that wins only because it explains more words than the most similar one
THRESHOLD = 0.32
LEANING_THRESHOLD = 0.75
NEAR = 0.88
LEAST_OF_TOP = 0.7
# how much of the score the words cost that an entry says nothing of, and what a word counts by where it stands
PENALTY = 0.8
VERB_LIKE, ACTION_LIKE, NOUN_LIKE, ELSEWHERE, LAST = 0.4, 0.7, 1.0, 0.3, 0.3
# how far a word counts as said that only the answer has, and how much less a word counts that every entry has
ONLY_ANSWERED = 0.6
RARITY = 0.6
# a price, time, place or person is asked for that the entry never tells, or not asked for though all its phrasings do
OTHER_WANTED = 0.5
# an entry's essential words are those of all its phrasings, where it has so many of them
LEAST_PHRASINGS = 3
WITHOUT_ESSENTIAL = 0.7
CANDIDATES = 5
INDEXES_KEPT = 2
RARITIES_KEPT = 20_000
# of what speaks against an entry, what does so even when the next message asks for it
CONTRADICTIONS = frozenset({"number", "other_object", "other_wanted", "negation"})
NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with its score (0 to 1), what rules it out ("" when nothing does) and what lowered its score."""

    entry: FaqEntry
    score: float
    against: str = ""
    lowered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """kind: "answered" by the first candidate, "which" of the first `near`, or "none"; why: a code for the trace.

    confidence: the highest threshold that would let it be answered.
    """

    kind: Literal["answered", "which", "none"]
    why: str
    candidates: tuple[Candidate, ...] = ()
    near: int = 1
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How scores are made and judged. threshold: to be answered at all; powers: how much the words' costs (unexplained, other
    wanted, lacks essential) count; doubts: what lowers a score by `doubt` instead of ruling the entry out.

    ahead: the share of the second's score that is taken off the best one's before it is compared with the threshold.
    """

    threshold: float = THRESHOLD
    powers: tuple[float, float, float] = (1.0, 1.0, 1.0)
    doubts: frozenset[str] = frozenset()
    doubt: float = 1.0
    ahead: float = 0.0
    near: float = NEAR


class Learned(Protocol):
    """What a trained model says of one question (faq_model.py). rules: asked for after combine()."""

    @property
    def rules(self) -> Rules: ...

    def combine(self, asked: Asked, similar: dict[int, float]) -> dict[int, float]:
        """Each entry's score, from how similar its phrasings are; what neither knows may be left out."""


class Similar:
    """No model: similarity is the score."""

    rules = Rules()

    def combine(self, asked: Asked, similar: dict[int, float]) -> dict[int, float]:  # noqa: ARG002
        return similar


SIMILAR = Similar()


class FaqIndex:
    """All phrasings of a release's entries in both languages, ready to be asked. Once built it only remembers."""

    def __init__(self, entries: tuple[FaqEntry, ...]) -> None:
        self.entries = entries
        self.phrasings = [
            ((number, language), read_words(question))
            for number, entry in enumerate(entries)
            for language, questions in entry.questions.items()
            for question in questions
        ]
        self.own: dict[int, list[Asked]] = defaultdict(list)
        self.exact: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self.known: dict[str, set[int]] = defaultdict(set)
        for (number, _), asked in self.phrasings:
            self.own[number].append(asked)
            if asked.words and number not in self.exact[asked.words]:
                self.exact[asked.words].append(number)
            for word in asked.words:
                self.known[word].add(number)
        self.vocabulary = sorted(self.known)
        self.chars = Space([(group, count_ngrams(asked.words)) for group, asked in self.phrasings])
        self.stems: dict[Language, Space] = {
            spoken: Space([(group, count_stems(asked.words, spoken)) for group, asked in self.phrasings if group[1] == spoken])
            for spoken in ("es", "en")
        }
        self.asked_roots = [
            Roots(stem for own in self.own[n] for word in own.words for stem in stem_both(word)) for n in range(len(entries))
        ]
        wanted = [[asked.wanted for asked in self.own[number]] for number in range(len(entries))]
        self.ever = [frozenset[str]().union(*own) for own in wanted]
        self.always = [frozenset.intersection(*own) if len(own) >= LEAST_PHRASINGS else frozenset() for own in wanted]
        self.told = [ever | collect_told(entry) for ever, entry in zip(self.ever, entries, strict=True)]
        self.roots = [_collect_roots(entry) for entry in entries]
        self.essentials = _find_essentials(self.phrasings)
        self._rarities: dict[str, frozenset[int]] = {}

    def match(
        self,
        question: str,
        language: Language,
        inbox: int | None = None,
        *,
        learned: Learned = SIMILAR,
        hidden: Collection[int] = NOBODY,
    ) -> Match:
        """The entry that a question means. inbox: Chatwoot's id; entries limited to other inboxes aren't candidates.

        hidden: numbers of entries that are to be unknown, for calibrating.
        """
        usable = {
            number
            for number, entry in enumerate(self.entries)
            if number not in hidden and (not entry.inboxes or inbox in entry.inboxes)
        }
        asked = self.read(question, hidden)
        if not asked.words or len(asked.words) > MOST_WORDS:
            return Match("none", "too_long" if asked.words else "no_words")
        if exact := [number for number in self.exact.get(asked.words, ()) if number in usable]:
            found = tuple(Candidate(self.entries[number], 1.0) for number in exact)
            return Match("which" if exact[1:] else "answered", "exact", found, len(exact), 0.0 if exact[1:] else 1.0)
        return _decide(self._judge_best(asked, language, usable, hidden, learned), learned.rules)

    def read(self, question: str, hidden: Collection[int] = NOBODY) -> Asked:
        """A question's words, typos put right by what the FAQ says."""
        return read_words(question, lambda word: self.correct(word, hidden))

    def _judge_best(
        self, asked: Asked, language: Language, usable: Collection[int], hidden: Collection[int], learned: Learned
    ) -> list[Candidate]:
        similar = self._find_similar(asked, language, usable)
        scores = {number: score for number, score in learned.combine(asked, similar).items() if number in usable}
        ranked = sorted(scores, key=lambda number: (-scores[number], self.entries[number].key))[:CANDIDATES]
        least = scores[ranked[0]] * LEAST_OF_TOP if ranked else 0.0
        judged = []
        for number in ranked:
            like, score = similar.get(number, 0.0), scores[number]
            against = self._object((number, language), asked, like) or ("far_from_top" if score < least else "")
            costs = self._cost((number, language), asked, hidden)
            judged.append(_weigh(self.entries[number], score, against, costs, learned.rules))
        return sorted(judged, key=lambda candidate: -candidate.score)

    def correct(self, word: str, hidden: Collection[int] = NOBODY) -> str:
        """A word that the FAQ doesn't have, put right by one that differs by a typo."""
        if self._is_known(word, hidden) or len(word) < 4 or not is_content(word) or word.isdigit():
            return word
        most = 1 if len(word) < 8 else 2
        words: Iterable[str] = self.vocabulary
        if hidden:
            words = [known for known in self.vocabulary if self._is_known(known, hidden)]
        found = process.extractOne(word[:LONGEST_WORD], words, scorer=OSA.distance, score_cutoff=most)
        return found[0] if found and len(found[0]) >= 4 and abs(len(found[0]) - len(word)) < 2 else word

    def _is_known(self, word: str, hidden: Collection[int]) -> bool:
        having = self.known.get(word)
        return bool(having) and not (hidden and having is not None and having.issubset(hidden))

    def _find_similar(self, asked: Asked, language: Language, usable: Collection[int]) -> dict[int, float]:
        by_group: dict[Group, float] = defaultdict(float)
        self.chars.add_scores(count_ngrams(asked.words), by_group)
        for spoken, space in self.stems.items():
            space.add_scores(count_stems(asked.words, spoken), by_group)
        best: dict[int, float] = {}
        for (number, spoken), score in by_group.items():
            if number in usable:
                best[number] = max(best.get(number, 0.0), score if spoken == language else score * OTHER_LANGUAGE)
        return best

    def _cost(self, group: Group, asked: Asked, hidden: Collection[int]) -> dict[str, float]:
        number = group[0]
        return {
            "unexplained": 1 - PENALTY * self._weigh_unexplained(number, asked, hidden),
            "wants_other": 1.0 if self.always[number] <= asked.wanted <= self.told[number] else OTHER_WANTED,
            "lacks_essential": 1.0 if self._has_essentials(group, asked) else WITHOUT_ESSENTIAL,
        }

    def _has_essentials(self, group: Group, asked: Asked) -> bool:
        roots = Roots(stem for word in asked.words for stem in stem_both(word))
        return all(roots.has(word) for word in self.essentials.get(group, ()))

    def _object(self, group: Group, asked: Asked, score: float) -> str:
        """What speaks against an entry however similar it is, as a code, or ""."""
        number = group[0]
        own = self.own[number]
        if score < LEANING_THRESHOLD and (leans(asked, own) or self._is_half(asked, own)):
            return "leans_on_context"
        if score < LEANING_THRESHOLD and not asked.content:
            return "no_content"
        if asked.wanted and self.ever[number] and not asked.wanted & (self.ever[number] | self.told[number]):
            return "other_wanted"
        if self._has_other_number(number, asked):
            return "number"
        if self._has_other_object(*group, asked):
            return "other_object"
        # a problem may be told in many ways ("no me acuerdo"), but what only a denial says isn't asked for
        compared = own if asked.is_negated else find_closest(own, asked)
        is_denied = all(phrasing.is_negated != asked.is_negated and not phrasing.is_partly_negated for phrasing in compared)
        return "negation" if is_denied else ""

    def _is_half(self, asked: Asked, own: Sequence[Asked]) -> bool:
        """A single word of content that no phrasing asks about alone: "¿cuánto tarda?" says not what."""
        if len(asked.content) != 1 or not NEEDS_SUBJECT & set(asked.words):
            return False
        if any(word in asked.content and before in ARTICLES for before, word in pairwise(asked.words)):
            return False
        roots = Roots(stem_both(next(iter(asked.content))))
        return not any(all(roots.has(word) for word in phrasing.content) for phrasing in own)

    def _has_other_number(self, number: int, asked: Asked) -> bool:
        """A number that the entry doesn't have. Long ones (orders) count only against entries with numbers of their own."""
        has_numbers = any(word.isdigit() for phrasing in self.own[number] for word in phrasing.words)
        return any(
            word.isdigit() and word not in self.roots[number].stems and (has_numbers or len(word) < 4) for word in asked.words
        )

    def _has_other_object(self, number: int, language: Language, asked: Asked) -> bool:
        """A word after "a", "con", "to" and the like that the entry doesn't have: where to, with what, for whom."""
        after = False
        for word in asked.words:
            if after and word in asked.content and not self.roots[number].has(word):
                return True
            ahead = word in OBJECT_AHEAD and not (word == "a" and language == "en")
            after = ahead or (after and word in ARTICLES)
        return False

    def _weigh_unexplained(self, number: int, asked: Asked, hidden: Collection[int]) -> float:
        """The share (0 to 1) of the question's content that the entry says nothing of.

        A rare word says more than a common one, a noun or what one wants to do more than the rest, a word of another
        entry speaks for that one, the last word and the one before "de" are what it is about.
        """
        explained = unexplained = 0.0
        last = len(asked.words) - 1
        for at, word in enumerate(asked.words):
            if word not in asked.content:
                continue
            rarity = self._weigh_rarity(word, hidden)
            if self.asked_roots[number].has(word):
                explained += rarity
                continue
            before, after = asked.words[at - 1] if at else "", asked.words[at + 1] if at < last else ""
            weight = NOUN_LIKE if before in NOUN_AHEAD else ACTION_LIKE if before in ACTION_AHEAD else VERB_LIKE
            weight += ELSEWHERE * self._is_known(word, hidden) + LAST * (at == last or after in HEAD_BEFORE)
            told = ONLY_ANSWERED if self.roots[number].has(word) else 0.0
            explained += rarity * told
            unexplained += rarity * weight * (1 - told)
        return unexplained / (explained + unexplained) if unexplained else 0.0

    def _weigh_rarity(self, word: str, hidden: Collection[int]) -> float:
        """1 for a word of no entry, less the more entries have it, never under 1 - RARITY."""
        having = self._rarities.get(word)
        if having is None:
            having = frozenset(number for number, roots in enumerate(self.asked_roots) if roots.has(word))
            if len(self._rarities) >= RARITIES_KEPT:
                self._rarities.clear()
            self._rarities[word] = having
        count, all_ = len(having.difference(hidden)), len(self.asked_roots) - len(hidden)
        return 1 - RARITY * math.log(1 + count) / math.log(2 + all_)


def _collect_roots(entry: FaqEntry) -> Roots:
    """The stems of an entry's phrasings and answers: what an answer speaks of isn't foreign to it."""
    texts = [(language, text) for language, questions in entry.questions.items() for text in questions]
    return Roots(
        stem
        for language, text in [*texts, *entry.answers.items()]
        for word in split_words(text)
        for stem in find_stems(word, language)
    )


def _find_essentials(phrasings: Sequence[tuple[Group, Asked]]) -> dict[Group, list[str]]:
    """Per entry and language the words of content that every phrasing has: a question about Bizum says "Bizum"."""
    by_group: dict[Group, list[Asked]] = defaultdict(list)
    for group, asked in phrasings:
        by_group[group].append(asked)
    essentials: dict[Group, list[str]] = {}
    for group, own in by_group.items():
        roots = [Roots(stem for word in asked.words for stem in stem_both(word)) for asked in own]
        shared = [word for word in sorted(own[0].content) if all(root.has(word) for root in roots)]
        essentials[group] = shared if len(own) >= LEAST_PHRASINGS else []
    return essentials


def _weigh(entry: FaqEntry, score: float, against: str, costs: dict[str, float], rules: Rules) -> Candidate:
    lowered = [code for code, factor in costs.items() if factor < 1]
    score *= math.prod(factor**power for factor, power in zip(costs.values(), rules.powers, strict=True))
    if against in rules.doubts:
        lowered.append(against)
        score, against = score * rules.doubt, ""
    return Candidate(entry, score, against, tuple(lowered))


def _decide(judged: Sequence[Candidate], rules: Rules) -> Match:
    """The best candidate, if it is clear and nothing speaks against it; with near ones it has to be asked which."""
    if not judged:
        return Match("none", "below_threshold")
    best = judged[0]
    second = max((other.score for other in judged[1:]), default=0.0)
    confidence = 0.0 if best.against else best.score - rules.ahead * second
    if best.score < rules.threshold or best.against:
        return Match("none", best.against if best.score >= rules.threshold else "below_threshold", tuple(judged), 1, confidence)
    least = max(best.score * rules.near, rules.threshold)
    near = [other for other in judged[1:] if not other.against and other.score >= least]
    rest = [other for other in judged[1:] if other not in near]
    if near:
        # a higher threshold would leave the others out
        alone = confidence if confidence > near[0].score else 0.0
        return Match("which", "near", (best, *near, *rest), 1 + len(near), alone)
    kind: Literal["answered", "none"] = "answered" if confidence >= rules.threshold else "none"
    return Match(kind, "clear" if kind == "answered" else "not_ahead", tuple(judged), 1, confidence)


_kept: list[FaqIndex] = []
_building = Lock()


def get_index(entries: tuple[FaqEntry, ...]) -> FaqIndex:
    """The index of these entries, built once: a release's content is cached and never changes, so identity is enough."""
    with _building:
        found = next((index for index in _kept if index.entries is entries), None) or FaqIndex(entries)
        _kept[:] = [found, *(index for index in _kept if index is not found)][:INDEXES_KEPT]
        return found
