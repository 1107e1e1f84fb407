"""Chatwoot's own help centre: the published articles of an account's portals, by its API.

Source: Chatwoot 4.15, portals and articles controllers with their views; addresses as in its config/routes.rb. Read leniently.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from chatbot.deadline import deadline, limit
from chatbot.errors import ChatwootError

CALL_S = 15.0
CONNECT_S = 5.0
SESSION_S = 120.0
SESSION_BYTES = 100_000_000
MAX_PAGES = 200  # of 25 articles each


@dataclass(frozen=True, slots=True)
class HelpArticle:
    """url: where customers read it; content: Markdown; mark: another one after each change; locale: such as "es"."""

    url: str
    title: str
    content: str
    mark: str
    locale: str


def list_articles(origin: str, account_id: int, token: str, portal: str = "") -> list[HelpArticle]:
    """All published articles of the portals that aren't archived, or of one by its slug. A whole read, or ChatwootError."""
    timeout = httpx2.Timeout(CALL_S, connect=CONNECT_S)
    headers = {"Api-Access-Token": token}
    base = f"{origin}/api/v1/accounts/{account_id}"
    with _mapped(), deadline(SESSION_S, SESSION_BYTES), httpx2.Client(timeout=timeout, headers=headers) as http:
        limit(http)
        portals = [p for p in _get(http, f"{base}/portals") if isinstance(p.get("slug"), str) and not p.get("archived")]
        wanted = [p for p in portals if not portal or p["slug"] == portal]
        return [article for p in wanted for article in _list_portal(http, base, origin, p)]


def _list_portal(http: httpx2.Client, base: str, origin: str, portal: dict[str, Any]) -> Iterator[HelpArticle]:
    slug = quote(portal["slug"], safe="")
    domain = str(portal.get("custom_domain") or "").removeprefix("https://").strip("/")
    start = f"{f'https://{domain}' if domain else origin}/hc/{slug}/articles"
    seen: set[Any] = set()
    for number in range(1, MAX_PAGES + 1):
        found = [a for a in _get(http, f"{base}/portals/{slug}/articles", page=number) if a.get("id") not in seen]
        if not found:
            return
        seen |= {article.get("id") for article in found}
        for article in found:
            if article.get("status") == "published" and isinstance(article.get("content"), str):
                yield _make_article(article, start)
    raise ChatwootError(f"more than {MAX_PAGES} pages of articles")


def _make_article(article: dict[str, Any], start: str) -> HelpArticle:
    category = article.get("category")
    locale = article.get("locale") or (category.get("locale") if isinstance(category, dict) else "")
    return HelpArticle(
        url=f"{start}/{quote(str(article.get('slug') or article.get('id')), safe='')}",
        title=" ".join(str(article.get("title") or "").split()),
        content=article["content"],
        mark=str(article.get("updated_at") or ""),
        locale=str(locale or ""),
    )


def _get(http: httpx2.Client, url: str, **query: int) -> list[dict[str, Any]]:
    answer = http.get(url, params=query)
    if answer.status_code != 200:
        is_sure = answer.status_code in (401, 403, 404)
        raise ChatwootError(f"answered {answer.status_code}", permanent=is_sure, status=answer.status_code)
    try:
        payload = answer.json().get("payload")
    except (ValueError, AttributeError) as e:
        raise ChatwootError("the answer isn't a list") from e
    if not isinstance(payload, list):
        raise ChatwootError("the answer has no list")
    return [found for found in payload if isinstance(found, dict)]


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL) as e:
        raise ChatwootError(f"no answer ({type(e).__name__})") from e
