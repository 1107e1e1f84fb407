"""Boxes on databases of their own: one per module where tests only add conversations, one per test where they break things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.box import Box

Maker = Callable[..., Box]


def _box_maker(make_database: Callable[[], str], folder: Path) -> Iterator[Maker]:
    boxes: list[Box] = []

    def make(**options: Any) -> Box:
        own = folder / f"box{len(boxes)}"
        own.mkdir(parents=True)
        boxes.append(Box(options.pop("database_url", None) or make_database(), own, **options))
        return boxes[-1].start()

    yield make
    for box in boxes:
        box.stop()
        box.engine.dispose()


@pytest.fixture
def make_box(make_database: Callable[[], str], tmp_path: Path) -> Iterator[Maker]:
    """make_box(**options) -> a started Box, stopped after the test."""
    yield from _box_maker(make_database, tmp_path)


@pytest.fixture(scope="module")
def make_shared_box(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    yield from _box_maker(make_database_for_session, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def box(make_shared_box: Maker) -> Box:
    """Shared by the tests of a module; without a model."""
    return make_shared_box()


@pytest.fixture(scope="module")
def llm_box(make_shared_box: Maker) -> Box:
    """Shared by the tests of a module; with a stand-in for the model."""
    return make_shared_box(use_llm=True)
