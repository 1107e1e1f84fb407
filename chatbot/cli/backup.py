"""`flask backup make|prove|list|restore|key`: the nightly bundle, and the way back from one.

Exit codes: 0 it counts (and was copied where that is set up), 1 it failed or doesn't count, 2 wrong usage or configuration,
3 it counts but the copy off the box failed.
"""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import flask_migrate
from flask.cli import AppGroup
from pyrage import x25519
from sqlalchemy import select

from chatbot import create_app
from chatbot.backup.copying import CopyError, copy_away
from chatbot.backup.making import make_backup, prove_again
from chatbot.backup.places import BackupError, Places, read_key_file, read_keys
from chatbot.backup.restoring import restore_backup
from chatbot.backup.shelf import Bundle, list_bundles, show_bytes
from chatbot.cli.settings import as_json, current_config, print_json
from chatbot.config import Config, read_environment_as
from chatbot.db import db
from chatbot.models import Instance

backup = AppGroup("backup", help="Makes, proves, lists and restores backups.")
with_key = click.option("--key", metavar="FILE", help="The recovery key's file; - reads it from standard input.")
KEY_HINT = """\
# This recovery key opens every backup of this installation. Keep it outside the box: in a password manager, or on paper.
# Whoever has it and a backup can read everything; without it no backup can be opened, by anybody."""


@backup.command("make")
@click.option("--no-copy", is_flag=True, help="Leaves out the copy off the box.")
@as_json
def make(no_copy: bool, as_json: bool) -> None:
    """A new backup, proved; older ones than 7 daily and 4 weekly go; the new one is copied off the box where that is set up."""
    end_cleanly()
    places = read_environment_as(Places)
    proof = make_backup(current_config(), places, upgrade, tell_waiting=tell_waiting)
    try:
        copied = None if no_copy else copy_away(proof["bundle"], places, read_installation())
    except CopyError as e:
        report(Bundle(places.backup_folder / proof["bundle"]), as_json)
        click.echo(str(e), err=True)
        raise SystemExit(3) from None
    report(Bundle(places.backup_folder / proof["bundle"]), as_json)
    if copied and not as_json:
        click.echo(f"copied to {copied}")


@backup.command("prove")
@click.argument("name", required=False)
@with_key
@click.option("--smaller-is-right", is_flag=True, help="It counts although it is less than half of the one before.")
@as_json
def prove(name: str | None, key: str | None, smaller_is_right: bool, as_json: bool) -> None:
    """Restores a backup into a database of its own and compares; NAME is one of the list, the newest by default."""
    end_cleanly()
    places = read_environment_as(Places)
    keys = choose_keys(key, places)
    name = Path(name).name if name else None
    proof = prove_again(name, keys, current_config(), places, upgrade, smaller_is_right=smaller_is_right)
    report(Bundle(places.backup_folder / proof["bundle"]), as_json)


@backup.command("list")
@as_json
def show_list(as_json: bool) -> None:
    """All backups, the newest first, and whether they count."""
    places = read_environment_as(Places)
    rows = [describe(bundle) for bundle in list_bundles(places.backup_folder)]
    if as_json:
        print_json({"folder": str(places.backup_folder), "backups": rows})
        return
    for row in rows:
        state = "counts" if row["counts"] else f"doesn't count: {row['problem'] or 'not proved'}"
        copied = ", copied" if row["copied_at"] else ""
        click.echo(f"{row['name']}  {show_bytes(row['bytes']):>9}  {state}{copied}")
    if not rows:
        click.echo(f"no backups in {places.backup_folder}; make one: mostrador backup make")


