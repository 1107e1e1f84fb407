"""Starts what has died again, as supervisord does in a real installation, after the pause that a kill asked for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Record = Callable[..., None]
POLL_S = 0.1
PAUSE_S = 0.5


@dataclass
class Kept:
    """One program. start: returns once it runs; is_alive: whether it does; not_before: a kill's pause."""

    name: str
    start: Callable[[], object]
    is_alive: Callable[[], bool]
    not_before: float = 0.0
    was_killed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Keeper:
    """A thread for each program. record: writes an act of the history."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._kept: dict[str, Kept] = {}
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.ended: Counter[str] = Counter()
        self.problems: list[str] = []

    def keep(self, name: str, start: Callable[[], object], is_alive: Callable[[], bool]) -> None:
        self._kept[name] = kept = Kept(name, start, is_alive)
        self._threads.append(threading.Thread(target=self._watch, args=(kept,), name=f"keep-{name}", daemon=True))
        self._threads[-1].start()

    def kill(self, name: str, how: Callable[[], object], pause_s: float, **facts: Any) -> bool:
        """Kills one that is alive. False where it is dead or just starting."""
        kept = self._kept[name]
        if not kept.lock.acquire(blocking=False):
            return False
        try:
            if not kept.is_alive():
                return False
            kept.not_before = time.monotonic() + pause_s
            kept.was_killed = True
            self._record("killed", name=name, pause_s=pause_s, **facts)
            how()
        finally:
            kept.lock.release()
        return True

    def all_alive(self) -> bool:
        return all(kept.is_alive() for kept in self._kept.values())

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def _watch(self, kept: Kept) -> None:
        while not self._stopping.wait(POLL_S):
            with kept.lock:
                if not kept.is_alive():
                    self._start(kept)

    def _start(self, kept: Kept) -> None:
        if not kept.was_killed:  # it ended by itself: allowed while the database is away, and shown in the table
            self.ended[kept.name] += 1
            self._record("killed", name=kept.name, by="itself")
            kept.not_before = time.monotonic() + PAUSE_S
            kept.was_killed = True
        if time.monotonic() < kept.not_before:
            return
        try:
            kept.start()
        except Exception as e:  # tried again with the next look; the cause is in the logs
            self.problems.append(f"{kept.name}: {type(e).__name__}: {e}"[:300])
        else:
            kept.was_killed = False
            self._record("started", name=kept.name)
