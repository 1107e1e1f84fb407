"""Whether this process lives, whether it can work, and which installation it is (another box asks that every minute)."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from chatbot.db import db
from chatbot.migrations import find_head, read_revision
from chatbot.models import Instance

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> ResponseReturnValue:
    """The process answers. Doesn't touch the database, whose outage no restart of ours mends."""
    return jsonify(status="ok")


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    try:
        with db.engine.connect() as connection:
            revision = read_revision(connection)
    except SQLAlchemyError:
        return jsonify(status="unavailable", why="the database doesn't answer"), 503
    if revision != find_head():
        return jsonify(status="unavailable", why="the database isn't migrated; run: flask db upgrade"), 503
    return jsonify(status="ok")


@bp.get("/installation")
def installation() -> ResponseReturnValue:
    try:
        with db.engine.connect() as connection:
            found = connection.scalar(select(Instance.installation_id))
    except SQLAlchemyError:
        return jsonify(status="unavailable"), 503
    return jsonify(installation=str(found))
