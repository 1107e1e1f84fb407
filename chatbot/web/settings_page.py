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
# the forms of several fields, and the settings whose group they end
BEHIND = {"closures": "hours", "openai_model": "model_chain", "mode": "inboxes"}


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
    rows: list[dict[str, str]] = []
    typed: dict[str, str] = {}
    for n in range(MODELS_BEHIND):
        model, address = (request.form.get(f"{field}-{n}", "").strip() for field in ("model", "base_url"))
        typed |= {f"model-{n}": model, f"base_url-{n}": address}
        key = request.form.get(f"key-{n}", "").strip() or (kept[n].api_key.get_secret_value() if n < len(kept) else "")
        if model:
            rows.append({"model": model, "base_url": address, "api_key": key})
    wrong = store("model_chain", json.dumps(rows) if rows else None)
    if wrong:
        return show(typed, {"model_chain": wrong}), 422
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
        own = f"inbox-{inbox_id}"
        typed = {f"{own}-mode": mode, f"{own}-wait": wait, f"{own}-tone": tone}
        return show(typed, {own: _("Waiting is a number of seconds from 0 to 120.")}), 422
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


def find_groups(words: str, parts: dict[str, str]) -> list[tuple[Any, list[Any], list[str]]]:
    """The groups with the lines, and the forms of several fields behind them, that have all the words.

    parts: what is written in each such form.
    """
    wanted = fold(words).split()
    found = []
    for title, lines in GROUPS:
        kept = [x for x in lines if has_words(f"{title} {x.label} {x.about} {x.unit} {x.name}", wanted)]
        behind = [BEHIND[x.name] for x in lines if BEHIND.get(x.name) in parts]
        kept_parts = [part for part in behind if has_words(f"{title} {parts[part]}", wanted)]
        if kept or kept_parts:
            found.append((title, kept, kept_parts))
    return found


def has_words(text: str, wanted: list[str]) -> bool:
    folded = fold(text)
    return all(word in folded for word in wanted)


def show(typed: dict[str, str], errors: dict[str, str]) -> str:
    asked = "" if errors else request.args.get("q", "").strip()[:100]
    settings, fixed = load_settings(reading(), current_app.config["CONFIG"]), read_environment()
    stored = {row.key: row for row in reading().execute(select(Setting.key, Setting.updated_at, Setting.updated_by))}
    values = {name: typed.get(name, write(name, getattr(settings, name))) for name in LINES}
    defaults = {name: write(name, Settings.model_fields[name].get_default()) for name in LINES}
    inboxes, week = list_inboxes(typed), list_week(settings, typed)
    return render_template(
        "settings/page.html",
        asked=asked,
        groups=find_groups(asked, describe_parts(inboxes, week)),
        modes=MODES,
        inboxes=inboxes,
        chain=list_models(settings, typed),
        week=week,
        values=values,
        defaults=defaults,
        stored=stored,
        fixed=fixed,
        errors=errors,
        secrets=SECRET_NAMES,
    )


def describe_parts(inboxes: list[dict[str, Any]], week: list[tuple[str, str, str]]) -> dict[str, str]:
    """What the search finds the forms of several fields by. Inboxes have one where there are some."""
    own = (_("Inboxes"), _("Mode"), _("Waiting, in seconds"), _("Tone of what the AI writes"), *(i["name"] for i in inboxes))
    chain = (
        _("Models behind the first"),
        _("Asked in this order when the first one fails or is too slow. Empty address and key: those of the first."),
        _("Address of the provider"),
        _("Key"),
    )
    texts = {"hours": (_("Opening hours"), *(name for _day, name, _ranges in week)), "model_chain": chain}
    return {part: " ".join(map(str, said)) for part, said in (texts | ({"inboxes": own} if inboxes else {})).items()}


def list_inboxes(typed: dict[str, str]) -> list[dict[str, Any]]:
    """With what the fields of each hold."""
    columns = (Inbox.id, Inbox.chatwoot_id, Inbox.name, Inbox.mode, Inbox.debounce_s, Inbox.tone)
    rows = reading().execute(select(*columns).order_by(Inbox.name, Inbox.id)).all()
    return [
        {
            "id": row.id,
            "name": row.name or str(row.chatwoot_id),
            "mode": typed.get(f"inbox-{row.id}-mode", row.mode),
            "wait": typed.get(f"inbox-{row.id}-wait", "" if row.debounce_s is None else row.debounce_s),
            "tone": typed.get(f"inbox-{row.id}-tone", row.tone),
        }
        for row in rows
    ]


def list_models(settings: Settings, typed: dict[str, str]) -> list[tuple[str, str, str]]:
    """(model, address, what is shown of its key) in the fields of each."""
    stored = [(m.model, m.base_url, hide(m.api_key.get_secret_value())) for m in settings.model_chain[:MODELS_BEHIND]]
    rows = [*stored, *[("", "", "")] * (MODELS_BEHIND - len(stored))]
    return [(typed.get(f"model-{n}", m), typed.get(f"base_url-{n}", url), key) for n, (m, url, key) in enumerate(rows)]


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
        return hide(text)
    return text.lower() if isinstance(plain, bool) else text


def hide(secret: str) -> str:
    return f"{HIDDEN}{secret[-4:]}" if len(secret) >= 12 else HIDDEN if secret else ""
