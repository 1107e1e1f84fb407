"""Imports between their steps: what was uploaded is kept, tried against the draft, imported into it, and can be undone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from chatbot import content_file
from chatbot.bodies import KIND_NAMES, KINDS
from chatbot.content import load_draft, remove_drafts, save_drafts
from chatbot.import_reading import Table, UnreadableUpload, read_pasted, read_tables
from chatbot.import_rows import LANGUAGES, Options, Plan, guess_columns, number_rows, plan_bodies, plan_rows
from chatbot.models import Entry, ImportJob, Revision

UNDO_DAYS = 30
IS_YOUNG = ImportJob.created_at > func.now() - func.make_interval(0, 0, 0, UNDO_DAYS)
LISTED = (ImportJob.id, ImportJob.kind, ImportJob.source, ImportJob.author, ImportJob.counts, ImportJob.created_at,
          ImportJob.imported_at, ImportJob.undone_at)  # fmt: skip
Job = Row[Any]


def keep_upload(connection: Connection, kind: str, author: str, name: str, content: bytes) -> int:
    """Reads a file and keeps what it holds. Returns the job's id. Raises UnreadableUpload, or ContentError for a bad YAML."""
    if re.search(r"\.ya?ml$", name, re.IGNORECASE):
        parsed = content_file.parse(content, name)
        content_file.check_files(connection, parsed)
        bodies = [{"kind": KIND_NAMES[type(b)], "body": b.model_dump(mode="json")} for b in parsed]
        return _insert(connection, "", author, name, [], bodies)
    return _insert(connection, kind, author, name, read_tables(content, name), [])


def keep_pasted(connection: Connection, kind: str, author: str, text: str) -> int:
    """The same for cells from the clipboard."""
    return _insert(connection, kind, author, "", read_pasted(text), [])


def _insert(connection: Connection, kind: str, author: str, source: str, tables: list[Table], bodies: list[Any]) -> int:
    number = next((n for n, table in enumerate(tables) if not table.is_too_long), 0)
    options = make_options(kind, tables[number].rows, number) if tables else {}
    row = {"kind": kind, "author": author, "source": source[:200], "bodies": bodies, "options": options}
    kept = [{"name": table.name, "rows": table.rows} for table in tables]
    return connection.execute(insert(ImportJob).values(**row, tables=kept).returning(ImportJob.id)).scalar_one()


def make_options(kind: str, rows: list[list[str]], number: int) -> dict[str, Any]:
    """The guess for one of the job's tables."""
    columns, has_header = guess_columns(kind, rows)
    return {"table": number, "columns": list(columns), "has_header": has_header, "language": LANGUAGES[0]}


def read_job(connection: Connection, job_id: int) -> Job | None:
    return connection.execute(select(*ImportJob.__table__.columns).where(ImportJob.id == job_id, IS_YOUNG)).first()


def list_jobs(connection: Connection, limit: int = 20) -> list[Job]:
    """The newest first; those never finished are not among them."""
    statement = select(*LISTED).where(ImportJob.imported_at.is_not(None), IS_YOUNG)
    return list(connection.execute(statement.order_by(ImportJob.created_at.desc()).limit(limit)))


def save_options(connection: Connection, job_id: int, options: dict[str, Any]) -> None:
    connection.execute(update(ImportJob).where(ImportJob.id == job_id).values(options=options))


def read_options(job: Job) -> Options:
    chosen = job.options
    return Options(job.kind, tuple(chosen["columns"]), chosen["language"], chosen["has_header"])


def get_rows(job: Job) -> list[list[str]]:
    """Of the chosen table. Raises UnreadableUpload where it is too long."""
    table = job.tables[job.options["table"]]
    if Table(table["name"], table["rows"]).is_too_long:
        raise UnreadableUpload("too_many_rows")
    rows: list[list[str]] = table["rows"]
    return rows


def plan(connection: Connection, job: Job) -> Plan:
    """What importing the job would do to the draft as it is now."""
    draft = load_draft(connection)
    if job.bodies:
        return plan_bodies([KINDS[item["kind"]].model_validate(item["body"]) for item in job.bodies], KIND_NAMES, draft)
    return plan_rows(get_rows(job), read_options(job), draft)


def list_rejected(job: Job, found: Plan) -> tuple[list[str], list[tuple[list[str], list[Any]]]]:
    """The names of the columns, and each wrong row's cells with its problems."""
    rows = get_rows(job) if job.tables else []
    filled = [row for row in rows if row]
    names = list(filled[0]) if filled and job.options["has_header"] else list(job.options.get("columns", ()))
    problems: dict[int, list[Any]] = {}
    for problem in found.problems:
        problems.setdefault(problem.row, []).append(problem)
    numbered = dict(number_rows(rows, job.options.get("has_header", False)))
    return names, [(list(numbered[number]), listed) for number, listed in problems.items()]


def run(connection: Connection, job_id: int, author: str) -> dict[str, int] | None:
    """Imports into the draft, in the caller's transaction. Returns the counts, or None where it was done already."""
    save_drafts(connection, ())  # takes the lock of content: nobody edits between the look and the writing
    job = connection.execute(select(*ImportJob.__table__.columns).where(ImportJob.id == job_id).with_for_update()).one()
    if job.imported_at is not None:
        return None
    found = plan(connection, job)
    changed = [entry for entry in found.entries if entry.state != "same"]
    save_drafts(connection, [entry.body for entry in changed], author)
    ids = _read_newest_ids(connection, {entry.kind for entry in changed})
    undo = [
        {
            "kind": entry.kind,
            "key": entry.body.key,
            "before": entry.before.model_dump(mode="json") if entry.before else None,
            "revision_id": ids[entry.kind, entry.body.key],
        }
        for entry in changed
    ]
    values = {"counts": found.counts, "undo": undo, "imported_at": func.now()}
    connection.execute(update(ImportJob).where(ImportJob.id == job_id).values(values))
    return found.counts


def undo(connection: Connection, job_id: int, author: str) -> tuple[int, list[str]] | None:
    """New revisions equal to those before the import. Returns how many, and the keys left because they were edited since;
    None where there is nothing to undo."""
    save_drafts(connection, ())
    statement = select(ImportJob.undo).where(ImportJob.id == job_id, IS_YOUNG, ImportJob.undone_at.is_(None))
    steps = connection.scalar(statement.with_for_update())
    if steps is None:
        return None
    ids = _read_newest_ids(connection, {step["kind"] for step in steps})
    own = [step for step in steps if ids.get((step["kind"], step["key"])) == step["revision_id"]]
    save_drafts(connection, [KINDS[s["kind"]].model_validate(s["before"]) for s in own if s["before"]], author)
    remove_drafts(connection, [(s["kind"], s["key"]) for s in own if not s["before"]], author)
    connection.execute(update(ImportJob).where(ImportJob.id == job_id).values(undone_at=func.now()))
    done = {(step["kind"], step["key"]) for step in own}
    return len(own), [step["key"] for step in steps if (step["kind"], step["key"]) not in done]


def _read_newest_ids(connection: Connection, kinds: Iterable[str]) -> dict[tuple[str, str], int]:
    columns = select(Entry.kind, Entry.key, func.max(Revision.id).label("newest")).join(Revision, Revision.entry_id == Entry.id)
    rows = connection.execute(columns.where(Entry.kind.in_(list(kinds))).group_by(Entry.kind, Entry.key))
    return {(row.kind, row.key): row.newest for row in rows}


def is_undoable(job: Job, now: datetime) -> bool:
    return job.imported_at is not None and job.undone_at is None and (now - job.created_at).days < UNDO_DAYS
