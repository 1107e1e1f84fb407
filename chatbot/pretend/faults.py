"""Faults to order: a seeded plan of rules that says what goes wrong, where, how often and until when."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any

API_KINDS = {"latency", "refuse", "status", "status_after", "late", "hang", "reset", "stale"}
WEBHOOK_KINDS = {"drop", "duplicate", "delay"}


@dataclass(slots=True)
class Fault:
    """One rule.

    where: an endpoint's name (api.py), "api" for every one of them, "webhook" or "echo" (webhooks of the bot's own posts)
    kind, for calls: latency (delay_s before the work) · refuse (closed unread) · status (answered, nothing done) ·
      status_after (done, then answered with status) · late (answers nothing; done after delay_s) ·
      hang (nothing done, closed after delay_s) · reset (done, then RST) · stale (reads show the state of age_s ago)
    kind, for webhooks: drop · duplicate (copies more, delay_s later) · delay (delay_s; jitter: a random
      part of it, so order is lost)
    probability per call; times: how often at most; for_s: how long from when it was set; conversation, event, private:
      only those; skip: how many matching calls pass first.
    """

    where: str
    kind: str
    probability: float = 1.0
    times: int | None = None
    for_s: float | None = None
    skip: int = 0
    conversation: int | None = None
    event: str | None = None
    private: bool | None = None
    status: int = 500
    delay_s: float = 0.0
    age_s: float = 0.0
    copies: int = 1
    jitter: bool = False
    set_at: float = field(default_factory=time.monotonic)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fault:
        known = {f.name for f in fields(cls)} - {"set_at"}
        unknown = set(values) - known
        if unknown:
            raise ValueError(f"unknown in a fault: {', '.join(sorted(unknown))}")
        fault = cls(**values)
        kinds = WEBHOOK_KINDS if fault.where in ("webhook", "echo") else API_KINDS
        if fault.kind not in kinds:
            raise ValueError(f"kind {fault.kind!r} isn't one of {', '.join(sorted(kinds))}")
        return fault

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "set_at"}


class FaultPlan:
    """The rules in force. draw() rolls each matching one; the first that isn't a latency ends the list."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance, no secret
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self, where: str | None = None) -> None:
        with self._lock:
            self._faults = [f for f in self._faults if where is not None and f.where != where]

    def listed(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def draw(self, *places: str, conversation: int | None = None, event: str = "", private: bool = False) -> list[Fault]:
        """The faults that strike now, in order. Nothing is drawn where no rule matches, so plans don't disturb each other."""
        if not self._faults:
            return []
        struck: list[Fault] = []
        with self._lock:
            for fault in self._faults:
                if fault.where not in places or not _is_due(fault, conversation, event, private):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.probability < 1 and self._random.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                struck.append(fault)
                if fault.kind not in ("latency", "stale", "delay", "duplicate"):
                    break
        return struck

    def part_of(self, seconds: float) -> float:
        with self._lock:
            return self._random.uniform(0, seconds)


def _is_due(fault: Fault, conversation: int | None, event: str, private: bool) -> bool:
    if fault.times is not None and fault.times <= 0:
        return False
    if fault.for_s is not None and time.monotonic() - fault.set_at > fault.for_s:
        return False
    if fault.conversation is not None and fault.conversation != conversation:
        return False
    if fault.event is not None and fault.event != event:
        return False
    return fault.private is None or fault.private == private
