"""A conversation with the flows as a test has it: what the customer says, what comes back, wishes granted by a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from conftest import ROOT

from chatbot.content_yaml import read
from chatbot.flows.commands import Command, Happened, Said
from chatbot.flows.definition import Flow
from chatbot.flows.machine import advance, resume
from chatbot.flows.repair import make_book
from chatbot.flows.run import FlowBook, Moved, Run, Wish, WishResult, World, dump_run, read_run
from chatbot.flows.slots import Where
from chatbot.flows.understand import understand
from chatbot.reply import ContactView, Language

# a Thursday, in Valencia
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Madrid")
REVISION = 7
# every command but those that lead out
STAYING = sorted({*get_args(Said), *get_args(Happened)} - {"cancel", "handoff"})
ORDER = {"email": "ana@example.com", "status": "shipped"}


class ShopHours:
    """The sample shop's."""

    def opens(self, day: date) -> list[tuple[time, time]]:
        if day.weekday() == 6:
            return []
        if day.weekday() == 5:
            return [(time(10, 30), time(14, 0))]
        return [(time(10, 0), time(14, 0)), (time(17, 0), time(20, 30))]


def write_day(days: int = 2) -> str:
    """A day to come, written so that it is the same one at any hour: "mañana" is asked back in the small hours."""
    day = datetime.now(ZONE).date() + timedelta(days=days)
    return f"{day.day}/{day.month}/{day.year}"


def load_sample_flows() -> dict[str, Flow]:
    source = read((ROOT / "chatbot/sample/flows.yaml").read_bytes())
    assert not source.problems
    return {raw["key"]: Flow.model_validate(raw) for raw in source.value["flow"]}


def read_flow(text: str) -> Flow:
    """One flow in YAML, as a content file is read."""
    return Flow.model_validate(read(text).value)


def make_flow_book(*flows: Flow) -> FlowBook:
    return make_book({(flow.key, REVISION): flow for flow in flows}, {flow.key: REVISION for flow in flows})


SAMPLE = load_sample_flows()
SAMPLE_BOOK = make_flow_book(*SAMPLE.values())


def make_world(language: Language = "es", now: datetime = NOW, **facts: object) -> World:
    world = World(Where(language, now, ZONE, "ES", ShopHours()), contact=ContactView(name="Ana"), is_open=True)
    return replace(world, **facts)  # type: ignore[arg-type]


def grant(wish: Wish) -> WishResult:
    """A shop that knows every order, a mail server that works, and the code 123456."""
    if wish.kind == "check_code":
        return WishResult("ok" if wish.code == "123456" else "error")
    return WishResult("ok", ORDER if wish.kind == "call" else None)


class Talk:
    """One conversation. Its run goes through JSON between two messages, as it does on the box."""

    def __init__(
        self, language: Language = "es", book: FlowBook = SAMPLE_BOOK, world: World | None = None,
        granting: Callable[[Wish], WishResult] = grant,
    ) -> None:  # fmt: skip
        self.book, self.world, self.granting = book, world or make_world(language), granting
        self.run: Run | None = None
        self.last = Moved()
        self.wishes: list[Wish] = []
        self.said: list[str] = []

    def say(self, text: str, pressed: str = "", files: tuple[str, ...] = ()) -> Moved:
        return self.command(*understand(text, self.book, self.run, self.world, pressed, files))

    def command(self, *commands: Command) -> Moved:
        before = self.run
        moved = advance(self.book, self.run, commands, self.world)
        while moved.wish and moved.run:
            self.wishes.append(moved.wish)
            moved = moved.then(resume(self.book, moved.run, self.granting(moved.wish), self.world))
        self.run = None if moved.run is None else read_run(dump_run(moved.run))
        assert self.run == moved.run, "a run is the same after JSON"
        if not commands and before is not None:
            self.run = before
        self.last = moved
        self.said += [utterance.text for utterance in moved.says]
        return moved

    def wait(self, hours: float) -> None:
        now = self.world.where.now + timedelta(hours=hours)
        self.world = replace(self.world, where=replace(self.world.where, now=now))

    @property
    def question(self) -> str:
        return next((utterance.text for utterance in self.last.says if utterance.asks), "")

    @property
    def asked(self) -> str:
        """The slot that is asked for, with its step: "que-dia/dia"."""
        return self.run.asked.split("/", 1)[1] if self.run else ""

    @property
    def titles(self) -> list[str]:
        return [title for utterance in self.last.says if utterance.asks for title, _ in utterance.choices]

    @property
    def values(self) -> Mapping[str, object]:
        return {name: slot.value for name, slot in self.run.slots.items()} if self.run else {}

    @property
    def handoff(self) -> str:
        """The reason code of the handoff, "" for none."""
        return next((act.value[0] for act in self.last.acts if act.kind == "handoff"), "")
