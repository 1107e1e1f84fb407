"""The forms of the kinds of content: fields on a page to a body and back, errors in plain words beside their field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from chatbot.bodies import KINDS
from chatbot.body_types import Body


@dataclass(frozen=True, slots=True)
class Field:
    """widget: line, date, money (dollars), text, lines (one each), check, uncheck (ticked means false), select, checks.

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
ASSISTANTS = Field("assistants", ("assistants",), _l("Only for these specialised agents"), "checks", _l("None ticked: for all of them."), is_extra=True)  # fmt: skip  # noqa: E501
VALID = (
    Field("valid_from", ("valid_from",), _l("Good from this day on"), "date", is_extra=True),
    Field("valid_until", ("valid_until",), _l("Good up to and with this day"), "date", _l("Empty: always."), is_extra=True),
)
NO_LINK = Field("no_link", ("show_link",), _l("Customers don't get its link"), "uncheck", is_extra=True)
EVERY = (
    ("0", _l("never")),
    ("1", _l("every hour")),
    ("6", _l("every 6 hours")),
    ("24", _l("every day")),
    ("168", _l("every week")),
)
OF_WEB = {"url": ("page", "site", "sitemap", "help_center"), "read_every_h": ("page", "site", "sitemap", "help_center"), "max_pages": ("site", "sitemap", "help_center"), "max_depth": ("site",)}  # fmt: skip  # noqa: E501
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
        OFF, ASSISTANTS, *VALID, NO_LINK, INBOXES, KEY,
    ),
    "document": (
        Field("title", ("title",), _l("Title")),
        Field("url", ("url",), _l("Web address")),
        Field("read_every_h", ("read_every_h",), _l("Look for changes"), "select", _l("What hasn't changed isn't read again."), EVERY),  # noqa: E501
        Field("language", ("language",), _l("Language"), "select", options=(("", _l("found out page by page")), *LANGUAGES)),
        OFF, ASSISTANTS, *VALID, NO_LINK,
        Field("max_pages", ("max_pages",), _l("Pages at most"), "line", _l("Of the whole site. Empty: 200."), is_extra=True),
        Field("max_depth", ("max_depth",), _l("Links to follow from the first page"), "line", _l("Empty: 5."), is_extra=True),
        INBOXES, KEY,
    ),
    "flow": (Field("title_es", ("title", "es"), _l("Name in Spanish")), Field("title_en", ("title", "en"), _l("Name in English")), OFF, INBOXES, KEY),  # noqa: E501
    "assistant": (
        Field("name", ("name",), _l("Name")),
        Field("instructions", ("instructions",), _l("Instructions"), "text", _l("Who it is, what it looks after, what it never does."), rows=8),  # noqa: E501
        Field("tone", ("tone",), _l("Tone")),
        Field("length", ("length",), _l("Length of replies"), "select", options=(("short", _l("short")), ("medium", _l("medium")), ("long", _l("long")))),  # noqa: E501
        Field("languages", ("languages",), _l("Languages"), "checks", options=LANGUAGES),
        Field("default_language", ("default_language",), _l("Language when in doubt"), "select", options=LANGUAGES),
        Field("about_es", ("about", "es"), _l("What it looks after, in Spanish"), "line", _l("One sentence. Where you have several specialised agents and no rule below decides, the AI reads it to choose who answers.")),  # noqa: E501
        Field("about_en", ("about", "en"), _l("What it looks after, in English")),
        Field("phrases_es", ("when", "phrases", "es"), _l("It answers when the message says, in Spanish"), "lines", _l("A word or phrase per line: «envío» is also «envíos». Where several fit, the longest phrase counts.")),  # noqa: E501
        Field("phrases_en", ("when", "phrases", "en"), _l("It answers when the message says, in English"), "lines"),
        OFF, Field("priority", ("priority",), _l("Priority"), "line", _l("Where nothing else decides, the one with the highest number answers. Empty: 0."), is_extra=True),  # noqa: E501
        Field("when_labels", ("when", "labels"), _l("It answers conversations with these labels"), "lines", _l("Of Chatwoot, of the conversation or its contact, one per line. A label counts more than words."), rows=2, is_extra=True),  # noqa: E501
        Field("when_inboxes", ("when", "inboxes"), _l("Conversations begin with it in these inboxes"), "lines", _l("Chatwoot's inbox numbers, one per line. What the customer writes may lead on to another one."), rows=2, is_extra=True),  # noqa: E501
        Field("max_replies", ("max_replies",), _l("Replies in one conversation at most"), "line", _l("After so many answers by the AI a person is asked to go on. Empty: no limit."), is_extra=True),  # noqa: E501
        Field("daily_budget", ("daily_budget_micros",), _l("What it may spend on the AI in a day, in dollars"), "money", _l("Once it is spent, it answers as if there were no AI until midnight. Empty: no limit."), is_extra=True),  # noqa: E501
        Field("model", ("model",), _l("AI model"), "line", _l("Empty: the one of the settings."), is_extra=True),
        Field("min_confidence", ("min_confidence",), _l("How sure it must be, 0 to 1"), is_extra=True),
        INBOXES, KEY,
    ),
}  # fmt: skip
LISTS = {"lines", "checks"}
MICROS = 1_000_000


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
        elif field.widget == "money" and value is not None:
            value = f"{Decimal(value) / MICROS:f}"
        elif field.widget == "select" and value is not None:
            value = str(value)
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
        elif field.widget == "money":
            value = read_money(value.strip())
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


def read_money(text: str) -> int | str:
    """Dollars as micro-dollars; what isn't an amount as it is, for the model to refuse."""
    try:
        amount = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return text
    return int(amount * MICROS) if amount.is_finite() and abs(amount) < MICROS else text


def find_gaps(kind: str, raw: Mapping[str, Any]) -> dict[str, str]:
    """An FAQ's questions and answers must be there in the same language; a template needs a reason to be said."""
    if kind == "faq":
        questions, answers = set(raw.get("questions", {})), set(raw.get("answers", {}))
        missing = {f"answers_{code}": _("These questions need an answer.") for code in questions - answers}
        return missing | {f"questions_{code}": _("This answer needs a question.") for code in answers - questions}
    if kind in {"article", "document"}:
        first, last = raw.get("valid_from"), raw.get("valid_until")
        return {"valid_until": _("This day is before the first one.")} if first and last and str(last) < str(first) else {}
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
        "date_from_datetime_parsing": _("This must be a day, such as 2026-12-31."),
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


def fields_for(kind: str, source: str = "", choices: Mapping[str, tuple[tuple[str, Any], ...]] | None = None) -> list[Field]:
    """Those that a page shows. source: a document's, which has more where it is on the web; choices: options of some fields."""
    fields = [f for f in FIELDS[kind] if kind != "document" or not source or source in OF_WEB.get(f.name, (source,))]
    return [replace(f, options=choices[f.name]) if choices and f.name in choices else f for f in fields]


def title_of(_kind: str, key: str, body: Mapping[str, Any]) -> str:
    """What a list calls an entry."""
    questions, texts = body.get("questions") or {}, body.get("texts") or {}
    question = next((questions[code][0] for code in ("es", "en") if questions.get(code)), "")
    text = texts.get("es") or texts.get("en")
    title = body.get("title")
    named = next((title[code] for code in ("es", "en") if title.get(code)), "") if isinstance(title, Mapping) else title
    found = named or body.get("name") or question or text or key
    return str(found)[:160]
