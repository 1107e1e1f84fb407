"""Reads one page of a document on the web for the indexer, and makes rows of the pages that it leads to.

A page, a site, a sitemap or a help centre: what each is read by, and what a site asks of programs. Nothing here looks into a
text; links are read by the limited process. docs/knowledge.md, "Reading the web".
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from chatbot import found_pages
from chatbot.bodies import Document, address_of
from chatbot.clients.help_center import HelpArticle
from chatbot.clients.page_answers import Fetched
from chatbot.clients.pages import Resolve, Rules, fetch, resolve_name
from chatbot.crawl_lists import OWN_HELP_CENTER, find_portal, list_own_articles
from chatbot.errors import PageError
from chatbot.knowledge.page_links import PageLinks, find_links
from chatbot.knowledge.robots import MAX_BYTES as MAX_ROBOTS
from chatbot.knowledge.robots import PAUSE_S, Pace, Robots
from chatbot.knowledge.sitemap import Sitemap, read_sitemap
from chatbot.knowledge.web_addresses import Site, adopt, host_of, is_worth_reading, key_of, normalize, origin_of
from chatbot.settings import Settings

REMEMBERED_S = 3_600.0
LOOK_AGAIN_S = 3_600.0  # a site that is being put up anew says "not found" for a while
MAX_LISTS = 50  # sitemaps of one sitemap
LISTS_S = 90.0  # no other is begun after so long: somebody waits for this page's lease
# what may hold text; the extractor looks at the bytes themselves
TEXTS = (
    "text/", "application/xhtml+xml", "application/xml", "application/pdf", "application/csv", "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.", "application/octet-stream", "binary/octet-stream", "application/zip",
    "application/x-zip", "application/gzip", "application/x-gzip", "application/force-download", "application/x-download",
)  # fmt: skip
NOWHERE = "http://invalid./"
NO_MORE = {"not_found", "gone"}
NEVER_OURS = NO_MORE | {"robots", "forbidden", "wrong_type", "empty"}  # of a link's page that was never read
OTHERS = {"elsewhere", "noindex"}  # another page, or another site's, or none that is to be kept
# what a shop shares by a link, so that it is fetched: no crawling, whatever that site's robots.txt says
EXPORT = re.compile(r"https://docs\.google\.com/spreadsheets/d/[\w-]+/export\?")


@dataclass(slots=True)
class Run:
    """What one run of the indexer remembers of the sites it reads. contact: PUBLIC_URL, told to sites."""

    contact: str = ""
    resolve: Resolve = resolve_name
    pace: Pace = field(default_factory=Pace)
    robots: dict[str, tuple[float, Robots | PageError]] = field(default_factory=dict)
    articles: dict[str, tuple[float, dict[str, HelpArticle]]] = field(default_factory=dict)


_run = Run()


@dataclass(frozen=True, slots=True)
class _Job:
    """One page to be read. page: a row with Page's columns."""

    engine: Engine
    page: Any
    document: Document
    settings: Settings
    run: Run

    @property
    def is_start(self) -> bool:
        return bool(self.page.address == address_of(self.document))

    def owns(self, address: str) -> bool:
        """Whether an address may be one of its pages: a sitemap names any of its host."""
        site = Site.of(self.document.url or "")
        return site.has_host(address) if self.document.source == "sitemap" else site.has(address)

    @property
    def may_follow(self) -> bool:
        return self.document.source in ("site", "help_center") and self.page.depth < self.document.max_depth

    def rules(self, **more: Any) -> Rules:
        """Of the owner's private machines only the one that the document itself names: a redirect leads to no other's."""
        own = _machine_of(host_of(normalize(self.document.url or "") or NOWHERE))
        allowed = frozenset(host for host in self.settings.crawl_private_hosts if _machine_of(host) == own)
        return Rules(allowed, self.run.contact, **more)


def _machine_of(host: str) -> tuple[str, str]:
    """The same for http and https, with www or not, as a Site has it. host: "host:port"."""
    name, _, port = host.rpartition(":")
    return name.strip("[].").removeprefix("www."), "" if port in ("80", "443") else port


def read_page(
    engine: Engine, page: Any, document: Document, settings: Settings, run: Run | None = None
) -> Fetched | None:  # fmt: skip
    """What stands at a page now; None where nothing changed, or where it is only a list of others. Raises PageError.

    With PageError.is_gone the page isn't one of the document's (any more): its row is to become "gone".
    """
    job = _Job(engine, page, document, settings, run or _run)
    try:
        return _read(job)
    except PageError as e:
        _judge(job, e)
        raise


