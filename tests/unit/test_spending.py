"""Money is whole micro-dollars, rounded up; an unknown price is None."""

from __future__ import annotations

import pytest

from chatbot.spending import PRICES, cost_micros, price


@pytest.mark.parametrize(
    ("model", "input_tokens", "output_tokens", "micros"),
    [
        ("gpt-4o-mini", 1_000_000, 1_000_000, 750_000),
        ("gpt-4o-mini", 1, 0, 1),
        ("gpt-4o-mini", 0, 0, 0),
        ("gpt-4o", 1_000, 500, 7_500),
        ("gpt-4.1-nano", 10, 1, 2),
        ("gpt-4o-2024-05-13", 1_000_000, 0, 5_000_000),
    ],
)
def test_cost_is_rounded_up_to_a_micro_dollar(model: str, input_tokens: int, output_tokens: int, micros: int) -> None:
    assert cost_micros(model, input_tokens, output_tokens) == micros


def test_an_unknown_model_costs_none_and_never_nothing() -> None:
    assert price("llama-9") is None
    assert cost_micros("llama-9", 1_000, 1_000) is None
    assert cost_micros("gpt-4o-mini-my-own", 1, 1) is None


def test_a_dated_name_costs_what_its_family_does() -> None:
    assert price("gpt-4o-mini-2024-07-18") == PRICES["gpt-4o-mini"]
    assert price("gpt-4o-2024-05-13") != PRICES["gpt-4o"]
