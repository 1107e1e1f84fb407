"""The pretend Chatwoot's help centre: portals and their articles, as its API lists them, 25 a page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from chatbot.pretend.wire import Answer, Request

ROUTES = (("GET", r"/portals", "list_portals"), ("GET", r"/portals/[\w-]+/articles", "list_articles"))
ENDPOINTS = {name for _, _, name in ROUTES}
PAGE = 25
MISSING = Answer(404, {"error": "Resource could not be found"})


@dataclass(slots=True)
class PortalArticle:
    """status: draft, published or archived."""

    id: int
    title: str
    content: str
    slug: str
    status: str = "published"
    updated_at: int = 1_700_000_000
    locale: str = "es"


@dataclass(slots=True)
class Portal:
    slug: str
    name: str = "Ayuda"
    custom_domain: str | None = None
    archived: bool = False
    articles: list[PortalArticle] = field(default_factory=list)


def answer(portals: list[Portal], request: Request) -> Answer:
    found = re.search(r"/portals/([\w-]+)/articles/?$", request.path)
    if found is None:
        return Answer(200, {"payload": [_show_portal(p) for p in portals]})
    portal = next((p for p in portals if p.slug == found[1]), None)
    if portal is None:
        return MISSING
    page = max(int(request.query.get("page") or 1), 1)
    articles = sorted(portal.articles, key=lambda a: -a.updated_at)[(page - 1) * PAGE : page * PAGE]
    meta = {"current_page": page, "articles_count": len(portal.articles)}
    return Answer(200, {"payload": [_show_article(a) for a in articles], "meta": meta})


def _show_portal(portal: Portal) -> dict[str, Any]:
    return {
        "id": 1, "slug": portal.slug, "name": portal.name, "custom_domain": portal.custom_domain, "archived": portal.archived,
        "config": {"allowed_locales": [], "default_locale": "es"},
    }  # fmt: skip


def _show_article(article: PortalArticle) -> dict[str, Any]:
    shown = {"id": article.id, "slug": article.slug, "title": article.title, "content": article.content}
    more = {"status": article.status, "updated_at": article.updated_at, "locale": article.locale, "description": None}
    return {**shown, **more, "category": {"id": None, "name": None, "slug": None, "locale": None}}
