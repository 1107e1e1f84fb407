"""Ports for what a test starts: below those that the system itself gives to whoever binds port 0 or connects."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, EACH, SHARES = 20_000, 1_000, 12  # to 31,999; Linux gives from 32,768 on
_places = itertools.count(os.getpid() * 37)  # runs beside this one begin elsewhere


def find_free_port() -> int:
    """One that nobody has now, out of the share of this process of pytest-xdist, and not given twice soon."""
    share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % SHARES
    for place in itertools.islice(_places, EACH):
        port = FIRST + share * EACH + place % EACH
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
