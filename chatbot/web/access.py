"""Who may do what: one gate before every request, closed for whatever isn't named here or marked on its view."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, abort, current_app, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

from chatbot.web import kept

Role = Literal["agent", "editor", "owner"]
ROLES: tuple[Role, ...] = ("agent", "editor", "owner")  # each may do what those before it may
View = TypeVar("View", bound=Callable[..., Any])
FRESH_S = 30 * 60  # so long after the password was typed dangerous pages open without it

# reached without an account: machines, the login, and what a browser loads before it
OPEN_ENDPOINTS = frozenset(
    {
        "assets.file",
        "dashboard_app.act",
        "dashboard_app.open_tab",
        "dashboard_app.tab",
        "health.healthz",
        "health.installation",
        "health.readyz",
        "webhook.chatwoot",
        "webhook.chatwoot_token",
        "passkeys.log_in",
        "passkeys.login_options",
        "welcome.forgot",
        "welcome.page",
    }
)
# Flask-Security's own views; the second list needs an account. Its other ones have pages of ours instead
OPEN_LOGIN_ENDPOINTS = frozenset({"security.login", "security.two_factor_token_validation", "security.mf_recovery"})
ACCOUNT_ENDPOINTS = frozenset({"security.logout", "security.verify"})


def allow(role: Role, *, fresh: bool = False) -> Callable[[View], View]:
    """Marks a view for accounts of this role and those above it. Stands right below the route.

    fresh: the password must have been typed a while ago at most, so that a browser left open does no harm.
    """

    def mark(view: View) -> View:
        view.least_role = role  # type: ignore[attr-defined]
        view.needs_fresh_login = fresh  # type: ignore[attr-defined]
        return view

    return mark


def is_at_least(role: Role) -> bool:
    """Whether whoever asks has this role or more."""
    return current_user.is_authenticated and ROLES.index(current_user.role) >= ROLES.index(role)


def is_fresh() -> bool:
    """Whether whoever asks proved who they are within FRESH_S. fs_paa is Flask-Security's moment of it."""
    proved_at: float = session.get("fs_paa", 0)
    return 0 <= time.time() - proved_at < FRESH_S


def mark_fresh() -> None:
    session["fs_paa"] = time.time()


def needs_fresh_login(endpoint: str) -> bool:
    return bool(getattr(current_app.view_functions.get(endpoint), "needs_fresh_login", False))


def find_least_role(endpoint: str) -> Role | Literal["open"] | None:
    """None: nobody gets in, whatever blueprint registered it."""
    if endpoint in OPEN_ENDPOINTS or endpoint in OPEN_LOGIN_ENDPOINTS:
        return "open"
    if endpoint in ACCOUNT_ENDPOINTS:
        return "agent"
    return getattr(current_app.view_functions.get(endpoint), "least_role", None)


def deny_by_default() -> ResponseReturnValue | None:
    least = find_least_role(request.endpoint or "")
    if least is None:
        abort(404)
    if least == "open":
        return None
    if not current_user.is_authenticated:
        return kept.send_to_login()
    if not is_at_least(least):
        abort(403)
    if needs_fresh_login(request.endpoint or "") and not is_fresh():
        return kept.ask_password()
    return None


def init_app(app: Flask) -> None:
    app.before_request(deny_by_default)
