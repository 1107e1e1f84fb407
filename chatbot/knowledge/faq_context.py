"""A question that leans on what was said before ("¿y para Canarias?"), put together with it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.bodies import FaqEntry
from chatbot.channel_text import split_sentences
from chatbot.knowledge.faq import FaqIndex
from chatbot.knowledge.faq_words import (
    NEEDS_SUBJECT,
    OBJECT_AHEAD,
    OPENERS,
    OPENING_PHRASES,
    POINTERS,
    read_words,
    strip_around,
)
from chatbot.reply import HistoryLine
from chatbot.text import split_words

LONGEST_READ = 2_000
MOST_WORDS = 12


def is_leaning(question: str) -> bool:
    """It goes on from what was said, points at it, or asks without saying about what."""
    asked = read_words(question)
    if not asked.words or len(asked.words) > MOST_WORDS:
        return False
    if asked.words[0] in OPENERS or " ".join(asked.words).startswith(OPENING_PHRASES) or POINTERS.intersection(asked.words):
        return True
    return len(asked.content) <= 1 and bool(NEEDS_SUBJECT.intersection(asked.words))


def list_earlier(history: Sequence[HistoryLine]) -> list[str]:
    """What it may lean on, the likeliest first: what the customer wrote last, and what was asked back."""
    asked = next((line.text for line in reversed(history) if line.who == "customer" and strip_around(_words(line.text))), "")
    said = next((line.text for line in reversed(history) if line.who != "customer"), "")
    asked_back = [sentence for sentence in split_sentences(said[:LONGEST_READ]) if "?" in sentence]
    return [text for text in (asked, *asked_back[-1:]) if text]


def carry(earlier: str, question: str) -> str:
    """Both as one question: the earlier one's words, and the new ones without what only ties them to it.

    A new object takes the old one's place: "¿enviáis a Ceuta?" and "¿y a Canarias?" are "enviáis a Canarias".
    """
    before, words = list(read_words(earlier).words), list(read_words(question).words)
    opening = next((phrase for phrase in OPENING_PHRASES if " ".join(words).startswith(phrase)), "")
    words = [word for word in words[len(opening.split()) :] if word not in POINTERS]
    new = words[1:] if words and words[0] in OPENERS else words
    if new and new[0] in OBJECT_AHEAD and new[0] in before:
        return " ".join((*before[: len(before) - 1 - before[::-1].index(new[0])], *new))
    return " ".join((*before, *(word for word in new if word not in before)))


def speaks_of(index: FaqIndex, entry: FaqEntry, question: str) -> bool:
    """Whether an entry says something of what is new: else it would only be the former answer once more."""
    number = index.entries.index(entry)
    asked = read_words(question)
    told = index.ever[number] | index.told[number]
    return all(index.roots[number].has(word) for word in asked.content) and asked.wanted <= told


def _words(text: str) -> list[str]:
    return split_words(text[:LONGEST_READ])
