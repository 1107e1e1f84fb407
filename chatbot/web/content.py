"""One list, form, history and bin for every kind of content. Everything here is the draft: release.py publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from chatbot import drafts, teaching
from chatbot.alike import find_alike
from chatbot.audit import record
from chatbot.bodies import KINDS, ORDERED, FaqEntry, dump_body, make_content
from chatbot.body_types import Body
from chatbot.content import load_draft, remove_drafts, save_drafts
from chatbot.content_file import dump
from chatbot.documents import list_assistants
from chatbot.reply import Language
from chatbot.web.access import allow
from chatbot.web.content_forms import (
    EVERY,
    FIELDS,
    Field,
    body_to_values,
    fields_for,
    read_values,
    title_of,
    values_to_body,
)
from chatbot.web.database import reading, writing
from chatbot.web.lists import apply_keyset, make_page, read_query
from chatbot.web.markdown import show_markdown
from chatbot.web.pages import actor, go, say

bp = Blueprint("content", __name__, url_prefix="/content")
MOST_PRIORITY = 1_000_000
TITLES = {
    "canned": (_l("Templates"), _l("Fixed texts that are said at a word, a message or a moment.")),
    "faq": (_l("FAQs"), _l("A question as customers ask it, and its answer.")),
    "article": (_l("Knowledge base"), _l("Pages that the bot looks things up in.")),
    "document": (_l("Documents"), _l("Files and web pages that the bot reads and looks things up in.")),
    "flow": (_l("Conversation flows"), _l("Guided conversations: appointments, orders, returns, step by step.")),
    "assistant": (_l("Specialised agents"), _l("How the AI introduces itself, what it looks after, how it speaks.")),
}


def show_list(kind: str) -> ResponseReturnValue:
    query = read_query({"state": {"live", "changed", "off", "bin"}}, list(drafts.SORTS), "key")
    statement = drafts.select_entries(reading(), kind, query.search, query.filters.get("state", ""))
    rows = reading().execute(apply_keyset(statement, query, drafts.SORTS[query.sort])).all()
    page = make_page(rows, query, lambda row: [row.key if query.sort == "key" else row.id])
    lines = [drafts.make_line(row) for row in page.rows]
    title, about = TITLES[kind]
    changes = drafts.count_changes(reading())
    return render_template(
        "content/list.html",
        kind=kind,
        page=page,
        lines=lines,
        page_title=title,
        page_about=about,
        title_of=title_of,
        changes=changes,
        is_ordered=kind in ORDERED,
    )


@bp.get("/canned")
@allow("agent")
def canned() -> ResponseReturnValue:
    return show_list("canned")


@bp.get("/faq")
@allow("agent")
def faq() -> ResponseReturnValue:
    return show_list("faq")


@bp.get("/article")
@allow("agent")
def article() -> ResponseReturnValue:
    return show_list("article")


@bp.get("/document")
@allow("agent")
def document() -> ResponseReturnValue:
    """Documents have a list and pages of their own, since they are read first."""
    return go("documents.listing")


@bp.get("/assistant")
@allow("agent")
def assistant() -> ResponseReturnValue:
    return show_list("assistant")


@bp.get("/flow")
@allow("agent")
def flow() -> ResponseReturnValue:
    return show_list("flow")


@bp.get("/new/<kind>")
@allow("editor")
def new(kind: str) -> ResponseReturnValue:
    """?question= fills an FAQ's field, that of ?language=, or an article's title; ?untaught= an FAQ with a question from To
    teach and its answer; ?like= copies."""
    check_kind(kind)
    if kind == "document":
        return go("documents.new")
    if kind == "flow":
        return go("flows.new")
    if like := request.args.get("like"):
        row = drafts.read_newest(reading(), kind, like)
        return show_form(kind, "", body_to_values(kind, row.body if row and row.body else {}) | {"key": ""}, {}, 0)
    values = body_to_values(kind, {"languages": ["es", "en"], "language": "es", "default_language": "es", "length": "short"})
    asked = request.args.get("untaught", 0, type=int)
    untaught = teaching.find_untaught(reading(), asked) if asked else None
    language = "en" if (untaught.language if untaught else request.args.get("language")) == "en" else "es"
    if kind == "faq":
        values[f"questions_{language}"] = untaught.question if untaught else request.args.get("question", "")[:500]
        values[f"answers_{language}"] = untaught.answer or untaught.guess if untaught else ""
    if kind == "article":
        values["title"] = " ".join(request.args.get("question", "").split())[:200]
        values["language"] = language
    return show_form(kind, "", values, {}, 0, teaches=untaught.key if untaught else "")


@bp.get("/<kind>/<key>")
@allow("editor")
def edit(kind: str, key: str) -> ResponseReturnValue:
    check_kind(kind)
    row = drafts.read_newest(reading(), kind, key)
    if row is None:
        abort(404)
    if row.body is None:
        return go("content.history", kind=kind, key=key)  # where it can be brought back
    if kind == "flow":
        return go("flows.show", key=key)
    return show_form(kind, key, body_to_values(kind, row.body), {}, row.id, row)


@bp.post("/<kind>")
@allow("editor")
def save(kind: str) -> ResponseReturnValue:
    """Of a new entry (no `key_was`) or of one that is there, opened at revision `opened_at`. Flows have forms of their own."""
    check_kind(kind)
    if kind == "flow":
        abort(404)
    values, key_was = read_values(kind, request.form), request.form.get("key_was", "")
    if key_was:
        values["key"] = key_was
    row = drafts.read_newest(reading(), kind, key_was) if key_was else None
    body, errors = values_to_body(kind, values, read_body(kind, key_was, row))
    row = row or drafts.read_newest(reading(), kind, body.key if body and not key_was else "")
    if not key_was and row is not None and row.body is not None:
        errors["key"] = _("This short name is taken; write another one.")
    opened_at = int(request.form.get("opened_at") or 0) if (request.form.get("opened_at") or "0").isdecimal() else 0
    if body is None or errors:
        return show_form(kind, key_was, values, errors, opened_at, row), 422
    if key_was and row is not None and row.id != opened_at:
        return show_conflict(kind, key_was, values, row, body), 409
    store(kind, body, row.body if row else None)
    undo = note_taught(body, request.form.get("teaches", "")) if isinstance(body, FaqEntry) else ""
    say(_("Saved in the draft. Customers get it once it is published."), undo_url=undo)
    return go_to_entry(kind, body.key)


def read_body(kind: str, key: str, row: Any) -> dict[str, Any] | None:
    """Of an entry's newest revision; where that took it out, what it was before."""
    if row is None or row.body is not None:
        return row.body if row else None
    return next((former.body for former in drafts.list_history(reading(), kind, key) if former.body is not None), None)


