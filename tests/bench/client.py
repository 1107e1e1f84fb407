"""Chatwoot's side of the acknowledgement, in a process of its own: signed webhooks over keep-alive connections.

--rate N sends at N a second whatever the answers do (open loop; a latency counts from when it was due); without it each
connection sends its next one as soon as it has an answer (closed loop). The last line of output is JSON.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import hmac
import itertools
import json
import socket
import threading
import time

from bench.table import percentile
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.pretend.hooks import encode

CONVERSATION, MESSAGE, CONTACT = 777000777, 888000888, 666000666  # stand for the ids in the template
CONVERSATIONS = 1_000


def make_template() -> bytes:
    """A message_created as the pretend Chatwoot makes it, with sentinels for its ids."""
    pretend = PretendChatwoot(first_ids=(CONVERSATION, MESSAGE, CONTACT))
    ids = pretend.customer("¿Hacéis envíos a Canarias y cuánto tardan en llegar?", language="es")
    world = pretend.world
    conversation, message = world.conversations[ids["conversation"]], world.message_by_id[ids["message"]]
    return encode(payloads.message_event(world, conversation, message, "message_created"))


class Load:
    """connections: threads with one socket each."""

    def __init__(self, port: int, secret: str, first: int, rate: float | None, seconds: float) -> None:
        self._port, self._rate, self._seconds = port, rate, seconds
        self._secret = secret.encode()
        self._numbers = itertools.count()
        self._first = first
        self._template = make_template()
        self.latencies: list[float] = []
        self.failures = 0
        self.begun = 0.0

    def run(self, connections: int) -> float:
        """Returns how many seconds it took."""
        threads = [threading.Thread(target=self._send_all) for _ in range(connections)]
        self.begun = time.perf_counter() + 0.3
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - self.begun

    def _send_all(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            time.sleep(max(self.begun - time.perf_counter(), 0))
            while True:
                number = next(self._numbers)
                due = self.begun + number / self._rate if self._rate else time.perf_counter()
                if due > self.begun + self._seconds:
                    return
                content = self._make_request(number)
                time.sleep(max(due - time.perf_counter(), 0))
                sent = due if self._rate else time.perf_counter()
                connection.sendall(content)
                if not _read_answer(connection):
                    self.failures += 1
                self.latencies.append((time.perf_counter() - sent) * 1000)

    def _make_request(self, number: int) -> bytes:
        body = self._template.replace(b"%d" % CONVERSATION, b"%d" % (number % CONVERSATIONS + 1))
        body = body.replace(b"%d" % MESSAGE, b"%d" % (self._first + number))
        body = body.replace(b"%d" % CONTACT, b"%d" % (number % CONVERSATIONS + 1))
        stamp = b"%d" % time.time()
        signature = hmac.new(self._secret, stamp + b"." + body, hashlib.sha256).hexdigest().encode()
        return (
            b"POST /webhooks/chatwoot HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"X-Chatwoot-Timestamp: %s\r\nX-Chatwoot-Signature: sha256=%s\r\nX-Chatwoot-Delivery: bench-%d\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (stamp, signature, self._first + number, len(body), body)
        )


def _read_answer(connection: socket.socket) -> bool:
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _receive(connection)
    length = int(received[:end].lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(received) < end + 4 + length:
        received += _receive(connection)
    return received.startswith(b"HTTP/1.1 200")


def _receive(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError("closed without an answer")
    return piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--first", type=int, required=True, help="message id; the others follow")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    load = Load(given.port, given.secret, given.first, given.rate, given.seconds)
    gc.disable()
    took_s = load.run(given.connections)
    found = {
        "p50": percentile(load.latencies, 50),
        "p99": percentile(load.latencies, 99),
        "rate": len(load.latencies) / took_s,
        "failures": load.failures,
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
