"""What every page of the panel has: the menu, the pause switch, messages, error pages; and the answer as page or fragment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy import select
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from chatbot.audit import Actor
from chatbot.models import Instance
from chatbot.web import kept, lists
from chatbot.web.access import ROLES, find_least_role, is_at_least
from chatbot.web.database import reading

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MenuItem:
    """endpoint: where it leads; it is shown where that exists and the reader may go there."""

    endpoint: str
    label: Any
    icon: str


MENU: tuple[tuple[Any, tuple[MenuItem, ...]], ...] = (
    (
        lazy_gettext("Day to day"),
        (
            MenuItem("overview.page", lazy_gettext("Home"), "house"),
            MenuItem("conversations.listing", lazy_gettext("Conversations"), "chat-left-text"),
            MenuItem("teaching.listing", lazy_gettext("To teach"), "mortarboard"),
            MenuItem("proposals.listing", lazy_gettext("Proposals"), "lightbulb"),
            MenuItem("analytics.page", lazy_gettext("Analytics"), "bar-chart"),
        ),
    ),
    (
        lazy_gettext("What the bot knows"),
        (
            MenuItem("content.canned", lazy_gettext("Templates"), "chat-quote"),
            MenuItem("content.faq", lazy_gettext("FAQs"), "patch-question"),
            MenuItem("content.flow", lazy_gettext("Conversation flows"), "diagram-3"),
            MenuItem("content.article", lazy_gettext("Knowledge base"), "book"),
            MenuItem("documents.listing", lazy_gettext("Documents"), "file-earmark-text"),
            MenuItem("content.assistant", lazy_gettext("Specialised agents"), "person-badge"),
            MenuItem("imports.page", lazy_gettext("Import and export"), "arrow-down-up"),
            MenuItem("testbot.page", lazy_gettext("Test bot"), "robot"),
            MenuItem("retrieval.page", lazy_gettext("Try the search"), "search"),
            MenuItem("calibration.page", lazy_gettext("Sureness of the FAQs"), "bullseye"),
            MenuItem("release.page", lazy_gettext("Draft and publishing"), "cloud-upload"),
        ),
    ),
    (
        lazy_gettext("The installation"),
        (
            MenuItem("wizard.page", lazy_gettext("First steps"), "signpost-split"),
            MenuItem("settings.page", lazy_gettext("Settings"), "sliders"),
            MenuItem("readiness.page", lazy_gettext("Readiness"), "clipboard2-check"),
            MenuItem("system.page", lazy_gettext("Health"), "heart-pulse"),
            MenuItem("people.listing", lazy_gettext("Users"), "people"),
            MenuItem("audit.listing", lazy_gettext("Audit log"), "journal-text"),
        ),
    ),
)


def is_fragment() -> bool:
    """Whether htmx asks for a part of the page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def say(text: str, category: str = "success", undo_url: str = "") -> None:
    """A toast on the page that comes next. undo_url: POSTed to by its "Undo" button."""
    flash(f"{undo_url}|{text}", category)


def go(endpoint: str, **values: Any) -> Response:
    """After a POST. htmx follows redirects itself."""
    return redirect(url_for(endpoint, **values), 303)


def actor() -> Actor:
    """Whoever is logged in, for the audit log."""
    return Actor(current_user.email, current_user.id, request.remote_addr or "")


def build_menu() -> list[tuple[Any, list[MenuItem]]]:
    groups = [(label, [item for item in items if may_open(item.endpoint)]) for label, items in MENU]
    return [(label, items) for label, items in groups if items]


def may_open(endpoint: str) -> bool:
    """For links and buttons: not shown to whom the gate would refuse."""
    least = find_least_role(endpoint)
    return least == "open" or (least is not None and is_at_least(least))


def read_instance() -> Any:
    """The one row of `instance`, once a request."""
    if "instance_row" not in g:
        g.instance_row = reading().execute(select(Instance)).one()
    return g.instance_row


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        build_menu=build_menu,
        may_open=may_open,
        has_role=is_at_least,
        read_instance=read_instance,
        list_link=lists.link,
    )
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(CSRFError, show_expired)
    app.register_error_handler(500, show_fault)


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    """Machines get the plain error, people a page in plain words."""
    if error.response is not None or is_for_machines():
        return error
    return show_error(error.code or 500)


def show_expired(error: CSRFError) -> ResponseReturnValue:  # noqa: ARG001
    """A form of ours that is older than this login comes back with what was typed."""
    if request.endpoint == "security.login" and kept.is_from_us():
        return go("security.login", next=request.args.get("next"))
    if find_least_role(request.endpoint or "") in ROLES:
        answer = kept.offer_again() if current_user.is_authenticated else kept.send_to_login() if kept.is_from_us() else None
        if answer is not None:
            return answer
    return show_error(419)


def show_fault(error: Exception) -> ResponseReturnValue:
    return error if is_for_machines() and isinstance(error, HTTPException) else show_error(500)


def is_for_machines() -> bool:
    """Webhooks and health checks, and whatever doesn't ask for HTML."""
    return (request.blueprint or "") in {"webhook", "health", "assets"} or "html" not in request.headers.get("Accept", "")


def show_error(code: int) -> ResponseReturnValue:
    texts = {
        400: (gettext("That request can't be understood"), gettext("Go back, check what was typed, and try again.")),
        403: (gettext("That isn't open to this account"), gettext("An owner can change the role under Users.")),
        404: (gettext("There is nothing here"), gettext("The address is wrong, or what was here has been taken away.")),
        413: (gettext("That is too large"), gettext("Try a smaller file, or several.")),
        419: (
            gettext("This page was open for too long"),
            gettext("Go back with the browser's button: what was typed is still there. Reload the form, and send it again."),
        ),
        429: (gettext("Too many tries"), gettext("Wait a few minutes, then try again.")),
    }
    title, advice = texts.get(
        code, (gettext("Something failed here"), gettext("It isn't your fault, and it has been written down. Try again."))
    )
    try:
        body = render_template("error.html", code=code, title=title, advice=advice)
    except Exception:  # the page itself needs the database
        log.exception("error_page_failed")
        body = render_template("error_plain.html", title=title, advice=advice)
    return make_response(body, 400 if code == 419 else code)
