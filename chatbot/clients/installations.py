"""Asks another address which installation it serves: a second box that is the same bot's must be noticed."""

from __future__ import annotations

import httpx2

TIMEOUT_S = 5.0


def get_installation(origin: str) -> str | None:
    """The installation id that an address like "https://bot.example" serves; None where it doesn't say (proves nothing)."""
    try:
        answer = httpx2.get(f"{origin}/health/installation", timeout=TIMEOUT_S, follow_redirects=False)
        found = answer.json().get("installation") if answer.status_code == 200 else None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
