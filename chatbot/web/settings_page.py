"""The settings that a shop's owner changes, each with its effect. Those of the environment are greyed, secrets write-only."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select, update

from chatbot.audit import record
from chatbot.errors import ConfigError
from chatbot.hours_reading import DAYS, read_ranges, read_week, write_ranges
from chatbot.models import Inbox, Setting
from chatbot.settings import SECRET_NAMES, Settings, load_settings, parse_setting, read_environment, save_setting, to_plain
from chatbot.text import fold
from chatbot.web.access import allow, is_fresh
from chatbot.web.database import reading, writing
from chatbot.web.kept import ask_password
from chatbot.web.pages import actor, go, say
from chatbot.web.settings_lines import GROUPS, LINES, MODES

bp = Blueprint("settings", __name__, url_prefix="/settings")
MODELS_BEHIND = 3
LONGEST_TONE = 300
HIDDEN = "…"


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
    if (is_secret or name == "flow_hosts" or name.endswith("_url")) and not is_fresh():  # another address would be told the key
        return ask_password()
    is_reset = "reset" in request.form or (not text and not is_secret)
    if is_secret and not text and not is_reset:
        return go("settings.page")
    if name == "flow_secrets":
        text = keep_hidden(text)
    wrong = store(name, None if is_reset else text)
    if wrong:
        return show({name: "" if is_secret else text}, {name: wrong}), 422
    say(_("Saved: it holds from the next message on."))
    return go("settings.page", _anchor=name)


def keep_hidden(text: str) -> str:
    """The lines whose value wasn't typed anew keep the one that is stored."""
    stored = load_settings(reading(), current_app.config["CONFIG"]).flow_secrets
    kept = dict(line.get_secret_value().split("=", 1) for line in stored)
    lines = (line.strip().partition("=") for line in text.splitlines() if line.strip())
    return "\n".join(f"{name}={kept.get(name, '') if value == HIDDEN else value}" for name, _equals, value in lines)


def store(name: str, text: str | None) -> str:
    """Returns why it can't be used, in words; "" where it is stored."""
    is_secret = name in SECRET_NAMES
    config = current_app.config["CONFIG"]
    try:
        with writing() as connection:
            before = to_plain(getattr(load_settings(connection, config), name))
            save_setting(connection, config, name, text, actor().who)
            after = to_plain(getattr(load_settings(connection, config), name))
            told = (None, None) if is_secret else ({"value": before}, {"value": after})
            record(connection, actor(), "setting.change", name, *told)
    except ConfigError:
        return str(_("This can't be used. Look at the line under the name for what it should be."))
    return ""


@bp.post("/models-behind")
@allow("owner", fresh=True)
def save_models() -> ResponseReturnValue:
    """The models asked when the first one fails, in order. A key that is left empty stays."""
    if "model_chain" in read_environment():
        abort(404)
    kept = load_settings(reading(), current_app.config["CONFIG"]).model_chain
    rows = []
    for n in range(MODELS_BEHIND):
        model, address = (request.form.get(f"{field}-{n}", "").strip() for field in ("model", "base_url"))
        key = request.form.get(f"key-{n}", "").strip() or (kept[n].api_key.get_secret_value() if n < len(kept) else "")
        if model:
            rows.append({"model": model, "base_url": address, "api_key": key})
    wrong = store("model_chain", json.dumps(rows) if rows else None)
    if wrong:
        return show({}, {"model_chain": wrong}), 422
    say(_("Saved: it holds from the next message on."))
    return go("settings.page", _anchor="model_chain")


@bp.post("/week")
@allow("owner")
def save_week() -> ResponseReturnValue:
    """The hours of each day of the week, in seven fields."""
    if "hours" in read_environment():
        abort(404)
    typed = {day: request.form.get(day, "").strip()[:200] for day in DAYS}
    errors, rows = {}, []
    for day, text in typed.items():
        try:
            rows.append(f"{day} {write_ranges(read_ranges(text))}")
        except ValueError:
            errors[day] = _("It looks like 9:00-14:00, 17:00-20:30. Empty: closed.")
    is_set = any(row.split(maxsplit=1)[1:] for row in rows)
    if errors or (wrong := store("hours", "\n".join(rows) if is_set else None)):
        return show(typed, errors or {"hours": wrong}), 422
    say(_("Saved: it holds from the next message on."))
    return go("settings.page", _anchor="hours")


