"""Audit log: who changed what, the newest first."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from chatbot.models.people import AuditLine
from chatbot.web import lists
from chatbot.web.access import allow
from chatbot.web.database import reading

bp = Blueprint("audit", __name__)


@bp.get("/audit")
@allow("owner")
def listing() -> ResponseReturnValue:
    query = lists.read_query({"subject": None}, ("id",), "-id")
    statement = select(*AuditLine.__table__.c)
    if "subject" in query.filters:
        statement = statement.where(AuditLine.subject == query.filters["subject"])
    rows = reading().execute(lists.apply_keyset(statement, query, [AuditLine.__table__.c.id])).all()
    return render_template("audit/listing.html", page=lists.make_page(rows, query, lambda row: [row.id]))
