"""The second factor: set up with an authenticator on the phone, recovery codes on paper, and off again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, render_template, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired

from chatbot import people
from chatbot.audit import record
from chatbot.web.access import allow
from chatbot.web.database import writing
from chatbot.web.login import NEW_SECRET
from chatbot.web.pages import actor, go, say

bp = Blueprint("second_factor", __name__)


class CodeForm(FlaskForm):  # type: ignore[misc]
    code = StringField(
        _l("Code"),
        [InputRequired(_l("Type the six digits that the app shows."))],
        filters=[lambda t: "".join((t or "").split())],
    )


@bp.get("/account/second-factor")
@allow("agent", fresh=True)
def page() -> ResponseReturnValue:
    if current_user.tf_totp_secret:
        left = len(security().mf_recovery_codes_util.get_recovery_codes(current_user))
        return render_template("account/second_factor_on.html", left=left)
    return show_set_up(CodeForm())


@bp.post("/account/second-factor")
@allow("agent", fresh=True)
def set_up() -> ResponseReturnValue:
    """Only a right code proves that the app has the key, so only then it is asked for at the login."""
    form, secret = CodeForm(), session.get(NEW_SECRET)
    if current_user.tf_totp_secret or not secret:
        return go("second_factor.page")
    counter = security().totp_factory.find_counter(form.code.data, secret) if form.validate() else None
    if counter is None:
        if not form.errors:
            form.code.errors = [_("That isn't the code the app shows now. Wait for the next one, and type it.")]
        return show_set_up(form), 422
    session.pop(NEW_SECRET)
    with writing() as connection:
        people.set_second_factor(connection, actor(), current_user.email, secret, counter)
    return show_new_codes(is_first=True)


@bp.post("/account/second-factor/off")
@allow("agent", fresh=True)
def turn_off() -> ResponseReturnValue:
    with writing() as connection:
        people.set_second_factor(connection, actor(), current_user.email, None)
    say(_("The second factor is off: the password alone opens this account."), "danger")
    return go("account.page")


@bp.post("/account/recovery-codes")
@allow("agent", fresh=True)
def make_codes() -> ResponseReturnValue:
    return show_new_codes() if current_user.tf_totp_secret else go("second_factor.page")


def show_new_codes(*, is_first: bool = False) -> ResponseReturnValue:
    """Once: afterwards only their encrypted text is there."""
    account = current_user._get_current_object()
    with writing() as connection:
        codes = security().mf_recovery_codes_util.create_recovery_codes(account)
        record(connection, actor(), "account.recovery_codes", account.email)
    answer = current_app.make_response(render_template("account/recovery_codes.html", codes=codes, is_first=is_first))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def show_set_up(form: CodeForm) -> str:
    factory = security().totp_factory
    if NEW_SECRET not in session:
        session[NEW_SECRET] = factory.generate_totp_secret()
    return render_template(
        "account/second_factor.html", form=form, told=factory.fetch_setup_values(session[NEW_SECRET], current_user)
    )


def security() -> Any:
    return current_app.extensions["security"]
