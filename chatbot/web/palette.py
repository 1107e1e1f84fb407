"""The command palette (Ctrl K): pages, acts, content, conversations. The same address is a search page without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from chatbot import lookup
from chatbot.web.access import allow, is_at_least
from chatbot.web.content import TITLES
from chatbot.web.content_forms import title_of
from chatbot.web.database import reading
from chatbot.web.lists import MAX_SEARCH_CHARS
from chatbot.web.pages import MENU, is_fragment, may_open, read_instance
from chatbot.web.settings_lines import GROUPS

bp = Blueprint("palette", __name__)
MOST = 6
MOST_ON_PAGE = 25
ICONS = {
    "canned": "chat-quote",
    "faq": "patch-question",
    "article": "book",
    "document": "file-earmark-text",
    "flow": "diagram-3",
    "assistant": "person-badge",
}


@dataclass(frozen=True, slots=True)
class Found:
    """url: where it leads, or what it is POSTed to where `is_act`, with `until` as its only field."""

    label: Any
    url: str
    icon: str
    note: Any = ""
    is_act: bool = False
    until: str = ""


NEW = {
    "faq": _l("New FAQ"),
    "canned": _l("New template"),
    "article": _l("New article"),
    "document": _l("New document"),
    "flow": _l("New conversation flow"),
    "assistant": _l("New specialised agent"),
}
PAUSES = (
    ("hour", _l("Pause the bot for an hour")),
    ("tomorrow", _l("Pause the bot until tomorrow")),
    ("", _l("Pause the bot until somebody ends it")),
)


@bp.get("/search")
@allow("agent")
def search() -> ResponseReturnValue:
    asked = " ".join(request.args.get("q", "").replace("\x00", "").split())[:MAX_SEARCH_CHARS]
    most = MOST if is_fragment() else MOST_ON_PAGE
    groups = [(title, found) for title, found in list_groups(asked, lookup.split_folded(asked), most) if found]
    template = "palette/found.html" if is_fragment() else "palette/page.html"
    return render_template(template, groups=groups, asked=asked)


def list_groups(asked: str, words: list[str], most: int) -> Iterator[tuple[Any, list[Found]]]:
    yield _("Pages"), [page for page in list_pages() if lookup.fits(words, str(page.label))]
    yield _("Do"), [act for act in list_acts() if lookup.fits(words, str(act.label))]
    if not words:
        return
    yield _("Content"), [show_entry(row) for row in lookup.find_entries(reading(), words, most)]
    yield _("Conversations"), [show_conversation(row) for row in lookup.find_conversations(reading(), words, most)]
    if may_open("settings.page"):
        yield _("Settings"), [line for line in list_settings() if lookup.fits(words, str(line.label))][:most]
    yield _("Search in"), list_searches(asked)


def list_pages() -> Iterator[Found]:
    for _label, items in MENU:
        for item in items:
            if may_open(item.endpoint):
                yield Found(item.label, url_for(item.endpoint), item.icon)
    yield Found(_("My account"), url_for("account.page"), "person-circle")


def list_acts() -> Iterator[Found]:
    """What the header and the pages have as buttons. Publishing leads to where the changes can be read first."""
    if read_instance().paused_at:
        yield Found(_("Go on answering"), url_for("operations.resume"), "play-fill", is_act=True)
    else:
        for until, label in PAUSES:
            yield Found(label, url_for("operations.pause"), "pause-fill", is_act=True, until=until)
    if may_open("dashboard_app.setup"):
        yield Found(_("Tab in Chatwoot"), url_for("dashboard_app.setup"), "window-sidebar")
    if is_at_least("editor"):
        yield Found(_("Publish the draft"), url_for("release.page"), "cloud-upload")
        for kind, label in NEW.items():
            yield Found(label, url_for("content.new", kind=kind), "plus-lg")
        yield Found(_("Try a question in the test bot"), url_for("testbot.page"), "robot")
        yield Found(_("Import from a spreadsheet"), url_for("imports.page"), "arrow-down-up")


def list_settings() -> Iterator[Found]:
    for title, lines in GROUPS:
        for line in lines:
            yield Found(line.label, url_for("settings.page", _anchor=line.name), "sliders", title)


def show_entry(row: Any) -> Found:
    view = "content.edit" if may_open("content.edit") else "content.history"
    is_document = row.kind == "document"
    url = url_for("documents.show", key=row.key) if is_document else url_for(view, kind=row.kind, key=row.key)
    return Found(title_of(row.kind, row.key, row.body), url, ICONS[row.kind], TITLES[row.kind][0])


def show_conversation(row: Any) -> Found:
    url = url_for("conversations.show", conversation_id=row.id)
    return Found(row.name or row.email or _("Without a name"), url, "chat-left-text", f"{row.inbox} · #{row.chatwoot_id}")


def list_searches(asked: str) -> list[Found]:
    """The lists have more than fits here, and the conversations' one reads every message."""
    lists = (("conversations.listing", _("Conversations"), "chat-left-text"), ("content.faq", _("FAQs"), "patch-question"))
    return [Found(_("“%(words)s” in %(list)s", words=asked, list=name), url_for(e, q=asked), icon) for e, name, icon in lists]
