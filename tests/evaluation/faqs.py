"""FAQ sets: whether the right entry comes first, is answered, and what is answered that no entry answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from chatbot.bodies import FaqEntry
from chatbot.clients.embeddings import embed
from chatbot.knowledge.embedding_model import find_endpoint
from chatbot.knowledge.faq import Match
from chatbot.knowledge.faq_fit import train
from chatbot.knowledge.faq_model import FaqModel
from chatbot.settings import Settings
from evaluation.figures import Figures
from evaluation.sets import FaqSet
from evaluation.store import Store

Matcher = Callable[[str], Match]
# so many parts of a set are hidden in turn, and their questions asked: near ones that the FAQ doesn't answer
PARTS = 5
EMBED_S = 60.0


def measure(
    store: Store, one: FaqSet, strange: Sequence[str], false_answers: float, *, with_siblings: bool = True
) -> list[Figures]:
    """with_siblings: also what is answered of entries that are hidden."""
    names = name_entries(one)
    figures = []
    for channel, match in make_matchers(store, one, make_entries(one), false_answers).items():
        asked = [(names[name], match(question)) for name, question in one.asked]
        figures.append(_rate(one.name, channel, asked, [match(question) for question in (*one.strange, *strange)]))
    return figures + (_hide_siblings(store, one, false_answers) if with_siblings else [])


def make_entries(one: FaqSet) -> tuple[FaqEntry, ...]:
    names = name_entries(one)
    return tuple(
        FaqEntry(key=names[name], questions={one.language: phrasings}, answers={one.language: "-"})
        for name, phrasings in one.entries.items()
    )


def name_entries(one: FaqSet) -> dict[str, str]:
    """Their keys by their names."""
    return {name: f"e-{number}" for number, name in enumerate(one.entries)}


def make_matchers(store: Store, one: FaqSet, entries: tuple[FaqEntry, ...], false_answers: float) -> dict[str, Matcher]:
    """channel -> what the product makes of a question: the model trained on these entries, at its own threshold."""
    model = train(entries, partial(_embed, store.settings) if store.is_dense else None)
    models = {"lexical": FaqModel(entries, model.weights, model.calibrations), **({"hybrid": model} if store.is_dense else {})}
    return {channel: partial(m.match, language=one.language, max_false=false_answers) for channel, m in models.items()}


_vectors: dict[str, list[float]] = {}


def _embed(settings: Settings, texts: list[str]) -> list[list[float]]:
    endpoint, missing = find_endpoint(settings), [text for text in texts if text not in _vectors]
    if endpoint and missing:
        _vectors.update(zip(missing, embed(endpoint, missing, "query", EMBED_S), strict=True))
    return [_vectors[text] for text in texts]


def _hide_siblings(store: Store, one: FaqSet, false_answers: float) -> list[Figures]:
    """A part of the entries hidden, their questions asked; each part in turn."""
    entries, names = make_entries(one), name_entries(one)
    known: dict[str, list[tuple[str, Match]]] = {}
    hidden: dict[str, list[Match]] = {}
    for part in range(PARTS):
        left = tuple(entry for number, entry in enumerate(entries) if number % PARTS != part)
        keys = {entry.key for entry in left}
        for channel, match in make_matchers(store, one, left, false_answers).items():
            for name, question in one.asked:
                if names[name] in keys:
                    known.setdefault(channel, []).append((names[name], match(question)))
                else:
                    hidden.setdefault(channel, []).append(match(question))
    return [_rate(f"{one.name}, a fifth hidden", channel, known[channel], hidden[channel]) for channel in known]


def _rate(name: str, channel: str, asked: Sequence[tuple[str, Match]], strange: Sequence[Match]) -> Figures:
    """asked: (key of the right entry, what was made of a question)."""
    is_right = [bool(match.candidates) and match.candidates[0].entry.key == key for key, match in asked]
    answered = [right and match.kind == "answered" for right, (_, match) in zip(is_right, asked, strict=True)]
    false = sum(match.kind == "answered" for match in strange) / len(strange) if strange else None
    return Figures(name, channel, sum(is_right) / len(asked), sum(answered) / len(asked), false)
