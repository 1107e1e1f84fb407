"""The panel's pages before a million messages, through the real web and the real login: 95 of 100 within 300 ms."""

from __future__ import annotations

import base64
import html
import http.client
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from urllib.parse import quote, urlencode, urlsplit

from acceptance.box import ROOT

from bench.panel_seed import DAYS, FAQS, seed
from bench.panel_words import pick_words
from bench.site import Site
from bench.table import Figure, percentile

LIMIT_MS = 300.0
# ansible/roles/postgres/templates/mostrador.conf.j2, for a machine of 1 GB
AS_ON_A_BOX = {"jit": "off", "random_page_cost": "1.1", "work_mem": "4MB", "max_parallel_workers_per_gather": "0"}
MESSAGES = 1_000_000
LEAST_ASKED = 20  # of each page a round: fewer say nothing about 95 of 100
EMAIL, PASSWORD = "bench@example.com", "un-paraguas-verde-7"
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
EARLIER = re.compile(r'href="([^"]*before=[^"]+)"')
Paths = Callable[[random.Random], str]


def measure(seconds: float, rounds: int) -> list[Figure]:
    """seconds: about so many for all pages of a round. ONE_CORE=1 in the environment gives the whole site one processor."""
    if os.environ.get("ONE_CORE"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    site = Site()
    site.postgres.settings |= AS_ON_A_BOX
    with site:
        began = time.monotonic()
        longest = seed(site, int(os.environ.get("MESSAGES", MESSAGES)))
        print(f"seeded in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
        site.start_web()
        browser = Browser(site.port)
        browser.log_in(make_link(site))
        pages = list_pages(site, browser, longest)
        for paths in pages.values():  # what is read for the first time after a start comes from the disk
            browser.get(paths(random.Random(0)))
        times: dict[str, list[list[float]]] = {name: [] for name in pages}
        for number in range(rounds):
            for name, paths in pages.items():
                times[name].append(ask(browser, paths, random.Random(number + 1), seconds * 3 / len(pages)))
    return list(itertools.chain(*(make_figures(name, found) for name, found in times.items())))


def make_figures(name: str, rounds: list[list[float]]) -> list[Figure]:
    def median(percent: float) -> float:
        return statistics.median(percentile(times, percent) for times in rounds)

    return [
        Figure(f"{name}, p50", "ms", median(50), None, aim=None),
        Figure(f"{name}, p95, limit", "ms", median(95), LIMIT_MS, aim=1.0),
        Figure(f"{name}, p99", "ms", median(99), None, aim=None),
    ]


def ask(browser: Browser, paths: Paths, chance: random.Random, seconds: float) -> list[float]:
    """Milliseconds of each request, another address each time."""
    times: list[float] = []
    end = time.monotonic() + seconds
    while len(times) < LEAST_ASKED or time.monotonic() < end:
        path = paths(chance)
        began = time.perf_counter()
        browser.get(path)
        times.append((time.perf_counter() - began) * 1000)
    return times


def list_pages(site: Site, browser: Browser, longest: int) -> dict[str, Paths]:
    conversations = site.rows("SELECT count(*) FROM conversation")[0][0]
    places = [
        base64.urlsafe_b64encode(json.dumps([row[0].isoformat(), row[1]]).encode()).decode().rstrip("=")
        for row in site.rows(f"SELECT updated_at, id FROM conversation WHERE id % {max(conversations // 500, 1)} = 0")
    ]
    earlier = EARLIER.search(browser.get(f"/conversations/{longest}"))

    def filtered(**filters: str) -> Paths:
        return lambda chance: "/conversations?" + urlencode({name.rstrip("_"): value for name, value in filters.items()})

    def searched(*ranks: float, **filters: str) -> Paths:
        return lambda chance: (
            "/conversations?" + urlencode({"q": " ".join(pick_words(chance, rank) for rank in ranks), **filters})
        )

    def in_days(path: str, days: int, ago: int) -> Paths:
        def make(chance: random.Random) -> str:
            last = date.today() - timedelta(days=chance.randrange(ago + 1))  # noqa: DTZ011
            return f"{path}?from={last - timedelta(days=days - 1)}&to={last}"

        return make

    return {
        "list": lambda _: "/conversations",
        "list, a deep page": lambda chance: f"/conversations?after={chance.choice(places)}",
        **{f"list, {state}": filtered(state=state) for state in ("answered", "handed_off", "ignored", "suggested", "watched")},
        **{f"list, by {name}": filtered(responder=name) for name in ("faq", "assistant", "media", "handoff")},
        "list, in English": filtered(language="en"),
        "list, the smallest inbox": filtered(inbox="3"),
        "list, one day": in_days("/conversations", 1, DAYS),
        "list, three filters": filtered(state="handed_off", responder="media", language="en"),
        "list, filter, a deep page": lambda chance: f"/conversations?state=handed_off&after={chance.choice(places)}",
        "search, a rare word": searched(0.97),
        "search, a word in between": searched(0.6),
        "search, the commonest words": searched(0.05),
        "search, a common word": searched(0.3),
        "search, two common words": searched(0.3, 0.35),
        "search, common and rare": searched(0.3, 0.9),
        "search, common, deep page": lambda chance: searched(0.05, after=chance.choice(places))(chance),
        "search, common, one day": lambda chance: f"{in_days('/conversations', 1, DAYS)(chance)}&q={pick_words(chance, 0.1)}",
        "search, common, a filter": searched(0.1, state="watched"),
        "search, nothing": lambda chance: f"/conversations?q=xyzzy{chance.randrange(10**6)}",
        "a conversation": lambda chance: f"/conversations/{chance.randrange(1, conversations)}",
        "the longest conversation": lambda _: f"/conversations/{longest}",
        **({"the same, earlier": lambda _: html.unescape(earlier[1])} if earlier else {}),
        "analytics, a day": in_days("/analytics", 1, 300),
        "analytics, 30 days": in_days("/analytics", 30, 300),
        "analytics, a year": in_days("/analytics", 365, 2),
        "home": lambda _: "/",
        "FAQs": lambda _: "/content/faq",
        "FAQs, a search": lambda chance: f"/content/faq?q={quote(pick_words(chance, 0.3))}",
        "a FAQ": lambda chance: f"/content/faq/pregunta-{chance.randrange(1, FAQS)}",
        "to teach": lambda _: "/teaching",
        "palette": lambda chance: f"/search?q={quote(pick_words(chance, 0.5)[:4])}",
        "audit log": lambda _: "/audit",
        "health": lambda _: "/system",
        "draft and publishing": lambda _: "/release",
        "test bot": lambda _: "/test",
    }


class Browser:
    """One connection that is kept, and its cookies."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> str:
        """Raises RuntimeError where it isn't a page."""
        status, text = self._ask("GET", path)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
        return text

    def post(self, path: str, form: dict[str, str]) -> None:
        found = CSRF.search(self.get(path))
        status, _ = self._ask("POST", path, urlencode({**form, "csrf_token": found[1] if found else ""}))
        if status not in {302, 303}:
            raise RuntimeError(f"{path} answered {status} to a form")

    def log_in(self, link: str) -> None:
        """As the first owner does: by the one-time link, then with the new password."""
        self.post(urlsplit(link).path, {"name": "Bench", "password": PASSWORD, "again": PASSWORD})
        self.post("/login", {"email": EMAIL, "password": PASSWORD})

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Accept": "text/html", "Accept-Language": "es", "Cookie": cookies}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        return answer.status, text


def make_link(site: Site) -> str:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "user", "create", "--owner", EMAIL]
    made = subprocess.run(command, cwd=ROOT, env=site.environment(), check=True, capture_output=True, text=True, timeout=60)
    return next(word for word in made.stdout.split() if "/welcome/" in word)
