"""Documents: files and web pages in, how far their reading is, and what was read of them."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from chatbot import documents, drafts
from chatbot.audit import record
from chatbot.bodies import Document, dump_body
from chatbot.content import save_drafts
from chatbot.models import Chunk, Page
from chatbot.web.access import allow
from chatbot.web.content import TITLES, list_choices, name_hours
from chatbot.web.content_forms import body_to_values, fields_for, make_key, read_values, values_to_body
from chatbot.web.database import reading, writing
from chatbot.web.document_words import KINDS_OF_FILES, SOURCES, State, say_note, say_problem, say_state, show_signs
from chatbot.web.lists import ListQuery, apply_keyset, encode_place, make_page, read_query
from chatbot.web.markdown import show_markdown
from chatbot.web.pages import actor, go, is_fragment, may_open, say

bp = Blueprint("documents", __name__, url_prefix="/documents")
STRANGERS_BYTES = 100_000
UPLOAD_BYTES = 64 * 1024 * 1024  # several files at once; each has its own limit
MOST_STATES = 200
MOST_DIGITS = 19
READINGS = {"reading", "ready", "problem"}
# what people call it: what it is, and how often it is read again
ON_THE_WEB = {
    "page": ("page", 24), "site": ("site", 24), "sitemap": ("sitemap", 24), "sheet": ("page", 1),
    "help_center": ("help_center", 24),
}  # fmt: skip
# one upload at a time is in this process's memory
storing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of an upload: the document it became, or why not."""

    name: str
    key: str = ""
    is_same: bool = False
    problem: str = ""
    advice: str = ""


@bp.url_value_preprocessor
def limit_uploads(endpoint: str | None, values: dict[str, Any] | None) -> None:  # noqa: ARG001
    """Before the form is read for the first time, which is before any view: who may not upload sends nothing large."""
    if endpoint == "documents.upload":
        request.max_content_length = UPLOAD_BYTES if may_open("documents.upload") else STRANGERS_BYTES


@bp.get("")
@allow("agent")
def listing() -> ResponseReturnValue:
    known: dict[str, set[str] | None] = {
        "state": {"live", "changed", "off", "bin"}, "source": set(SOURCES), "reading": READINGS,
    }  # fmt: skip
    query, connection = read_query(known, list(documents.SORTS), "key"), reading()
    wanted = (query.filters.get(name, "") for name in known)
    statement = documents.select_documents(connection, query.search, *wanted)
    rows = connection.execute(apply_keyset(statement, query, documents.SORTS[query.sort])).all()
    page = make_page(rows, query, lambda row: place_of(row, query))
    return render_template(
        "documents/listing.html", page=page, lines=describe_rows(page.rows), changes=drafts.count_changes(connection),
        sources=SOURCES, source_names=[(code, said) for code, (said, _icon) in SOURCES.items()],
        page_about=TITLES["document"][1], example=url_for("documents.new", url="https://www.example.com/"),
    )  # fmt: skip


def place_of(row: Any, query: ListQuery) -> list[Any]:
    return {"key": [row.key], "changed": [row.id], "read": [row.read_at.isoformat(), row.entry_id]}[query.sort]


def describe_rows(rows: Any) -> list[dict[str, Any]]:
    """Each document of a list with how far it is, its file's name and where it is used."""
    connection = reading()
    found = documents.summarize(connection, [row.entry_id for row in rows])
    files = documents.name_files(connection, [row.body["file"] for row in rows if row.body and row.body.get("file")])
    assistants, inboxes = documents.list_assistants(connection), documents.list_inboxes(connection)
    return [
        {
            "line": drafts.make_line(row),
            "reading": found[row.entry_id],
            "state": say_state(found[row.entry_id], (row.body or {}).get("enabled", True)),
            "where": name_place(row.body or {}, files),
            "used": name_uses(row.body or {}, assistants, inboxes),
        }
        for row in rows
    ]


def name_place(body: Any, files: Any) -> str:
    """The file's name, or the address."""
    file = files.get(body.get("file"))
    return file.name if file else body.get("url") or ""


