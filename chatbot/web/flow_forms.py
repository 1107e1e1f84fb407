"""The forms of a flow: its fields to what was typed and back, and a changed flow with each error beside its field. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_babel import gettext as _
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from chatbot import content_yaml
from chatbot.errors import ContentError
from chatbot.flows.definition import END, Flow
from chatbot.web.content_forms import Field

Raw = dict[str, Any]
GOALS = ("next", "then", "otherwise", "on_error", "on_missing")
BLANK_ROWS = 2
FACT = "fact:"


def show_values(fields: Sequence[Field], raw: Mapping[str, Any]) -> Raw:
    """What the fields show of a step, a slot, or the flow itself."""
    return {field.name: _show(field, _dig(raw, field.path)) for field in fields}


def _dig(raw: Any, path: Sequence[str]) -> Any:
    for name in path:
        raw = (raw or {}).get(name)
    return raw


def _show(field: Field, value: Any) -> Any:
    match field.widget:
        case "lines":
            return "\n".join(value or ())
        case "checks":
            return list(value or ())
        case "check":
            return bool(value)
        case "uncheck":
            return value is False
        case "pairs":
            return "\n".join(f"{name}: {item}" for name, item in (value or {}).items())
        case "json":
            return json.dumps(value, ensure_ascii=False, indent=2) if value is not None else ""
        case "options":
            return [_show_option(option) for option in value or ()]
        case "rules":
            return [_show_rule(rule) for rule in value or ()]
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _show_option(option: Mapping[str, Any]) -> Raw:
    title = option["title"]
    return {"value": option["value"], "es": title.get("es", ""), "en": title.get("en", ""), "next": option.get("next", "")}


def _show_rule(rule: Mapping[str, Any]) -> Raw:
    about = rule.get("slot") or f"{FACT}{rule['fact']}"
    if (filled := rule.get("is_filled")) is not None:
        return {"slot": about, "how": "filled" if filled else "empty", "value": ""}
    how = next(h for h in ("equals", "any_of", "at_least", "at_most") if rule.get(h) is not None)
    value = rule[how]
    said = ", ".join(value) if how == "any_of" else f"{value:g}" if isinstance(value, float) else value
    return {"slot": about, "how": how, "value": said}


def read_values(fields: Sequence[Field], form: MultiDict[str, str]) -> Raw:
    """What was typed, as the page shows it again."""
    return {field.name: _read(field, form) for field in fields}


def _read(field: Field, form: MultiDict[str, str]) -> Any:
    match field.widget:
        case "checks":
            return form.getlist(field.name)
        case "check" | "uncheck":
            return bool(form.get(field.name))
        case "options":
            return _read_rows(form, "option", ("value", "es", "en", "next"), ("es", "en"))
        case "rules":
            return _read_rows(form, "rule", ("slot", "how", "value"), ("slot",))
    return form.get(field.name, "").replace("\r\n", "\n")


def _read_rows(form: MultiDict[str, str], name: str, columns: Sequence[str], needed: Sequence[str]) -> list[dict[str, str]]:
    lists = [form.getlist(f"{name}_{column}") for column in columns]
    rows = [dict(zip(columns, (cell.strip() for cell in cells), strict=True)) for cells in zip(*lists, strict=False)]
    return [row for row in rows if any(row[column] for column in needed)]


def to_raw(fields: Sequence[Field], values: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[Raw, dict[str, str]]:
    """What is stored, and the fields that can't be read. before: whose other fields are kept."""
    raw: Raw = json.loads(json.dumps(before))
    errors: dict[str, str] = {}
    for field in fields:
        try:
            value = _store(field, values[field.name], _dig(before, field.path))
        except ValueError as e:
            errors[field.name] = str(e)
            continue
        place = raw
        for name in field.path[:-1]:
            if place.get(name) is None:
                place[name] = {}
            place = place[name]
        place.pop(field.path[-1], None)
        if value not in ("", [], {}, None):
            place[field.path[-1]] = value
    return {name: value for name, value in raw.items() if value != {} or name == "slots"}, errors


def _store(field: Field, value: Any, before: Any) -> Any:
    match field.widget:
        case "lines":
            return [line.strip() for line in value.splitlines() if line.strip()]
        case "uncheck":
            return not value
        case "pairs":
            return dict(_split_pair(line) for line in value.splitlines() if line.strip())
        case "json":
            return _read_json(value)
        case "options":
            return _store_options(value, {option["value"]: option for option in before or ()})
        case "rules":
            return [_store_rule(row) for row in value]
    return value.strip() if isinstance(value, str) else value


