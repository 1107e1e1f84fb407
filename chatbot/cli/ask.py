"""`flask ask "¿…?"`: the real path with nothing sent; prints the reply and the reason for it."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from chatbot.cli.settings import as_json, print_json
from chatbot.content import live_release_id, load_content, load_draft
from chatbot.db import db
from chatbot.llm import Means
from chatbot.rehearse import rehearse
from chatbot.reply import InboxView
from chatbot.settings import load_settings
from chatbot.why import tell_who


@click.command()
@click.argument("text")
@click.option("--draft", is_flag=True, help="Asks the draft instead of what is published.")
@click.option(
    "--channel", default="Channel::WebWidget", show_default=True, help="The inbox's channel, for lengths and formatting."
)
@as_json
@with_appcontext
def ask(text: str, draft: bool, channel: str, as_json: bool) -> None:
    """What a customer who writes TEXT would get, and why. Nothing is sent."""
    with db.engine.connect() as connection:
        settings = load_settings(connection, current_app.config["CONFIG"])
        content = load_draft(connection) if draft else load_content(connection, live_release_id(connection))
    reply, parts, trace = rehearse(Means(db.engine, settings), content, text, inbox=InboxView(0, "", channel))
    if as_json:
        print_json(
            {
                "parts": [{"text": p.text, "choices": list(p.choices)} for p in parts],
                "responder": reply.responder,
                "assistant": reply.assistant,
                "handoff": reply.handoff.reason if reply.handoff else None,
                "sources": list(reply.sources),
                "trace": trace.to_json(),
            }
        )
        return
    for part in parts:
        click.echo(part.text)
        for title, _ in part.choices:
            click.echo(f"  [{title}]")
        click.echo()
    if reply.handoff:
        click.echo(f"→ handed to a person: {reply.handoff.reason}\n")
    click.echo(f"language: {trace.language} (by {trace.language_by})")
    if who := tell_who(trace.to_json()):
        click.echo(who)
    for look in trace.looks:
        saw = ", ".join(f"{k}={v}" for k, v in look.saw.items())
        click.echo(f"{look.responder:<10} {look.outcome:<8} {look.why:<22} {look.ms:>7.1f} ms  {saw[:160]}")
