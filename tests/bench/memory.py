"""Memory of each process (PSS: what it shares is divided among those that share it), idle and after 500 whole turns.

As the play sets up a server of 1 GB: one web process, a worker of 8 threads, without docstrings.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.backlog import WORDS as QUESTION
from bench.seeding import create_conversations, wait_until_answered
from bench.site import Site
from bench.table import Figure
from bench.turns import WORDS

TURNS = 500
THREADS = 8
SMALL = {"WEB_CONCURRENCY": "1", "PYTHONOPTIMIZE": "2", "MALLOC_ARENA_MAX": "2"}
LIMIT_MB = 200.0
PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def measure(_seconds: float, _rounds: int) -> list[Figure]:
    with Site(DEBOUNCE_SECONDS="0.2", **SMALL) as site:
        site.start_llm(0.02)
        site.start_web()
        site.start_workers(1, THREADS)
        idle = read_memory(site)
        site.chatwoot.act("configure", outgoing_url=f"http://127.0.0.1:{site.port}/webhooks/chatwoot")
        for words in (WORDS, QUESTION):
            create_conversations(site, TURNS // 2, words)
        answered = "SELECT count(*) >= :turns FROM turn WHERE finished_at IS NOT NULL"
        site.wait(lambda: bool(site.rows(answered, turns=TURNS)[0][0]), f"{TURNS} turns", 120)
        wait_until_answered(site, 30)
        used = read_memory(site)
    figures = [Figure(f"memory of {name}: after {TURNS} turns, idle", "MB", used[name], idle[name], aim=None) for name in used]
    return [*figures, Figure("memory of all: after the turns, limit", "MB", sum(used.values()), LIMIT_MB, aim=1.0)]


def read_memory(site: Site) -> dict[str, float]:
    """Process -> MB."""
    master = site.processes["web"].pid
    found = {"the web's master": read_pss(master)}
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    found |= {f"web process {n}": read_pss(int(pid)) for n, pid in enumerate(children, start=1)}
    return found | {"the worker": read_pss(site.processes["worker0"].pid)}


def read_pss(pid: int) -> float:
    found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    if found is None:
        raise RuntimeError(f"no PSS of process {pid}")
    return int(found[1]) / 1024
