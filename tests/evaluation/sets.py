"""Sets of questions with known answers, told apart by their shape: FAQs as nlp.js keeps corpora, passages as SQuAD does."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatbot.body_types import UNWANTED
from chatbot.language import decide_language
from chatbot.reply import Language
from chatbot.text import fold

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class FaqSet:
    """entries: name -> phrasings; asked: (name, question); strange: questions that no entry answers."""

    name: str
    language: Language
    entries: dict[str, tuple[str, ...]]
    asked: tuple[tuple[str, str], ...]
    strange: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageSet:
    """asked: (id, question, number of the paragraph that answers it). Titles are left out: many paragraphs share one."""

    name: str
    language: Language
    paragraphs: tuple[str, ...]
    asked: tuple[tuple[str, str, int], ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(id_ for id_, _, _ in self.asked)


def read_set(path: Path) -> FaqSet | PassageSet:
    """Raises ValueError for another shape."""
    try:
        content = json.loads(path.read_text("utf-8"))
        items = content["data"]
        first = items[0]
    except (ValueError, KeyError, IndexError, TypeError) as e:
        raise ValueError(f"{path}: not a JSON object with a list `data` ({type(e).__name__})") from None
    if isinstance(first, dict) and "intent" in first:
        return _read_faq(path, content)
    if isinstance(first, dict) and "paragraphs" in first:
        return _read_passages(path, items)
    raise ValueError(f"{path}: neither intents with utterances and tests, nor articles with paragraphs")


def _read_faq(path: Path, content: dict[str, Any]) -> FaqSet:
    entries, asked, strange = {}, [], []
    for item in content["data"]:
        phrasings, tests = tuple(item.get("utterances", ())), item.get("tests", ())
        if not phrasings or item["intent"] == "None":
            strange += tests
            continue
        entries[item["intent"]] = phrasings
        asked += [(item["intent"], question) for question in tests]
    language = _tell_language(path, [question for _, question in asked], content.get("locale", ""))
    return FaqSet(path.stem, language, entries, tuple(asked), tuple(strange))


def _read_passages(path: Path, items: list[dict[str, Any]]) -> PassageSet:
    paragraphs, asked = [], []
    for item in items:
        for paragraph in item["paragraphs"]:
            asked += [(qa["id"], qa["question"], len(paragraphs)) for qa in paragraph["qas"] if not qa.get("is_impossible")]
            paragraphs.append(UNWANTED.sub("", paragraph["context"]))
    return PassageSet(path.stem, _tell_language(path, [q for _, q, _ in asked]), tuple(paragraphs), tuple(asked))


def _tell_language(path: Path, questions: list[str], locale: str = "") -> Language:
    """By the file's name (x.es.json) or its own word, else by most of its questions."""
    for part in (locale[:2], *path.name.split(".")):
        if part in ("es", "en"):
            return part
    told = [decide_language(question, None, None, ("es", "en"), "es")[0] for question in questions[:100]]
    return max(("es", "en"), key=told.count)


def list_questions(one: FaqSet | PassageSet) -> list[str]:
    return [question for _, question in one.asked] if isinstance(one, FaqSet) else [question for _, question, _ in one.asked]


def misspell(question: str, chance: random.Random) -> str:
    """Accents gone, and one edit in a quarter of the words of more than three letters."""
    words = fold(question).split()
    for number, word in enumerate(words):
        if len(word) > 3 and chance.random() < 0.25:
            at, letter = chance.randrange(len(word) - 1), chance.choice(LETTERS)
            head, tail = word[:at], word[at + 1 :]
            edits = [head + tail, head + tail[0] + word[at] + tail[1:], head + letter + tail, head + letter + word[at:]]
            words[number] = chance.choice(edits)
    return " ".join(words)


def misspell_set(one: FaqSet | PassageSet) -> FaqSet | PassageSet:
    chance = random.Random(1)
    name = f"{one.name} with typos"
    if isinstance(one, FaqSet):
        return replace(one, name=name, asked=tuple((key, misspell(question, chance)) for key, question in one.asked))
    return replace(one, name=name, asked=tuple((id_, misspell(question, chance), at) for id_, question, at in one.asked))
