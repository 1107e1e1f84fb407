"""Every conversation, with the reason for each reply and the way to mend it."""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from chatbot import conversations, message_search
from chatbot.audit import record
from chatbot.content_export import write_csv
from chatbot.db import db
from chatbot.documents import list_assistants
from chatbot.models import Contact
from chatbot.saying import speaking
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.lists import ListQuery, apply_keyset, make_page, read_query
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import panel_settings, pick_delimiter, pick_language
from chatbot.why import describe_looks, explain, find_score, name_problem, name_rule, tell_who

bp = Blueprint("conversations", __name__, url_prefix="/conversations")


@bp.get("")
@allow("agent")
def listing() -> ResponseReturnValue:
    query, connection = read_filters(), reading()
    filters = find_span(query.filters)
    found = None
    if words := query.search.split():
        until = datetime.fromisoformat(filters["until"]) if "until" in filters else None
        found = message_search.find_newest(connection, words, until)
    ids = conversations.select_ids(filters, found.ids if found else None)
    keys = (ids.selected_columns.updated_at, ids.selected_columns.id)
    rows = connection.execute(conversations.select_rows(apply_keyset(ids, query, keys))).all()
    rows = sorted(rows, key=lambda row: (row.updated_at, row.id), reverse=query.is_descending)
    page = make_page(rows, query, lambda row: [row.updated_at.isoformat(), row.id])
    return render_template(
        "conversations/listing.html",
        page=page,
        inboxes=conversations.list_inboxes(connection),
        assistants=list_assistants(connection),
        most_searched=message_search.MOST if found and not found.is_all else 0,
    )


def read_filters() -> ListQuery:
    known: dict[str, set[str] | None] = {
        "state": conversations.STATES,
        "responder": conversations.RESPONDERS,
        "language": conversations.LANGUAGES,
        "inbox": None,
        "from": None,
        "to": None,
    }
    return read_query(known, ["updated"], "-updated")


def find_span(filters: dict[str, str]) -> dict[str, str]:
    """With the days "from" and "to" (both included) as moments in the business's zone. What isn't a day counts as absent."""
    found, zone = dict(filters), ZoneInfo(panel_settings().time_zone)
    for name, moment, more in (("from", "since", 0), ("to", "until", 1)):
        try:
            day = date.fromisoformat(found.pop(name, "")) + timedelta(days=more)
        except (ValueError, OverflowError):
            continue
        found[moment] = datetime.combine(day, time(), zone).isoformat()
    return found


@bp.get("/export.<any(csv, jsonl):form>")
@allow("agent")
def export(form: str) -> ResponseReturnValue:
    query = read_filters()
    with writing() as connection:
        record(connection, actor(), "conversation.export", f"conversations.{form}")
    lines = tell_why(conversations.stream_lines(db.engine, find_span(query.filters), query.search.split()), pick_language())
    if form == "csv":
        rows = make_rows(lines, ZoneInfo(panel_settings().time_zone))
        body: Iterator[Any] = write_csv(rows, pick_delimiter(), is_read_back=False)
    else:
        body = (json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)
    kind = "text/csv" if form == "csv" else "application/x-ndjson"
    return Response(body, content_type=f"{kind}; charset=utf-8", headers=attach(f"conversations.{form}"))


def tell_why(lines: Iterable[dict[str, Any]], language: str) -> Iterator[dict[str, Any]]:
    """Each line of stream_lines() with "why" it was said, or why a message got no reply. Read when the request is over."""
    for line in lines:
        with speaking(language):
            rule, given = line["rule"], (line["state"], line["responder"], line["sources"], line["handoff_reason"])
            why = explain(*given, rule, None) if line["author"] == "bot" else name_rule(rule) if rule else ""
        yield line | {"why": why}


