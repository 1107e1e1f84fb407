"""The forms of the four kinds of content: fields on a page to a body and back, errors in plain words beside their field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from chatbot.content import KINDS, Body


@dataclass(frozen=True, slots=True)
class Field:
    """widget: line, text, lines (one each), check, uncheck (ticked means false), select, checks.

    path: where it is in the body, e.g. ("texts", "es").
    """

    name: str
    path: tuple[str, ...]
    label: Any
    widget: str = "line"
    about: Any = ""
    options: tuple[tuple[str, Any], ...] = ()
    rows: int = 3
    is_extra: bool = False


LANGUAGES = (("es", _l("Spanish")), ("en", _l("English")))
HANDOFF = Field("handoff", ("handoff",), _l("Hand over to a person afterwards"), "check")
OFF = Field("off", ("enabled",), _l("Switched off: it is kept, but not answered with"), "uncheck")
INBOXES = Field("inboxes", ("inboxes",), _l("Only in these inboxes"), "lines", _l("Chatwoot's inbox numbers, one per line. Empty: in all."), rows=2, is_extra=True)  # fmt: skip  # noqa: E501
KEY = Field("key", ("key",), _l("Short name"), "line", _l("Lower-case letters, digits and hyphens. Empty: made from the text. It can't be changed later."), is_extra=True)  # fmt: skip  # noqa: E501
EVENTS = (("new_conversation", _l("a new conversation")), ("thanks", _l("thanks")), ("goodbye", _l("goodbye")))
FIELDS: dict[str, tuple[Field, ...]] = {
    "canned": (
        Field("texts_es", ("texts", "es"), _l("Text in Spanish"), "text", rows=4),
        Field("texts_en", ("texts", "en"), _l("Text in English"), "text", rows=4),
        Field("keywords", ("keywords",), _l("When the message contains"), "lines", _l("A word or phrase per line.")),
        Field("exact", ("exact",), _l("When the whole message is"), "lines", _l("One per line.")),
        Field("events", ("events",), _l("At these moments"), "checks", options=EVENTS),
        HANDOFF, OFF, Field("priority", ("priority",), _l("Priority"), "line", _l("Where several templates fit a message, the one with the highest number is sent. Empty: 0."), is_extra=True), Field("patterns", ("patterns",), _l("Regular expressions"), "lines", _l("For who knows them. One per line."), is_extra=True), INBOXES, KEY,  # noqa: E501
    ),
    "faq": (
        Field("questions_es", ("questions", "es"), _l("Questions in Spanish"), "lines", _l("The same question as customers write it, one phrasing per line. Four or more work best."), rows=5),  # noqa: E501
        Field("answers_es", ("answers", "es"), _l("Answer in Spanish"), "text", rows=5),
        Field("questions_en", ("questions", "en"), _l("Questions in English"), "lines", rows=3),
        Field("answers_en", ("answers", "en"), _l("Answer in English"), "text", rows=4),
        HANDOFF, OFF, INBOXES, KEY,
    ),
    "article": (
        Field("title", ("title",), _l("Title")),
        Field("text", ("text",), _l("Text"), "text", _l("Headings start with #, lists with a hyphen."), rows=16),
        Field("language", ("language",), _l("Language"), "select", options=LANGUAGES),
        Field("url", ("url",), _l("Where customers can read it"), "line", _l("The only link that may be given for it.")),
        OFF, INBOXES, KEY,
    ),
    "assistant": (
        Field("name", ("name",), _l("Name")),
        Field("instructions", ("instructions",), _l("Instructions"), "text", _l("Who it is, what it looks after, what it never does."), rows=8),  # noqa: E501
        Field("tone", ("tone",), _l("Tone")),
        Field("length", ("length",), _l("Length of replies"), "select", options=(("short", _l("short")), ("medium", _l("medium")), ("long", _l("long")))),  # noqa: E501
        Field("languages", ("languages",), _l("Languages"), "checks", options=LANGUAGES),
        Field("default_language", ("default_language",), _l("Language when in doubt"), "select", options=LANGUAGES),
        OFF, Field("priority", ("priority",), _l("Priority"), "line", _l("Of several that are in use, the one with the highest number speaks. Empty: 0."), is_extra=True),  # noqa: E501
        Field("model", ("model",), _l("AI model"), "line", _l("Empty: the one of the settings."), is_extra=True),
        Field("min_confidence", ("min_confidence",), _l("How sure it must be, 0 to 1"), is_extra=True),
        INBOXES, KEY,
    ),
}  # fmt: skip
LISTS = {"lines", "checks"}


def body_to_values(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's fields show."""
    values: dict[str, Any] = {}
    for field in FIELDS[kind]:
        value: Any = body
        for step in field.path:
            value = (value or {}).get(step)
        if field.widget == "lines":
            value = "\n".join(str(v) for v in value or ())
        elif field.widget == "uncheck":
            value = value is False
        values[field.name] = [] if field.widget == "checks" and value is None else "" if value is None else value
    return values


