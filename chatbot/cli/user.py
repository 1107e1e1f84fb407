"""`flask user`: the first owner's way in, a new password for whoever lost it, and who there is."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select

from chatbot.audit import Actor
from chatbot.config import Config
from chatbot.db import db
from chatbot.models.people import Account
from chatbot.people import invite, make_link_token, set_second_factor

user = AppGroup("user", help="Who may use the panel.")
COMMAND = Actor("flask user")


@user.command("create")
@click.argument("email")
@click.option("--owner", "role", flag_value="owner", help="May do everything.")
@click.option("--editor", "role", flag_value="editor", default="editor", help="Content, trying, publishing (the default).")
@click.option("--agent", "role", flag_value="agent", help="Reads, reviews, pauses.")
def create(email: str, role: str) -> None:
    """Make an account for EMAIL and print the link where its password is set."""
    config: Config = current_app.config["CONFIG"]
    with db.engine.begin() as connection:
        token = invite(connection, config, COMMAND, email, role)
    _print_link(config, token, "15 minutes" if role == "owner" else "7 days")


@user.command("reset")
@click.argument("email")
@click.option("--second-factor", is_flag=True, help="Also take off the second factor of who lost phone and recovery codes.")
def reset(email: str, second_factor: bool) -> None:
    """Print a link where EMAIL sets a new password."""
    config: Config = current_app.config["CONFIG"]
    email = email.strip().lower()
    with db.engine.begin() as connection:
        token = make_link_token(connection, config, email)
        if second_factor:
            set_second_factor(connection, COMMAND, email, None)
    _print_link(config, token, "15 minutes")


@user.command("list")
def show() -> None:
    """Who there is."""
    with db.engine.begin() as connection:
        rows = connection.execute(select(Account.email, Account.role, Account.active, Account.password).order_by(Account.email))
    for row in rows:
        state = "" if row.active else "  switched off"
        click.echo(f"{row.role:<7} {row.email}{state}{'' if row.password else '  invited'}")


def _print_link(config: Config, token: str, lifetime: str) -> None:
    base = config.public_url or f"http://{config.host}:{config.port}"
    click.echo(f"Open this link in a browser (it works once, for {lifetime}):\n{base}/welcome/{token}")
