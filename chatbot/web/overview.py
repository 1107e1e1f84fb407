"""Inicio: what is still missing until all is ready, then today at a glance."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from chatbot.web.access import allow
from chatbot.web.pages import render

bp = Blueprint("overview", __name__)


@bp.get("/")
@allow("agent")
def page() -> ResponseReturnValue:
    return render("overview/page.html")
