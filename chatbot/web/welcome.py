"""The page behind a one-time link: name and password of a new account, or a new password. Needs no account."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_security import hash_password
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from chatbot import people
from chatbot.audit import Actor
from chatbot.web import limiter
from chatbot.web.database import reading, writing
from chatbot.web.login import PASSWORD_MIN_CHARS
from chatbot.web.pages import go, say

bp = Blueprint("welcome", __name__)


class WelcomeForm(FlaskForm):  # type: ignore[misc]
    name = StringField(_l("Name"), [InputRequired(_l("Write a name.")), Length(max=100)])
    password = PasswordField(
        _l("Password"),
        [Length(min=PASSWORD_MIN_CHARS, max=200, message=_l("Use at least 10 letters, digits or signs."))],
        description=_l("At least 10 letters, digits or signs. Three or four words are easy to remember."),
    )
    again = PasswordField(_l("The same again"), [EqualTo("password", _l("The two passwords differ."))])


@bp.route("/welcome/<token>", methods=["GET", "POST"])
@limiter.limit("30 per hour", methods=["POST"])
def page(token: str) -> ResponseReturnValue:
    account = people.open_link(reading(), current_app.config["CONFIG"], token)
    if account is None:
        return render_template("people/dead_link.html"), 404
    form = WelcomeForm(name=account.name)
    if not form.validate_on_submit():
        return render_template("people/welcome.html", form=form, account=account), 422 if form.errors else 200
    with writing() as connection:
        actor = Actor(account.email, account.id, request.remote_addr or "")
        people.set_password(connection, actor, account.id, form.name.data.strip(), hash_password(form.password.data))
    say(str(_l("The password is set. Log in with it.")))
    return go("security.login")
