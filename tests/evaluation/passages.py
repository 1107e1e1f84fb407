"""Passage sets: the right paragraph's place on each channel, within one language, across two, and in a mixed corpus.

Halves of a set are told by the paragraphs' numbers, even and odd, so that a hidden one's neighbours stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from chatbot.bodies import Content
from chatbot.content import load_content
from chatbot.db import statements
from chatbot.knowledge.search import BOTH, DENSE, LEXICAL, Found, look_up
from chatbot.reply import CustomerMessage, InboxView, Language, TurnInput
from evaluation.figures import Figures, rate_places, rate_scores
from evaluation.sets import PassageSet, misspell_set
from evaluation.store import Store

CHANNELS = {"lexical": frozenset({LEXICAL}), "dense": frozenset({DENSE}), "hybrid": BOTH}
DEEP = 20
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NO_LIMIT = 10**9


@dataclass(frozen=True, slots=True)
class Sample:
    """What was read of a question, and whether its answer was there and came first."""

    channel: str
    kind: str
    figures: dict[str, float]
    probability: float
    is_there: bool
    is_first: bool


class Corpus:
    """A release of a set's paragraphs. right: for each question, the keys that answer it."""

    def __init__(self, store: Store, keys: Sequence[str]) -> None:
        self.store = store
        self.keys = frozenset(keys)
        release_id = store.release(keys)
        with statements(store.engine) as connection:
            self.content: Content = load_content(connection, release_id)

    def ask(self, connection: Connection, question: str, language: Language, channel: str) -> Found:
        turn = TurnInput((CustomerMessage(1, 1, question),), self.content, language, NOW, inbox=InboxView(1))
        is_dense = channel != "lexical"
        settings = self.store.settings if is_dense else self.store.settings.model_copy(update={"embeddings_base_url": "off"})
        return look_up(connection, turn, settings, limit=DEEP, max_tokens=NO_LIMIT, channels=CHANNELS[channel])


def find_place(found: Found, right: str) -> int | None:
    keys = list(dict.fromkeys(passage.entry_key for passage in found.passages))
    return keys.index(right) + 1 if right in keys else None


def measure(
    store: Store, one: PassageSet, other: PassageSet | None, *, has_vectors: bool
) -> tuple[list[Figures], list[Sample]]:
    """other: the same questions' paragraphs in another language. The paragraphs are in the store, named by name_of()."""
    channels = list(CHANNELS) if has_vectors else ["lexical"]
    own = [f"{name_of(one)}-{number}" for number in range(len(one.paragraphs))]
    figures, samples = _measure_within(store, one, own, channels, one.name)
    if other is None:
        return figures, samples
    by_id = {id_: number for id_, _, number in other.asked}
    number_there = {number: by_id[id_] for id_, _, number in one.asked if id_ in by_id}
    foreign = [f"{name_of(other)}-{number_there.get(number, number)}" for number in range(len(one.paragraphs))]
    across, more = _measure_within(store, one, foreign, channels, f"{one.name} in {other.language}")
    return figures + across + _measure_mixed(store, one, other, own, foreign, channels), samples + more


def _measure_within(
    store: Store, one: PassageSet, right: Sequence[str], channels: Sequence[str], name: str
) -> tuple[list[Figures], list[Sample]]:
    samples = list(_hide_halves(store, one, right, channels))
    places = _find_places(Corpus(store, right), one, right, channels)
    return [
        Figures(name, channel, auroc=_rate(samples, channel), **rate_places(list(places[channel].values())))
        for channel in channels
    ], samples


def measure_typos(store: Store, one: PassageSet, *, has_vectors: bool) -> list[Figures]:
    own = [f"{name_of(one)}-{number}" for number in range(len(one.paragraphs))]
    asked = misspell_set(one)
    assert isinstance(asked, PassageSet)
    every = _find_places(Corpus(store, own), asked, own, list(CHANNELS) if has_vectors else ["lexical"])
    return [Figures(asked.name, channel, **rate_places(list(places.values()))) for channel, places in every.items()]


def name_of(one: PassageSet) -> str:
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in one.name.lower()).strip("-")[:40]


def _find_places(
    corpus: Corpus, one: PassageSet, right: Sequence[str], channels: Sequence[str]
) -> dict[str, dict[str, int | None]]:
    """channel -> question's id -> place. right: by the number of the paragraph."""
    places: dict[str, dict[str, int | None]] = defaultdict(dict)
    with statements(corpus.store.engine) as connection:
        for id_, question, number in one.asked:
            for channel in channels:
                places[channel][id_] = find_place(corpus.ask(connection, question, one.language, channel), right[number])
    return places


def _hide_halves(store: Store, one: PassageSet, own: Sequence[str], channels: Sequence[str]) -> Iterator[Sample]:
    """Each question asked twice: of the half that has its paragraph, and of the one that hasn't."""
    for odd in (0, 1):
        corpus = Corpus(store, own[odd::2])
        with statements(store.engine) as connection:
            for _, question, number in one.asked:
                for channel in channels:
                    found = corpus.ask(connection, question, one.language, channel)
                    is_first = bool(found.passages) and found.passages[0].entry_key == own[number]
                    kind = str(found.notes.get("kind", ""))
                    is_there = number % 2 == odd
                    yield Sample(channel, kind, found.figures, found.probability, is_there, is_first)


def _rate(samples: Sequence[Sample], channel: str) -> float | None:
    of_channel = [s for s in samples if s.channel == channel]

    def score(sample: Sample) -> float:
        return sample.figures.get("cosine", 0.0) if channel == "dense" else sample.probability

    return rate_scores([score(s) for s in of_channel if s.is_there], [score(s) for s in of_channel if not s.is_there])


def _measure_mixed(
    store: Store, one: PassageSet, other: PassageSet, own: Sequence[str], foreign: Sequence[str], channels: Sequence[str]
) -> list[Figures]:
    """Half of the paragraphs only in the other language."""
    figures = []
    mixed = [foreign[number] if number % 2 else own[number] for number in range(len(one.paragraphs))]
    for channel, places in _find_places(Corpus(store, mixed), one, mixed, channels).items():
        for odd, language in ((1, other.language), (0, one.language)):
            of_half = [places[id_] for id_, _, number in one.asked if number % 2 == odd]
            figures.append(Figures(f"{one.name} mixed, answers in {language}", channel, **rate_places(of_half)))
    return figures
