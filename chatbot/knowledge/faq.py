"""Which FAQ entry a question means, without a model: character n-grams and stems, then what speaks against it.

Similarity proposes; numbers, negations and content words decide: no similarity tells a paraphrase from its opposite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from chatbot.content import FaqEntry
from chatbot.knowledge.similarity import Group, Space
from chatbot.language import read_courtesies, squeeze
from chatbot.reply import Language
from chatbot.text import FUNCTION_WORDS, split_words, stem_words

LONGEST_QUESTION = 2_000
MOST_WORDS = 60
LONGEST_WORD = 40
NGRAMS = (2, 3, 4, 5)
FUNCTION_WEIGHT = 0.8
OTHER_LANGUAGE = 0.9
# scores: to be answered at all; where a question leans on context or has no content; of what asks "which one?";
# of an entry that wins only because it explains more words than the most similar one
THRESHOLD = 0.32
LEANING_THRESHOLD = 0.75
NEAR = 0.88
LEAST_OF_TOP = 0.7
# how much of the score the words cost that an entry says nothing of, and what a word counts by where it stands
PENALTY = 0.8
VERB_LIKE, NOUN_LIKE, ELSEWHERE, LAST = 0.4, 1.0, 0.3, 0.3
# an entry's essential words are those of all its phrasings, where it has so many of them
LEAST_PHRASINGS = 3
WITHOUT_ESSENTIAL = 0.7
CANDIDATES = 5
INDEXES_KEPT = 2


def _list(words: str) -> frozenset[str]:
    return frozenset(words.split())


NOUN_AHEAD = _list(
    """
    a al de del en con para por sobre el la los las un una unos unas mi mis tu tus su sus vuestra vuestro the an my your our
    to from with for in on about of
    """
)
OBJECT_AHEAD = _list("a al en con para desde sin to with for from in at")
ARTICLES = _list("el la los las un una mi tu su the an my your our")
ASKING = _list(
    """
    hablame hablamos cuentame explicame explica describe define ensename muestrame necesito conseguir consigo encontrar
    encuentro sirve queda quedo deberia deberias preguntar pregunta queria duda consulta informacion info tell explain show
    describe need find question information
    """
)
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
OPENING_PHRASES = ("what about ", "how about ", "que hay de ", "que pasa con ")
# with one of these a single word of content is half a question ("¿cuánto tarda?", "is it free?")
NEEDS_SUBJECT = _list(
    """
    cuanto cuanta cuantos cuantas cuando donde es son esta how much many long when where is are
    """
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with its score (0 to 1) and what speaks against it ("" when nothing does)."""

    entry: FaqEntry
    score: float
    against: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """kind: "answered" by the first candidate, "which" of the first `near`, or "none"; why: a code for the trace."""

    kind: Literal["answered", "which", "none"]
    why: str
    candidates: tuple[Candidate, ...] = ()
    near: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question or phrasing as it is compared. content: its words that say what it is about."""

    words: tuple[str, ...]
    content: frozenset[str]
    is_negated: bool


class FaqIndex:
    """All phrasings of a release's entries in both languages, ready to be asked. Never changes once it is built."""

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
        self.roots = [_collect_roots(entry) for entry in entries]
        self.essentials = _find_essentials(phrasings)

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
        return found[0] if found and len(found[0]) >= 4 else word

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
        against = self._object(number, asked, score) or ("far_from_top" if score < least else "")
        score *= 1 - PENALTY * self._weigh_unexplained(number, asked)
        return Candidate(
            self.entries[number], score if self._has_essentials(group, asked) else score * WITHOUT_ESSENTIAL, against
        )

    def _has_essentials(self, group: Group, asked: Asked) -> bool:
        roots = Roots(stem for word in asked.words for stem in stem_both(word))
        return all(roots.has(word) for word in self.essentials.get(group, ()))

    def _object(self, number: int, asked: Asked, score: float) -> str:
        """What speaks against an entry however similar it is, as a code, or ""."""
        own = self.own[number]
        if score < LEANING_THRESHOLD and (_leans(asked, own) or self._is_half(asked, own)):
            return "leans_on_context"
        if score < LEANING_THRESHOLD and not asked.content:
            return "no_content"
        if self._has_other_number(number, asked):
            return "number"
        if self._has_other_object(number, asked):
            return "other_object"
        return "negation" if all(phrasing.is_negated != asked.is_negated for phrasing in own) else ""

    def _is_half(self, asked: Asked, own: Sequence[Asked]) -> bool:
        """A single word of content that no phrasing asks about alone: "¿cuánto tarda?" says not what."""
        if len(asked.content) != 1 or not NEEDS_SUBJECT & set(asked.words):
            return False
        roots = Roots(stem_both(next(iter(asked.content))))
        return not any(all(roots.has(word) for word in phrasing.content) for phrasing in own)

    def _has_other_number(self, number: int, asked: Asked) -> bool:
        """A number that the entry doesn't have. Long ones (orders) count only against entries with numbers of their own."""
        has_numbers = any(word.isdigit() for phrasing in self.own[number] for word in phrasing.words)
        return any(
            word.isdigit() and word not in self.roots[number].stems and (has_numbers or len(word) < 4) for word in asked.words
        )

    def _has_other_object(self, number: int, asked: Asked) -> bool:
        """A word after "a", "con", "to" and the like that the entry doesn't have: where to, with what, for whom."""
        after = False
        for word in asked.words:
            if after and word in asked.content and not self.roots[number].has(word):
                return True
            after = word in OBJECT_AHEAD or (after and word in ARTICLES)
        return False

    def _weigh_unexplained(self, number: int, asked: Asked) -> float:
        """The share (0 to 1) of the question's content that the entry says nothing of.

        A noun says more than a verb, a word of another entry speaks for that one, the last word is what it is about.
        """
        explained = unexplained = 0.0
        last = len(asked.words) - 1
        for at, word in enumerate(asked.words):
            if word not in asked.content:
                continue
            if self.roots[number].has(word):
                explained += 1
                continue
            weight = NOUN_LIKE if at and asked.words[at - 1] in NOUN_AHEAD else VERB_LIKE
            unexplained += weight + ELSEWHERE * (word in self.known) + LAST * (at == last)
        return unexplained / (explained + unexplained) if unexplained else 0.0


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


