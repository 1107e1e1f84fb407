"""Por enseñar: what customers asked and the bot couldn't answer; an FAQ from it, or away with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from chatbot import teaching
from chatbot.audit import record
from chatbot.documents import pick_key
from chatbot.text import split_words
from chatbot.web.access import allow
from chatbot.web.content import store
from chatbot.web.content_forms import body_to_values, values_to_body
from chatbot.web.database import reading, writing
from chatbot.web.lists import make_page, read_query
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES

bp = Blueprint("teaching", __name__, url_prefix="/teaching")


@bp.get("")
@allow("agent")
def listing() -> ResponseReturnValue:
    query = read_query({"language": set(LANGUAGES)}, ("count",), "-count")
    words, language = split_words(query.search), query.filters.get("language")
    found = [
        q
        for q in teaching.list_untaught(reading())
        if (not language or q.language == language) and set(words) <= set(split_words(f"{q.question} {q.answer}"))
    ]
    rest = [q for q in found if is_after(q, query.after)]
    page = make_page(rest[: query.limit + 1], query, lambda q: [q.count, q.message_id])
    return render_template("teaching/listing.html", questions=page.rows, page=page)


def is_after(q: teaching.Untaught, place: list[Any] | None) -> bool:
    """place: what the page before ended with, as the address has it; what isn't one counts as none."""
    if place is None or len(place) != 2 or not all(isinstance(value, int) for value in place):
        return True
    return (q.count, q.message_id) < tuple(place)


@bp.post("/accept")
@allow("editor")
def accept() -> ResponseReturnValue:
    """The question with what a person answered as an FAQ of the draft; its form, where that isn't one as it stands."""
    key, language = read_key(), "en" if request.form.get("language") == "en" else "es"
    found = next((q for q in teaching.list_untaught(reading()) if q.key == key), None)
    if found is None:
        say(_("Somebody has decided on it already."), "warning")
        return go("teaching.listing")
    question, answer = " ".join(request.form.get("question", "").split()), request.form.get("answer", "").strip()
    typed = {f"questions_{language}": question, f"answers_{language}": answer}
    body, errors = values_to_body("faq", body_to_values("faq", {}) | typed)
    if body is None or errors:
        return go("content.new", kind="faq", untaught=found.message_id)
    body = body.model_copy(update={"key": pick_key(reading(), body.key, "faq")})
    store("faq", body, None)
    undo = url_for("content.remove", kind="faq", key=body.key)
    say(_("Saved in the draft. Customers get it once it is published."), undo_url=undo)
    return go("teaching.listing")


@bp.post("/dismiss")
@allow("editor")
def dismiss() -> ResponseReturnValue:
    key, question = read_key(), request.form.get("question", "").replace("\x00", "")[: teaching.QUESTION_CHARS]
    with writing() as connection:
        teaching.dismiss(connection, key, question, actor().who)
        record(connection, actor(), "teaching.dismiss", key, None, {"question": question})
    say(_("It won't be shown again."), undo_url=url_for("teaching.restore", key=key))
    return go("teaching.listing")


@bp.post("/restore")
@allow("editor")
def restore() -> ResponseReturnValue:
    key = read_key()
    with writing() as connection:
        teaching.restore(connection, key)
        record(connection, actor(), "teaching.restore", key)
    say(_("It is shown again."))
    return go("teaching.listing")


def read_key() -> str:
    key = request.values.get("key", "").replace("\x00", "")
    if not key or len(key) > teaching.MOST_KEY_CHARS:
        abort(400)
    return key
