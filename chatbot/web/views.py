"""Saved views: what a list's URL asks for, kept under a name. Each account sees its own. The bar is in parts/list.html."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from chatbot.audit import record
from chatbot.models.people import SavedView
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, may_open, say

bp = Blueprint("views", __name__, url_prefix="/views")
LISTS = frozenset(
    {
        "audit.listing", "content.article", "content.assistant", "content.canned", "content.faq", "content.flow",
        "conversations.listing", "documents.listing", "teaching.listing",
    }
)  # fmt: skip
MOST_VIEWS = 30
MOST_NAME = 60
MOST_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class View:
    id: int
    name: str
    url: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """views: of the list that is shown; query: what it is filtered by now, "" for nothing; now: the view that is that."""

    views: list[View]
    query: str
    now: View | None


@bp.app_template_global()
def read_views() -> Bar:
    name, query = request.endpoint or "", tidy(request.query_string.decode("utf-8", "replace"))
    own = (SavedView.account_id == current_user.id, SavedView.list == name)
    rows = reading().execute(select(SavedView.id, SavedView.name, SavedView.query).where(*own).order_by(SavedView.name))
    views = [View(row.id, row.name, find_url(name, row.query), row.query == query) for row in rows]
    return Bar(views, query, next((view for view in views if view.is_now), None))


def tidy(query: str) -> str:
    """The same text for the same filters: without empty ones and the place in the pages, in one order."""
    pairs = [(name, value) for name, value in parse_qsl(query[:MOST_QUERY]) if name != "after" and "\x00" not in value]
    return urlencode(sorted(pairs))


def find_url(name: str, query: str) -> str:
    return url_for(name) + (f"?{query}" if query else "")


@bp.post("")
@allow("agent")
def save() -> ResponseReturnValue:
    """A name that is there already gets the new filters. The fields may be in the URL, as an undo has them."""
    listed, query = read_list(), tidy(request.values.get("query", ""))
    name = " ".join(request.values.get("name", "").replace("\x00", "").split())[:MOST_NAME]
    if not name or not query:
        say(_("Write a name for the view.") if query else _("Choose some filters first, then save them."), "danger")
        return redirect(find_url(listed, query), 303)
    row: dict[str, Any] = {"account_id": current_user.id, "list": listed, "name": name, "query": query}
    own = select(func.count()).where(SavedView.account_id == current_user.id, SavedView.list == listed, SavedView.name != name)
    with writing() as connection:
        is_full = (connection.scalar(own) or 0) >= MOST_VIEWS
        if not is_full:
            statement = insert(SavedView).values(row)
            connection.execute(statement.on_conflict_do_update(constraint="uq_saved_view_account_id_list_name", set_=row))
            record(connection, actor(), "view.save", f"{listed}:{name}", None, {"query": query})
    if is_full:
        say(_("There are %(n)s views of this list already; take one away first.", n=MOST_VIEWS), "danger")
    else:
        say(_("Saved as “%(name)s”.", name=name))
    return redirect(find_url(listed, query), 303)


@bp.post("/<int:view_id>/remove")
@allow("agent")
def remove(view_id: int) -> ResponseReturnValue:
    """Only ever one's own."""
    statement = delete(SavedView).where(SavedView.id == view_id, SavedView.account_id == current_user.id)
    with writing() as connection:
        row = connection.execute(statement.returning(SavedView.list, SavedView.name, SavedView.query)).first()
        if row is None:
            abort(404)
        record(connection, actor(), "view.remove", f"{row.list}:{row.name}", {"query": row.query})
    undo = url_for("views.save", list=row.list, name=row.name, query=row.query)
    say(_("The view “%(name)s” is taken away.", name=row.name), undo_url=undo)
    return redirect(url_for(row.list), 303)


def read_list() -> str:
    listed: str = request.values.get("list", "")
    if listed not in LISTS:
        abort(400)
    if not may_open(listed):
        abort(403)
    return listed
