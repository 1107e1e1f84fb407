"""Propuestas: FAQs drafted from the shop's own pages, each beside its source, for a yes, a change or a no.

Nothing goes live by it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection

from chatbot import documents, drafts, proposals
from chatbot.audit import record
from chatbot.bodies import Document, FaqEntry, dump_body
from chatbot.content import save_drafts
from chatbot.reply import Language
from chatbot.web.access import allow
from chatbot.web.content_forms import make_key
from chatbot.web.database import reading, writing
from chatbot.web.documents import name_address
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES, panel_settings

bp = Blueprint("proposals", __name__, url_prefix="/proposals")
TOPICS = {
    "hours": (_l("Opening hours"), "clock"),
    "address": (_l("Address"), "geo-alt"),
    "shipping": (_l("Shipping"), "truck"),
    "returns": (_l("Returns"), "arrow-return-left"),
    "faq": (_l("FAQ"), "patch-question"),
}
# why a drafting failed: codes of LLMError and of drafting.py
PROBLEMS: dict[str, Any] = {
    "off": _l("No AI is connected."),
    "auth": _l("The AI's provider refuses the key."),
    "rate_limited": _l("The AI's provider takes no more requests for now, or its account has no credit."),
    "connection": _l("The AI's provider can't be reached."),
    "timeout": _l("The AI took too long."),
    "server": _l("The AI's provider has a fault of its own."),
    "nothing_read": _l("No page could be read so far. Documents says why."),
    "died": _l("It was interrupted three times."),
    "fault": _l("Something failed here; it has been written down."),
}


@bp.get("")
@allow("editor")
def listing() -> ResponseReturnValue:
    return show_listing("", "")


def show_listing(url: str, problem: str) -> str:
    """url: as it was typed; problem: what is wrong with it."""
    connection = reading()
    return render_template(
        "proposals/listing.html", found=proposals.list_open(connection), topics=TOPICS, url=url, problem=problem,
        has_model=has_model(), has_documents=bool(list_read(connection)), language=panel_settings().language,
        changes=drafts.count_changes(connection), **describe_progress(connection),
    )  # fmt: skip


def has_model() -> bool:
    return bool(panel_settings().endpoints)


def list_read(connection: Connection) -> list[int]:
    """The draft's documents, as entries."""
    return [row.entry_id for row in connection.execute(documents.select_documents(connection, "").limit(1_000))]


def describe_progress(connection: Connection) -> dict[str, Any]:
    """How far the newest drafting is: pages read, then steps done."""
    drafting = proposals.find_newest(connection)
    pages = done = 0
    if proposals.is_open(drafting):
        summaries = documents.summarize(connection, list_read(connection)).values()
        pages, done = sum(found.pages for found in summaries), sum(found.done for found in summaries)
    why = PROBLEMS.get(drafting.problem, _("The AI answered with something that can't be used.")) if drafting else ""
    return {
        "drafting": drafting, "is_open": proposals.is_open(drafting), "pages": pages, "pages_done": done, "why": str(why),
        "count": proposals.count_open(connection),
    }  # fmt: skip


@bp.get("/progress")
@allow("editor")
def progress() -> ResponseReturnValue:
    """A fragment for a page that polls; at the end the page is loaded anew."""
    found = describe_progress(reading())
    if not found["is_open"]:
        return "", 200, {"HX-Refresh": "true"}
    return render_template("proposals/progress.html", **found)


@bp.post("/site")
@allow("editor")
def add_site() -> ResponseReturnValue:
    """The site becomes a document, unless it is one; with a model FAQs are drafted once it is read."""
    typed = " ".join(request.form.get("url", "").split())
    address = documents.complete_address(typed)
    if not documents.is_address(address):
        said = _("Copy the address from the browser; it starts with https://") if typed else _("This is needed.")
        return show_listing(typed, said), 422
    title = name_address(address) or address[:120]
    key = make_key("document", {"title": title})
    with writing() as connection:
        body = Document(key=documents.pick_key(connection, key), title=title, source="site", url=address)
        if documents.find_by_address(connection, body) is None:
            save_drafts(connection, [body], actor().who)
            record(connection, actor(), "content.save", f"document:{body.key}", None, dump_body(body))
        if has_model():
            ask_for_drafting(connection)
    if not has_model():
        say(_("In the draft, and read in a moment. Customers get it once it is published."))
    return go("proposals.listing")


