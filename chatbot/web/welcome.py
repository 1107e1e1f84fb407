"""Pages for who has no password: the one behind a one-time link, and the one that sends such a link. They need no account."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_security import hash_password
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from chatbot import people
from chatbot.audit import Actor
from chatbot.clients import mail
from chatbot.config import Config
from chatbot.web import limiter
from chatbot.web.database import let_go, reading, writing
from chatbot.web.login import PASSWORD_MIN_CHARS
from chatbot.web.pages import go, say
from chatbot.web.reader import panel_settings

bp = Blueprint("welcome", __name__)


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    password = PasswordField(
        _l("New password"),
        [Length(min=PASSWORD_MIN_CHARS, max=200, message=_l("Use at least 10 letters, digits or signs."))],
        description=_l("At least 10 letters, digits or signs. Three or four words are easy to remember."),
    )
    again = PasswordField(_l("The same again"), [EqualTo("password", _l("The two passwords differ."))])


class WelcomeForm(NewPasswordForm):
    name = StringField(_l("Name"), [InputRequired(_l("Write a name.")), Length(max=100)])


class ForgotForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(_l("E-mail address"), [InputRequired(_l("Write your e-mail address.")), Length(max=254)])


@bp.route("/welcome/<token>", methods=["GET", "POST"])
@limiter.limit("30 per hour", methods=["POST"])
def page(token: str) -> ResponseReturnValue:
    account = people.open_link(reading(), current_app.config["CONFIG"], token)
    if account is None:
        return render_template("people/dead_link.html"), 404
    form = NewPasswordForm() if account.password else WelcomeForm(name=account.name)
    if not form.validate_on_submit():
        return render_template("people/welcome.html", form=form, account=account), 422 if form.errors else 200
    values = {} if account.password else {"name": form.name.data.strip()}
    with writing() as connection:
        actor = Actor(account.email, account.id, request.remote_addr or "")
        people.set_password(connection, actor, account.id, hash_password(form.password.data), **values)
        people.forget_failures(connection, account.email)
    say(_("The password is set. Log in with it."))
    return go("security.login")


@bp.route("/forgot", methods=["GET", "POST"])
@limiter.limit("20 per hour", methods=["POST"])
@limiter.limit("5 per hour", methods=["POST"], key_func=lambda: request.form.get("email", "").strip().lower())
def forgot() -> ResponseReturnValue:
    """The same answer in the same time, whether there is such an account or not."""
    config: Config = current_app.config["CONFIG"]
    form = ForgotForm()
    is_sent = mail.can_send(config) and form.validate_on_submit()
    if is_sent:
        email = form.email.data.strip().lower()
        link = make_reset_link(config, email)
        subject, text = _("A new password for Mostrador"), write_reset(link or "")
        let_go()
        if link:
            mail.send_soon(config, email, subject, text)
    values = {"form": form, "can_send": mail.can_send(config), "is_sent": is_sent}
    return render_template("people/forgot.html", **values), 422 if form.errors else 200


def make_reset_link(config: Config, email: str) -> str | None:
    """None: no account of this address may log in with a password."""
    token = people.make_reset_token(reading(), config, email)
    return f"{config.public_url.rstrip('/')}/welcome/{token}" if token else None


def write_reset(link: str) -> str:
    name = panel_settings().business_name or "Mostrador"
    text: str = _(
        "Somebody, most likely you, asked for a new password for the panel of %(name)s.\n\n"
        "Set it here; the link works once, for 15 minutes:\n%(link)s\n\n"
        "If it wasn't you, do nothing: your password stays as it is.",
        name=name,
        link=link,
    )
    return text
