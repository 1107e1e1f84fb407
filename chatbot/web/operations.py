"""The pause switch in every page's head."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, update

from chatbot.audit import record
from chatbot.models import Instance
from chatbot.web.access import allow
from chatbot.web.database import writing
from chatbot.web.pages import actor, say
from chatbot.web.reader import panel_settings

bp = Blueprint("operations", __name__)


@bp.post("/pause")
@allow("agent")
def pause() -> ResponseReturnValue:
    until = find_end(request.form.get("until", ""))
    with writing() as connection:
        values = {"paused_at": func.now(), "paused_until": until, "pause_reason": "by_owner"}
        connection.execute(update(Instance).values(values))
        record(connection, actor(), "pause", "", None, {"until": until.isoformat() if until else None})
    say(_("Paused: people answer from now on."), undo_url=url_for("operations.resume"))
    return go_back()


@bp.post("/resume")
@allow("agent")
def resume() -> ResponseReturnValue:
    """Ends the pause only: a restored installation that is held waits for `flask resume`."""
    with writing() as connection:
        values = {"paused_at": None, "paused_until": None, "pause_reason": None}
        connection.execute(update(Instance).values(values))
        record(connection, actor(), "resume")
    say(_("The bot answers again."))
    return go_back()


def find_end(word: str) -> datetime | None:
    """ "hour", "tomorrow" (8:00 in the business's zone), else open-ended."""
    now = datetime.now(ZoneInfo(panel_settings().time_zone))
    if word == "hour":
        return now + timedelta(hours=1)
    return datetime.combine(now.date() + timedelta(days=1), time(8), now.tzinfo) if word == "tomorrow" else None


def go_back() -> ResponseReturnValue:
    """To the page with the button, and never to another site."""
    parts = urlsplit(request.headers.get("Referer", ""))
    path = parts.path if parts.netloc == request.host and parts.path.startswith("/") and parts.path[:2] != "//" else "/"
    return redirect(path + (f"?{parts.query}" if parts.query and path != "/" else ""), 303)
