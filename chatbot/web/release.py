"""What isn't published yet, publishing it with a note, and the way back in one click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Connection

from chatbot import drafts
from chatbot.audit import record
from chatbot.bodies import KINDS
from chatbot.content import list_releases, live_release_id, publish, remove_drafts, roll_back, save_drafts
from chatbot.errors import ContentError
from chatbot.flow_findings import list_blocking
from chatbot.flows.checks import Finding, explain
from chatbot.web.access import allow
from chatbot.web.content import TITLES, check_kind, describe
from chatbot.web.content_forms import title_of
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import panel_settings

bp = Blueprint("release", __name__, url_prefix="/release")


@bp.get("")
@allow("agent")
def page() -> str:
    return show()


def show(back_to: int | None = None, found: Sequence[Finding] = ()) -> str:
    """back_to: a former release that found is wrong with."""
    changes = drafts.list_changes(reading())
    shown = [(c, list(drafts.diff_words(describe(c.kind, c.before), describe(c.kind, c.after)))) for c in changes]
    blocking = [(finding, explain(finding)) for finding in list_blocking(reading(), panel_settings())]
    return render_template(
        "release/page.html", changes=shown, count=drafts.count_changes(reading()), titles=TITLES, title_of=title_of,
        releases=list_releases(reading(), 50),
        blocking=blocking, back_to=back_to, found=[(finding, explain(finding)) for finding in found],
    )  # fmt: skip


@bp.post("/publish")
@allow("editor")
def publish_draft() -> ResponseReturnValue:
    if list_blocking(reading(), panel_settings()):
        return page(), 422
    with writing() as connection:
        was = live_release_id(connection)
        release = publish(connection, actor().who, " ".join(request.form.get("note", "").split())[:300])
        record(connection, actor(), "content.publish", f"release:{release}", {"release": was}, {"release": release})
    say(_("Published: customers get it from their next message on."))
    return go("release.page")


@bp.post("/<int:release_id>/roll-back")
@allow("editor")
def roll_back_to(release_id: int) -> ResponseReturnValue:
    """A former version whose flows have what keeps one from being published: asked for once more (anyway)."""
    try:
        found = list_blocking(reading(), panel_settings(), release_id)
    except ContentError:
        abort(404)
    if found and "anyway" not in request.form:
        return show(release_id, found), 422
    with writing() as connection:
        was = live_release_id(connection)
        roll_back(connection, release_id)
        record(connection, actor(), "content.roll_back", f"release:{release_id}", {"release": was}, {"release": release_id})
    say(_("Version %(n)s answers customers again. The draft stayed as it was.", n=release_id))
    return go("release.page")


@bp.post("/discard")
@allow("editor")
def discard() -> ResponseReturnValue:
    """One entry's draft goes back to what is published."""
    kind, key = request.form.get("kind", ""), request.form.get("key", "")
    check_kind(kind)
    with writing() as connection:
        change = drafts.find_change(connection, kind, key)
        if change is None:
            say(_("There was nothing to discard: it is as published."), "danger")
            return go("release.page")
        put_back(connection, kind, key, change.before)
        record(connection, actor(), "content.discard", f"{kind}:{key}", change.after)
    was = None if change.after is None else change.revision_id
    undo = url_for("release.undo_discard", kind=kind, key=key, was=was)
    say(_("The change is discarded; the history keeps it."), undo_url=undo)
    return go("release.page")


@bp.post("/discard/undo/<kind>/<key>")
@bp.post("/discard/undo/<kind>/<key>/<int(max=9223372036854775807):was>")
@allow("editor")
def undo_discard(kind: str, key: str, was: int | None = None) -> ResponseReturnValue:
    """An entry's draft as it was at revision `was`; without one it was taken out."""
    check_kind(kind)
    with writing() as connection:
        body = drafts.read_revision_body(connection, kind, key, was) if was else None
        if was and body is None:
            abort(404)
        put_back(connection, kind, key, body)
        record(connection, actor(), "content.restore" if body else "content.remove", f"{kind}:{key}", None, body)
    say(_("As it was before."))
    return go("release.page")


def put_back(connection: Connection, kind: str, key: str, body: dict[str, Any] | None) -> None:
    """body: what the draft is to have of it, or None."""
    if body is None:
        remove_drafts(connection, [(kind, key)], actor().who)
    else:
        save_drafts(connection, [KINDS[kind].model_validate(body)], actor().who)
