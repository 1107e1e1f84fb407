"""How sure the bot must be before it answers with an FAQ: what that means in questions, the choice, and FAQs that collide."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from chatbot.audit import record
from chatbot.bodies import FaqEntry
from chatbot.content import live_release_id, load_content, select_spoken
from chatbot.knowledge.faq_calibration import Calibration
from chatbot.knowledge.faq_store import Trained, find_trained, mark_stale
from chatbot.settings import read_environment, save_setting
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import panel_settings

bp = Blueprint("calibration", __name__, url_prefix="/calibration")
NAME = "faq_false_answers"
CHOICES = (0.01, 0.05)
MOST_COLLISIONS = 50
# below so many questions the figures say little
FEW = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """What comes of a setting, in questions of a hundred. outside: of those that aren't in the FAQ; near: of such that are
    close to one of it; right: of those that are in it, in other words."""

    most: float
    outside: float
    near: float
    right: int


@dataclass(frozen=True, slots=True)
class Collision:
    """Two FAQs of which one would be given for the other's questions, and for how many."""

    one: FaqEntry
    other: FaqEntry
    count: int


@bp.get("")
@allow("agent")
def page() -> ResponseReturnValue:
    entries = read_entries()
    settings = panel_settings()
    trained = find_trained(reading(), settings, entries) if entries else None
    found = trained.calibration if trained else Calibration()
    return render_template(
        "calibration/page.html", entries=entries, trained=trained, most=settings.faq_false_answers,
        choices=[weigh(found, most) for most in CHOICES], collisions=list_collisions(trained, entries),
        is_fixed=NAME in read_environment(), is_few=len(found.near) < FEW, has_known=bool(found.known),
    )  # fmt: skip


@bp.post("")
@allow("editor")
def choose() -> ResponseReturnValue:
    text = request.form.get("most", "")
    if NAME in read_environment() or text not in {str(most) for most in CHOICES}:
        abort(404)
    with writing() as connection:
        before = panel_settings().faq_false_answers
        save_setting(connection, current_app.config["CONFIG"], NAME, text, actor().who)
        record(connection, actor(), "setting.change", NAME, {"value": before}, {"value": float(text)})
    say(_("Saved: it holds from the next message on."))
    return go("calibration.page")


@bp.post("/train")
@allow("editor")
def train() -> ResponseReturnValue:
    with writing() as connection:
        entries = read_entries()
        trained = find_trained(connection, panel_settings(), entries) if entries else None
        if trained is not None:
            mark_stale(connection, trained)
        record(connection, actor(), "faq.train")
    say(_("It is being learned again; that takes some seconds, and the bot goes on answering."))
    return go("calibration.page")


def read_entries() -> tuple[FaqEntry, ...]:
    """The FAQs that answer now."""
    return select_spoken(load_content(reading(), live_release_id(reading()))).faq


def weigh(found: Calibration, most: float) -> Choice:
    threshold = found.find_threshold(most)
    rates = found.rate_false(threshold), found.rate_near(threshold), found.rate_right(threshold)
    return Choice(most, round(100 * rates[0], 1), round(100 * rates[1], 1), round(100 * rates[2]))


def list_collisions(trained: Trained | None, entries: tuple[FaqEntry, ...]) -> list[Collision]:
    if trained is None:
        return []
    by_key = {entry.key: entry for entry in entries}
    pairs = trained.calibration.list_collisions()[:MOST_COLLISIONS]
    return [Collision(by_key[one], by_key[other], count) for one, other, count in pairs if one in by_key and other in by_key]
