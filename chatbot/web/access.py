"""Who may do what: one gate before every request, closed for whatever isn't named here or marked on its view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

Role = Literal["agent", "editor", "owner"]
ROLES: tuple[Role, ...] = ("agent", "editor", "owner")  # each may do what those before it may
View = TypeVar("View", bound=Callable[..., Any])

# reached without an account: machines, the login, and what a browser loads before it
OPEN_ENDPOINTS = frozenset(
    {
        "assets.file",
        "health.healthz",
        "health.installation",
        "health.readyz",
        "webhook.chatwoot",
        "webhook.chatwoot_token",
        "welcome.page",
    }
)
# Flask-Security's own views; the second list needs an account
OPEN_LOGIN_ENDPOINTS = frozenset(
    {
        "security.login",
        "security.forgot_password",
        "security.reset_password",
        "security.two_factor_token_validation",
        "security.two_factor_select",
        "security.mf_recovery",
    }
)
ACCOUNT_ENDPOINTS = frozenset(
    {
        "security.logout",
        "security.change_password",
        "security.verify",
        "security.two_factor_setup",
        "security.two_factor_setup_validate",
        "security.mf_recovery_codes",
    }
)


def allow(role: Role) -> Callable[[View], View]:
    """Marks a view for accounts of this role and those above it. Stands right below the route."""

    def mark(view: View) -> View:
        view.least_role = role  # type: ignore[attr-defined]
        return view

    return mark


def is_at_least(role: Role) -> bool:
    """Whether whoever asks has this role or more."""
    return current_user.is_authenticated and ROLES.index(current_user.role) >= ROLES.index(role)


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
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined, no-any-return]
    if not is_at_least(least):
        abort(403)
    return None


def init_app(app: Flask) -> None:
    app.before_request(deny_by_default)
