"""Audit log: who changed what, the newest first, in words."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import and_, func, or_, select

from chatbot.models.people import AuditLine
from chatbot.web import audit_words, lists
from chatbot.web.access import allow
from chatbot.web.database import reading

bp = Blueprint("audit", __name__)


@bp.get("/audit")
@allow("owner")
def listing() -> ResponseReturnValue:
    query = lists.read_query({"subject": None, "area": set(audit_words.AREAS)}, ("id",), "-id")
    statement = select(*AuditLine.__table__.c)
    if "subject" in query.filters:
        statement = statement.where(AuditLine.subject == query.filters["subject"])
    if "area" in query.filters:
        _label, beginnings = audit_words.AREAS[query.filters["area"]]
        statement = statement.where(or_(*(AuditLine.act.startswith(b, autoescape=True) for b in beginnings)))
    if query.search:
        words = query.search.split()
        said = func.concat_ws(" ", AuditLine.who, AuditLine.act, AuditLine.subject)
        in_line = and_(*(said.icontains(word, autoescape=True) for word in words))
        statement = statement.where(or_(in_line, AuditLine.act.in_(audit_words.find_acts(words))))
    rows = reading().execute(lists.apply_keyset(statement, query, [AuditLine.__table__.c.id])).all()
    page = lists.make_page(rows, query, lambda row: [row.id])
    return render_template("audit/listing.html", page=page, words=audit_words)