def note_taught(body: FaqEntry, teaches: str) -> str:
    """teaches: key of the question from To teach that the FAQ was begun with. Where its words were changed so that nothing
    tells that it is answered by now, it is put away by its key. The address that brings it back, "" where nothing was done."""
    key = teaches.replace("\x00", "")[: teaching.MOST_KEY_CHARS]
    if not key or not body.enabled or key in teaching.list_keys(body):
        return ""
    with writing() as connection:
        teaching.dismiss(connection, key, title_of("faq", body.key, dump_body(body)), actor().who)
        record(connection, actor(), "teaching.dismiss", key, None, {"faq": body.key})
    return url_for("teaching.restore", key=key)


def go_to_entry(kind: str, key: str) -> ResponseReturnValue:
    if kind == "flow":
        return go("flows.show", key=key)
    return go("documents.show", key=key) if kind == "document" else go("content.edit", kind=kind, key=key)


def store(kind: str, body: Body, before: dict[str, Any] | None) -> None:
    with writing() as connection:
        save_drafts(connection, [body], actor().who)
        record(connection, actor(), "content.save", f"{kind}:{body.key}", before, body.model_dump(mode="json"))


@bp.post("/<kind>/remove")
@allow("editor")
def remove(kind: str) -> ResponseReturnValue:
    """Those whose keys were ticked, or each ?key= of an undo, at once; for 30 days they can be brought back."""
    check_kind(kind)
    keys = request.values.getlist("key")[:1_000]
    with writing() as connection:
        count = remove_drafts(connection, [(kind, key) for key in keys], actor().who)
        for key in keys:
            record(connection, actor(), "content.remove", f"{kind}:{key}")
    undo = url_for("content.restore", kind=kind, key=keys[:50]) if keys else ""
    say(_("%(n)s taken out of the draft.", n=count), undo_url=undo)
    return go(f"content.{kind}")