def name_uses(body: Any, assistants: dict[str, str], inboxes: dict[int, str]) -> list[str]:
    """What it is limited to; empty: everywhere."""
    names = [assistants.get(key, key) for key in body.get("assistants", ())]
    return names + [inboxes.get(number, str(number)) for number in body.get("inboxes", ())]


@bp.get("/_new")
@allow("editor")
def new() -> ResponseReturnValue:
    """?url= fills the form for the web. A key never begins with an underscore, so no document has this address."""
    return show_new({"url": request.args.get("url", "")})


def show_new(values: dict[str, Any], errors: dict[str, str] | None = None, uploads: list[Upload] | None = None) -> str:
    typed = body_to_values("document", {}) | {"kind": "page", "read_every_h": "", "max_pages": "", "max_depth": ""} | values
    choices = list_choices({})
    choices["read_every_h"] = (("", _("every day, a sheet every hour")), *choices["read_every_h"])
    fields = fields_for("document", "", choices)
    return render_template(
        "documents/new.html", values=typed, errors=errors or {}, fields=fields, uploads=describe_uploads(uploads or []),
        suffixes=",".join(documents.SUFFIXES), most=documents.MAX_FILE_BYTES, kinds_of_files=KINDS_OF_FILES,
        problems={code: " ".join(say_problem(code)) for code in ("too_big", "lost")}, active_page="documents.listing",
    )  # fmt: skip


def describe_uploads(uploads: list[Upload]) -> list[dict[str, Any]]:
    rows = {upload.key: drafts.read_newest(reading(), "document", upload.key) for upload in uploads if upload.key}
    found = documents.summarize(reading(), [row.entry_id for row in rows.values() if row])
    return [
        {
            "upload": upload,
            "row": rows.get(upload.key),
            "state": say_state(found[row.entry_id]) if (row := rows.get(upload.key)) else None,
        }
        for upload in uploads
    ]


@bp.post("/upload")
@allow("editor")
def upload() -> ResponseReturnValue:
    """Each file for itself: one that can't be taken holds up no other. replaces: the document whose new bytes they are."""
    files = [file for file in request.files.getlist("file") if file.filename]
    replaces = request.form.get("replaces", "")
    if replaces:
        return replace(replaces, files)
    uploads = [take(file) for file in files] or [Upload("", "", False, *say_problem("absent"))]
    if is_fragment():
        return render_template("documents/uploaded.html", uploads=describe_uploads(uploads))
    return show_new({}, uploads=uploads), 200 if any(upload.key for upload in uploads) else 422


def take(file: FileStorage) -> Upload:
    name = documents.clean_name(file.filename or "")
    with closing(file):
        if problem := find_problem(name, file):
            return Upload(name, "", False, *say_problem(problem))
        wished = make_key("document", {"title": documents.name_document(name)})
        with storing, writing() as connection:
            added = documents.add_file(connection, name, file.stream.read(), actor().who, wished)
            if not added.is_same:
                subject = f"document:{added.document.key}"
                record(connection, actor(), "content.save", subject, None, dump_body(added.document))
    return Upload(name, added.document.key, added.is_same)


def find_problem(name: str, file: FileStorage) -> str:
    """What can be told without reading it: a code, or nothing."""
    size = file.stream.seek(0, os.SEEK_END)
    file.stream.seek(0)
    if not name.lower().endswith(documents.SUFFIXES):
        return "unknown_type"
    return "too_big" if size > documents.MAX_FILE_BYTES else "" if size else "empty"


def replace(key: str, files: list[FileStorage]) -> ResponseReturnValue:
    """New bytes for a file's document. Former releases keep the former ones."""
    row, document = find_document(key)
    if document.source != "file":
        abort(400)
    name = documents.clean_name(files[0].filename or "") if files else ""
    problem = find_problem(name, files[0]) if files else "absent"
    if problem:
        say(" ".join(say_problem(problem)), "danger")
        return go("documents.show", key=key)
    with closing(files[0]), storing, writing() as connection:
        digest = documents.store_file(connection, name, files[0].stream.read(), actor().who)
        changed = document.model_copy(update={"file": digest})
        count = save_drafts(connection, [changed], actor().who)
        record(connection, actor(), "content.save", f"document:{key}", row.body, dump_body(changed))
    undo = url_for("content.back", kind="document", was=row.id) if count else ""
    said = _("The new file is in the draft. Customers get it once it is published.")
    say(said if count else _("It is the same file, so nothing changed."), undo_url=undo)
    return go("documents.show", key=key)