@bp.post("/draft")
@allow("editor")
def draft() -> ResponseReturnValue:
    """From what has been read already."""
    if not has_model():
        abort(400)
    with writing() as connection:
        ask_for_drafting(connection)
    return go("proposals.listing")


def ask_for_drafting(connection: Connection) -> None:
    asked, known = request.form.get("language", ""), panel_settings().language
    language: Language = "en" if asked == "en" else "es" if asked in LANGUAGES else known
    if proposals.ask_for(connection, language, actor().who):
        record(connection, actor(), "proposal.draft", "", None, {"language": language})


@bp.post("/again")
@allow("editor")
def again() -> ResponseReturnValue:
    """A failed drafting goes on where it was."""
    with writing() as connection:
        if proposals.try_again(connection, request.form.get("drafting", 0, type=int)):
            record(connection, actor(), "proposal.draft")
    return go("proposals.listing")


@bp.post("/<int(max=9223372036854775807):proposal_id>/accept")
@allow("editor")
def accept(proposal_id: int) -> ResponseReturnValue:
    take(proposal_id)
    return go("proposals.listing", _anchor="next")


@bp.post("/<int(max=9223372036854775807):proposal_id>/edit")
@allow("editor")
def edit(proposal_id: int) -> ResponseReturnValue:
    """A yes, with changes to come."""
    entry = take(proposal_id)
    return go("content.edit", kind="faq", key=entry.key) if entry else go("proposals.listing")


def take(proposal_id: int) -> FaqEntry | None:
    with writing() as connection:
        row = proposals.find(connection, proposal_id)
        key = make_key("faq", {"questions": {row.language: [row.question]}}) if row else "faq"
        entry = proposals.accept(connection, proposal_id, key, actor().who)
        if entry is not None:
            record(connection, actor(), "proposal.accept", f"faq:{entry.key}", None, {"question": row.question if row else ""})
            record(connection, actor(), "content.save", f"faq:{entry.key}", None, dump_body(entry))
    if entry is None:
        say_decided()
        return None
    undo = url_for("proposals.restore", proposal_id=proposal_id)
    say(_("Saved in the draft. Customers get it once it is published."), undo_url=undo)
    return entry


@bp.post("/<int(max=9223372036854775807):proposal_id>/dismiss")
@allow("editor")
def dismiss(proposal_id: int) -> ResponseReturnValue:
    with writing() as connection:
        row = proposals.dismiss(connection, proposal_id, actor().who)
        if row is not None:
            record(connection, actor(), "proposal.dismiss", "", None, {"question": row.question})
    if row is None:
        say_decided()
    else:
        undo = url_for("proposals.restore", proposal_id=proposal_id)
        say(_("It won't be proposed again."), undo_url=undo)
    return go("proposals.listing", _anchor="next")


@bp.post("/<int(max=9223372036854775807):proposal_id>/restore")
@allow("editor")
def restore(proposal_id: int) -> ResponseReturnValue:
    """An undo of either."""
    with writing() as connection:
        row = proposals.restore(connection, proposal_id, actor().who)
        if row is not None:
            record(connection, actor(), "proposal.restore", "", None, {"question": row.question})
            if row.state == "accepted":
                record(connection, actor(), "content.remove", f"faq:{row.entry_key}")
    say(_("It is proposed again."))
    return go("proposals.listing", _anchor="next")


def say_decided() -> None:
    say(_("Somebody has decided on it already."), "warning")
