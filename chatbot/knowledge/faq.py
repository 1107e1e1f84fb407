"""Which FAQ entry a question means, without a model: character n-grams and stems, then what speaks against it.

Similarity proposes; numbers, negations and content words decide: no similarity tells a paraphrase from its opposite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Literal

import regex
from rapidfuzz import process
from rapidfuzz.distance import OSA

from chatbot.content import FaqEntry
from chatbot.knowledge.similarity import (
    LONGEST_WORD,
    TOLD,
    WANTED,
    Group,
    Roots,
    Space,
    count_ngrams,
    count_stems,
    find_stems,
    is_content,
    stem_both,
)
from chatbot.language import read_courtesies, squeeze
from chatbot.reply import Language
from chatbot.text import fold, split_words, strip_lead_in

LONGEST_QUESTION = 2_000
MOST_WORDS = 60
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


def _list(words: str) -> frozenset[str]:
    return frozenset(words.split())


NOUN_AHEAD = _list(
    """
    a al de del en con para por sobre el la los las un una unos unas mi mis tu tus su sus vuestra vuestro the an my your our
    to from with for in on about of
    """
)
OBJECT_AHEAD = _list("a al en con para desde sin to with for from in at")
PLEASE = {("por", "favor"), ("porfa",), ("porfi",), ("please",), ("pls",), ("plz",)}
ARTICLES = _list("el la los las un una mi tu su the an my your our")
HEAD_BEFORE = _list("de del of")
ACTION_AHEAD = _list("puedo puede podemos podria quiero queremos quisiera gustaria can could to want")
NEGATIONS = _list(
    """
    no sin nunca tampoco jamas not never without cannot t dont doesnt cant didnt isnt wont
    """
)
POINTERS = _list(
    """
    eso esto aquello ese esa esos esas aquel aquella that this those these one
    """
)
OPENERS = _list(
    """
    y e o pero and or but
    """
)
CLAUSE_END = regex.compile(r"[,.;:?!¿¡]")
OPENING_PHRASES = ("what about ", "how about ", "que hay de ", "que pasa con ")
# with one of these a single word of content is half a question ("¿cuánto tarda?", "is it free?")
NEEDS_SUBJECT = _list(
    """
    cuanto cuanta cuantos cuantas cuando donde es son esta how much many long when where is are
    """
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with its score (0 to 1), what rules it out ("" when nothing does) and what lowered its score."""

    entry: FaqEntry
    score: float
    against: str = ""
    lowered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """kind: "answered" by the first candidate, "which" of the first `near`, or "none"; why: a code for the trace."""

    kind: Literal["answered", "which", "none"]
    why: str
    candidates: tuple[Candidate, ...] = ()
    near: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question or phrasing as it is compared. content: its words that say what it is about.

    is_partly_negated: one clause is negated and one isn't ("No me gusta, ¿cómo lo devuelvo?"), so it fits both.
    """

    words: tuple[str, ...]
    content: frozenset[str]
    is_negated: bool
    is_partly_negated: bool
    wanted: frozenset[str]


class FaqIndex:
    """All phrasings of a release's entries in both languages, ready to be asked. Once built it only remembers."""

    def __init__(self, entries: tuple[FaqEntry, ...]) -> None:
        self.entries = entries
        phrasings = [
            ((number, language), read_words(question))
            for number, entry in enumerate(entries)
            for language, questions in entry.questions.items()
            for question in questions
        ]
        self.own: dict[int, list[Asked]] = defaultdict(list)
        self.exact: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for (number, _), asked in phrasings:
            self.own[number].append(asked)
            if asked.words and number not in self.exact[asked.words]:
                self.exact[asked.words].append(number)
        self.known = frozenset(word for _, asked in phrasings for word in asked.words)
        self.vocabulary = sorted(self.known)
        self.chars = Space([(group, count_ngrams(asked.words)) for group, asked in phrasings])
        self.stems: dict[Language, Space] = {
            spoken: Space([(group, count_stems(asked.words, spoken)) for group, asked in phrasings if group[1] == spoken])
            for spoken in ("es", "en")
        }
        self.asked_roots = [
            Roots(stem for own in self.own[n] for word in own.words for stem in stem_both(word)) for n in range(len(entries))
        ]
        wanted = [[asked.wanted for asked in self.own[number]] for number in range(len(entries))]
        self.ever = [frozenset[str]().union(*own) for own in wanted]
        self.always = [frozenset.intersection(*own) if len(own) >= LEAST_PHRASINGS else frozenset() for own in wanted]
        self.told = [ever | _collect_told(entry) for ever, entry in zip(self.ever, entries, strict=True)]
        self.roots = [_collect_roots(entry) for entry in entries]
        self.essentials = _find_essentials(phrasings)
        self._rarities: dict[str, float] = {}

    def match(self, question: str, language: Language, inbox: int | None = None) -> Match:
        """The entry that a question means. inbox: Chatwoot's id; entries limited to other inboxes aren't candidates."""
        usable = {number for number, entry in enumerate(self.entries) if not entry.inboxes or inbox in entry.inboxes}
        asked = read_words(question, self._correct)
        if not asked.words or len(asked.words) > MOST_WORDS:
            return Match("none", "too_long" if asked.words else "no_words")
        if exact := [number for number in self.exact.get(asked.words, ()) if number in usable]:
            found = tuple(Candidate(self.entries[number], 1.0) for number in exact)
            return Match("which" if exact[1:] else "answered", "exact", found, len(exact))
        ranked = self._rank(asked, language, usable)[:CANDIDATES]
        least = ranked[0][1] * LEAST_OF_TOP if ranked else 0.0
        judged = [self._judge((number, language), score, asked, least) for number, score in ranked]
        return _decide(sorted(judged, key=lambda candidate: -candidate.score))

    def _correct(self, word: str) -> str:
        """A word that the FAQ doesn't have, put right by one that differs by a typo."""
        if word in self.known or len(word) < 5 or not is_content(word) or word.isdigit():
            return word
        most = 1 if len(word) < 8 else 2
        found = process.extractOne(word[:LONGEST_WORD], self.vocabulary, scorer=OSA.distance, score_cutoff=most)
        return found[0] if found and len(found[0]) >= 4 and abs(len(found[0]) - len(word)) < 2 else word

    def _rank(self, asked: Asked, language: Language, usable: Collection[int]) -> list[tuple[int, float]]:
        by_group: dict[Group, float] = defaultdict(float)
        self.chars.add_scores(count_ngrams(asked.words), by_group)
        for spoken, space in self.stems.items():
            space.add_scores(count_stems(asked.words, spoken), by_group)
        best: dict[int, float] = {}
        for (number, spoken), score in by_group.items():
            if number in usable:
                best[number] = max(best.get(number, 0.0), score if spoken == language else score * OTHER_LANGUAGE)
        return sorted(best.items(), key=lambda found: (-found[1], self.entries[found[0]].key))

    def _judge(self, group: Group, score: float, asked: Asked, least: float) -> Candidate:
        number = group[0]
        against = self._object(group, asked, score) or ("far_from_top" if score < least else "")
        costs = {
            "unexplained": 1 - PENALTY * self._weigh_unexplained(number, asked),
            "wants_other": 1.0 if self.always[number] <= asked.wanted <= self.told[number] else OTHER_WANTED,
            "lacks_essential": 1.0 if self._has_essentials(group, asked) else WITHOUT_ESSENTIAL,
        }
        lowered = tuple(code for code, factor in costs.items() if factor < 1)
        return Candidate(self.entries[number], score * math.prod(costs.values()), against, lowered)

    def _has_essentials(self, group: Group, asked: Asked) -> bool:
        roots = Roots(stem for word in asked.words for stem in stem_both(word))
        return all(roots.has(word) for word in self.essentials.get(group, ()))

    def _object(self, group: Group, asked: Asked, score: float) -> str:
        """What speaks against an entry however similar it is, as a code, or ""."""
        number = group[0]
        own = self.own[number]
        if score < LEANING_THRESHOLD and (_leans(asked, own) or self._is_half(asked, own)):
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
        compared = own if asked.is_negated else _find_closest(own, asked)
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

    def _weigh_unexplained(self, number: int, asked: Asked) -> float:
        """The share (0 to 1) of the question's content that the entry says nothing of.

        A rare word says more than a common one, a noun or what one wants to do more than the rest, a word of another
        entry speaks for that one, the last word and the one before "de" are what it is about.
        """
        explained = unexplained = 0.0
        last = len(asked.words) - 1
        for at, word in enumerate(asked.words):
            if word not in asked.content:
                continue
            rarity = self._weigh_rarity(word)
            if self.asked_roots[number].has(word):
                explained += rarity
                continue
            before, after = asked.words[at - 1] if at else "", asked.words[at + 1] if at < last else ""
            weight = NOUN_LIKE if before in NOUN_AHEAD else ACTION_LIKE if before in ACTION_AHEAD else VERB_LIKE
            weight += ELSEWHERE * (word in self.known) + LAST * (at == last or after in HEAD_BEFORE)
            told = ONLY_ANSWERED if self.roots[number].has(word) else 0.0
            explained += rarity * told
            unexplained += rarity * weight * (1 - told)
        return unexplained / (explained + unexplained) if unexplained else 0.0

    def _weigh_rarity(self, word: str) -> float:
        """1 for a word of no entry, less the more entries have it, never under 1 - RARITY."""
        rarity = self._rarities.get(word)
        if rarity is None:
            having = sum(roots.has(word) for roots in self.asked_roots)
            if len(self._rarities) >= RARITIES_KEPT:
                self._rarities.clear()
            rarity = self._rarities[word] = 1 - RARITY * math.log(1 + having) / math.log(2 + len(self.asked_roots))
        return rarity