def _read(job: _Job) -> Fetched | None:
    if job.is_start:
        _retire_outside(job)
    if job.document.source == "help_center" and find_portal(job.document, job.settings) is not None:
        return _read_help_center(job)
    address = normalize(job.page.address)
    if address is None:
        raise PageError("bad_address", permanent=True)
    if job.is_start and job.document.source == "sitemap":
        _read_list(job, address)
        return None
    return _read_web_page(job, address)


def _judge(job: _Job, error: PageError) -> None:
    """Twice not there is gone, and so is what never was one of its pages; what was read of it must not answer any more."""
    page = job.page
    is_second = error.kind in NO_MORE and page.problem in NO_MORE
    if error.kind in NO_MORE and not is_second:
        error.retry_after_s = LOOK_AGAIN_S
    if not job.is_start:
        never_was = page.copy_id is None and error.kind in NEVER_OURS
        error.is_gone = error.is_gone or is_second or never_was or error.kind in OTHERS
    elif error.kind == "elsewhere":
        error.kind = "moved"
    if is_second:
        error.kind = "gone"
    if error.is_gone or is_second:
        with job.engine.begin() as connection:
            found_pages.take_away(connection, page.id)


# --- one page ----------------------------------------------------------------------------------------------------


def _read_web_page(job: _Job, address: str) -> Fetched | None:
    page = job.page
    with job.engine.connect() as connection:
        is_new = page.copy_id is None or found_pages.saved_after(connection, page.entry_id, page.checked_at)
    is_whole = is_new or (job.is_start and job.may_follow)  # a start page's links are looked at each time
    marks = {} if is_whole else {"etag": page.etag, "last_modified": page.last_modified}
    stays = None if job.document.source == "page" else job.owns
    fetched = _fetch(job, address, job.rules(media_types=TEXTS, stays=stays), **marks)
    if fetched is None:
        return None
    if key_of(fetched.url) != key_of(address):
        _check_move(job, fetched)
    links = find_links(fetched.body, fetched.media_type, fetched.url, fetched.robots)
    _save_links(job, fetched, links)
    if not links.may_index:
        raise PageError("noindex", permanent=True)
    if not job.is_start:
        _check_canonical(job, address, links)
    is_same = page.copy_id is not None and fetched.body_hash == page.body_hash
    return None if is_same else fetched


def _check_move(job: _Job, fetched: Fetched) -> None:
    """A page that leads to another of the site is that other."""
    target = normalize(fetched.url) or ""
    if not EXPORT.match(job.page.address):
        _ask_robots(job, target)
    if not job.is_start:
        _save(job, [target], job.page.depth)
        raise PageError("elsewhere", permanent=True)


def _check_canonical(job: _Job, address: str, links: PageLinks) -> None:
    """The page says which address is its own. Many say the start page of all of them by mistake: that isn't believed."""
    own = links.canonical
    if own is None or key_of(own) == key_of(address) or not job.owns(own) or job.document.source == "page":
        return
    start = normalize(job.document.url or "") or ""
    if key_of(own) == key_of(start) and key_of(address).partition("?")[0] != key_of(start).partition("?")[0]:
        return
    with job.engine.connect() as connection:
        if found_pages.is_gone(connection, job.page.entry_id, own):
            return
    _save(job, [own], job.page.depth)
    raise PageError("elsewhere", permanent=True)


def _save_links(job: _Job, fetched: Fetched, links: PageLinks) -> None:
    if job.may_follow and links.may_follow:
        robots = _ask_robots(job, fetched.url)
        found = (adopt(link, fetched.url) for link in links.links if job.owns(link))
        wanted = [link for link in found if is_worth_reading(link) and robots.allows(link)]
        _save(job, wanted, job.page.depth + 1)


def _save(job: _Job, addresses: Iterable[str], depth: int) -> None:
    with job.engine.begin() as connection:
        found_pages.save_found(connection, job.page.entry_id, addresses, depth, job.document.max_pages)


def _retire_outside(job: _Job) -> None:
    """What belongs to neither the draft's document nor the live one goes; a help centre's articles are told by their list."""
    with job.engine.begin() as connection:
        documents = found_pages.find_documents(connection, job.page.entry_id)
        if documents and all(d.source != "help_center" for d in documents):
            starts = {address_of(d) for d in documents}
            sites = [Site.of(d.url or "") for d in documents if d.source in ("site", "sitemap")]
            hosts = [Site.of(d.url or "") for d in documents if d.source == "sitemap"]
            found_pages.retire_outside(
                connection, job.page.entry_id,
                lambda a: a in starts or any(s.has(a) for s in sites) or any(h.has_host(a) for h in hosts),
            )  # fmt: skip


# --- asking a site -------------------------------------------------------------------------------------------------


def _fetch(job: _Job, address: str, rules: Rules, **marks: str) -> Fetched | None:
    """With the pause and the rules that its robots.txt asks for."""
    pause_s = PAUSE_S if EXPORT.match(address) else _ask_robots(job, address).pause_s
    return _ask(job, address, rules, pause_s, **marks)