def read_words(question: str, correct: Callable[[str], str] = str) -> Asked:
    """The words to compare, without greetings and thanks around them. correct: puts typos right."""
    question = question[:LONGEST_QUESTION]
    words = [squeeze(word) for word in split_words(question)][: MOST_WORDS * 2]
    words = [correct(word) for word in _strip_courtesies(words) or words]
    # "¿No tenéis tienda?" asks the same as "¿Tenéis tienda?"
    told = words[1:] if "?" in question and words[:1] == ["no"] else words
    return Asked(tuple(words), frozenset(word for word in words if is_content(word)), any(word in NEGATIONS for word in told))


def is_content(word: str) -> bool:
    if len(word) < 2 and not word.isdigit():
        return False
    return not any(word in words for words in (FUNCTION_WORDS["es"], FUNCTION_WORDS["en"], ASKING))


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
        for stem in stem_words(word, language):
            counts[stem] += 1.0 if is_content(word) else FUNCTION_WEIGHT
    return counts


def stem_both(word: str) -> list[str]:
    return [*stem_words(word, "es"), *stem_words(word, "en")]


def _collect_roots(entry: FaqEntry) -> Roots:
    """The stems of an entry's phrasings and answers: what an answer speaks of isn't foreign to it."""
    texts = [(language, text) for language, questions in entry.questions.items() for text in questions]
    return Roots(stem for language, text in [*texts, *entry.answers.items()] for stem in stem_words(text, language))


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


def _share_root(word: str, other: str) -> bool:
    size = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    return size >= max(4, 0.6 * min(len(word), len(other)), 0.5 * max(len(word), len(other)))


def _leans(asked: Asked, own: Sequence[Asked]) -> bool:
    """It goes on from what was said ("¿y para Canarias?") or points at it ("that one"), and no phrasing does so too."""
    if asked.words[0] in OPENERS or " ".join(asked.words).startswith(OPENING_PHRASES):
        return all(phrasing.words[:1] != asked.words[:1] for phrasing in own)
    pointers = POINTERS.intersection(asked.words)
    return bool(pointers) and all(not pointers.issubset(phrasing.words) for phrasing in own)


def _strip_courtesies(words: list[str]) -> list[str]:
    while size := next((n for n in (4, 3, 2, 1) if _is_courtesy(words[:n])), 0):
        words = words[size:]
    while size := next((n for n in (4, 3, 2, 1) if _is_courtesy(words[-n:])), 0):
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