@bp.post("/<kind>/switch")
@allow("editor")
def switch(kind: str) -> ResponseReturnValue:
    """act: "on", "off", or "first" (before all others of the kind), for those whose keys were ticked."""
    check_kind(kind)
    keys, act = set(request.form.getlist("key")[:1_000]), request.form.get("act", "")
    if act not in {"on", "off"} and not (act == "first" and kind in ORDERED):
        abort(400)
    with writing() as connection:
        entries: tuple[Any, ...] = getattr(load_draft(connection), kind)
        top = 1 + max((body.priority for body in entries if body.key not in keys), default=0) if act == "first" else 0
        change = {"priority": min(top, MOST_PRIORITY)} if act == "first" else {"enabled": act == "on"}
        changed = [(body, new) for body in entries if body.key in keys and (new := body.model_copy(update=change)) != body]
        was = [row.id for body, _new in changed if (row := drafts.read_newest(connection, kind, body.key))]
        save_drafts(connection, [new for _body, new in changed], actor().who)
        for body, new in changed:
            record(connection, actor(), f"content.{act}", f"{kind}:{body.key}", dump_body(body), dump_body(new))
    said = {"on": _("In use again, in the draft."), "off": _("Switched off in the draft."), "first": _("First, in the draft.")}
    say(said[act] if changed else _("Nothing to change: tick some that aren't so yet."),
        undo_url=url_for("content.back", kind=kind, was=was[:50]) if changed else "")  # fmt: skip
    return go(f"content.{kind}")


@bp.post("/<kind>/back")
@allow("editor")
def back(kind: str) -> ResponseReturnValue:
    """An undo: entries as they were at each revision ?was=."""
    check_kind(kind)
    was = request.args.getlist("was", type=int)[:50]
    with writing() as connection:
        bodies = [KINDS[kind].model_validate(body) for body in drafts.read_bodies(connection, kind, was)]
        save_drafts(connection, bodies, actor().who)
        for body in bodies:
            record(connection, actor(), "content.restore", f"{kind}:{body.key}", None, dump_body(body))
    say(_("As it was before."))
    return go(f"content.{kind}")


@bp.post("/<kind>/restore")
@allow("editor")
def restore(kind: str) -> ResponseReturnValue:
    """Each ?key= as it was before it was taken out, or as it was at ?revision=."""
    check_kind(kind)
    keys = request.args.getlist("key") or request.form.getlist("key")
    wanted = request.form.get("revision", "")
    with writing() as connection:
        for key in keys[:1_000]:
            history = [row for row in drafts.list_history(connection, kind, key) if row.body is not None]
            chosen = [row for row in history if str(row.id) == wanted] if wanted else history[:1]
            for row in chosen:
                save_drafts(connection, [KINDS[kind].model_validate(row.body)], actor().who)
                record(connection, actor(), "content.restore", f"{kind}:{key}", None, row.body)
    say(_("Brought back into the draft."))
    return go_to_entry(kind, keys[0]) if len(keys) == 1 else go(f"content.{kind}")


@bp.post("/faq/alike")
@allow("editor")
def alike() -> ResponseReturnValue:
    """A fragment beside the questions: which other FAQ answers them already."""
    typed = [(code, line) for code in ("es", "en") for line in request.form.get(f"questions_{code}", "").splitlines()]
    questions: list[tuple[Language, str]] = [("es" if code == "es" else "en", line) for code, line in typed if line.strip()]
    found = find_alike(reading(), questions, request.form.get("key_was", ""))
    return render_template("content/alike.html", alike=found, title_of=title_of)


