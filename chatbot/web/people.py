"""Users: who may use the panel. Owners invite, change roles, switch off and remove."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from chatbot import people
from chatbot.errors import ConfigError
from chatbot.web.access import ROLES, allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, say

bp = Blueprint("people", __name__)


@bp.get("/users")
@allow("owner")
def listing() -> ResponseReturnValue:
    return render_template("people/listing.html", accounts=people.list_accounts(reading()))


@bp.post("/users/invite")
@allow("owner")
def invite() -> ResponseReturnValue:
    """The link is shown once, to be copied."""
    email, role = request.form.get("email", "").strip(), request.form.get("role", "")
    if role not in ROLES:
        abort(400)
    link = error = ""
    try:
        with writing() as connection:
            token = people.invite(connection, current_app.config["CONFIG"], actor(), email, role)
        link = url_for("welcome.page", token=token, _external=True)
    except (ConfigError, IndexError):
        error = _("Write an e-mail address that has no account yet.")
    values = {"accounts": people.list_accounts(reading()), "link": link, "error": error, "email": email, "role": role}
    return render_template("people/listing.html", **values), 422 if error else 200


@bp.post("/users/<int:account_id>")
@allow("owner")
def change(account_id: int) -> ResponseReturnValue:
    role, active = request.form.get("role"), request.form.get("active")
    if role is not None and role not in ROLES:
        abort(400)
    values = {"role": role} if role is not None else {"active": active == "1"}
    with writing() as connection:
        is_done = people.change_account(connection, actor(), account_id, **values)
    _say_done(is_done, _("Changed."))
    return go("people.listing")


@bp.post("/users/<int:account_id>/remove")
@allow("owner")
def remove(account_id: int) -> ResponseReturnValue:
    """Can't be undone, so the e-mail address is typed."""
    with writing() as connection:
        typed = request.form.get("typed", "").strip().lower()
        is_right = any(row.id == account_id and row.email == typed for row in people.list_accounts(connection))
        is_done = is_right and people.remove_account(connection, actor(), account_id)
    if not is_right:
        say(_("Nothing was removed: type the account's e-mail address."), "danger")
    else:
        _say_done(is_done, _("Removed."))
    return go("people.listing")


def _say_done(is_done: bool, text: str) -> None:
    if is_done:
        say(text)
    else:
        say(_("The last owner has to stay one."), "danger")
