"""Passkeys: made and looked after by their owner, and logging in with one. The browser's side is assets/account.js."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_security import login_user
from flask_security.utils import validate_redirect_url

from chatbot import passkeys
from chatbot.db import db
from chatbot.models.people import Account
from chatbot.web import limiter
from chatbot.web.access import allow, mark_fresh
from chatbot.web.database import reading, writing
from chatbot.web.devices import describe
from chatbot.web.login import CHALLENGE, note_wrong_guess
from chatbot.web.pages import actor, go, say

bp = Blueprint("passkeys", __name__)


@bp.get("/account/passkeys")
@allow("agent", fresh=True)
def page() -> ResponseReturnValue:
    here = describe(request.headers.get("User-Agent", ""))[0][: passkeys.LONGEST_NAME]
    return render_template("account/passkeys.html", passkeys=passkeys.list_passkeys(reading(), current_user.id), here=here)


@bp.post("/account/passkeys/options")
@allow("agent", fresh=True)
def new_options() -> ResponseReturnValue:
    session[CHALLENGE] = passkeys.make_challenge()
    present = passkeys.list_passkeys(reading(), current_user.id)
    return _json(passkeys.write_new_options(find_site(), current_user, present, session[CHALLENGE]))


@bp.post("/account/passkeys")
@allow("agent", fresh=True)
def add() -> ResponseReturnValue:
    name = read_name() or _("Passkey")
    with writing() as connection:
        is_added = passkeys.add(connection, actor(), find_site(), take_challenge(), request.form.get("credential", ""), name)
    if is_added:
        say(_("The passkey is added: from now on you can log in with it."))
    else:
        say(_("The passkey wasn't added. Try again; a device that has one already can't have a second."), "danger")
    return go("passkeys.page")


@bp.post("/account/passkeys/<int:passkey_id>")
@allow("agent", fresh=True)
def rename(passkey_id: int) -> ResponseReturnValue:
    name = read_name()
    if not name:
        abort(400)
    with writing() as connection:
        if not passkeys.rename(connection, actor(), passkey_id, name):
            abort(404)
    say(_("Saved."))
    return go("passkeys.page")


@bp.post("/account/passkeys/<int:passkey_id>/remove")
@allow("agent", fresh=True)
def remove(passkey_id: int) -> ResponseReturnValue:
    with writing() as connection:
        if not passkeys.remove(connection, actor(), passkey_id):
            abort(404)
    say(_("The passkey no longer opens this account. You may delete it on your device too."))
    return go("passkeys.page")


@bp.post("/passkeys/options")
@limiter.limit("60 per minute")
def login_options() -> ResponseReturnValue:
    session[CHALLENGE] = passkeys.make_challenge()
    return _json(passkeys.write_login_options(find_site(), session[CHALLENGE]))


@bp.post("/passkeys/login")
@limiter.limit("60 per minute")
def log_in() -> ResponseReturnValue:
    """Also "type your password again", for who is logged in: then it must be a passkey of the same account."""
    is_inside = current_user.is_authenticated
    with writing() as connection:
        account_id = passkeys.check(connection, find_site(), take_challenge(), request.form.get("credential", ""))
    target = request.form.get("next", "")
    account = None if account_id is None else db.session.get(Account, account_id)
    if account is None or (is_inside and account.id != current_user.id):
        note_wrong_guess()
        say(_("That passkey opens no account here. Log in with your password."), "danger")
        return redirect(url_for("security.verify" if is_inside else "security.login", next=target or None), 303)
    if is_inside:
        mark_fresh()
    else:
        login_user(account, authn_via=["passkey"])
    return redirect(target if validate_redirect_url(target) else url_for("overview.page"), 303)


def find_site() -> passkeys.Site:
    """The address that people know us by; a request could make up its own."""
    address = current_app.config["CONFIG"].public_url or request.host_url
    parts = urlsplit(address)
    return passkeys.Site(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


def take_challenge() -> str:
    """Each is good for one try."""
    return str(session.pop(CHALLENGE, "")) or passkeys.make_challenge()


def read_name() -> str:
    return " ".join(request.form.get("name", "").split())[: passkeys.LONGEST_NAME]


def _json(text: Any) -> Response:
    return Response(text, mimetype="application/json", headers={"Cache-Control": "no-store"})
