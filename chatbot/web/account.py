"""My account: name, language, theme, and the browsers that are logged in. Each only ever touches its own."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import update

from chatbot import people
from chatbot.audit import record
from chatbot.models.people import Account
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES

bp = Blueprint("account", __name__)
THEMES = ("auto", "light", "dark")


@bp.get("/account")
@allow("agent")
def page() -> ResponseReturnValue:
    return render_template("account/page.html", sessions=people.list_sessions(reading(), current_user.id), themes=THEMES)


@bp.post("/account")
@allow("agent")
def save() -> ResponseReturnValue:
    values = {name: request.form.get(name, "").strip() for name in ("name", "language", "theme")}
    if values["language"] not in LANGUAGES or values["theme"] not in THEMES or len(values["name"]) > 100:
        abort(400)
    before = {name: getattr(current_user, name) for name in values}
    with writing() as connection:
        connection.execute(update(Account).where(Account.id == current_user.id).values(values))
        record(connection, actor(), "account.save", current_user.email, before, values)
    say(_("Saved."))
    return go("account.page")


@bp.post("/account/sessions/<int:session_id>/end")
@allow("agent")
def end_one(session_id: int) -> ResponseReturnValue:
    with writing() as connection:
        people.end_sessions(connection, current_user.id, session_id)
    return go("account.page")


@bp.post("/account/sessions/end")
@allow("agent")
def end_all() -> ResponseReturnValue:
    with writing() as connection:
        people.end_sessions(connection, current_user.id)
        record(connection, actor(), "account.logout_everywhere", current_user.email)
    return go("security.login")