@bp.post("/preview")
@allow("editor")
def preview() -> ResponseReturnValue:
    return render_template("content/preview.html", html=show_markdown(request.form.get("text", "")))


@bp.get("/<kind>/<key>/history")
@allow("agent")
def history(kind: str, key: str) -> ResponseReturnValue:
    check_kind(kind)
    rows = drafts.list_history(reading(), kind, key)
    if not rows:
        abort(404)
    texts = [describe(kind, row.body) for row in rows]
    pairs = [list(drafts.diff_words(old, new)) for new, old in zip(texts, [*texts[1:], ""], strict=True)]
    return render_template("content/history.html", kind=kind, key=key, rows=list(zip(rows, pairs, strict=True)))


def describe(kind: str, body: dict[str, Any] | None) -> str:
    """An entry as a person reads it: each filled field under its label."""
    if body is None:
        return ""
    if kind == "flow":
        return dump(make_content([KINDS[kind].model_validate(body)])).partition("flow:\n")[2]
    values = body_to_values(kind, body)
    shown = [(field, values[field.name]) for field in FIELDS[kind] if values[field.name] not in ("", [], False)]
    lines = [f"{field.label}\n{describe_value(field, value)}" for field, value in shown]
    if kind == "document":
        file = body.get("file") or ""
        lines[1:1] = [f"{_('File')}\n{file[:12]}"] if file else []
    return "\n\n".join(lines)


def describe_value(field: Field, value: Any) -> str:
    if value is True:
        return "✓"
    options = dict(field.options)
    return ", ".join(str(options.get(v, v)) for v in (value if isinstance(value, list) else [value]))


def list_choices(body: Mapping[str, Any]) -> dict[str, tuple[tuple[str, Any], ...]]:
    """The options of the fields whose options are content themselves, with what the entry has already."""
    names = list_assistants(reading())
    keys = dict.fromkeys([*names, *body.get("assistants", ())])
    hours = str(body.get("read_every_h", ""))
    own = () if hours in dict(EVERY) or not hours else ((hours, name_hours(hours)),)
    return {"assistants": tuple((key, names.get(key, key)) for key in keys), "read_every_h": (*EVERY, *own)}


def name_hours(hours: str) -> str:
    return str(dict(EVERY).get(hours) or _("every %(n)s hours", n=hours))


def show_form(
    kind: str, key: str, values: dict[str, Any], errors: dict[str, str], opened_at: int, row: Any = None, pieces: Any = None,
    teaches: str = "",
) -> str:  # fmt: skip
    """row: the newest revision; pieces: what it and the values differ in, where it isn't the one that was opened; teaches: as
    note_taught() takes it."""
    body = (read_body(kind, key, row) if key else None) or {}
    title = title_of(kind, key, body) if body else ""
    changes = drafts.count_changes(reading())
    fields = fields_for(kind, body.get("source", ""), list_choices(body))
    page = "content/edit.html" if pieces is None else "content/conflict.html"
    return render_template(
        page, pieces=pieces, teaches=teaches, kind=kind, key=key, values=values, errors=errors, fields=fields,
        opened_at=opened_at, row=row, entry_title=title, kind_title=TITLES[kind][0], changes=changes,
        active_page="documents.listing" if kind == "document" else f"content.{kind}",
    )  # fmt: skip


def show_conflict(kind: str, key: str, values: dict[str, Any], row: Any, mine: Body) -> str:
    """Somebody saved or took it out meanwhile: what differs, and below it mine in a form, so that both can become one."""
    pieces = list(drafts.diff_words(describe(kind, row.body), describe(kind, mine.model_dump(mode="json"))))
    return show_form(kind, key, values, {}, row.id, row, pieces=pieces)


def check_kind(kind: str) -> None:
    if kind not in KINDS:
        abort(404)
