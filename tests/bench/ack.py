"""How fast webhooks are acknowledged: at 200 a second, and how many a second at most."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

from bench.site import BARE, Site
from bench.table import Figure, make_figure

RATE = 200
CONNECTIONS = 16
MANY_CONNECTIONS = 48


def measure(seconds: float, rounds: int) -> list[Figure]:
    with Site() as site:
        site.start_web()
        site.start_bare_web()
        firsts = itertools.count(1_000_000, 1_000_000)
        for port in (site.port, site.bare_port):
            send(site, port, next(firsts), seconds=2, connections=MANY_CONNECTIONS)  # makes every conversation, fills pools
        ports = {"ours": site.port, "bound": site.bare_port}
        paced: dict[str, list[dict[str, float]]] = {"ours": [], "bound": []}
        most: dict[str, list[dict[str, float]]] = {"ours": [], "bound": []}
        for _ in range(rounds):
            for side, port in ports.items():
                paced[side].append(send(site, port, next(firsts), seconds=seconds, connections=CONNECTIONS, rate=RATE))
            for side, port in ports.items():
                most[side].append(send(site, port, next(firsts), seconds=seconds, connections=MANY_CONNECTIONS))
        _check(site)
    return [
        *(
            make_figure(
                f"acknowledged at {RATE}/s, {name}", "ms", [r[name] for r in paced["ours"]], [r[name] for r in paced["bound"]]
            )
            for name in ("p50", "p99")
        ),
        make_figure(
            "acknowledged at most", "/s", [r["rate"] for r in most["ours"]], [r["rate"] for r in most["bound"]], is_rate=True
        ),
    ]


def send(site: Site, port: int, first: int, *, seconds: float, connections: int, rate: float | None = None) -> dict[str, float]:
    """One run of the client. Raises RuntimeError where a webhook wasn't acknowledged."""
    words: dict[str, Any] = {
        "--port": port,
        "--secret": site.access["chatwoot_webhook_secret"],
        "--first": first,
        "--seconds": seconds,
    }
    words["--connections"] = connections
    if rate:
        words["--rate"] = rate
    command = [sys.executable, "-m", "bench.client", *(str(w) for pair in words.items() for w in pair)]
    done = subprocess.run(command, env=site.environment(), capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if found["failures"]:
        raise RuntimeError(f"{found['failures']} webhooks weren't acknowledged; {site.log('web')[-500:]}")
    return found


def _check(site: Site) -> None:
    """Both sides stored what they acknowledged."""
    for database in (None, BARE):
        given = {"database": database} if database else {}
        counts = site.rows("SELECT (SELECT count(*) FROM webhook), (SELECT count(*) FROM message)", **given)[0]
        if counts[0] != counts[1] or not counts[0]:
            raise RuntimeError(f"{counts[0]} webhooks, {counts[1]} messages in {database or 'ours'}")
