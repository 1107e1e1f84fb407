"""What a slot may ask for and what a reading of it comes to. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from chatbot.body_types import Line, Pattern, Text
from chatbot.reply import Language

SlotType = Literal[
    "text", "number", "yes_no", "choice", "date", "time", "datetime", "email", "phone", "money", "order_number",
    "postal_code", "tax_id", "iban", "address", "file",
]  # fmt: skip
Limit = Literal["today", "tomorrow"] | date


class OpenHours(Protocol):
    """When the business is open on a day: ranges of its own zone's clock, none where it is closed."""

    def opens(self, day: date) -> list[tuple[time, time]]: ...


@dataclass(frozen=True, slots=True)
class Where:
    """What words depend on. now: aware. country: ISO code; it rules phones, ids, postal codes and how numbers are written.

    day: the day that was chosen before, which an hour belongs to.
    """

    language: Language
    now: datetime
    zone: ZoneInfo
    country: str = "ES"
    hours: OpenHours | None = None
    day: date | None = None

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


class Option(BaseModel):
    """One of the answers to choose from. words: other ways of saying it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Line
    title: dict[Language, Line]
    words: dict[Language, tuple[Line, ...]] = {}


class SlotSpec(BaseModel):
    """One value that a flow collects.

    after, before: the first and the last day that will do, both included. A date with `before` of today or earlier is about
    what has been ("el martes" is the last one), every other about what is to come.
    within_hours: a day or an hour at which the business is closed won't do, where its opening hours are known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: SlotType
    label: dict[Language, Line] = {}
    error: dict[Language, Text] = {}
    private: bool = False
    optional: bool = False
    pattern: Pattern | None = None
    options: tuple[Option, ...] = ()
    min: float | None = None
    max: float | None = None
    after: Limit | None = None
    before: Limit | None = None
    within_hours: bool = False
    max_chars: Annotated[int, Field(ge=1, le=10_000)] | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A value, normalised (JSON), and how it is said back in full."""

    value: Any
    said: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """More than one reading, or one that isn't certain. choices: (title, value); a value is read without doubt.

    so_far: what was certain ("2026-11-27"); put before the next answer ("a las 5") it makes one text to read.
    """

    why: str
    choices: tuple[tuple[str, str], ...] = ()
    so_far: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Understood, but it can't be."""

    why: str
    facts: dict[str, Any] = field(default_factory=dict)


Reading = Heard | Unclear | Wrong


@dataclass(frozen=True, slots=True)
class Found:
    """A reading and where it stands in the text."""

    result: Reading
    start: int
    end: int
