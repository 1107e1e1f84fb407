"""The torture's plan: fixed by its seed, complete in what it breaks; and what a later reply would hide is still found."""

from __future__ import annotations

import pytest
from torture.plan import KILLS, PEOPLE, STORMS, make_plan
from torture.report import find_forgotten, percentile


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert make_plan(1, 200) == make_plan(1, 200)
    assert make_plan(1, 200).steps != make_plan(2, 200).steps


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_plan_has_all_messages_and_every_kind_of_trouble(seed: int) -> None:
    plan = make_plan(seed, 2000)
    assert plan.count("text") + plan.count("media") == 2000
    assert set(plan.kills()) == set(KILLS)
    assert {s.facts["kind"] for s in plan.steps if s.act == "storm"} == set(STORMS)
    assert {s.act for s in plan.steps} >= {*PEOPLE, "bot_on", "press"}
    assert plan.seconds == 100
    assert [s.at for s in plan.steps] == sorted(s.at for s in plan.steps)


def test_a_length_in_minutes_spreads_the_messages() -> None:
    plan = make_plan(1, 100, seconds=60)
    assert max(s.at for s in plan.steps if s.act == "text") == pytest.approx(60, abs=5)


def test_what_the_bot_never_stored_or_never_took_up_is_found() -> None:
    history = [{"act": "customer_message", "conversation": 1, "message": n} for n in (1, 2, 3)]
    history += [{"act": "customer_press", "conversation": 1, "message": 1}]
    found = find_forgotten(history, {(1, "created"): True, (2, "created"): False})
    assert [(v.rule, v.subject, v.text) for v in found] == [
        ("P1", 2, "customer_message never got a turn"),
        ("P1", 3, "customer_message was never stored by the bot"),
        ("P1", 1, "customer_press was never stored by the bot"),
    ]


def test_percentiles() -> None:
    assert [percentile(range(100), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 99]
    assert percentile([], 0.5) == 0
