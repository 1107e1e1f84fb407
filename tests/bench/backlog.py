"""Turns a second from a backlog, with a model that thinks for 300 ms and two workers of 64 threads."""

from __future__ import annotations

from bench.seeding import Crowd, pick_kinds, read_posted, seed_crowd, wait_until_answered
from bench.site import BARE, Site
from bench.table import Figure, make_figure
from bench.turns import SETTINGS, run_bare

WORKERS = 2
THREADS = 64
THINKING_S = 0.3
PER_SECOND = 250  # the backlog's size for each second of measurement
WARM_UP = 400
WORDS = "¿Las sábanas de lino se pueden meter en la secadora o mejor tenderlas?"


def measure(seconds: float, rounds: int) -> list[Figure]:
    count = round(PER_SECOND * seconds)
    ours, bound = [], []
    with Site(**SETTINGS) as site:
        site.start_llm(THINKING_S)
        site.start_workers(WORKERS, THREADS)
        answer_backlog(site, WARM_UP)
        for _ in range(rounds):
            ours.append(answer_backlog(site, count))
            crowd = seed_crowd(site, count, WORDS, database=BARE)
            run_bare(site, crowd, THREADS, WORKERS, site.llm_url)
            bound.append(rate_of(site, crowd))
    return [make_figure(f"turns from a backlog, model of {THINKING_S * 1000:.0f} ms", "/s", ours, bound, is_rate=True)]


def answer_backlog(site: Site, count: int) -> float:
    """Turns a second, from the due time of all to the last reply stored."""
    crowd = seed_crowd(site, count, WORDS)
    wait_until_answered(site, 300)
    kinds = pick_kinds(site, crowd)
    if kinds != ["assistant"]:
        raise RuntimeError(f"answered by {kinds}")
    return rate_of(site, crowd)


def rate_of(site: Site, crowd: Crowd) -> float:
    return len(crowd.due) / (max(read_posted(site, crowd).values()) - crowd.first_due)
