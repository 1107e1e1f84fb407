"""`flask faq train|calibrate`: learns the FAQ's model, and says how often a question outside the FAQ would be answered."""

from __future__ import annotations

import os

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from chatbot.bodies import FaqEntry
from chatbot.cli.settings import as_json, print_json
from chatbot.content import live_release_id, load_content, load_draft, select_spoken
from chatbot.db import db, statements
from chatbot.errors import ContentError
from chatbot.faq_training import NICE, alone, list_wanted, train_and_store
from chatbot.knowledge.faq_calibration import Calibration
from chatbot.knowledge.faq_store import Trained, find_trained
from chatbot.settings import Settings, load_settings

FALSE_ANSWERS = (0.01, 0.05)
SHOWN = 20
faq = AppGroup("faq", help="Trains and calibrates the FAQ's matcher.")
of_draft = click.option("--draft", is_flag=True, help="The draft's instead of what is published.")


@faq.command("train")
@of_draft
@click.option("--missing", is_flag=True, help="Only what has no model yet: what is published, then the draft.")
@click.option("--quiet", is_flag=True, help="Print nothing, and leave the machine to others.")
@with_appcontext
def train(draft: bool, missing: bool, quiet: bool) -> None:
    """Learns from the FAQ's phrasings. The worker does it by itself after publishing."""
    if quiet:
        os.nice(NICE)
    settings = _load_settings()
    with alone(db.engine) as is_alone:
        if not is_alone:
            click.echo("It is being trained already.", err=True)
            return
        for entries in _list_missing(settings) if missing else [_load_entries(draft)]:
            trained = train_and_store(db.engine, settings, entries)
            if trained is None and not quiet:
                click.echo("The embedder can't be asked just now; what was learned before stays.")
            elif trained is not None and not quiet:
                _say(trained, settings.faq_false_answers)


def _list_missing(settings: Settings) -> list[tuple[FaqEntry, ...]]:
    with statements(db.engine) as connection:
        return [faq.entries for faq in list_wanted(connection, settings)]


@faq.command("calibrate")
@of_draft
@click.option("--false-answers", type=click.Choice([str(share) for share in FALSE_ANSWERS]), help="Instead of the setting.")
@as_json
@with_appcontext
def calibrate(draft: bool, false_answers: str | None, as_json: bool) -> None:
    """Says what the threshold is, how often a question outside the FAQ would be answered, and which entries collide."""
    settings, entries = _load_settings(), _load_entries(draft)
    with statements(db.engine) as connection:
        trained = find_trained(connection, settings, entries)
    trained = trained or train_and_store(db.engine, settings, entries)
    if trained is None:
        raise ContentError("the FAQ was changed meanwhile; try again")
    most = float(false_answers) if false_answers else settings.faq_false_answers
    if as_json:
        print_json({"entries": trained.entries, "with_meaning": bool(trained.embedder), **_describe(trained.calibration, most)})
    else:
        _say(trained, most)


def _load_settings() -> Settings:
    with db.engine.connect() as connection:
        return load_settings(connection, current_app.config["CONFIG"])


def _load_entries(draft: bool) -> tuple[FaqEntry, ...]:
    with db.engine.connect() as connection:
        content = load_draft(connection) if draft else load_content(connection, live_release_id(connection))
    entries = select_spoken(content).faq
    if not entries:
        raise ContentError("there are no FAQs to learn from; publish the draft in the panel, or: flask content import FILE")
    return entries


def _describe(calibration: Calibration, most: float) -> dict[str, object]:
    threshold = calibration.find_threshold(most)
    return {
        "false_answers": most,
        "threshold": round(threshold, 4),
        "near": round(calibration.rate_near(threshold), 4),
        "far": round(calibration.rate_far(threshold), 4),
        "outside": round(calibration.rate_false(threshold), 4),
        "right": round(calibration.rate_right(threshold), 4),
        "collisions": calibration.list_collisions(),
    }


def _say(trained: Trained, most: float) -> None:
    calibration = trained.calibration
    threshold = calibration.find_threshold(most)
    click.echo(
        f"{trained.entries} entries, {trained.phrasings} phrasings, learned in {trained.took_ms / 1000:.1f} s"
        f" {'with' if trained.embedder else 'without'} embeddings"
    )
    click.echo(f"threshold {threshold:.3f} for at most {most:.0%} false answers. Of 100 questions that aren't in the FAQ")
    click.echo(f"  {100 * calibration.rate_false(threshold):.1f} would be answered")
    click.echo(f"  {100 * calibration.rate_near(threshold):.1f} if they were all near ones, as its entries are to each other")
    click.echo(
        f"Of 100 that are, in words that it hasn't, {100 * calibration.rate_right(threshold):.0f} would be answered right"
    )
    for one, other, count in calibration.list_collisions()[:SHOWN]:
        click.echo(f"  {one} and {other} collide ({count})")
