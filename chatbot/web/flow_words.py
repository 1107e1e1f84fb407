"""What the kinds of steps and of data are called, and the fields of their forms."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from chatbot.web.content_forms import INBOXES, OFF, Field

# kind of step -> name, what it is for, icon
STEPS: dict[str, tuple[Any, Any, str]] = {
    "say": (_l("Say something"), _l("A text, with a picture or a file if you like."), "chat-left-text"),
    "ask": (_l("Ask for one thing"), _l("The customer's answer is kept."), "question-circle"),
    "choose": (_l("Let them choose"), _l("Buttons, or a numbered list where there are none."), "ui-radios"),
    "form": (_l("Ask for several things"), _l("All in one message; what is missing is asked for again."), "list-check"),
    "confirm": (_l("Have it confirmed"), _l("Yes goes on; no asks what to change."), "check2-circle"),
    "condition": (_l("Decide"), _l("Leads one way or another by what is known."), "signpost-split"),
    "set": (_l("Note something"), _l("Fills one of the flow's data."), "pencil"),
    "call": (_l("Ask another program"), _l("Your shop's or calendar's address on the web."), "globe"),
    "verify": (_l("Check who is asking"), _l("Before anything private is shown."), "shield-check"),
    "change": (_l("Change something in Chatwoot"), _l("Labels, priority, who it's for, a note for the team."), "tags"),
    "jump": (_l("Go to another flow"), _l("And come back, if you like."), "box-arrow-up-right"),
    "handoff": (_l("Pass to a person"), _l("The bot lets go of the conversation."), "person-raised-hand"),
    "end": (_l("End"), _l("With a last word, if you like."), "stop-circle"),
    "resolve": (_l("Mend the conversation"), _l("Only in the flows that mend conversations."), "bandaid"),
}
SLOT_TYPES: tuple[tuple[str, Any], ...] = (
    ("text", _l("text")), ("number", _l("number")), ("yes_no", _l("yes or no")), ("choice", _l("one of several")),
    ("date", _l("day")), ("time", _l("time of day")), ("datetime", _l("day and time")), ("email", _l("e-mail")),
    ("phone", _l("phone")), ("money", _l("amount of money")), ("order_number", _l("order number")),
    ("postal_code", _l("postal code")), ("tax_id", _l("tax or identity number")), ("iban", "IBAN"),
    ("address", _l("address")), ("file", _l("file")),
)  # fmt: skip
RULES: tuple[tuple[str, Any], ...] = (
    ("equals", _l("is")), ("any_of", _l("is one of (with commas)")), ("filled", _l("is known")),
    ("empty", _l("isn't known")), ("at_least", _l("is at least")), ("at_most", _l("is at most")),
)  # fmt: skip
FACTS: tuple[tuple[str, Any], ...] = (("fact:is_open", _l("the shop is open (yes, no)")), ("fact:channel", _l("the channel")))
PRIORITIES = (
    ("", _l("as it is")), ("low", _l("low")), ("medium", _l("medium")), ("high", _l("high")), ("urgent", _l("urgent")),
)  # fmt: skip


def _texts(name: str, spanish: Any, english: Any, rows: int = 3, widget: str = "text") -> tuple[Field, Field]:
    return (
        Field(f"{name}_es", (name, "es"), spanish, widget, rows=rows),
        Field(f"{name}_en", (name, "en"), english, widget, rows=rows),
    )


TEXT = _texts("text", _l("Text in Spanish"), _l("Text in English"))
NOTE = _texts("note", _l("Note for the team, in Spanish"), _l("Note for the team, in English"), 2)
REASON = _texts("reason", _l("Reason for the team, in Spanish"), _l("Reason for the team, in English"), 2)
SLOT = Field("slot", ("slot",), _l("Which of the flow's data"), "select")
NEXT = Field("next", ("next",), _l("Afterwards"), "select")
ON_ERROR = Field("on_error", ("on_error",), _l("If it fails"), "select")
NAME = Field("id", ("id",), _l("Short name of the step"), "line", _l("Lower-case letters, digits and hyphens."), is_extra=True)
PAIRS = _l("One per line: name: value")
STEP_FIELDS: dict[str, tuple[Field, ...]] = {
    "say": (*TEXT, Field("image", ("image",), _l("Address of a picture"), is_extra=True), Field("file", ("file",), _l("Address of a file"), is_extra=True), NEXT, NAME),  # noqa: E501
    "ask": (SLOT, *TEXT, NEXT, NAME),
    "choose": (SLOT, *TEXT, Field("options", ("options",), _l("What there is to choose from"), "options"), NEXT, NAME),
    "form": (Field("slots", ("slots",), _l("Which of the flow's data"), "checks"), *TEXT, NEXT, NAME),
    "confirm": (*TEXT, NEXT, NAME),
    "condition": (
        Field("when", ("when",), _l("All of this must hold"), "rules"),
        Field("then", ("then",), _l("If it holds"), "select"),
        Field("otherwise", ("otherwise",), _l("If it doesn't"), "select"), NAME,
    ),
    "set": (SLOT, Field("value", ("value",), _l("What is put there"), "line", _l("Empty: it is forgotten.")), NEXT, NAME),
    "call": (
        Field("url", ("url",), _l("Web address")),
        Field("method", ("method",), _l("Way of asking"), "select", options=tuple((m, m) for m in ("GET", "POST", "PUT", "PATCH", "DELETE"))),  # noqa: E501
        Field("only_reads", ("only_reads",), _l("It only looks something up: it may be asked twice"), "check"),
        Field("headers", ("headers",), _l("Headers"), "pairs", PAIRS), Field("body", ("body",), _l("What is sent (JSON)"), "json"),  # noqa: E501
        Field("takes", ("takes",), _l("What is kept of the answer"), "pairs", _l("One per line: data: path.in.the.answer")),
        NEXT, Field("on_missing", ("on_missing",), _l("If nothing is found"), "select"), ON_ERROR, NAME,
    ),
    "verify": (
        SLOT,
        Field("by", ("by",), _l("How"), "select", options=(("channel", _l("their own phone or e-mail is that one")), ("mail", _l("a code is sent to that address")))),  # noqa: E501
        *TEXT, NEXT, ON_ERROR, NAME,
    ),
    "change": (
        Field("labels", ("labels",), _l("Labels to put on"), "lines", _l("One per line."), rows=2),
        Field("remove_labels", ("remove_labels",), _l("Labels to take off"), "lines", _l("One per line."), rows=2),
        Field("priority", ("priority",), _l("Priority"), "select", options=PRIORITIES),
        Field("assignee_id", ("assignee_id",), _l("For this agent"), "line", _l("Chatwoot's number of the agent."), is_extra=True),  # noqa: E501
        Field("team_id", ("team_id",), _l("For this team"), "line", _l("Chatwoot's number of the team."), is_extra=True),
        Field("attributes", ("attributes",), _l("Attributes of the conversation"), "pairs", PAIRS, is_extra=True), *NOTE, NEXT, NAME,  # noqa: E501
    ),
    "jump": (Field("flow", ("flow",), _l("Which flow"), "select"), Field("returns", ("returns",), _l("Come back here afterwards"), "check"), NEXT, NAME),  # noqa: E501
    "handoff": (*TEXT, *REASON, NAME),
    "end": (*TEXT, NAME),
}  # fmt: skip
START_FIELDS: tuple[Field, ...] = (
    *_texts("title", _l("Name in Spanish"), _l("Name in English"), widget="line"),
    Field("phrases_es", ("start", "phrases", "es"), _l("It starts with these words, in Spanish"), "lines", _l("A word or phrase per line."), rows=4),  # noqa: E501
    Field("phrases_en", ("start", "phrases", "en"), _l("It starts with these words, in English"), "lines", rows=4),
    OFF,
    *_texts("description", _l("What it is for, in Spanish"), _l("What it is for, in English"), widget="line"),
    Field("events", ("start", "events"), _l("At these moments"), "checks", options=(("new_conversation", _l("a new conversation")), ("widget_opened", _l("a new chat on the website"))), is_extra=True),  # noqa: E501
    Field("labels", ("start", "labels"), _l("When the conversation has one of these labels"), "lines", is_extra=True),
    Field("faqs", ("start", "faqs"), _l("Instead of these FAQs"), "lines", _l("Their short names, one per line."), is_extra=True),  # noqa: E501
    Field("canned", ("start", "canned"), _l("Instead of these templates"), "lines", _l("Their short names, one per line."), is_extra=True),  # noqa: E501
    INBOXES,
)  # fmt: skip
SLOT_FIELDS: tuple[Field, ...] = (
    Field("name", ("name",), _l("Short name"), "line", _l("Lower-case letters, digits and low lines. Texts use it as {{slot.NAME}}.")),  # noqa: E501
    Field("type", ("type",), _l("What kind of thing it is"), "select", options=SLOT_TYPES),
    *_texts("label", _l("What customers call it, in Spanish"), _l("What customers call it, in English"), widget="line"),
    *_texts("error", _l("What is said if the answer won't do, in Spanish"), _l("What is said if the answer won't do, in English"), 2),  # noqa: E501
    Field("private", ("private",), _l("Private: shown only to whom it belongs"), "check"),
    Field("optional", ("optional",), _l("It may be left out"), "check"),
    Field("min", ("min",), _l("At least"), is_extra=True), Field("max", ("max",), _l("At most"), is_extra=True),
    Field("after", ("after",), _l("From this day on"), "line", _l("today, tomorrow, or a day such as 2026-12-31."), is_extra=True),  # noqa: E501
    Field("before", ("before",), _l("Up to this day"), "line", _l("today, tomorrow, or a day such as 2026-12-31."), is_extra=True),  # noqa: E501
    Field("max_chars", ("max_chars",), _l("Characters at most"), is_extra=True),
    Field("pattern", ("pattern",), _l("Regular expression"), is_extra=True),
)  # fmt: skip


def say_way(why: str) -> str:
    """What a line of the picture says, beside an option's title."""
    said = {"then": _("yes"), "otherwise": _("no"), "error": _("it fails"), "missing": _("not found")}
    return str(said.get(why, ""))