@bp.post("/web")
@allow("editor")
def save_web() -> ResponseReturnValue:
    """A document for something on the web: `kind` is what people call it, a key of ON_THE_WEB."""
    kind = request.form.get("kind", "")
    if kind not in ON_THE_WEB:
        abort(400)
    source, hours = ON_THE_WEB[kind]
    url = " ".join(request.form.get("url", "").split())
    typed = read_values("document", request.form) | {"url": url, "kind": kind}
    address = documents.find_sheet_address(documents.complete_address(url))
    is_given = documents.is_address(address) or (source == "help_center" and not address)
    values = typed | {
        "url": address if is_given else "",
        "title": typed["title"].strip() or name_address(address) or str(SOURCES[source][0]),
        "read_every_h": typed["read_every_h"] or str(hours),
    }
    body, errors = values_to_body("document", values, {"source": source if is_given else "help_center"})
    if not is_given:
        errors["url"] = _("Copy the address from the browser; it starts with https://") if url else _("This is needed.")
    if not isinstance(body, Document) or errors:
        return show_new(typed, errors), 422
    return store_web(body)


def store_web(body: Document) -> ResponseReturnValue:
    with writing() as connection:
        if (there := documents.find_by_address(connection, body)) is not None:
            say(_("This address is there already: here it is."))
            return go("documents.show", key=there.key)
        body = body.model_copy(update={"key": documents.pick_key(connection, body.key)})
        save_drafts(connection, [body], actor().who)
        record(connection, actor(), "content.save", f"document:{body.key}", None, dump_body(body))
    say(_("In the draft, and read in a moment. Customers get it once it is published."))
    return go("documents.show", key=body.key)


def name_address(url: str) -> str:
    """ "www.shop.es/envios" for its title, until somebody writes a better one."""
    return url.partition("://")[2].partition("?")[0].rstrip("/")[:120]


def find_document(key: str) -> tuple[Any, Document]:
    """The draft's newest revision. 404 where there is none."""
    row = drafts.read_newest(reading(), "document", key)
    if row is None or row.body is None:
        abort(404)
    return row, Document.model_validate(row.body)


@bp.post("/states")
@allow("agent")
def states() -> ResponseReturnValue:
    """How far those are whose keys are sent, for a page that polls. then=reload: the page is loaded anew at the end."""
    keys = request.form.getlist("key")[:MOST_STATES]
    found: dict[str, State] = {}
    rows = {key: row for key in keys if (row := drafts.read_newest(reading(), "document", key)) and row.body}
    summaries = documents.summarize(reading(), [row.entry_id for row in rows.values()])
    for key, row in rows.items():
        found[key] = say_state(summaries[row.entry_id], row.body.get("enabled", True))
    is_over = not any(state.is_open for state in found.values())
    if is_over and request.form.get("then") == "reload":
        return "", 200, {"HX-Refresh": "true"}
    return render_template("documents/states.html", states=found, is_over=is_over, then=request.form.get("then", ""))


@bp.get("/<key>")
@allow("agent")
def show(key: str) -> ResponseReturnValue:
    """One with a single page shows what was read of it; one with many, the list of them."""
    row, document = find_document(key)
    connection, query = reading(), read_query({"state": {"ready", "reading", "failed"}}, ["id"], "id")
    summary = documents.summarize(connection, [row.entry_id])[row.entry_id]
    files = documents.name_files(connection, [document.file] if document.file else [])
    statement = documents.select_pages(row.entry_id, document, query.filters.get("state", ""))
    is_single = document.source in {"file", "page"} and summary.pages <= 1
    pages = connection.execute(statement.limit(1)).all() if is_single else list_pages(statement, query)
    values = {
        "row": row, "document": document, "reading": summary, "state": say_state(summary, document.enabled),
        "place": name_place(row.body, files), "source": SOURCES[document.source], "file": files.get(document.file or ""),
        "used": name_uses(row.body, documents.list_assistants(connection), documents.list_inboxes(connection)),
        "changes": drafts.count_changes(connection), "every": name_hours(str(document.read_every_h)),
        "suffixes": ",".join(documents.SUFFIXES),
    }  # fmt: skip
    if not is_single:
        page = make_page(pages, query, lambda found: [found.id])
        return render_template("documents/show.html", **values, page=page, say_problem=say_problem, **TEMPLATE)
    read = read_passages(pages[0].copy_id if pages else None, query)
    return render_template("documents/show.html", **values, only=pages[0] if pages else None, **read, **TEMPLATE)


