"""The trained FAQ model, at the thresholds that it finds on its own entries: the public set, a shop, a fifth hidden.

Prints its figures (pytest -s) and holds floors a little under them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from standins.embedders import Embedder
from test_faq_eval import Question, load_public, load_shop, misspell_all, tell_language

from chatbot.bodies import FaqEntry
from chatbot.clients.embeddings import Endpoint, embed
from chatbot.knowledge.faq_fit import EmbedAll, train
from chatbot.knowledge.faq_model import FaqModel
from chatbot.local_embedder import MODEL, find_obstacle


@dataclass(frozen=True)
class Floors:
    """Shares at least, and of false answers at most."""

    first: float
    answered: float
    first_with_typos: float
    foreign: float
    siblings: float


WORDS = Floors(0.95, 0.84, 0.85, 0.01, 0.05)
MEANING = Floors(0.975, 0.93, 0.9, 0.01, 0.05)


@pytest.fixture(scope="module")
def vectors() -> Iterator[EmbedAll]:
    """The local embedder's, each text's once."""
    if find_obstacle():
        pytest.skip("the local embedder can't run here")
    kept: dict[str, list[float]] = {}
    with Embedder() as embedder:
        endpoint = Endpoint("local", MODEL, socket=embedder.socket)

        def find(texts: list[str]) -> list[list[float]]:
            missing = [text for text in texts if text not in kept]
            if missing:
                kept.update(zip(missing, embed(endpoint, missing, "query", 60), strict=True))
            return [kept[text] for text in texts]

        yield find


def measure(model: FaqModel, meant: Sequence[Question], max_false: float) -> tuple[float, float]:
    """Shares: the right entry first; right and answered."""
    found = [(model.match(question, tell_language(question), max_false=max_false), key) for key, question in meant]
    right = [bool(match.candidates) and match.candidates[0].entry.key == key for match, key in found]
    answered = [is_right and match.kind == "answered" for is_right, (match, _) in zip(right, found, strict=True)]
    return sum(right) / len(meant), sum(answered) / len(meant)


def count_false(model: FaqModel, questions: Sequence[str], max_false: float = 0.05) -> float:
    kinds = [model.match(question, tell_language(question), max_false=max_false).kind for question in questions]
    return kinds.count("answered") / len(kinds)


def hide_fifths(entries: Sequence[FaqEntry], meant: Sequence[Question], vectors: EmbedAll | None) -> tuple[float, float]:
    """A fifth of the entries hidden, each fifth in turn: share of its questions answered, and of the others' right ones."""
    false, right = [], []
    for part in range(5):
        left = tuple(entry for number, entry in enumerate(entries) if number % 5 != part)
        known = {entry.key for entry in left}
        model = train(left, vectors)
        asked = [(question, key) for key, question in meant if key not in known]
        false += [model.match(question, "es").kind == "answered" for question, _ in asked]
        share = measure(model, [(key, question) for key, question in meant if key in known], 0.05)[1]
        right.append(share)
    return sum(false) / len(false), sum(right) / len(right)


def check(vectors: EmbedAll | None, floors: Floors) -> None:
    entries, meant, foreign = load_public()
    model = train(entries, vectors)
    for max_false in (0.01, 0.05):
        first, answered = measure(model, meant, max_false)
        typos = measure(model, misspell_all(meant), max_false)
        strange = count_false(model, foreign, max_false)
        show(f"at most {max_false}: first {first:.3f}, right and answered {answered:.3f}, foreign {strange:.4f}, typos {typos}")
        assert first >= floors.first
        assert answered >= floors.answered
        assert typos[0] >= floors.first_with_typos
        assert strange <= floors.foreign
    siblings, right = hide_fifths(entries, meant, vectors)
    show(f"a fifth hidden: false answers {siblings:.3f}, others right and answered {right:.3f}")
    assert siblings <= floors.siblings


def show(line: str) -> None:
    sys.stdout.write(f"\n{line}\n")


@pytest.mark.thorough
def test_the_public_set_by_words() -> None:
    check(None, WORDS)


@pytest.mark.thorough
def test_the_public_set_by_meaning_too(vectors: EmbedAll) -> None:
    check(vectors, MEANING)


@pytest.mark.thorough
@pytest.mark.parametrize("is_dense", [False, True], ids=["words", "meaning"])
def test_a_shop_with_near_questions(is_dense: bool, request: pytest.FixtureRequest) -> None:
    entries, meant, near = load_shop()
    model = train(entries, request.getfixturevalue("vectors") if is_dense else None)
    first, answered = measure(model, meant, 0.05)
    false = count_false(model, near)
    show(f"shop: first {first:.3f}, right and answered {answered:.3f}, near questions answered {false:.3f}")
    assert first >= 0.95
    assert answered >= 0.84
    assert false <= 0.07
