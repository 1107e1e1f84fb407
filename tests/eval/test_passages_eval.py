"""How well passages are found by their words, on a sample of our own (passages.es.json) by the ways of scripts/eval.

Prints its figures (pytest -s) and holds floors a little under them; the public sets are measured by scripts/eval itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evaluation import passages
from evaluation.figures import show_table
from evaluation.sets import PassageSet, read_set
from evaluation.store import Store
from sqlalchemy import create_engine

from chatbot.settings import Settings

SAMPLE = Path(__file__).with_name("passages.es.json")


@pytest.fixture
def store(make_database: Callable[[], str]) -> Iterator[Store]:
    engine = create_engine(make_database())
    yield Store(engine, Settings(embeddings_base_url="off"))
    engine.dispose()


def test_the_sample_is_found_by_its_words(store: Store) -> None:
    one = read_set(SAMPLE)
    assert isinstance(one, PassageSet)
    store.add_paragraphs(passages.name_of(one), one.paragraphs, one.language)
    (figures,), samples = passages.measure(store, one, None, has_vectors=False)
    (typos,) = passages.measure_typos(store, one, has_vectors=False)
    sys.stdout.write(f"\n{show_table([figures, typos])}\n")
    assert figures.channel == "lexical"
    assert figures.r5 == 1
    assert (figures.r1 or 0) >= 0.9
    assert (typos.r1 or 0) >= 0.85
    assert (figures.auroc or 0) >= 0.95
    assert len(samples) == 2 * len(one.asked)
