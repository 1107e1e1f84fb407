"""The settings that a shop's owner changes, each with its effect. Those of the environment are greyed, secrets write-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from chatbot.audit import record
from chatbot.errors import ConfigError
from chatbot.models import Setting
from chatbot.settings import SECRET_NAMES, Settings, load_settings, read_environment, save_setting, to_plain
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, say

bp = Blueprint("settings", __name__, url_prefix="/settings")


@dataclass(frozen=True, slots=True)
class Line:
    """options: (value, label) where only some values are taken."""

    name: str
    label: Any
    about: Any
    options: tuple[tuple[str, Any], ...] = ()


YES_NO = (("true", _l("yes")), ("false", _l("no")))
MODES = (
    ("live", _l("live: answers")),
    ("suggest", _l("suggest: writes a note for the team")),
    ("watch", _l("watch: only looks on")),
    ("off", _l("off")),
)
GROUPS: tuple[tuple[Any, tuple[Line, ...]], ...] = (
    (
        _l("The business"),
        (
            Line("business_name", _l("Name"), _l("As it is shown in the panel.")),
            Line("time_zone", _l("Time zone"), _l("Days and hours in the panel, such as Europe/Madrid.")),
            Line(
                "language",
                _l("Language of notes"),
                _l("What the team reads in Chatwoot."),
                (("es", "Español"), ("en", "English")),
            ),
            Line(
                "spanish_address",
                _l("The panel in Spanish says"),
                _l("How it speaks to whoever reads it."),
                (("tu", "tú"), ("usted", "usted")),
            ),
        ),
    ),
    (
        _l("How it answers"),
        (
            Line("mode", _l("Mode"), _l("What the bot does with an answer. An inbox may have a mode of its own."), MODES),
            Line("debounce_seconds", _l("Seconds of waiting"), _l("So that several quick messages get one reply.")),
            Line(
                "max_replies_per_10_min",
                _l("Replies in ten minutes at most"),
                _l("More in one conversation, and a person gets it."),
            ),
            Line(
                "take_back_after_fault",
                _l("Take conversations back after a fault"),
                _l("Those that Chatwoot opened because the bot could not be reached."),
                YES_NO,
            ),
        ),
    ),
    (
        _l("AI"),
        (
            Line("openai_api_key", _l("OpenAI key"), _l("Empty: the bot answers from templates, FAQs and articles.")),
            Line("openai_model", _l("Model"), _l("Its name at the provider.")),
            Line("openai_base_url", _l("Address of the provider"), _l("Any server that speaks OpenAI's protocol.")),
            Line("llm_calls_per_message", _l("Calls for a message at most"), _l("A limit on cost, whatever happens.")),
        ),
    ),
    (
        "Chatwoot",
        (
            Line("chatwoot_url", _l("Address"), _l("Such as https://app.chatwoot.com.")),
            Line("chatwoot_account_id", _l("Account number"), _l("The number in Chatwoot's addresses, after /accounts/.")),
            Line("chatwoot_bot_token", _l("The bot's token"), _l("With it the bot writes. Chatwoot shows it with the bot.")),
            Line("chatwoot_access_token", _l("An administrator's or agent's token"), _l("With it missed messages are found.")),
            Line("chatwoot_webhook_secret", _l("The bot's secret"), _l("Proves that messages come from your Chatwoot.")),
        ),
    ),
    (
        _l("Handing over"),
        (
            Line("handoff_team_id", _l("Team"), _l("The team's number in Chatwoot that gets what the bot can't answer.")),
            Line("handoff_labels", _l("Labels"), _l("Put on it, separated by commas.")),
            Line(
                "handoff_priority",
                _l("Priority"),
                _l("Set on it."),
                (
                    ("", _l("none")),
                    ("low", _l("low")),
                    ("medium", _l("middle")),
                    ("high", _l("high")),
                    ("urgent", _l("urgent")),
                ),
            ),
        ),
    ),
    (
        _l("Alerts"),
        (
            Line(
                "alert_urls",
                _l("Where alerts go"),
                _l("Addresses in apprise's form, such as mailto:// or tgram://, separated by blanks."),
            ),
            Line("ping_url", _l("Sign of life to"), _l("An outside monitor's address, such as one of Healthchecks.")),
        ),
    ),
)
LINES = {line.name: line for _title, lines in GROUPS for line in lines}


@bp.get("")
@allow("owner")
def page() -> ResponseReturnValue:
    return show({}, {})


@bp.post("/<name>")
@allow("owner")
def save(name: str) -> ResponseReturnValue:
    """An empty secret stays as it is; `reset` takes any setting back to its default."""
    if name not in LINES or name in read_environment():
        abort(404)
    text, is_secret = request.form.get("value", "").strip(), name in SECRET_NAMES
    is_reset = "reset" in request.form or (not text and not is_secret)
    if is_secret and not text and not is_reset:
        return go("settings.page")
    config = current_app.config["CONFIG"]
    try:
        with writing() as connection:
            before = to_plain(getattr(load_settings(connection, config), name))
            save_setting(connection, config, name, None if is_reset else text, actor().who)
            after = to_plain(getattr(load_settings(connection, config), name))
            told = (None, None) if is_secret else ({"value": before}, {"value": after})
            record(connection, actor(), "setting.change", name, *told)
    except ConfigError:
        wrong = _("This can't be used. Look at the line under the name for what it should be.")
        return show({name: "" if is_secret else text}, {name: wrong}), 422
    say(_("Saved: it holds from the next message on."))
    return go("settings.page", _anchor=name)


def show(typed: dict[str, str], errors: dict[str, str]) -> str:
    settings, fixed = load_settings(reading(), current_app.config["CONFIG"]), read_environment()
    stored = {row.key: row for row in reading().execute(select(Setting.key, Setting.updated_at, Setting.updated_by))}
    values = {name: typed.get(name, write(name, getattr(settings, name))) for name in LINES}
    defaults = {name: write(name, Settings.model_fields[name].get_default()) for name in LINES}
    return render_template(
        "settings/page.html",
        groups=GROUPS,
        values=values,
        defaults=defaults,
        stored=stored,
        fixed=fixed,
        errors=errors,
        secrets=SECRET_NAMES,
    )


def write(name: str, value: Any) -> str:
    """A value as its field holds it; of a secret only the last four letters."""
    plain = to_plain(value)
    text = ", ".join(map(str, plain)) if isinstance(plain, list) else "" if plain is None else str(plain)
    if name in SECRET_NAMES:
        return f"…{text[-4:]}" if len(text) >= 12 else "…" if text else ""
    return text.lower() if isinstance(plain, bool) else text
