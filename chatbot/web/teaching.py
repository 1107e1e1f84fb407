"""Por enseñar: what customers asked and the bot couldn't answer; an FAQ from it, or away with it."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from chatbot import teaching
from chatbot.audit import record
from chatbot.text import split_words
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.lists import make_page, read_query
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES

bp = Blueprint("teaching", __name__, url_prefix="/teaching")
MOST_CHARS = 4_000


@bp.get("")
@allow("agent")
def listing() -> ResponseReturnValue:
    query = read_query({"language": set(LANGUAGES)}, ("count",), "-count")
    words, language = split_words(query.search), query.filters.get("language")
    found = [
        q
        for q in teaching.list_untaught(reading(), 1_000 if words or language else 50)
        if (not language or q.language == language) and set(words) <= set(split_words(f"{q.question} {q.answer}"))
    ]
    return render_template("teaching/listing.html", questions=found[:50], page=make_page(found[:50], query, lambda q: [q.key]))


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
    if not key or len(key) > MOST_CHARS:
        abort(400)
    return key