def read_words(question: str, correct: Callable[[str], str] = str) -> Asked:
    """The words to compare, without the greetings, lead-ins and thanks around each line. correct: puts typos right."""
    question = question[:LONGEST_QUESTION]
    lines = [[squeeze(word) for word in split_words(line)] for line in question.splitlines()]
    said = [word for line in lines for word in strip_around(line)] or [word for line in lines for word in line]
    words = [correct(word) for word in said[: MOST_WORDS * 2]]
    # "¿No tenéis tienda?" asks the same as "¿Tenéis tienda?"
    told = words[1:] if "?" in question and "," not in question and words[:1] == ["no"] else words
    content = frozenset(word for word in words if is_content(word))
    spaced = " ".join(words)
    wanted = frozenset(kind for kind, pattern in WANTED.items() if pattern.search(spaced))
    is_negated = any(word in NEGATIONS for word in told)
    clauses = [split_words(clause) for clause in CLAUSE_END.split(question)]
    is_partly = is_negated and any(clause and NEGATIONS.isdisjoint(clause) for clause in clauses)
    return Asked(tuple(words), content, is_negated, is_partly, wanted)


def _collect_told(entry: FaqEntry) -> frozenset[str]:
    """What an entry's answers tell: a price, a time."""
    texts = [fold(text) for text in entry.answers.values()]
    return frozenset(kind for kind, pattern in TOLD.items() if any(pattern.search(text) for text in texts))


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


