"""Which ways of a flow real conversations took, in words and on its picture's lines, and who left where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, ngettext
from flask_babel import lazy_gettext as _l

from chatbot import drafts
from chatbot.flow_passages import DAYS, LOSSES, Ways, list_leavers
from chatbot.flows.definition import Flow
from chatbot.flows.run import LEFT
from chatbot.flows.wording import pick
from chatbot.web.access import allow
from chatbot.web.database import reading

bp = Blueprint("flow_ways", __name__, url_prefix="/flows")
THICKNESSES = 5
# how it was left
LEAVINGS: dict[str, Any] = {
    LEFT["stopped"]: _l("cancelled"),
    LEFT["closed"]: _l("didn't answer"),
    LEFT["handoff"]: _l("passed to a person"),
    LEFT["people"]: _l("taken over by a person"),
    LEFT["switched"]: _l("wanted something else"),
}
# no turn says which conversations these were
WITHOUT_LIST = {LEFT["people"]}


@bp.get("/<key>/left")
@allow("agent")
def show_left(key: str) -> ResponseReturnValue:
    """?step=, ?how=: the newest conversations that left there in that way."""
    row, step, how = drafts.read_newest(reading(), "flow", key), request.args.get("step", ""), request.args.get("how", "")
    if row is None or row.body is None or how not in LOSSES:
        abort(404)
    flow = Flow.model_validate(row.body)
    return render_template(
        "flows/left.html", flow=flow, step=step, how=LEAVINGS[how], days=DAYS, leavers=list_leavers(reading(), key, step, how),
        title=pick(flow.title, "en" if str(get_locale()) == "en" else "es"), active_page="content.flow",
    )  # fmt: skip


def tell_ways(ways: Ways, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The figures as the page shows them, step by step where anybody came by. None where nobody has begun it."""
    if not ways.begun and not ways.taken:
        return None
    rows: list[dict[str, Any]] = []
    for step in steps:
        found = ways.steps[step["id"]]
        if not found.went_on and not found.left:
            continue
        hows = [(how, tell_left(how, found.left[how]), how not in WITHOUT_LIST) for how in LOSSES if found.left[how]]
        share = round(100 * found.lost / (found.lost + found.went_on)) if found.lost else 0
        rows.append({"step": step, "went_on": found.went_on, "left": hows, "share": share, "is_planned": found.is_planned})
    return {"ways": ways, "rows": rows, "days": DAYS, "most": max((row["share"] for row in rows), default=0)}


def tell_left(how: str, n: int) -> str:
    """How many left in one of LOSSES."""
    said: dict[str, str] = {
        LEFT["stopped"]: ngettext("%(num)s cancelled", "%(num)s cancelled", n),
        LEFT["closed"]: ngettext("%(num)s didn't answer", "%(num)s didn't answer", n),
        LEFT["handoff"]: ngettext("%(num)s passed to a person", "%(num)s passed to a person", n),
        LEFT["people"]: ngettext("%(num)s taken over by a person", "%(num)s taken over by a person", n),
        LEFT["switched"]: ngettext("%(num)s wanted something else", "%(num)s wanted something else", n),
    }
    return said[how]


def find_thickness(n: int, most: int) -> int:
    """Of a line of the picture: 0 where nobody went, else 1 to THICKNESSES."""
    return min(THICKNESSES, 1 + (n * (THICKNESSES - 1)) // most) if n and most else 0
