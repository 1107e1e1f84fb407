"""Health: the queue, what is stuck, sends in doubt, dead letters, errors by their id, versions, backups, a file for helpers."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, g, got_request_exception, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from chatbot import diagnostics, faults, queue, results, vitals
from chatbot.answer import make_client
from chatbot.audit import record
from chatbot.checks import read_box_facts
from chatbot.config import Config
from chatbot.db import db
from chatbot.deadline import deadline
from chatbot.doctor import describe
from chatbot.errors import ChatwootError, Interrupted
from chatbot.models import Conversation
from chatbot.models.people import AuditLine
from chatbot.sending import Posted, find_mark, find_posted
from chatbot.settings import Settings
from chatbot.web.access import allow
from chatbot.web.conversations import attach
from chatbot.web.database import let_go, reading, writing
from chatbot.web.pages import actor, go, read_instance, say
from chatbot.web.reader import panel_settings
from chatbot.web.readiness import pick_catalogue

bp = Blueprint("system", __name__, url_prefix="/system")
LOOK_S = 6.0
WISH = "backup-wanted"  # systemd/mostrador-backup.path waits for it, and the backup takes it away when it begins
BACKUP = "backup"
PATH_UNIT = "mostrador-backup.path"
BACKUP_WITHIN = timedelta(hours=7)


@dataclass(frozen=True, slots=True)
class Backups:
    """can_ask: there is a unit that hears the wish; asked_at: of one that hasn't come true yet; words: what the check says."""

    can_ask: bool
    asked_at: datetime | None
    level: str
    words: str


@bp.get("")
@allow("editor")
def page() -> ResponseReturnValue:
    connection = reading()
    number = " ".join(request.args.get("error", "").replace("\x00", "").split())[:80]
    return render_template(
        "system/page.html",
        queue=vitals.read_queue(connection),
        stuck=vitals.list_stuck(connection),
        doubtful=vitals.list_doubtful(connection),
        troubled=vitals.list_troubled(connection),
        dead=vitals.list_dead_letters(connection),
        faults=vitals.list_faults(connection, number),
        number=number,
        versions=vitals.read_versions(connection),
        installation=read_instance().installation_id,
        backups=read_backups(connection),
        chatwoot=find_chatwoot(),
    )


@bp.post("/conversations/<int:conversation_id>/try")
@allow("editor")
def try_now(conversation_id: int) -> ResponseReturnValue:
    """Only rings the conversation's place in the queue: a worker claims it and goes on as it would have later."""
    with writing() as connection:
        is_rung = queue.try_now(connection, conversation_id)
        if is_rung:
            number = connection.scalar(select(Conversation.chatwoot_id).where(Conversation.id == conversation_id))
            record(connection, actor(), "conversation.try", f"conversation:{number}")
    if is_rung:
        say(_("It is being tried again."))
    else:
        say(_("Nothing to do: it is being answered right now, or has its answer already."))
    return go("system.page", _anchor="stuck")


@bp.post("/try")
@allow("editor")
def try_all() -> ResponseReturnValue:
    with writing() as connection:
        rung = sum(queue.try_now(connection, row.id) for row in vitals.list_stuck(connection))
        if rung:
            record(connection, actor(), "conversation.try", "", None, {"count": rung})
    say(ngettext("%(num)s conversation is being tried again.", "%(num)s conversations are being tried again.", rung))
    return go("system.page", _anchor="stuck")


@bp.post("/parts/<int:part_id>/look")
@allow("editor")
def look(part_id: int) -> ResponseReturnValue:
    """Whether a message that is held back arrived after all. It is never sent again: people have that conversation now."""
    part, settings = vitals.find_held(reading(), part_id), panel_settings()
    if part is None:
        say(_("That has been settled meanwhile."))
        return go("system.page", _anchor="sends")
    posted = find_posted(reading(), part_id)
    let_go()
    has_arrived = ask_chatwoot(settings, part.chatwoot_id, posted)
    if has_arrived is None:
        say(_("Chatwoot can't say now whether it arrived. Try again later, or look in the conversation itself."), "danger")
        return go("system.page", _anchor="sends")
    with writing() as connection:
        if vitals.settle_held(connection, part_id, has_arrived=has_arrived):
            after = {"state": "sent" if has_arrived else "dropped"}
            record(connection, actor(), "message.look", f"conversation:{part.chatwoot_id}", {"state": "held"}, after)
    if has_arrived:
        say(_("It arrived: the customer has it."))
    else:
        say(_("It never arrived. The conversation was handed to the team: answer there."), "danger")
    return go("system.page", _anchor="sends")


