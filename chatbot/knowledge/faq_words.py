"""What a question or phrasing says, as the FAQ compares it: its words without courtesies, and what they hint at. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import regex

from chatbot.bodies import FaqEntry
from chatbot.knowledge.similarity import TOLD, WANTED, is_content, stem_both
from chatbot.language import read_courtesies, squeeze
from chatbot.text import fold, split_words, strip_lead_in

LONGEST_QUESTION = 2_000
MOST_WORDS = 60


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
class Asked:
    """A question or phrasing as it is compared. content: its words that say what it is about.

    is_partly_negated: one clause is negated and one isn't ("No me gusta, ¿cómo lo devuelvo?"), so it fits both.
    """

    words: tuple[str, ...]
    content: frozenset[str]
    is_negated: bool
    is_partly_negated: bool
    wanted: frozenset[str]


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


def find_closest(own: Sequence[Asked], asked: Asked) -> list[Asked]:
    """The phrasings that share the most stems of content with the question: what is negated there is negated here."""
    stems = {stem for word in asked.content for stem in stem_both(word)}
    shared = [len(stems.intersection(stem for word in phrasing.content for stem in stem_both(word))) for phrasing in own]
    return [phrasing for phrasing, count in zip(own, shared, strict=True) if count == max(shared)]


def leans(asked: Asked, own: Sequence[Asked]) -> bool:
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


def collect_told(entry: FaqEntry) -> frozenset[str]:
    """What an entry's answers tell: a price, a time."""
    texts = [fold(text) for text in entry.answers.values()]
    return frozenset(kind for kind, pattern in TOLD.items() if any(pattern.search(text) for text in texts))
