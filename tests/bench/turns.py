"""From due to posted at 50 turns a second, without a model and with a Chatwoot that answers at once."""

from __future__ import annotations

import json
import subprocess

from bench.seeding import Crowd, lags_ms, pick_kinds, read_posted, read_started, seed_crowd, wait_until_answered
from bench.site import BARE, Site
from bench.table import Figure, make_figure

RATE = 50
THREADS = 16
WORDS = "¿Cuál es vuestro horario?"
# no reading of Chatwoot falls into a measurement
SETTINGS = {"DEBOUNCE_SECONDS": "0.2", "RECONCILE_S": "86400"}


def measure(seconds: float, rounds: int) -> list[Figure]:
    due: dict[str, list[dict[str, float]]] = {"ours": [], "bound": []}
    claim: dict[str, list[dict[str, float]]] = {"ours": [], "bound": []}
    with Site(**SETTINGS) as site:
        site.start_workers(1, THREADS)
        answer_crowd(site, seed_crowd(site, 2 * RATE, WORDS, rate=RATE))
        for _ in range(rounds):
            crowd = seed_crowd(site, round(RATE * seconds), WORDS, rate=RATE)
            answer_crowd(site, crowd)
            posted = read_posted(site, crowd)
            due["ours"].append(lags_ms(crowd.due, posted))
            claim["ours"].append(lags_ms(read_started(site, crowd), posted))
            crowd = seed_crowd(site, round(RATE * seconds), WORDS, rate=RATE, database=BARE)
            claimed = run_bare(site, crowd)
            posted = read_posted(site, crowd)
            due["bound"].append(lags_ms(crowd.due, posted))
            claim["bound"].append(lags_ms(claimed, posted))
    return [
        make_figure(f"{what} at {RATE}/s, {name}", "ms", [r[name] for r in lags["ours"]], [r[name] for r in lags["bound"]])
        for what, lags in (("due to posted", due), ("claimed to posted", claim))
        for name in ("p50", "p99")
    ]


def answer_crowd(site: Site, crowd: Crowd) -> None:
    """Waits for the workers. Raises RuntimeError where another responder answered than was meant."""
    wait_until_answered(site, 120)
    kinds = pick_kinds(site, crowd)
    if set(kinds) - {"canned", "faq"}:
        raise RuntimeError(f"answered by {kinds}")


def run_bare(site: Site, crowd: Crowd, threads: int = 1, processes: int = 1, llm_url: str = "") -> dict[int, float]:
    """conversation -> when a bare loop claimed it."""
    words = ["-m", "bench.bare_loop", "--threads", str(threads), *(["--llm", llm_url] if llm_url else [])]
    loops = [site.spawn(f"bare{n}", *words, database=BARE, stdout=subprocess.PIPE) for n in range(processes)]
    claimed: dict[int, float] = {}
    for loop in loops:
        output, _ = loop.communicate(timeout=180)
        claimed |= {int(name): at for name, at in json.loads(output).items()}
    if claimed.keys() != crowd.due.keys():
        raise RuntimeError(f"the bare loops claimed {len(claimed)} of {len(crowd.due)}: {site.log('bare0')[-500:]}")
    return claimed