@bp.post("/inboxes/<int:inbox_id>")
@allow("owner")
def save_inbox(inbox_id: int) -> ResponseReturnValue:
    """What an inbox has of its own. Empty: what holds for all."""
    mode, wait = (request.form.get(name, "").strip() for name in ("mode", "debounce_seconds"))
    tone = " ".join(request.form.get("tone", "").split())[:LONGEST_TONE]
    try:
        values = {
            "mode": parse_setting("mode", mode) if mode else None,
            "debounce_s": parse_setting("debounce_seconds", wait.replace(",", ".")) if wait else None,
            "tone": tone,
        }
    except ConfigError:
        return show({}, {f"inbox-{inbox_id}": _("Waiting is a number of seconds from 0 to 120.")}), 422
    with writing() as connection:
        before = connection.execute(
            select(Inbox.name, Inbox.mode, Inbox.debounce_s, Inbox.tone).where(Inbox.id == inbox_id)
        ).first()
        if before is None:
            abort(404)
        connection.execute(update(Inbox).where(Inbox.id == inbox_id).values(values))
        record(connection, actor(), "inbox.change", before.name, {name: getattr(before, name) for name in values}, values)
    say(_("Saved: it holds from the next message on."))
    return go("settings.page", _anchor=f"inbox-{inbox_id}")


def find_groups(words: str) -> list[tuple[Any, list[Any]]]:
    """The groups with the lines that have all the words in their name, effect or group."""
    wanted = fold(words).split()
    found = []
    for title, lines in GROUPS:
        told = {line: fold(f"{title} {line.label} {line.about} {line.unit} {line.name}") for line in lines}
        kept = [line for line, text in told.items() if all(word in text for word in wanted)]
        if kept:
            found.append((title, kept))
    return found


def show(typed: dict[str, str], errors: dict[str, str]) -> str:
    asked = "" if errors else request.args.get("q", "").strip()[:100]
    settings, fixed = load_settings(reading(), current_app.config["CONFIG"]), read_environment()
    stored = {row.key: row for row in reading().execute(select(Setting.key, Setting.updated_at, Setting.updated_by))}
    values = {name: typed.get(name, write(name, getattr(settings, name))) for name in LINES}
    defaults = {name: write(name, Settings.model_fields[name].get_default()) for name in LINES}
    return render_template(
        "settings/page.html",
        asked=asked,
        groups=find_groups(asked),
        modes=MODES,
        inboxes=reading().execute(select(Inbox.__table__).order_by(Inbox.name, Inbox.id)).all() if not asked else [],
        chain=settings.model_chain,
        week=list_week(settings, typed),
        models_behind=range(0 if asked else MODELS_BEHIND),
        values=values,
        defaults=defaults,
        stored=stored,
        fixed=fixed,
        errors=errors,
        secrets=SECRET_NAMES,
    )


def list_week(settings: Settings, typed: dict[str, str]) -> list[tuple[str, str, str]]:
    """(code, name in the reader's language, what the field holds), Monday first."""
    names, week = get_locale().days["format"]["wide"], read_week(settings.hours)
    return [(day, names[n].capitalize(), typed.get(day, write_ranges(week[n]))) for n, day in enumerate(DAYS)]


def write(name: str, value: Any) -> str:
    """A value as its field holds it; of a secret only the last four letters."""
    plain = to_plain(value)
    between = "\n" if LINES[name].is_list else ", "
    text = between.join(map(str, plain)) if isinstance(plain, list) else "" if plain is None else str(plain)
    if name == "flow_secrets":
        return "\n".join(f"{line.partition('=')[0]}={HIDDEN}" for line in plain)
    if name in SECRET_NAMES:
        return f"…{text[-4:]}" if len(text) >= 12 else "…" if text else ""
    return text.lower() if isinstance(plain, bool) else text