def _split_pair(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip() or not value.strip():
        raise ValueError(_("Write each line as name: value"))
    return name.strip(), value.strip()


def _read_json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        value = content_yaml.read(text).value
    except ContentError:
        value = ()
    if not isinstance(value, dict):
        raise ValueError(_('This must be JSON, such as {"name": "{{slot.NAME}}"}'))
    return value


def _store_options(rows: Sequence[Mapping[str, str]], before: Mapping[str, Raw]) -> list[Raw]:
    """An option keeps its value when its title changes: conditions and old buttons go by it."""
    taken = {row["value"] for row in rows if row["value"]}
    options = []
    for row in rows:
        value = row["value"] or pick_name(row["es"] or row["en"], taken)
        taken.add(value)
        title = {code: row[code] for code in ("es", "en") if row[code]}
        goal = {"next": row["next"]} if row["next"] else {}
        kept = {name: item for name, item in before.get(value, {}).items() if name == "words" and item}
        options.append({"value": value, "title": title, **kept, **goal})
    return options


def _store_rule(row: Mapping[str, str]) -> Raw:
    about = {"fact": row["slot"].removeprefix(FACT)} if row["slot"].startswith(FACT) else {"slot": row["slot"]}
    how, value = row["how"], row["value"]
    if how in {"filled", "empty"}:
        return {**about, "is_filled": how == "filled"}
    if how not in {"equals", "any_of", "at_least", "at_most"} or not value:
        raise ValueError(_("Say what it must be compared with."))
    if how in {"at_least", "at_most"} and not re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", value):
        raise ValueError(_("This must be a number with a dot, such as 0.5."))
    return {**about, how: [v.strip() for v in value.split(",") if v.strip()] if how == "any_of" else value}


def pick_name(text: str, taken: set[str] | Mapping[str, Any], sign: str = "-", otherwise: str = "paso") -> str:
    """A short name made of a text, that isn't taken yet."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", sign, plain).strip(sign)[:30].strip(sign) or otherwise
    return next(name for n in range(1, 1_000) if (name := base if n == 1 else f"{base}{sign}{n}") not in taken and name != END)


# changes of the steps: a body in, a body out


def find_place(body: Raw, step_id: str) -> int | None:
    return next((n for n, step in enumerate(body["steps"]) if step["id"] == step_id), None)


def put_step(body: Raw, at: int, step: Raw) -> Raw:
    """Where it has another name than before, what led to it still does."""
    old, new = body["steps"][at]["id"], step.get("id", "")
    steps = [*body["steps"][:at], step, *body["steps"][at + 1 :]]
    return {**body, "steps": [_lead(s, lambda goal: new if goal == old else goal) for s in steps] if new != old else steps}


def _lead(step: Raw, change: Callable[[str], str]) -> Raw:
    led: dict[str, Any] = {name: change(value) if name in GOALS else value for name, value in step.items()}
    if "options" in led:
        led["options"] = [{**o, "next": change(o["next"])} if o.get("next") else o for o in led["options"]]
    return led


def take_out(body: Raw, at: int) -> Raw:
    """What led to it leads to the one after it in the list."""
    gone = body["steps"][at]["id"]
    rest = [step for n, step in enumerate(body["steps"]) if n != at]
    after = rest[at]["id"] if at < len(rest) else END
    return {**body, "steps": [_lead(step, lambda goal: after if goal == gone else goal) for step in rest]}


def move(body: Raw, at: int, by: int) -> Raw:
    steps, to = list(body["steps"]), at + by
    if 0 <= to < len(steps):
        steps[at], steps[to] = steps[to], steps[at]
    return {**body, "steps": steps}


def insert(body: Raw, after: int, step: Raw) -> Raw:
    return {**body, "steps": [*body["steps"][: after + 1], step, *body["steps"][after + 1 :]]}


def check(body: Raw, place: Sequence[str | int] = (), fields: Sequence[Field] = ()) -> tuple[Flow | None, dict[str, str]]:
    """The checked flow, or each error by its field; "" for what belongs to none. place: the form's part of the body."""
    try:
        return Flow.model_validate(body), {}
    except ValidationError as e:
        return None, dict(_explain(problem, place, fields) for problem in e.errors())


def _explain(problem: Any, place: Sequence[str | int], fields: Sequence[Field]) -> tuple[str, str]:
    where = tuple(str(name) for name in problem["loc"])
    head = tuple(str(name) for name in place)
    rest = where[len(head) :] if where[: len(head)] == head else ()
    if head[:1] == ("steps",) and rest:
        rest = rest[1:]  # the kind, which tells the models apart
    field = next((f for f in fields if rest and rest[: len(f.path)] == f.path), None)
    field = field or next((f for f in fields if rest and rest[0] == f.path[0]), None)
    said = {
        "missing": _("This is needed."),
        "too_short": _("This is needed."),
        "string_too_short": _("This is needed."),
        "string_pattern_mismatch": _("Use lower-case letters, digits and hyphens; an address starts with https://"),
        "int_parsing": _("This must be a number."),
        "float_parsing": _("This must be a number with a dot, such as 0.5."),
    }.get(problem["type"])
    told = said or str(problem["msg"]).removeprefix("Value error, ") if problem["type"] in {"value_error"} or said else ""
    return field.name if field else "", told or _("This has a sign that can't be used; take it out.")


def fill_options(fields: Sequence[Field], choices: Mapping[str, tuple[tuple[str, Any], ...]]) -> list[Field]:
    return [replace(field, options=choices[field.name]) if field.name in choices else field for field in fields]
