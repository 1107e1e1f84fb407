"""Whether the box does its work (for the world), what is missing (for the box itself), and which installation this is."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from chatbot.checks.database import count_workers
from chatbot.db import db
from chatbot.migrations import is_behind, read_revision
from chatbot.models import Instance

bp = Blueprint("health", __name__)
NO_WORKER = "no worker runs; type: systemctl restart mostrador-worker"


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """For outside monitors: 200 while messages are taken and answered. No details."""
    is_well = not _find_missing(with_worker=True)
    return jsonify(status="ok" if is_well else "unavailable"), 200 if is_well else 503


@bp.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Whether this web process can take messages, and why not. nginx answers it only on the box."""
    why = _find_missing(with_worker=False)
    return (jsonify(status="unavailable", why=why), 503) if why else jsonify(status="ok")


def _find_missing(*, with_worker: bool) -> str:
    """What is missing, and what to type; empty where all is there."""
    try:
        with db.engine.connect() as connection:
            if is_behind(read_revision(connection)):
                return "the database isn't migrated; run: flask db upgrade (on a box: mostrador db upgrade)"
            return "" if not with_worker or count_workers(connection) else NO_WORKER
    except SQLAlchemyError:
        return "the database doesn't answer; type: systemctl restart postgresql"


@bp.get("/health/installation")
def installation() -> ResponseReturnValue:
    """Another box asks that every minute."""
    try:
        with db.engine.connect() as connection:
            found = connection.scalar(select(Instance.installation_id))
    except SQLAlchemyError:
        return jsonify(status="unavailable"), 503
    return jsonify(installation=str(found))