def make_rows(lines: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> Iterator[list[str]]:
    """For a spreadsheet: the head, then the lines in words."""
    head = [_("Conversation"), _("Inbox"), _("Contact"), _("When"), _("Who"), _("Text"), _("Outcome"), _("Why")]
    outcomes = {
        "answered": _("answered"), "handed_off": _("handed over"), "ignored": _("nothing said"), "suggested": _("suggested"),
        "watched": _("watched"), "dropped": _("not sent"), "failed": _("not delivered"),
        "held": _("unknown whether it arrived"), "unknown": _("being checked"),
    }  # fmt: skip
    authors = {"customer": _("Customer"), "bot": _("The bot"), "note": _("Note to the team")}
    team = _("Person of the team")

    def make_row(line: Mapping[str, Any]) -> list[str]:
        who = authors.get("note" if line["is_note"] else line["author"], team)
        outcome = outcomes.get(line["part_state"]) or outcomes.get(line["state"], "")
        at = f"{line['at'].astimezone(zone):%Y-%m-%d %H:%M:%S}"
        place = [str(line["chatwoot_id"]), line["inbox"], line["contact"] or ""]
        return [*place, at, who, line["text"], outcome, line["why"]]

    return chain([head], map(make_row, lines))


def attach(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@bp.get("/contact/<int:contact_id>/export")
@allow("owner", fresh=True)
def export_contact(contact_id: int) -> ResponseReturnValue:
    found = conversations.export_contact(reading(), contact_id)
    if found is None:
        abort(404)
    with writing() as connection:
        record(connection, actor(), "contact.export", f"contact:{contact_id}")
    body = json.dumps(found, ensure_ascii=False, indent=1, default=str)
    return Response(body, content_type="application/json; charset=utf-8", headers=attach(f"contact-{contact_id}.json"))


@bp.get("/<int:conversation_id>")
@allow("agent")
def show(conversation_id: int) -> ResponseReturnValue:
    row = conversations.read_conversation(reading(), conversation_id)
    if row is None:
        abort(404)
    before = conversations.read_place(request.args.get("before", ""))
    lines, earlier = conversations.list_lines(reading(), conversation_id, before)
    question = conversations.find_question(reading(), conversation_id, lines[0]["at"]) if lines else ""
    for line in lines:
        if line["kind"] == "turn":
            add_reasons(line["row"], question)
        elif line["row"].author == "customer":
            question = conversations.join_said(line["row"])
    seen = str(zlib.crc32(repr(lines).encode()))
    if request.args.get("seen") == seen:  # a poll, and nothing is new: what the reader has unfolded stays so
        return "", 204
    return render_template(
        "conversations/show.html",
        row=row,
        lines=lines,
        seen=seen,
        before=before,
        earlier=earlier,
        chatwoot=find_address(row.chatwoot_id),
        assistants=list_assistants(reading()),
        name_problem=name_problem,
        active_page="conversations.listing",
    )


def add_reasons(turn: dict[str, Any], question: str) -> None:
    """What the page says about a turn, in its three depths."""
    trace = turn["trace"] or {}
    turn["why"] = explain(
        turn["state"], turn["responder"], turn["sources"], turn["handoff_reason"], turn["rule"], find_score(trace)
    )  # fmt: skip
    turn["who"] = tell_who(trace)
    turn["looks"] = describe_looks(trace)
    turn["raw"] = json.dumps(trace, ensure_ascii=False, indent=1)
    turn["question"] = question
    turn["entries"] = [source.split(":", 1) for source in turn["sources"] if ":" in source]


def find_address(chatwoot_id: int) -> str:
    """The conversation in Chatwoot itself; empty where no Chatwoot is set."""
    settings = panel_settings()
    account = settings.chatwoot_account_id
    return (
        f"{settings.chatwoot_url}/app/accounts/{account}/conversations/{chatwoot_id}"
        if settings.chatwoot_url and account
        else ""
    )


def tidy(name: str) -> str:
    """As a browser shows it and a person types it: single blanks, accents in one piece, nothing that can't be seen."""
    seen = "".join(sign for sign in name if sign.isspace() or unicodedata.category(sign) not in {"Cf", "Cc"})
    return " ".join(unicodedata.normalize("NFKC", seen).split())


@bp.route("/contact/<int:contact_id>/erase", methods=["GET", "POST"])
@allow("owner", fresh=True)
def erase(contact_id: int) -> ResponseReturnValue:
    """All that is kept of one contact, for good: the name must be typed."""
    contact = reading().execute(select(Contact).where(Contact.id == contact_id)).first()
    if contact is None:
        abort(404)
    wanted = tidy(contact.name) or str(contact.chatwoot_id)
    typed = request.form.get("name", "").strip()
    error = ""
    if request.method == "POST" and tidy(typed) != wanted:
        error = _("That isn't the name above.")
    elif request.method == "POST":
        with writing() as connection:
            if conversations.erase_contact(connection, contact_id):
                record(connection, actor(), "contact.erase", f"contact:{contact_id}")
            else:
                error = _("The bot is answering this contact just now. Try again in a minute.")
    if error or request.method == "GET":
        page = render_template("conversations/erase.html", contact=contact, wanted=wanted, error=error, typed=typed)
        return page, 422 if error else 200
    say(_("Erased. What Chatwoot keeps of this contact is erased in Chatwoot."))
    return go("conversations.listing")