def read_values(kind: str, form: MultiDict[str, str]) -> dict[str, Any]:
    """What was typed, as the page shows it again."""
    values: dict[str, Any] = {}
    for field in FIELDS[kind]:
        if field.widget == "checks":
            values[field.name] = form.getlist(field.name)
        else:
            is_check = field.widget in {"check", "uncheck"}
            values[field.name] = bool(form.get(field.name)) if is_check else form.get(field.name, "")
    return values


def values_to_body(
    kind: str, values: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> tuple[Body | None, dict[str, str]]:
    """The checked body, or None and each field's error. before: whose fields that the page doesn't have are kept."""
    shown = {field.path[0] for field in FIELDS[kind]}
    raw: dict[str, Any] = {name: value for name, value in (before or {}).items() if name not in shown}
    for field in FIELDS[kind]:
        value = values[field.name]
        if field.widget == "lines":
            value = [line.strip() for line in value.splitlines() if line.strip()]
        elif isinstance(value, str):
            value = value.strip()
        elif field.widget == "uncheck":
            value = not value
        if value in ("", []) or value is None:
            continue
        place = raw
        for step in field.path[:-1]:
            place = place.setdefault(step, {})
        place[field.path[-1]] = value
    raw.setdefault("key", make_key(kind, raw))
    try:
        return KINDS[kind].model_validate(raw), find_gaps(kind, raw)
    except ValidationError as e:
        return None, dict(explain(kind, problem) for problem in e.errors()) | find_gaps(kind, raw)


def find_gaps(kind: str, raw: Mapping[str, Any]) -> dict[str, str]:
    """An FAQ's questions and answers must be there in the same language; a template needs a reason to be said."""
    if kind == "faq":
        questions, answers = set(raw.get("questions", {})), set(raw.get("answers", {}))
        missing = {f"answers_{code}": _("These questions need an answer.") for code in questions - answers}
        return missing | {f"questions_{code}": _("This answer needs a question.") for code in answers - questions}
    has_trigger = any(raw.get(name) for name in ("exact", "keywords", "patterns", "events"))
    return (
        {"keywords": _("Say when it is sent: a word, a whole message or a moment.")}
        if kind == "canned" and not has_trigger
        else {}
    )


def make_key(kind: str, raw: Mapping[str, Any]) -> str:
    first = raw.get("title") or raw.get("name") or next(iter(raw.get("questions", {}).values()), [""])[0]
    text = str(first or next(iter(raw.get("texts", {}).values()), ""))
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or kind


def explain(kind: str, problem: Mapping[str, Any]) -> tuple[str, str]:
    """(field's name, what is wrong and what to do)."""
    place = tuple(str(step) for step in problem["loc"])
    field = next((f for f in FIELDS[kind] if place[: len(f.path)] == f.path), None) or next(
        (f for f in FIELDS[kind] if place[:1] == f.path[:1]), FIELDS[kind][0]
    )
    limits = problem.get("ctx", {})
    said = {
        "missing": _("This is needed."),
        "too_short": _("This is needed."),
        "string_too_short": _("This is needed."),
        "string_too_long": _("This is too long: %(n)s characters at most.", n=limits.get("max_length")),
        "string_pattern_mismatch": _("Use lower-case letters, digits and hyphens; an address starts with https://"),
        "int_parsing": _("This must be a number."),
        "float_parsing": _("This must be a number with a dot, such as 0.5."),
        "less_than_equal": _("This is too large."),
        "greater_than_equal": _("This is too small."),
    }
    of_field = {
        "patterns": _("One of these regular expressions doesn't work, or would fire on every message."),
        "keywords": _("Each of these needs a letter or a digit."),
    }
    return field.name, said.get(problem["type"]) or of_field.get(field.name) or _(
        "This has a sign that can't be used; take it out."
    )


def title_of(_kind: str, key: str, body: Mapping[str, Any]) -> str:
    """What a list calls an entry."""
    questions, texts = body.get("questions") or {}, body.get("texts") or {}
    question = next((questions[code][0] for code in ("es", "en") if questions.get(code)), "")
    text = texts.get("es") or texts.get("en")
    found = body.get("title") or body.get("name") or question or text or key
    return str(found)[:160]
