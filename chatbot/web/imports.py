"""Import and export of content: upload, columns, dry run, into the draft, undo; and the same as files to download."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from werkzeug.exceptions import NotFound

from chatbot import audit, content_export, content_file, imports
from chatbot.bodies import Content
from chatbot.content import live_release_id, load_content, load_draft
from chatbot.errors import ContentError
from chatbot.import_reading import MAX_BYTES, UnreadableUpload
from chatbot.import_rows import FIELDS, LANGUAGES, RowProblem
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES as LANGUAGE_NAMES
from chatbot.web.reader import pick_delimiter

bp = Blueprint("imports", __name__, url_prefix="/imports")
SHOWN_ENTRIES = 100
SHOWN_PROBLEMS = 200
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KIND_LABELS = {"faq": lazy_gettext("FAQs"), "canned": lazy_gettext("Templates"), "article": lazy_gettext("Articles")}
COLUMN_LABELS: dict[str, Any] = {
    "question": lazy_gettext("Question"), "question_es": lazy_gettext("Question in Spanish"),
    "question_en": lazy_gettext("Question in English"), "answer": lazy_gettext("Answer"),
    "answer_es": lazy_gettext("Answer in Spanish"), "answer_en": lazy_gettext("Answer in English"),
    "text": lazy_gettext("Text"), "text_es": lazy_gettext("Text in Spanish"), "text_en": lazy_gettext("Text in English"),
    "exact": lazy_gettext("Whole messages"), "keywords": lazy_gettext("Keywords"), "patterns": lazy_gettext("Patterns"),
    "events": lazy_gettext("Events"), "title": lazy_gettext("Title"), "url": lazy_gettext("Web address"),
    "language": lazy_gettext("Language"), "key": lazy_gettext("Key"), "handoff": lazy_gettext("Hands over to a person"),
    "inboxes": lazy_gettext("Inboxes (their numbers)"), "enabled": lazy_gettext("In use"), "priority": lazy_gettext("Priority"),
    # the models' names, in problems
    "questions": lazy_gettext("Question"), "answers": lazy_gettext("Answer"), "texts": lazy_gettext("Text"),
}  # fmt: skip
UPLOAD_PROBLEMS: dict[str, Any] = {
    "too_large": lazy_gettext("The file is larger than 5 MB. Split it, and import the pieces one after the other."),
    "too_many_rows": lazy_gettext("That is more than 5,000 rows. Split it, and import the pieces one after the other."),
    "too_many_columns": lazy_gettext("That is more than 60 columns. Leave only the ones to import."),
    "unpacks_too_large": lazy_gettext("The workbook takes too much room when opened. Save it as CSV, and import that."),
    "old_excel": lazy_gettext("That is an old Excel file (.xls). Save it as .xlsx or CSV, and import that."),
    "no_table": lazy_gettext("No table can be read in it. Use CSV, Excel (.xlsx), SQLite or this product's YAML."),
    "broken": lazy_gettext("The file is damaged, or locked with a password. Open it, save it again, and try once more."),
    "too_slow": lazy_gettext("Reading the file took too long. Export the table as CSV, and import that."),
    "nothing": lazy_gettext("There is nothing in it."),
    "absent": lazy_gettext("Choose a file, or paste some cells."),
}  # fmt: skip
ROW_PROBLEMS: dict[str, Any] = {
    "missing": lazy_gettext("%(field)s is missing."),
    "too_long": lazy_gettext("%(field)s is too long: %(value)s characters are the most."),
    "choice": lazy_gettext("%(field)s must be one of: %(value)s."),
    "key": lazy_gettext("The key “%(value)s” may have only letters a-z, digits and hyphens."),
    "url": lazy_gettext("The web address must start with https:// and have no spaces."),
    "signs": lazy_gettext("%(field)s has a sign that can't be shown. Type it again."),
    "no_word": lazy_gettext("A keyword needs at least one letter or digit."),
    "pattern": lazy_gettext("The pattern doesn't work, or it would match every message."),
    "language": lazy_gettext("The language “%(value)s” isn't Spanish or English."),
    "yes_no": lazy_gettext("“%(value)s” is neither yes nor no."),
    "number": lazy_gettext("“%(value)s” isn't an inbox's number."),
    "two_answers": lazy_gettext("It differs from row %(value)s, which is about the same: only one can be right."),
    "question_taken": lazy_gettext("The same question stands in row %(value)s, for another entry."),
    "row_twice": lazy_gettext("It says the same as row %(value)s."),
    "other": lazy_gettext("%(field)s can't be used as it is."),
}


@bp.url_value_preprocessor
def take_long_texts(endpoint: str | None, values: dict[str, Any] | None) -> None:  # noqa: ARG001
    """Pasted cells may be as long as a file. Before the form is read for the first time, which is before any view."""
    request.max_form_memory_size = 2 * MAX_BYTES


def say_problem(problem: RowProblem) -> str:
    values = {"field": str(COLUMN_LABELS.get(problem.field, problem.field)), "value": problem.value}
    return str(ROW_PROBLEMS[problem.code]) % values


@bp.get("")
@allow("editor")
def page() -> ResponseReturnValue:
    return render_start()


def render_start(error: str = "", status: int = 200) -> ResponseReturnValue:
    typed = {"kind": request.values.get("kind", "faq"), "cells": request.form.get("cells", "")}
    jobs = imports.list_jobs(reading())
    now = datetime.now(UTC)
    undoable = {job.id for job in jobs if imports.is_undoable(job, now)}
    return render_template(
        "imports/page.html", jobs=jobs, undoable=undoable, kinds=KIND_LABELS, typed=typed, error=error
    ), status


@bp.post("")
@allow("editor")
def upload() -> ResponseReturnValue:
    kind, cells, file = request.form.get("kind", ""), request.form.get("cells", ""), request.files.get("file")
    if kind not in KIND_LABELS:
        abort(400)
    try:
        with writing() as connection:
            if file and file.filename:
                with closing(file):
                    content = file.stream.read(MAX_BYTES + 1)
                if len(content) > MAX_BYTES:
                    raise UnreadableUpload("too_large")
                job_id = imports.keep_upload(connection, kind, actor().who, file.filename, content)
            elif cells.strip():
                job_id = imports.keep_pasted(connection, kind, actor().who, cells)
            else:
                raise UnreadableUpload("absent")
    except UnreadableUpload as e:
        return render_start(str(UPLOAD_PROBLEMS[e.code]), 422)
    except ContentError as e:
        return render_start(str(e), 422)
    return go("imports.job", job_id=job_id)


def find_job(job_id: int) -> imports.Job:
    found = imports.read_job(reading(), job_id)
    if found is None:
        raise NotFound
    return found


@bp.get("/<int:job_id>")
@allow("editor")
def job(job_id: int) -> ResponseReturnValue:
    found = find_job(job_id)
    values: dict[str, Any] = {"job": found, "kinds": KIND_LABELS, "undoable": imports.is_undoable(found, datetime.now(UTC))}
    if found.imported_at:
        return render_template("imports/done.html", **values)
    try:
        plan = imports.plan(reading(), found)
        columns = show_columns(found)
    except UnreadableUpload as e:
        return render_template("imports/job.html", **values, plan=None, columns=[], error=UPLOAD_PROBLEMS[e.code]), 422
    rejected = imports.list_rejected(found, plan)[1][:SHOWN_PROBLEMS]
    entries = sorted(plan.entries, key=lambda e: e.state == "same")[:SHOWN_ENTRIES]
    return render_template(
        "imports/job.html", **values, plan=plan, counts=plan.counts, columns=columns, entries=entries, rejected=rejected,
        fields=[(name, COLUMN_LABELS[name]) for name in FIELDS.get(found.kind, {})], languages_of=LANGUAGE_NAMES,
        say_problem=say_problem, error="",
    )  # fmt: skip


def show_columns(found: imports.Job) -> list[dict[str, Any]]:
    """Each column with its name, two of its cells, and what it counts as."""
    if not found.tables:
        return []
    rows = [row for row in imports.get_rows(found) if row]
    has_header = found.options["has_header"]
    names = rows[0] if has_header else []
    return [
        {
            "name": names[number] if number < len(names) else "",
            "examples": [row[number][:80] for row in rows[has_header : has_header + 40] if len(row) > number and row[number]][
                :2
            ],
            "field": field,
        }
        for number, field in enumerate(found.options["columns"])
    ]


@bp.post("/<int:job_id>/columns")
@allow("editor")
def save_columns(job_id: int) -> ResponseReturnValue:
    found = find_job(job_id)
    table = request.form.get("table", 0, int)
    if found.imported_at or not 0 <= table < len(found.tables):
        abort(400)
    if table != found.options["table"]:
        options = imports.make_options(found.kind, found.tables[table]["rows"], table)
    else:
        chosen = [request.form.get(f"column_{n}", "") for n in range(len(found.options["columns"]))]
        columns = [name if name in FIELDS[found.kind] and name not in chosen[:n] else "" for n, name in enumerate(chosen)]
        language = request.form.get("language", "")
        options = {"table": table, "columns": columns, "has_header": bool(request.form.get("has_header")),
                   "language": language if language in LANGUAGES else LANGUAGES[0]}  # fmt: skip
    with writing() as connection:
        imports.save_options(connection, job_id, options)
    return go("imports.job", job_id=job_id)


@bp.post("/<int:job_id>/run")
@allow("editor")
def run(job_id: int) -> ResponseReturnValue:
    found = find_job(job_id)
    with writing() as connection:
        counts = imports.run(connection, job_id, actor().who)
        if counts is not None:
            audit.record(connection, actor(), "content.import", found.source or found.kind, None, counts)
    if counts is not None:
        number = counts["new"] + counts["changed"]
        text = ngettext("%(num)s entry is in the draft.", "%(num)s entries are in the draft.", number)
        say(text, undo_url=url_for("imports.undo", job_id=job_id) if number else "")
    return go("imports.job", job_id=job_id)


@bp.post("/<int:job_id>/undo")
@allow("editor")
def undo(job_id: int) -> ResponseReturnValue:
    found = find_job(job_id)
    with writing() as connection:
        done = imports.undo(connection, job_id, actor().who)
        if done is not None:
            after = {"restored": done[0], "left": len(done[1])}
            audit.record(connection, actor(), "content.import_undo", found.source or found.kind, found.counts, after)
    if done is None:
        say(_("There is nothing to undo any more."), "danger")
        return go("imports.page")
    say(ngettext("%(num)s entry is as it was before.", "%(num)s entries are as they were before.", done[0]))
    if done[1]:
        say(_("Edited since, so left as they are: %(keys)s", keys=", ".join(done[1][:20])))
    return go("imports.page")


@bp.get("/<int:job_id>/rejected.csv")
@allow("editor")
def rejected(job_id: int) -> ResponseReturnValue:
    """The wrong rows as they were, with their number and what is wrong, to be mended and imported again."""
    found = find_job(job_id)
    names, rows = imports.list_rejected(found, imports.plan(reading(), found))
    head = [*names, _("Row"), _("What is wrong")]
    body = (
        [*cells, *[""] * (len(names) - len(cells)), problems[0].row, " ".join(map(say_problem, problems))]
        for cells, problems in rows
    )
    return _download(content_export.write_csv([head, *body], pick_delimiter()), f"rejected-{job_id}.csv", "text/csv")


@bp.get("/export/<what>.<any(csv, xlsx, yaml):suffix>")
@allow("editor")
def export(what: str, suffix: str) -> ResponseReturnValue:
    """what: a kind, or "all" for the YAML. ?of=live: what is published instead of the draft."""
    if what not in ({"all"} if suffix == "yaml" else content_export.COLUMNS):
        abort(404)
    of = "live" if request.args.get("of") == "live" else "draft"
    content = _load(of)
    name = f"{what}-{of}.{suffix}"
    with writing() as connection:
        audit.record(connection, actor(), "content.export", name)
    if suffix == "yaml":
        return _download(iter(content_file.dump(content).encode().splitlines(keepends=True)), name, "application/yaml")
    rows = content_export.make_rows(content, what)
    if suffix == "csv":
        return _download(content_export.write_csv(rows, pick_delimiter()), name, "text/csv")
    try:
        return _download(iter([content_export.write_xlsx(rows)]), name, XLSX_TYPE)
    except ContentError as e:
        say(_("“%(key)s” is too long for a cell of Excel. Take CSV instead.", key=str(e)), "danger")
        return go("imports.page")


def _load(of: str) -> Content:
    connection = reading()
    return load_content(connection, live_release_id(connection)) if of == "live" else load_draft(connection)


def _download(pieces: Any, name: str, mimetype: str) -> Response:
    return Response(pieces, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})
