"""`flask doctor`: one list of checks, each ok, warn or fail, with what was seen and how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import click
from flask.cli import with_appcontext

from chatbot.cli.settings import as_json, current_config, print_json
from chatbot.db import db
from chatbot.doctor import CHECKS, Line, describe, describe_word, look_at, summarise
from chatbot.monitor import gather, read_memory
from chatbot.reply import Language

MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}
EXIT_CODES = {"ok": 0, "warn": 1, "fail": 2}


@click.command()
@click.option("--language", type=click.Choice(["es", "en"]), help="Of the texts; the LANGUAGE setting's where it isn't given.")
@click.option("--only", "ids", multiple=True, metavar="ID", type=click.Choice([c.id for c in CHECKS]), help="Only this check.")
@as_json
@with_appcontext
def doctor(language: Language | None, ids: tuple[str, ...], as_json: bool) -> None:
    """Looks at everything that this installation needs. Exit code: 0 all is well, 1 warnings, 2 something failed."""
    config = current_config()
    at = gather(db.engine, config, read_memory(config))
    findings = look_at([c for c in CHECKS if not ids or c.id in ids], at)
    language = language or at.settings.language
    lines = [describe(check_id, finding, language) for check_id, finding in findings.items()]
    level = summarise(findings.values())
    if as_json:
        print_json({"level": level, "checks": [asdict(line) for line in lines]})
    else:
        _print(lines, language)
    raise click.exceptions.Exit(EXIT_CODES[level])


def _print(lines: list[Line], language: Language) -> None:
    width = max((len(line.name) for line in lines), default=0)
    for line in lines:
        mark, colour = MARKS[line.level]
        click.echo(f"{click.style(f'{mark:<4}', fg=colour)}  {line.name:<{width}}  {line.seen}")
        if line.mend:
            click.echo(f"{'':<{width + 8}}→ {line.mend}")
    counts = {level: sum(line.level == level for line in lines) for level in MARKS}
    click.echo(describe_word("summary", language, **counts))
