"""First steps: what they are, how far each one is as things really stand, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, g, render_template
from flask_babel import gettext as _
from sqlalchemy import Connection, func, select, text, true

from chatbot import drafts
from chatbot.audit import record
from chatbot.errors import ConfigError
from chatbot.models import Entry
from chatbot.settings import SECRET_NAMES, Settings, load_settings, read_environment, save_setting, to_plain
from chatbot.web.database import reading, writing
from chatbot.web.overview import has_tried
from chatbot.web.pages import actor, read_instance
from chatbot.web.reader import panel_settings

bp = Blueprint("wizard", __name__, url_prefix="/first-steps")
STEPS = ("business", "chatwoot", "ai", "teach", "try", "mode")
ENOUGH = 3  # things to teach before it is worth trying
HEARD = text("SELECT EXISTS (SELECT FROM inbox WHERE heard_at IS NOT NULL)")


@dataclass(frozen=True, slots=True)
class StepState:
    """state: done, todo, or free: it works without."""

    name: str
    title: str
    state: str
    about: str


def list_states(connection: Connection) -> list[StepState]:
    settings = panel_settings()
    has_ai, taught = bool(settings.endpoints), count_taught(connection)
    is_connected = is_configured(settings)
    chatwoot = (
        ("done", settings.chatwoot_url.split("://", 1)[-1])
        if is_connected and connection.execute(HEARD).scalar()
        else ("todo", _("Not tested yet") if is_connected else "")
    )
    is_published = read_instance().live_release_id is not None
    tried = has_tried(connection)
    return [
        StepState("business", _("Your business"), "done" if settings.business_name else "todo", settings.business_name),
        StepState("chatwoot", "Chatwoot", *chatwoot),
        StepState("ai", _("AI"), "done" if has_ai else "free", settings.openai_model if has_ai else ""),
        StepState("teach", _("Teach it three things"), "done" if taught >= ENOUGH else "todo", ""),
        StepState("try", _("Try it"), "done" if tried else "todo", ""),
        StepState("mode", _("Publish and start"), "done" if is_published else "todo", ""),
    ]


def is_configured(settings: Settings) -> bool:
    has_proof = settings.chatwoot_webhook_secret or settings.webhook_token.get_secret_value()
    has_bot = settings.chatwoot_bot_token.get_secret_value() and settings.chatwoot_account_id is not None
    return bool(settings.chatwoot_url and has_bot and has_proof)


def count_taught(connection: Connection) -> int:
    statement = select(func.count()).select_from(Entry).join(drafts.newest, true())
    wanted = (drafts.newest.c.body.is_not(None), Entry.kind.in_(("faq", "canned", "article")))
    return connection.scalar(statement.where(*wanted)) or 0


def find_next(name: str) -> str:
    """The step after this one; "" after the last."""
    at = STEPS.index(name) + 1
    return STEPS[at] if at < len(STEPS) else ""


def show(name: str, **context: Any) -> str:
    """One step's page. name "" shows that all is done."""
    return render_template(
        "first_steps/page.html",
        step=name,
        states=list_states(reading()),
        next_step=find_next(name) if name else "",
        settings=panel_settings(),
        fixed=read_environment(),
        active_page="wizard.page",
        **{"problems": {}, "typed": {}, **context},
    )


def save_settings(values: Mapping[str, str | None], subject: str = "", note: Mapping[str, Any] | None = None) -> None:
    """Several settings in one transaction; those that the server fixes stay. note: what else the audit log keeps.

    Raises ConfigError naming the one that can't be used; then nothing is stored.
    """
    config, fixed = current_app.config["CONFIG"], read_environment()
    with writing() as connection:
        before = load_settings(connection, config)
        for name, value in values.items():
            if name not in fixed:
                save_setting(connection, config, name, value, actor().who)
        after = load_settings(connection, config)
        for name in values:
            was, now = to_plain(getattr(before, name)), to_plain(getattr(after, name))
            if was != now:
                told = (None, None) if name in SECRET_NAMES else ({"value": was}, {"value": now})
                record(connection, actor(), "setting.change", name, *told)
        if subject:
            record(connection, actor(), subject, "", None, note)
    g.pop("panel_settings", None)


def name_problem(error: ConfigError) -> str:
    """The field's name of a setting that was refused."""
    return error.variable.lower()


def last_four(secret: str) -> str:
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…" if secret else ""
