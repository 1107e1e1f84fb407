"""`flask documents`: adds what the bot answers from, says how far its reading is, and has it read again. Without the panel.

Exit codes: 0 done (list: all is read), 1 there is no such document, 2 wrong usage or no model, 3 list found some that
couldn't be read.
"""

from __future__ import annotations

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import Connection
from werkzeug.utils import secure_filename

from chatbot import documents as library
from chatbot import proposals
from chatbot.bodies import Document
from chatbot.cli.settings import as_json, print_json
from chatbot.content import save_drafts
from chatbot.db import db
from chatbot.documents import Reading
from chatbot.drafts import make_line
from chatbot.errors import ConfigError
from chatbot.reply import Language
from chatbot.settings import load_settings

AUTHOR = "flask documents add"
MOST = 1_000
KEY_CHARS = 60
SOURCES = ("page", "site", "sitemap", "help_center")

documents = AppGroup("documents", help="Documents on the web and files that the bot answers from.")


@documents.command("list")
@as_json
def list_all(as_json: bool) -> None:
    """The draft's documents with how far their reading is."""
    with db.engine.connect() as connection:
        found = _load(connection)
    if as_json:
        print_json([_as_json(document, reading) for document, reading in found])
    for document, reading in found if not as_json else ():
        click.echo(f"{document.key:<24} {document.source:<12} {_say(reading):<44} {document.url or document.title}")
    if not found and not as_json:
        click.echo("There are no documents. `flask documents add URL` adds one.")
    raise SystemExit(3 if any(reading.failed for _, reading in found) else 0)


@documents.command("add")
@click.argument("url")
@click.option("--source", type=click.Choice(SOURCES), default="page", show_default=True, help="What stands there.")
@click.option("--title", default="", help="What it is called; its address otherwise.")
@click.option("--every", "read_every_h", type=click.IntRange(0, 8_760), default=24, show_default=True, help="Hours.")
@click.option("--max-pages", type=click.IntRange(1, 5_000), default=200, show_default=True)
@click.option("--max-depth", type=click.IntRange(0, 20), default=5, show_default=True, help="Links from the first page.")
@as_json
def add(url: str, source: str, title: str, as_json: bool, **limits: int) -> None:
    """Takes URL into the draft; the worker has it read at once, and again every so many hours (0: never).

    It answers once the draft is published.
    """
    address = library.find_sheet_address(library.complete_address(url.strip()))
    if not library.is_address(address):
        raise click.UsageError(f"{url} is no web address.")
    wished = secure_filename(title or address.partition("://")[2]).lower().replace("_", "-").replace(".", "-")
    with db.engine.begin() as connection:
        key = library.pick_key(connection, wished.strip("-")[:KEY_CHARS].strip("-") or "document")
        body = {"key": key, "title": title or address, "source": source, "url": address, **limits}
        document = Document.model_validate(body)
        there = library.find_by_address(connection, document)
        if there is None:
            save_drafts(connection, [document], AUTHOR)
    key = there.key if there is not None else document.key
    if as_json:
        print_json({"key": key, "is_new": there is None})
    else:
        click.echo(f"{key}: {'is there already' if there is not None else 'is read in a moment'}; see `flask documents list`.")


@documents.command("read")
@click.argument("key")
@as_json
def read(key: str, as_json: bool) -> None:
    """Has all pages of a document read again now."""
    with db.engine.begin() as connection:
        entry_id, document = _find(connection, key)
        count = library.read_again(connection, entry_id, document)
    if as_json:
        print_json({"key": key, "pages": count})
    else:
        click.echo(f"{key}: {count} pages are due; the worker has them read.")


@documents.command("propose")
@click.option("--language", type=click.Choice(["es", "en"]), help="What is written in; the business's language otherwise.")
@as_json
def propose(language: Language | None, as_json: bool) -> None:
    """Has FAQs proposed from all that was read, once it is; a person decides on each in the panel, under Proposals."""
    with db.engine.begin() as connection:
        settings = load_settings(connection, current_app.config["CONFIG"])
        if not settings.endpoints:
            raise ConfigError("OPENAI_API_KEY", "is needed: proposals are written by a model. `flask settings set` stores it.")
        is_new = proposals.ask_for(connection, language or settings.language, "flask documents propose")
        drafting = proposals.find_newest(connection)
    if as_json:
        print_json({"drafting": drafting.id if drafting else None, "is_new": is_new})
    else:
        begun = "The worker begins in a moment" if is_new else "It is under way already"
        click.echo(f"{begun}. Proposals: {current_app.config['CONFIG'].public_url.rstrip('/')}/proposals")


def _load(connection: Connection) -> list[tuple[Document, Reading]]:
    rows = connection.execute(library.select_documents(connection, "").limit(MOST)).all()
    readings = library.summarize(connection, [row.entry_id for row in rows])
    return [(Document.model_validate(make_line(row).body), readings.get(row.entry_id, Reading())) for row in rows]


def _find(connection: Connection, key: str) -> tuple[int, Document]:
    for row in connection.execute(library.select_documents(connection, "").limit(MOST)):
        document = Document.model_validate(make_line(row).body)
        if document.key == key:
            return row.entry_id, document
    click.echo(f"there is no document {key}; `flask documents list` lists them", err=True)
    raise SystemExit(1)


def _say(reading: Reading) -> str:
    problem = f", {reading.failed} failed ({reading.problem})" if reading.failed else ""
    return f"{reading.ready}/{reading.pages} pages, {reading.passages} passages{problem}"


def _as_json(document: Document, reading: Reading) -> dict[str, Any]:
    names = ("pages", "open", "failed", "ready", "passages", "problem")
    checked_at = reading.checked_at.isoformat() if reading.checked_at else None
    facts = {name: getattr(reading, name) for name in names}
    return {"key": document.key, "source": document.source, "url": document.url, "checked_at": checked_at, **facts}