TEMPLATE = {"active_page": "documents.listing", "say_note": say_note, "show_signs": show_signs, "show_markdown": show_markdown}


def list_pages(statement: Any, query: ListQuery) -> Any:
    return reading().execute(apply_keyset(statement, query, [Page.__table__.c.id])).all()


def read_passages(copy_id: int | None, query: ListQuery) -> dict[str, Any]:
    if copy_id is None:
        return {"passages": None}
    statement = apply_keyset(documents.select_passages(copy_id), query, [Chunk.__table__.c.ordinal])
    return {"passages": make_page(reading().execute(statement).all(), query, lambda found: [found.ordinal])}


@bp.get("/<key>/pages/<int(max=9223372036854775807):page_id>")
@allow("agent")
def show_page(key: str, page_id: int) -> ResponseReturnValue:
    """What was read of one page. ?copy= is a former state, as a passage's link of an older answer has it."""
    row, document = find_document(key)
    page = documents.read_page(reading(), row.entry_id, document, page_id)
    wanted = read_number(request.args.get("copy")) or (page.copy_id if page else None)
    copy = documents.read_copy(reading(), page_id, wanted) if wanted else None
    if (page is None and copy is None) or (wanted and copy is None):
        abort(404)
    read = read_passages(wanted, read_query({}, ["ordinal"], "ordinal"))
    is_former = copy is not None and (page is None or copy.id != page.copy_id)
    return render_template(
        "documents/page.html", row=row, document=document, page=page, copy=copy, is_former=is_former,
        problem=say_problem(page.problem, page.problem_facts) if page and page.is_failed else None, **read, **TEMPLATE,
    )  # fmt: skip


def read_number(typed: str | None) -> int | None:
    """An id as an address or a form has it; what can't be one counts as absent."""
    return int(typed) if typed and typed.isascii() and typed.isdecimal() and len(typed) < MOST_DIGITS else None


@bp.get("/passage/<int(max=9223372036854775807):chunk_id>")
@allow("agent")
def passage(chunk_id: int) -> ResponseReturnValue:
    """Leads to where a passage stands: of a document to the very place, of an article to the article."""
    found = documents.find_passage(reading(), chunk_id)
    if found is None:
        abort(404)
    if found.kind != "document":
        return go("content.edit" if may_open("content.edit") else "content.history", kind=found.kind, key=found.key)
    after = encode_place([found.ordinal - 3]) if found.ordinal > 2 else None  # with what stands before it
    return go(
        "documents.show_page", key=found.key, page_id=found.page_id, copy=found.copy_id, after=after, _anchor=f"p{chunk_id}"
    )  # fmt: skip


@bp.post("/<key>/read")
@allow("editor")
def read_again(key: str) -> ResponseReturnValue:
    """All its pages, or the one whose number is sent."""
    row, document = find_document(key)
    with writing() as connection:
        count = documents.read_again(connection, row.entry_id, document, read_number(request.form.get("page")))
        record(connection, actor(), "document.read", f"document:{key}", None, {"count": count})
    say(_("It is read again in a moment.") if count else _("It is being read just now."))
    return go("documents.show", key=key)


@bp.get("/<key>/file")
@allow("agent")
def download(key: str) -> ResponseReturnValue:
    """The uploaded bytes as they came: never shown by the browser itself."""
    _row, document = find_document(key)
    content = documents.read_content(reading(), document.file) if document.file else None
    if content is None:
        abort(404)
    names = documents.name_files(reading(), [document.file or ""])
    answer = Response(content, mimetype="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=names[document.file or ""].name or key)
    return answer