@backup.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_key
@click.option("--replace", is_flag=True, help="Also where the database has content, which is put aside.")
@click.option("--settings-to", type=click.Path(file_okay=False, path_type=Path), help="Leaves the settings' files there.")
@click.option("--again", is_flag=True, help="After a restore that was cut off: what that one put aside stays aside.")
@as_json
def restore(file: Path, key: str | None, replace: bool, settings_to: Path | None, again: bool, as_json: bool) -> None:
    """Puts a backup in the place of this database. It starts held, reads from Chatwoot what happened since, and then speaks."""
    end_cleanly()
    places, config = read_environment_as(Places), current_config()
    keys = choose_keys(key, places)
    db.engine.dispose()  # our own connections would be in the way too
    found = restore_backup(file, keys, config, places, upgrade, replace=replace, settings_to=settings_to, again=again)
    if as_json:
        print_json(found)
        return
    click.echo(f"restored: the state of {found['made_at']}, {found['rows']} rows in {found['tables']} tables")
    for line in describe_restore(found):
        click.echo(line)


@backup.command("key")
@click.option("--new", is_flag=True, help="Prints a new key for a key file; nothing is changed.")
def key(new: bool) -> None:
    """Prints the recovery key. Only who may become the product's user, root on a box, can read it at all."""
    if new:
        made = x25519.Identity.generate()
        stamp = f"# made {datetime.now(UTC):%Y-%m-%d}, public key {made.to_public()}"
        click.echo(f"{KEY_HINT}\n{stamp}\n{made}")
        return
    places = read_environment_as(Places)
    click.echo(KEY_HINT)
    for identity in read_key_file(places.key_file):
        click.echo(str(identity))


def read_installation() -> str:
    with db.engine.connect() as connection:
        return str(connection.scalar(select(Instance.installation_id)))


def choose_keys(name: str | None, places: Places) -> list[x25519.Identity]:
    if name == "-":
        return read_keys(sys.stdin.read(), "--key -")
    return read_key_file(Path(name) if name else places.key_file)


def upgrade(config: Config) -> None:
    """Brings a restored database to the newest migration."""
    app = create_app(config)
    with app.app_context():
        try:
            flask_migrate.upgrade()
        except SystemExit:
            raise BackupError("its migrations failed") from None
        finally:
            db.engine.dispose()


def tell_waiting() -> None:
    click.echo("another backup, proof or restore is running: this one waits for its end, up to ten minutes", err=True)


def end_cleanly() -> None:
    """Being told to end is an exception, so that nothing is left lying about."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def report(bundle: Bundle, as_json: bool) -> None:
    found = describe(bundle)
    if as_json:
        print_json({**found, "proof": bundle.proof})
        return
    proof = bundle.proof or {}
    faq = proof.get("faq")
    asked = f"«{faq['question']}» was answered" if isinstance(faq, dict) else f"no question asked: {faq}"
    click.echo(f"{found['name']}  {show_bytes(found['bytes'])}: proved, it counts")
    click.echo(
        f"restored {proof.get('rows')} rows of {proof.get('tables')} tables; secrets opened: {proof.get('secrets')}; {asked}"
    )


def describe_restore(found: dict[str, Any]) -> list[str]:
    lines = []
    if found["settings_carried"]:
        lines.append(f"stored from the backup's mostrador.env: {', '.join(found['settings_carried'])}")
    if found["settings_left"]:
        lines.append(f"not taken over, because they aren't right here: {', '.join(found['settings_left'])}")
    if found["former_database"]:
        lines.append(f"the former database is {found['former_database']} until the next restore")
    if found["needs_its_key"]:
        lines.append(
            "Its secrets need the SECRET_KEY of the backup's box: put its secret_key, which --settings-to leaves, in place."
        )
    lines.append("It starts held: it reads from Chatwoot what happened since the backup, and then speaks.")
    lines.append("Where no token may read conversations, that waits for: mostrador resume")
    return lines


def describe(bundle: Bundle) -> dict[str, Any]:
    proof = bundle.proof or {}
    return {
        "name": bundle.name,
        "made_at": bundle.made_at.isoformat(),
        "bytes": bundle.path.stat().st_size,
        "counts": bundle.counts,
        "problem": bundle.problem,
        "proved_at": proof.get("proved_at"),
        "copied_at": proof.get("copied_at"),
    }
