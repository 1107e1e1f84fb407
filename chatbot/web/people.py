"""Users: who may use the panel. Owners invite, change roles, make links for new passwords, switch off and remove."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from chatbot import people
from chatbot.audit import record
from chatbot.clients import mail
from chatbot.config import Config
from chatbot.errors import ConfigError, MailError
from chatbot.web.access import ROLES, allow
from chatbot.web.database import let_go, reading, writing
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import panel_settings

bp = Blueprint("people", __name__)


@bp.get("/users")
@allow("owner", fresh=True)
def listing() -> ResponseReturnValue:
    return show()


@bp.post("/users/invite")
@allow("owner", fresh=True)
def invite() -> ResponseReturnValue:
    """The link goes by mail where there is a server for it, and is shown once, to be copied, in any case."""
    email, role = request.form.get("email", "").strip().lower(), request.form.get("role", "")
    if role not in ROLES:
        abort(400)
    try:
        with writing() as connection:
            token = people.invite(connection, current_app.config["CONFIG"], actor(), email, role)
    except (ConfigError, IndexError) as e:
        taken = _("Write an e-mail address that has no account yet.")
        off = _("This account is switched off. Switch it on first: below, under “More”.")
        wrong = off if isinstance(e, people.SwitchedOff) else taken
        return show(error=wrong, email=email, role=role), 422
    return show_link(email, token, is_short=role == "owner", text=write_invitation)


@bp.post("/users/<int:account_id>/link")
@allow("owner", fresh=True)
def make_link(account_id: int) -> ResponseReturnValue:
    """For who forgot the password, or lost the invitation."""
    with writing() as connection:
        account = people.find_account(connection, account_id)
        if account is None or not account.active:
            abort(404)
        token = people.make_link_token(connection, current_app.config["CONFIG"], account.email)
        record(connection, actor(), "account.link", account.email)
    is_new = account.password is None
    is_short = account.role == "owner" or not is_new
    return show_link(account.email, token, is_short=is_short, text=write_invitation if is_new else write_new_password)


def show_link(email: str, token: str, *, is_short: bool, text: Any) -> ResponseReturnValue:
    config: Config = current_app.config["CONFIG"]
    base = config.public_url.rstrip("/")
    path = url_for("welcome.page", token=token)
    link = f"{base}{path}" if base else url_for("welcome.page", token=token, _external=True)
    lasts = _("It lasts 15 minutes.") if is_short else _("It lasts 7 days.")
    mailed = ""
    if mail.can_send(config):
        subject, body = text(link, lasts)
        let_go()
        mailed = send(config, email, subject, body)
    return show(link=link, email=email, lasts=lasts, mailed=mailed)


def send(config: Config, email: str, subject: str, body: str) -> str:
    """ "sent" or "failed": then the link is still there to be copied."""
    try:
        mail.send(config, email, subject, body)
    except MailError as e:
        current_app.logger.warning("mail_failed", exc_info=e)
        return "failed"
    return "sent"


def write_invitation(link: str, lasts: str) -> tuple[str, str]:
    name = panel_settings().business_name or "Mostrador"
    text = _(
        "You are invited to the panel of %(name)s, where the answers of its bot are looked after.\n\n"
        "Choose a password here; the link works once. %(lasts)s\n%(link)s",
        name=name,
        lasts=lasts,
        link=link,
    )
    return _("Invitation to the panel of %(name)s", name=name), text


def write_new_password(link: str, lasts: str) -> tuple[str, str]:
    name = panel_settings().business_name or "Mostrador"
    text = _(
        "An owner made a link for you, where you set a new password for the panel of %(name)s. "
        "It works once. %(lasts)s\n%(link)s",
        name=name,
        lasts=lasts,
        link=link,
    )
    return _("A new password for Mostrador"), text


@bp.post("/users/<int:account_id>")
@allow("owner", fresh=True)
def change(account_id: int) -> ResponseReturnValue:
    role, active = request.form.get("role"), request.form.get("active")
    if role is not None and role not in ROLES:
        abort(400)
    values = {"role": role} if role is not None else {"active": active == "1"}
    with writing() as connection:
        is_done = people.change_account(connection, actor(), account_id, **values)
    _say_done(is_done, _("Changed."))
    return go("people.listing")


@bp.post("/users/<int:account_id>/without-second-factor")
@allow("owner", fresh=True)
def drop_second_factor(account_id: int) -> ResponseReturnValue:
    """For a colleague who lost the phone and the recovery codes."""
    with writing() as connection:
        account = people.find_account(connection, account_id)
        if account is None:
            abort(404)
        people.set_second_factor(connection, actor(), account.email, None)
    say(_("%(email)s logs in with the password alone until a second factor is set up again.", email=account.email))
    return go("people.listing")


@bp.post("/users/<int:account_id>/remove")
@allow("owner", fresh=True)
def remove(account_id: int) -> ResponseReturnValue:
    """Can't be undone, so the e-mail address is typed."""
    with writing() as connection:
        typed = request.form.get("typed", "").strip().lower()
        account = people.find_account(connection, account_id)
        is_right = account is not None and account.email == typed
        is_done = is_right and people.remove_account(connection, actor(), account_id)
    if not is_right:
        say(_("Nothing was removed: type the account's e-mail address."), "danger")
    else:
        _say_done(is_done, _("Removed."))
    return go("people.listing")


def show(**values: Any) -> str:
    return render_template("people/listing.html", accounts=people.list_accounts(reading()), **values)


def _say_done(is_done: bool, text: str) -> None:
    if is_done:
        say(text)
    else:
        say(_("The last owner has to stay one."), "danger")
