"""What model calls cost, in whole micro-dollars (a millionth of a US dollar). An unknown price is None, never 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import regex


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars for a million tokens, so 150_000 is $0.15."""

    input_micros: int
    output_micros: int


# https://platform.openai.com/docs/pricing, standard tier, without the discount for cached input.
PRICES = {
    "gpt-4o-mini": Price(150_000, 600_000),
    "gpt-4o": Price(2_500_000, 10_000_000),
    "gpt-4o-2024-05-13": Price(5_000_000, 15_000_000),
    "gpt-4.1": Price(2_000_000, 8_000_000),
    "gpt-4.1-mini": Price(400_000, 1_600_000),
    "gpt-4.1-nano": Price(100_000, 400_000),
    "gpt-5": Price(1_250_000, 10_000_000),
    "gpt-5.1": Price(1_250_000, 10_000_000),
    "gpt-5-mini": Price(250_000, 2_000_000),
    "gpt-5-nano": Price(50_000, 400_000),
    "o3": Price(2_000_000, 8_000_000),
    "o3-mini": Price(1_100_000, 4_400_000),
    "o4-mini": Price(1_100_000, 4_400_000),
    "gpt-4-turbo": Price(10_000_000, 30_000_000),
    "gpt-3.5-turbo": Price(500_000, 1_500_000),
}
# For a minute of speech, by the same page; models that count tokens come to about this.
TRANSCRIPTION_PRICES = {"whisper-1": 6_000, "gpt-4o-transcribe": 6_000, "gpt-4o-mini-transcribe": 3_000}
DATED = regex.compile(r"-(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|latest)$")


def price(model: str) -> Price | None:
    """The price of a model by its exact name or its name without a date; None where it isn't known."""
    return PRICES.get(model) or PRICES.get(DATED.sub("", model))


def cost_micros(model: str, input_tokens: int, output_tokens: int) -> int | None:
    """The cost of a call, rounded up; None where the price isn't known."""
    known = price(model)
    if known is None:
        return None
    return -(-(input_tokens * known.input_micros + output_tokens * known.output_micros) // 1_000_000)


def transcription_micros(model: str, seconds: float) -> int | None:
    """What writing down so much speech costs, rounded up; None where the price isn't known."""
    minute = TRANSCRIPTION_PRICES.get(model) or TRANSCRIPTION_PRICES.get(DATED.sub("", model))
    return None if minute is None else math.ceil(minute * seconds / 60)
