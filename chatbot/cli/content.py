"""`flask content`: the content file in and out, what would change, releases and the way back.

Exit codes: 0 done (diff: no difference), 1 bad content, 2 wrong usage or configuration, 3 diff found differences.
An error inside a transaction leaves everything as it was.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, BinaryIO

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import Connection

from chatbot.bodies import KIND_NAMES, Content, make_content
from chatbot.content import (
    list_releases,
    live_release_id,
    load_content,
    load_draft,
    publish,
    remove_drafts,
    roll_back,
    save_drafts,
)
from chatbot.content_file import ContentFile, check_files, diff, dump, read_file
from chatbot.content_yaml import MAX_BYTES
from chatbot.db import db
from chatbot.errors import ContentError
from chatbot.flow_findings import list_blocking, make_error
from chatbot.settings import load_settings

AUTHOR = "flask content import"

content = AppGroup("content", help="Content as a file, and its releases.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
file_argument = click.argument("file", type=click.File("rb"))


@content.command("import")
@file_argument
@click.option("--remove-missing", is_flag=True, help="Take away the entries that the file doesn't have.")
@json_option
def import_file(file: BinaryIO, remove_missing: bool, as_json: bool) -> None:
    """Take FILE (- is standard input) and publish it. Importing the same file again changes nothing.

    A flow that the panel wouldn't publish (a dead end, say) is told with its line, and nothing of the file is taken.
    """
    with db.engine.begin() as connection:
        wanted = _read(file)
        check_files(connection, wanted.bodies)
        if wanted.is_sample and current_app.config["CONFIG"].environment == "production":
            raise click.UsageError("this is the sample shop (`sample: true`); it is never loaded in production.")
        names = {(KIND_NAMES[type(b)], b.key) for b in wanted.bodies}
        saved = save_drafts(connection, wanted.bodies, AUTHOR)
        missing = [n for b in load_draft(connection).entries() if (n := (KIND_NAMES[type(b)], b.key)) not in names]
        removed = remove_drafts(connection, missing, AUTHOR) if remove_missing else 0
        if blocking := list_blocking(connection, load_settings(connection, current_app.config["CONFIG"])):
            raise make_error(blocking, file.name, wanted.source)
        release_id = publish(connection, AUTHOR, file.name)
    kept = [] if remove_missing else [f"{kind}:{key}" for kind, key in missing]
    report = {"release": release_id, "entries": len(names), "saved": saved, "removed": removed, "kept": kept}
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _describe(report))


def _read(file: BinaryIO) -> ContentFile:
    return read_file(file.read(MAX_BYTES + 1), file.name)


def _describe(report: dict[str, Any]) -> str:
    lines = ["{entries} entries read: {saved} new or changed, {removed} removed. Release {release} is live.".format_map(report)]
    if kept := report["kept"]:
        shown = ", ".join(kept[:10]) + (f" and {len(kept) - 10} more" if len(kept) > 10 else "")
        lines.append(f"{len(kept)} not in the file were kept: {shown}. --remove-missing takes them away.")
    return "\n".join(lines)


@content.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
@click.option("--live/--draft", default=True, help="What is published (the default), or what would be published next.")
@json_option
def export_file(file: Any, live: bool, as_json: bool) -> None:
    """Write all content to FILE, or to standard output."""
    with db.engine.begin() as connection:
        found = _load(connection, is_live=live)
    file.write(found.model_dump_json(exclude={"release_id"}) + "\n" if as_json else dump(found))


def _load(connection: Connection, *, is_live: bool) -> Content:
    return load_content(connection, live_release_id(connection)) if is_live else load_draft(connection)


@content.command("diff")
@file_argument
@click.option("--live/--draft", default=True, help="What to compare the file with.")
@json_option
def diff_file(file: BinaryIO, live: bool, as_json: bool) -> None:
    """Show what FILE would change. Exits with 0 where it is the same, with 3 where something differs."""
    with db.engine.begin() as connection:
        changes = diff(_load(connection, is_live=live), make_content(_read(file).bodies))
    if as_json:
        click.echo(json.dumps([asdict(change) for change in changes], ensure_ascii=False))
    elif changes:
        click.echo("\n".join(map(str, changes)))
        if any(change.action == "removed" for change in changes):
            click.echo("import keeps what is marked with - unless --remove-missing is given.", err=True)
    else:
        click.echo("No difference.")
    raise SystemExit(3 if changes else 0)


@content.command("releases")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@json_option
def show_releases(limit: int, as_json: bool) -> None:
    """List releases, the newest first; * is the live one."""
    with db.engine.begin() as connection:
        releases = list_releases(connection, limit)
    if as_json:
        rows = [{**asdict(r), "created_at": r.created_at.isoformat()} for r in releases]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for r in releases:
        mark = "*" if r.is_live else " "
        click.echo(
            f"{mark} {r.id:>5}  {r.created_at:%Y-%m-%d %H:%M} UTC  {r.entries:>5} entries  {r.author}  {r.note}".rstrip()
        )


@content.command("rollback")
@click.argument("release", type=int)
@click.option("--despite-findings", is_flag=True, help="Even where a flow of it has what keeps one from being published.")
@json_option
def roll_back_to(release: int, despite_findings: bool, as_json: bool) -> None:
    """Make RELEASE the live one again. The draft stays as it is."""
    with db.engine.begin() as connection:
        before = live_release_id(connection)
        roll_back(connection, release)
        settings = load_settings(connection, current_app.config["CONFIG"])
        if not despite_findings and (blocking := list_blocking(connection, settings, release, before)):
            raise ContentError(f"{make_error(blocking)}\n--despite-findings makes it live all the same.")
    click.echo(json.dumps({"release": release}) if as_json else f"Release {release} is live.")
