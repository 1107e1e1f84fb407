"""Where the embedder's two processes begin: arguments, systemd's readiness and watchdog, and the way out."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
import time
from types import FrameType

from chatbot import systemd_notify
from chatbot.embedder.model import ModelError
from chatbot.embedder.passages import ASKED, serve
from chatbot.embedder.server import Embedder, Server
from chatbot.local_embedder import SAID, find_obstacle

LOOPBACK = ("127.", "localhost:")
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WELL = b"HTTP/1.1 200"
PINGS_PER_PERIOD = 3
# what a supervisor isn't to start again
CANNOT_RUN = 3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="embedder.py", description="Embeds texts on this machine, over OpenAI's protocol.")
    parser.add_argument("--listen", metavar="PATH|127.0.0.1:PORT", help="a socket's path, or a port of this machine alone")
    parser.add_argument(ASKED, type=int, metavar="N", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if obstacle := find_obstacle():
        say(f"embedder: off: {SAID[obstacle]}")
        return CANNOT_RUN
    if given.passages is not None:
        return serve(given.passages)
    try:
        return run(read_address(given.listen or parser.error("--listen is missing")))
    except (ModelError, OSError) as e:
        say(f"embedder: {e}")
        return 1
    except ValueError as e:
        say(f"embedder: --listen: {e}")
        return 2


def read_address(text: str) -> str | tuple[str, int]:
    """Raises ValueError: nobody outside of this machine may ask."""
    if "/" in text or ":" not in text:
        return text
    host, _, port = text.rpartition(":")
    if not text.startswith(LOOPBACK):
        raise ValueError(f"{text} would be reached from outside; name a path, or 127.0.0.1:PORT")
    return host, int(port)


def run(address: str | tuple[str, int]) -> int:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    embedder = Embedder()
    embedder.embed("query", ["ok"])  # its first question reads the model from the disk
    with Server(address, embedder) as server:
        period_s = systemd_notify.watchdog_s()
        if period_s is not None:
            watching = (server.address_family, server.server_address, period_s / PINGS_PER_PERIOD)
            threading.Thread(target=_watch, args=watching, name="watchdog", daemon=True).start()
        systemd_notify.ready()
        try:
            server.serve_forever()
        except SystemExit:
            systemd_notify.stopping()
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _watch(family: int, address: object, every_s: float) -> None:
    """systemd's watchdog: pinged after a question was embedded over our own socket, never otherwise."""
    while True:
        if _is_well(family, address, every_s):
            systemd_notify.alive()
        time.sleep(every_s)


def _is_well(family: int, address: object, timeout_s: float) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(address)  # type: ignore[arg-type]
            connection.sendall(HEALTH)
            return connection.recv(len(WELL), socket.MSG_WAITALL) == WELL
    except OSError:
        return False


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  there is no logging here
