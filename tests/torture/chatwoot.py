"""The pretend Chatwoot in a process of its own, with the few names by which a Box knows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from chatbot.pretend.control import Remote
from chatbot.pretend.history import Line, read_history

ROOT = Path(__file__).resolve().parents[2]


class RemoteChatwoot:
    """start() runs it; act() is the control API. `history`, `hooks` and `bot` are itself, as far as a Box asks them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._path = folder / "history.jsonl"
        self._log = folder / "pretend.log"
        self._seed = seed
        self._access: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.history = self.hooks = self.bot = self

    def start(self) -> None:
        words = {"--seed": self._seed, "--history": self._path, "--threads": 16, "--timeout": 2, "--retry": 0.2}
        command = [sys.executable, "-m", "chatbot.pretend", "--no-memory", *(str(w) for pair in words.items() for w in pair)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        assert self._process.stdout is not None
        self._access = json.loads(self._process.stdout.readline())
        self._remote = Remote(self._access["control_url"])
        self.act = self._remote.act
        self.read = self._remote.read
        self.act("add_inbox", name="WhatsApp", channel="Channel::Whatsapp")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def access(self) -> dict[str, Any]:
        return self._access

    def lines(self, after: int = 0) -> list[Line]:
        return [line for line in read_history(str(self._path)) if line["seq"] > after]

    @property
    def waiting(self) -> int:
        return int(self.read("stats")["hooks_waiting"])

    @property
    def outgoing_url(self) -> str:
        return ""

    @outgoing_url.setter
    def outgoing_url(self, url: str) -> None:
        self.act("configure", outgoing_url=url)
