"""What happened, one line per act, in one order: what the checker reads and a person can follow."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

Line = dict[str, Any]


class History:
    """Acts in memory and, given a path, appended to that file as JSON lines, each flushed at once.

    `seq` is the order of things; `t` is Unix seconds that never go back, comparable between processes of one machine.
    """

    def __init__(self, path: str | None = None, *, is_kept: bool = True) -> None:
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._is_kept = is_kept
        self._file: TextIO | None = _open(path) if path else None
        self._offset = time.time() - time.monotonic()
        self._seq = 0

    def now(self) -> float:
        return self._offset + time.monotonic()

    @property
    def seq(self) -> int:
        return self._seq

    def record(self, act: str, **facts: Any) -> Line:
        with self._lock:
            self._seq += 1
            line: Line = {"seq": self._seq, "t": round(self.now(), 6), "act": act, **facts}
            if self._is_kept:
                self._lines.append(line)
            if self._file is not None:
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return line

    def lines(self, after: int = 0) -> list[Line]:
        """Every line with a seq above `after`, oldest first."""
        with self._lock:
            if not after:
                return list(self._lines)
            return [line for line in self._lines[after:] if line["seq"] > after]

    def acts(self, *names: str) -> Iterator[Line]:
        return (line for line in self.lines() if line["act"] in names)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def _open(path: str) -> TextIO:
    """Line by line: a killed process loses nothing that it had recorded."""
    return Path(path).open("a", encoding="utf-8", buffering=1)


def read_history(path: str) -> list[Line]:
    """A history file's lines. A last line cut short by a crash is left out."""
    lines: list[Line] = []
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines
