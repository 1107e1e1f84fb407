"""The tab inside Chatwoot (its "dashboard app"): why the bot said what it said; hand back, or let people have it.

An iframe on another site has no login. The address that an owner makes holds a key behind its #, which no server and no log
sees; the page exchanges it, with the conversation that Chatwoot names, for a token of a few minutes that is good for that
conversation only. See docs/panel.md.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter import RateLimitExceeded
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import update

from chatbot import audit, takeover
from chatbot.models import Instance
from chatbot.web import limiter, make_policy
from chatbot.web.access import allow
from chatbot.web.conversations import add_reasons
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, read_instance, say
from chatbot.web.reader import panel_settings

bp = Blueprint("dashboard_app", __name__)
TOKEN_S = 600
MOST_NAME = 80
ACTS = {"hand_back": takeover.hand_back, "take_over": takeover.take_over}


def read_chatwoot_origin() -> str:
    """ "https://chat.example", or "" where no address is set."""
    parts = urlsplit(panel_settings().chatwoot_url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} and parts.hostname else ""


@bp.get("/chatwoot/tab")
def tab() -> ResponseReturnValue:
    """The same for everybody, and with nothing in it: what is shown comes by the two views below."""
    origin = read_chatwoot_origin()
    response = Response(render_template("dashboard_app/tab.html", origin=origin))
    policy = make_policy(current_app.config["CONFIG"].asset_url) | {"frame-ancestors": origin or "'none'"}
    response.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
    return response


# Talisman leaves these two headers to the view
tab.talisman_view_options = {"content_security_policy": None, "frame_options": None}  # type: ignore[attr-defined]


@bp.post("/chatwoot/tab/open")
@limiter.limit("120 per minute")
def open_tab() -> ResponseReturnValue:
    """The key and what Chatwoot says of itself -> the conversation, with a token for its buttons."""
    wanted, given = read_instance().tab_key_hash, hash_key(request.form.get("key", ""))
    if not wanted or not hmac.compare_digest(wanted, given):
        return refuse(_("This tab's address isn't valid any more. An owner makes a new one in Mostrador, under Settings."))
    number, account = request.form.get("conversation", ""), panel_settings().chatwoot_account_id
    is_number = number.isascii() and number.isdecimal() and len(number) < 16
    if not is_number or (account and request.form.get("account") != str(account)):
        return show_problem(_("This conversation isn't one of the Chatwoot account that the bot works in."), 404)
    agent = " ".join(request.form.get("agent", "").replace("\x00", "").split())[:MOST_NAME]
    return show_conversation({"c": int(number), "k": wanted[:16], "a": agent})


@bp.post("/chatwoot/tab/act")
@limiter.limit("60 per minute")
def act() -> ResponseReturnValue:
    """Needs a token and nothing else, so that no other site can send it."""
    try:
        token: dict[str, Any] = make_signer().loads(request.form.get("token", ""), max_age=TOKEN_S)
    except BadData:
        return refuse(_("That took too long. Press it again."))
    if not (read_instance().tab_key_hash or "").startswith(token["k"]):
        return refuse(_("This tab's address isn't valid any more. An owner makes a new one in Mostrador, under Settings."))
    name = request.form.get("act", "")
    if name not in ACTS:
        return show_problem(_("That request can't be understood"), 400)
    who = audit.Actor(f"{token['a'] or '?'} (Chatwoot)", None, request.remote_addr or "")
    with writing() as connection:
        if ACTS[name](connection, token["c"]):
            audit.record(connection, who, f"conversation.{name}", f"conversation:{token['c']}")
    return show_conversation(token)


def show_conversation(token: dict[str, Any]) -> ResponseReturnValue:
    place = takeover.read_place(reading(), token["c"])
    if place is None:
        return show_problem(_("The bot hasn't seen this conversation."), 404)
    turn = takeover.read_last_reply(reading(), place.id)
    if turn:
        add_reasons(turn, "")
    return render_template(
        "dashboard_app/conversation.html", place=place, turn=turn, token=make_signer().dumps(token), instance=read_instance()
    )


def refuse(text: str) -> ResponseReturnValue:
    try:
        count_refused()
    except RateLimitExceeded:
        return show_problem(_("Too many tries"), 429)
    return show_problem(text, 403)


@limiter.limit("20 per minute")
def count_refused() -> None:
    """So that nobody can try keys: what is refused counts against its address."""


def show_problem(text: str, code: int) -> ResponseReturnValue:
    return render_template("dashboard_app/problem.html", text=text), code


def make_signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="chatwoot-tab")


def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@bp.get("/settings/chatwoot-tab")
@allow("owner")
def setup() -> ResponseReturnValue:
    return show_setup()


@bp.post("/settings/chatwoot-tab")
@allow("owner", fresh=True)
def make() -> ResponseReturnValue:
    """A new address, shown this once; one that was there before stops working."""
    key = secrets.token_urlsafe(32)
    keep_hash(hash_key(key), "chatwoot_tab.make")
    base = current_app.config["CONFIG"].public_url.rstrip("/") or request.host_url.rstrip("/")
    return show_setup(f"{base}{url_for('dashboard_app.tab')}#{key}"), 200, {"Cache-Control": "no-store"}


@bp.post("/settings/chatwoot-tab/revoke")
@allow("owner")
def revoke() -> ResponseReturnValue:
    keep_hash(None, "chatwoot_tab.revoke")
    say(_("The tab in Chatwoot shows nothing any more."))
    return go("dashboard_app.setup")


def keep_hash(value: str | None, name: str) -> None:
    with writing() as connection:
        connection.execute(update(Instance).values(tab_key_hash=value))
        audit.record(connection, actor(), name)


def show_setup(address: str = "") -> str:
    has_key = bool(address or read_instance().tab_key_hash)
    return render_template(
        "dashboard_app/setup.html", address=address, has_key=has_key, origin=read_chatwoot_origin(), active_page="settings.page"
    )
