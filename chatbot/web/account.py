"""My account: name, language, theme, password, and the browsers that are logged in. Each only ever touches its own."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_security import hash_password, login_user, verify_password
from sqlalchemy import update
from wtforms import PasswordField
from wtforms.validators import InputRequired

from chatbot import passkeys, people
from chatbot.audit import record
from chatbot.models.people import Account
from chatbot.web import kept as kept_form
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.devices import describe
from chatbot.web.login import note_wrong_guess
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES
from chatbot.web.welcome import NewPasswordForm

bp = Blueprint("account", __name__)
THEMES = ("auto", "light", "dark")


class PasswordForm(NewPasswordForm):
    present = PasswordField(_l("Your present password"), [InputRequired(_l("Type the password that you have now."))])


@bp.get("/account")
@allow("agent")
def page() -> ResponseReturnValue:
    here = people.find_session(reading(), current_user.id, session.get("login_key", ""))
    sessions = [(row, describe(row.browser)) for row in people.list_sessions(reading(), current_user.id)]
    return render_template(
        "account/page.html",
        sessions=sessions,
        here_id=here.id if here else None,
        passkeys=passkeys.list_passkeys(reading(), current_user.id),
        themes=THEMES,
    )


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


@bp.route("/account/password", methods=["GET", "POST"])
@allow("agent")
def password() -> ResponseReturnValue:
    """A new one ends all other logins."""
    form = PasswordForm()
    is_right = form.validate_on_submit()
    if is_right and not verify_password(form.present.data, current_user.password):
        note_wrong_guess()
        form.present.errors = [_("That isn't your present password.")]
        is_right = False
    if not is_right:
        return render_template("account/password.html", form=form), 422 if form.errors else 200
    account = current_user._get_current_object()
    with writing() as connection:
        people.set_password(connection, actor(), account.id, hash_password(form.password.data))
    login_user(account, authn_via=["change"])
    say(_("The password is changed. Every other browser was logged out."))
    return go("account.page")


@bp.post("/account/sessions/<int:session_id>/end")
@allow("agent")
def end_one(session_id: int) -> ResponseReturnValue:
    with writing() as connection:
        people.end_sessions(connection, current_user.id, session_id)
        record(connection, actor(), "account.logout_there", current_user.email)
    say(_("Logged out there."))
    return go("account.page")


@bp.post("/account/sessions/end")
@allow("agent")
def end_all() -> ResponseReturnValue:
    with writing() as connection:
        people.end_sessions(connection, current_user.id)
        record(connection, actor(), "account.logout_everywhere", current_user.email)
    return go("security.login")


@bp.get("/account/kept")
@allow("agent")
def kept() -> ResponseReturnValue:
    """What was being sent when the login had ended, to be sent again by its author."""
    sent = kept_form.find_kept()
    texts = kept_form.find_texts(sent) if sent else []
    return render_template("account/kept.html", sent=sent, texts=texts), 200 if sent else 404


@bp.post("/account/kept/forget")
@allow("agent")
def forget_kept() -> ResponseReturnValue:
    kept_form.forget_kept()
    return go("overview.page")
