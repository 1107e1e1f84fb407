"""Whether a help centre is the connected Chatwoot's own, and its articles by Chatwoot's API."""

from __future__ import annotations

import re

from chatbot.bodies import Document
from chatbot.clients.help_center import HelpArticle, list_articles
from chatbot.errors import ChatwootError, PageError
from chatbot.settings import Settings

OWN_HELP_CENTER = "chatwoot:help_center"


def find_portal(document: Document, settings: Settings) -> str | None:
    """The slug of the portal that is meant, "" for all of them; None where it is a site like any other."""
    if not document.url:
        return ""
    own = settings.chatwoot_url
    found = re.match(r"/hc/([^/?#]+)", document.url[len(own) :]) if own and document.url.startswith(f"{own}/") else None
    return found[1] if found else None


def list_own_articles(document: Document, settings: Settings) -> list[HelpArticle]:
    """Raises PageError."""
    if not settings.chatwoot_url or settings.chatwoot_account_id is None or not settings.read_token:
        raise PageError("not_connected")
    try:
        portal = find_portal(document, settings) or ""
        return list_articles(settings.chatwoot_url, settings.chatwoot_account_id, settings.read_token, portal)
    except ChatwootError as e:
        kind = "refused" if e.permanent else "server_error" if e.status else "unreachable"
        raise PageError(kind, permanent=e.permanent, status=e.status) from e