def _find_closest(own: Sequence[Asked], asked: Asked) -> list[Asked]:
    """The phrasings that share the most stems of content with the question: what is negated there is negated here."""
    stems = {stem for word in asked.content for stem in stem_both(word)}
    shared = [len(stems.intersection(stem for word in phrasing.content for stem in stem_both(word))) for phrasing in own]
    return [phrasing for phrasing, count in zip(own, shared, strict=True) if count == max(shared)]


def _leans(asked: Asked, own: Sequence[Asked]) -> bool:
    """It goes on from what was said ("¿y para Canarias?") or points at it ("that one"), and no phrasing does so too."""
    if asked.words[0] in OPENERS or " ".join(asked.words).startswith(OPENING_PHRASES):
        return all(phrasing.words[:1] != asked.words[:1] for phrasing in own)
    pointers = POINTERS.intersection(asked.words)
    return bool(pointers) and all(not pointers.issubset(phrasing.words) for phrasing in own)


def strip_around(words: list[str]) -> list[str]:
    """Folded words without the greetings, thanks and lead-ins before them and the thanks after them."""
    before: list[str] = []
    while words != before:
        before = words
        words = strip_lead_in(words[next((n for n in (4, 3, 2, 1) if _is_courtesy(words[:n])), 0) :])
    while size := next((n for n in (4, 3, 2, 1) if _is_courtesy(words[-n:]) or tuple(words[-n:]) in PLEASE), 0):
        words = words[:-size]
    return words


def _is_courtesy(words: Sequence[str]) -> bool:
    found, rest = read_courtesies(words)
    return len(found) == 1 and not rest and found[0][0] in ("greeting", "thanks")


def _decide(judged: Sequence[Candidate]) -> Match:
    """The best candidate, if it is clear and nothing speaks against it; with near ones it has to be asked which."""
    if not judged or judged[0].score < THRESHOLD:
        return Match("none", "below_threshold", tuple(judged))
    best = judged[0]
    if best.against:
        return Match("none", best.against, tuple(judged))
    near = [other for other in judged[1:] if not other.against and other.score >= max(best.score * NEAR, THRESHOLD)]
    rest = [other for other in judged[1:] if other not in near]
    return Match("which" if near else "answered", "near" if near else "clear", (best, *near, *rest), 1 + len(near))


_kept: list[FaqIndex] = []
_building = Lock()


def get_index(entries: tuple[FaqEntry, ...]) -> FaqIndex:
    """The index of these entries, built once: a release's content is cached and never changes, so identity is enough."""
    with _building:
        found = next((index for index in _kept if index.entries is entries), None) or FaqIndex(entries)
        _kept[:] = [found, *(index for index in _kept if index is not found)][:INDEXES_KEPT]
        return found
