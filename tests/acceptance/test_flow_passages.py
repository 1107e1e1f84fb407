"""The ways that a conversation takes in a flow are counted once, wherever the worker is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import thorough
from sqlalchemy import text

from acceptance.box import Box
from acceptance.conftest import _box_maker
from acceptance.test_crashes import heal
from chatbot.content import publish, save_drafts
from chatbot.flows.definition import Flow

COFFEE = Flow.model_validate({
    "key": "cafe",
    "title": {"es": "Café"},
    "start": {"phrases": {"es": ["quiero un cafe"]}},
    "slots": {"cuantos": {"type": "number", "label": {"es": "cuántos"}}},
    "steps": [
        {"id": "n", "do": "ask", "slot": "cuantos", "text": {"es": "¿Cuántos cafés?"}},
        {"id": "fin", "do": "end", "text": {"es": "Marchando {{slot.cuantos}}."}},
    ],
})  # fmt: skip
POINTS = ["after_decide", "after_freeze", "after_post", "before_record", "after_record"]


@pytest.fixture(scope="module")
def flow_box(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder: Path = tmp_path_factory.mktemp("passages")
    makers = _box_maker(make_database_for_session, folder)
    box = next(makers)(LEASE_S="3", RECONCILE_S="600")
    with box.engine.begin() as connection:
        save_drafts(connection, [COFFEE], "test")
        publish(connection, "test")
    yield box
    next(makers, None)


def read_counts(box: Box) -> dict[str, int]:
    with box.engine.connect() as connection:
        of_all_days = "SELECT from_step || '>' || to_step AS way, sum(n) AS n FROM flow_passage GROUP BY way"
        rows = connection.execute(text(of_all_days)).mappings()
        return {row["way"]: row["n"] for row in rows}


@pytest.mark.parametrize("point", ["before_record", *thorough(*(p for p in POINTS if p != "before_record"))])
def test_a_way_is_counted_once_wherever_the_worker_is_killed(flow_box: Box, point: str) -> None:
    before = read_counts(flow_box)
    flow_box.crash_at(point, "kill")
    conversation = flow_box.pretend.customer("quiero un café")["conversation"]
    flow_box.wait(lambda: flow_box.has_crashed(point), 15, f"a worker comes by {point}")
    heal(flow_box, "kill")
    flow_box.settle(25)
    flow_box.pretend.customer("2", conversation=conversation)
    flow_box.settle()
    assert flow_box.texts(conversation) == ["¿Cuántos cafés?", "Marchando 2."]
    after = read_counts(flow_box)
    assert {way: n - before.get(way, 0) for way, n in after.items()} == {">n": 1, "n>fin": 1, "fin>end": 1}