def _ask(job: _Job, address: str, rules: Rules, pause_s: float, **marks: str) -> Fetched | None:
    run = job.run
    if (held_s := run.pace.held_s(address)) > 0:
        raise PageError("too_many_requests", retry_after_s=held_s)
    run.pace.wait(address, 0.0 if host_of(address) in rules.allowed else pause_s)  # one's own machine bears it
    try:
        return fetch(address, rules, resolve=run.resolve, **marks)
    except PageError as e:
        if e.retry_after_s:
            run.pace.hold(address, e.retry_after_s)
        raise


def _ask_robots(job: _Job, address: str) -> Robots:
    """The site's rules, read once a run. Raises PageError "robots" where they forbid the address."""
    origin = origin_of(address)
    until, found = job.run.robots.get(origin, (0.0, Robots.read()))
    if until < time.monotonic():
        found = _read_robots(job, origin)
        job.run.robots[origin] = (time.monotonic() + REMEMBERED_S, found)
    if isinstance(found, PageError):
        raise PageError(found.kind, permanent=found.permanent, status=found.status, retry_after_s=found.retry_after_s)
    if not found.allows(address):
        raise PageError("robots", permanent=True)
    return found


def _read_robots(job: _Job, origin: str) -> Robots | PageError:
    """Where there is none, everything is allowed; where the site can't say, nothing is, for now. RFC 9309, 2.3.1"""
    try:
        fetched = _ask(job, f"{origin}/robots.txt", job.rules(max_bytes=4 * MAX_ROBOTS), 0.0)
    except PageError as e:
        has_none = e.status is not None and 400 <= e.status < 500 and e.status != 429
        return Robots.read() if has_none or e.kind in ("empty", "too_many_redirects", "too_big", "bomb") else e
    return Robots.read(fetched.body if fetched else b"")


# --- lists of pages ------------------------------------------------------------------------------------------------


def _read_list(job: _Job, address: str) -> None:
    """A sitemap, or a site's address whose sitemaps its robots.txt names."""
    found = _read_sitemap(job, address)
    if found is None:
        named = _ask_robots(job, address).sitemaps or [f"{origin_of(address)}/sitemap.xml"]
        found = Sitemap(lists=tuple(named))
    pages = found.pages or _read_lists(job, address, found.lists)
    links = (normalize(page, address) for page in pages)
    robots = _ask_robots(job, address)
    wanted = [link for link in links if link and job.owns(link) and is_worth_reading(link) and robots.allows(link)]
    if not wanted:
        raise PageError("empty", permanent=True)
    _save(job, wanted, 1)


def _read_lists(job: _Job, address: str, lists: Iterable[str]) -> list[str]:
    """The pages of a sitemap's own lists. One that can't be read keeps none of the others away."""
    pages: list[str] = []
    problem: PageError | None = None
    end = time.monotonic() + LISTS_S
    for inner in [normalize(url, address) for url in lists][:MAX_LISTS]:
        if inner is None or not job.owns(inner) or len(pages) >= job.document.max_pages or time.monotonic() > end:
            continue
        try:
            pages += (_read_sitemap(job, inner) or Sitemap()).pages
        except PageError as e:
            problem = e
    if problem and not pages:
        raise problem
    return pages


def _read_sitemap(job: _Job, address: str) -> Sitemap | None:
    fetched = _fetch(job, address, job.rules())
    return read_sitemap(fetched.body) if fetched else None


def _read_help_center(job: _Job) -> Fetched | None:
    """The start page lists the articles, the others are articles. What isn't in the list any more is gone at once."""
    articles = _find_articles(job)
    if job.is_start:
        if not articles:
            raise PageError("no_help_center", permanent=True)
        _save(job, articles, 1)
        return None
    article = articles.get(job.page.address)
    if article is None:
        raise PageError("gone", permanent=True, is_gone=True)
    body = f"# {article.title}\n\n{article.content}".encode()
    fetched = Fetched(article.url, 200, "text/markdown; charset=utf-8", body, etag=article.mark)
    is_same = job.page.copy_id is not None and fetched.body_hash == job.page.body_hash
    return None if is_same else fetched


def _find_articles(job: _Job) -> dict[str, HelpArticle]:
    """By their addresses, read once a run, and anew where the list itself is due."""
    name = job.document.url or OWN_HELP_CENTER
    until, found = job.run.articles.get(name, (0.0, {}))
    if job.is_start or until < time.monotonic():
        found = {article.url: article for article in list_own_articles(job.document, job.settings)}
        job.run.articles[name] = (time.monotonic() + REMEMBERED_S, found)
    return found