def ask_chatwoot(settings: Settings, conversation: int, posted: Posted) -> bool | None:
    """None: it can't be known now."""
    try:
        with deadline(LOOK_S):
            return find_mark(make_client(settings), conversation, posted)
    except (ChatwootError, Interrupted):
        return None


@bp.post("/backup")
@allow("owner")
def back_up() -> ResponseReturnValue:
    config: Config = current_app.config["CONFIG"]
    if not can_ask(config):
        abort(404)
    with writing() as connection:
        record(connection, actor(), "backup.ask", BACKUP)
        Path(config.web_runtime_dir, WISH).write_text(datetime.now(UTC).isoformat(), "ascii")
    say(_("A backup is being made. It counts once it has been restored on trial, which takes some minutes."))
    return go("system.page", _anchor="backups")


@bp.get("/diagnostics.json")
@allow("owner")
def download() -> ResponseReturnValue:
    body = diagnostics.write(reading(), current_app.config["CONFIG"], panel_settings())
    with writing() as connection:
        record(connection, actor(), "diagnostics.download")
    name = f"mostrador-diagnostics-{datetime.now(UTC):%Y%m%dT%H%MZ}.json"
    return Response(body, content_type="application/json; charset=utf-8", headers={**attach(name), "Cache-Control": "no-store"})


def can_ask(config: Config) -> bool:
    """Whether systemd waits for the wish: root's reader says so, and the folder can be written to."""
    units = (read_box_facts(config) or {}).get("units")
    unit = units.get(PATH_UNIT) if isinstance(units, dict) else None
    return bool(unit and unit.get("active") == "active") and os.access(config.web_runtime_dir, os.W_OK)


def read_backups(connection: Connection) -> Backups | None:
    """None where there is no box, whose monitor could tell. The web may not see the backups themselves."""
    config: Config = current_app.config["CONFIG"]
    kept = results.read(connection).get("backup")
    if kept is None:
        return None
    words = ""
    with suppress(KeyError):
        words = describe("backup", kept.finding, pick_catalogue()).seen
    return Backups(can_ask(config), find_wish(connection, kept), kept.finding.level, words)


def find_wish(connection: Connection, kept: results.Kept) -> datetime | None:
    """When a backup was asked for that neither came nor failed yet, as far as the monitor has seen."""
    wishes = select(func.max(AuditLine.at)).where(AuditLine.subject == BACKUP, AuditLine.act == "backup.ask")
    asked_at = connection.scalar(wishes)
    if asked_at is None or datetime.now(UTC) - asked_at > BACKUP_WITHIN:
        return None
    hours = kept.finding.values.get("hours")
    made_at = kept.looked_at - timedelta(hours=float(hours)) if hours is not None else None
    has_come = made_at is not None and made_at > asked_at - timedelta(minutes=6)  # the hours have one decimal
    has_failed = kept.finding.key == "spoiled" and kept.since > asked_at
    return None if has_come or has_failed else asked_at


def find_chatwoot() -> str:
    """The start of a conversation's address in Chatwoot; empty where none is set."""
    settings = panel_settings()
    account = settings.chatwoot_account_id
    return f"{settings.chatwoot_url}/app/accounts/{account}/conversations/" if settings.chatwoot_url and account else ""


def init_app(app: Flask) -> None:
    got_request_exception.connect(note_fault, app)


def note_fault(_app: Flask, exception: BaseException) -> None:
    """By the id that the error page shows."""
    with suppress(SQLAlchemyError):
        db.session.rollback()  # one connection a request: this gives it back
    faults.keep(db.engine, g.get("request_id", ""), request.endpoint or "", exception)
