"""Trying the search alone: which passages a question finds, how well each fits, and what would come of it without the AI."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import SecretStr

from chatbot.bodies import Content
from chatbot.content import live_release_id, load_content, load_draft, select_spoken
from chatbot.db import db, statements
from chatbot.knowledge.search import DRAFT, Passage, find_passages
from chatbot.language import decide_language
from chatbot.llm import Means
from chatbot.rehearse import rehearse
from chatbot.reply import CustomerMessage, InboxView, Reply, TurnInput
from chatbot.responders.evidence import find_evidence
from chatbot.router import route
from chatbot.trace import Look, Trace
from chatbot.web.access import allow
from chatbot.web.database import let_go, reading
from chatbot.web.document_words import show_signs
from chatbot.web.markdown import show_markdown
from chatbot.web.reader import panel_settings
from chatbot.web.trial import list_places
from chatbot.why import describe_looks, name_cut

bp = Blueprint("retrieval", __name__, url_prefix="/retrieval")
MOST_CHARS = 500
SHOWN = 12
WELL, PARTLY = 0.75, 0.5
# a passage's numbers, in the order that they come about; others that it has are shown under their own names
# a passage's numbers, in the order that they come about
NUMBERS: dict[str, Any] = {
    "coverage": _l("Share of the question that it covers"),
    "matched": _l("Words of the question that it has"),
    "letters": _l("Share of the letters of its words"),
    "lexical": _l("Likeness of the words (BM25)"),
    "dense": _l("Likeness of the meaning (cosine)"),
    "by_words": _l("Score by words"),
    "by_meaning": _l("Score by meaning"),
    "score": _l("Score of both together"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A passage as the page shows it. fit: "well", "partly" or "little"; cut: why no reply is made from it, "" where one is."""

    passage: Passage
    fit: str
    cut: str
    numbers: list[tuple[str, float]]


@bp.get("")
@allow("agent")
def page() -> ResponseReturnValue:
    asked = " ".join(request.args.get("q", "").replace("\x00", "").split())[:MOST_CHARS]
    of = "draft" if request.args.get("of", "draft") == "draft" else "live"
    places = list_places(reading())
    inbox = request.args.get("inbox", "")
    values: dict[str, Any] = {"asked": asked, "of": of, "places": places, "inbox": inbox}
    if not asked:
        return render_template("retrieval/page.html", **values, found=None)
    content, without_ai = read_content(of), {"model_chain": (), "openai_api_key": SecretStr("")}
    means = Means(db.engine, panel_settings().model_copy(update=without_ai))
    let_go()
    place = InboxView(int(inbox.removeprefix("inbox:")) if inbox in dict(places) else 0, "", "Channel::WebWidget")
    found, facts = search(means, content, asked, place)
    reply, _parts, trace = rehearse(means, content, asked, inbox=place)
    return render_template(
        "retrieval/page.html", **values, found=found, verdict=judge(reply), facts=facts,
        looks=describe_looks(trace.to_json()), show_markdown=show_markdown, show_signs=show_signs,
    )  # fmt: skip


def read_content(of: str) -> Content:
    connection = reading()
    if of == "draft":
        return select_spoken(load_draft(connection)).model_copy(update={"release_id": DRAFT})
    return select_spoken(load_content(connection, live_release_id(connection)))


def search(means: Means, content: Content, asked: str, place: InboxView) -> tuple[list[Found], list[str]]:
    """What a turn's reply would be made from, with what was cut and some more behind it; and what the search says of it."""
    language, _by = decide_language(asked, None, None, ("es", "en"), "es")
    turn = route(TurnInput((CustomerMessage(1, 1, asked),), content, language, datetime.now(UTC), inbox=place), Trace())
    look = Look("fallback")
    evidence = find_evidence(turn, look, means, with_history=False)
    with statements(means.engine) as connection:
        every = find_passages(connection, turn, with_history=False, limit=SHOWN, settings=means.settings)
    used = {name_passage(p) for p in evidence.passages}
    gone = {source: _("it has been taken away") for source in look.saw.get("gone", ())}
    cut = {(c[0], c[1]): name_cut(c[2]) for c in look.saw.get("search", {}).get("cut", ())}
    found = [
        describe(p, "" if name_passage(p) in used else gone.get(p.source) or cut.get(name_passage(p)) or _("too far down"))
        for p in every
    ]
    if found and evidence.verdict == "answer":  # by all figures together, whatever one of them says
        found[0] = replace(found[0], fit="well")
    return found, describe_looks({"looks": [asdict(look)]})[0]["facts"]


def name_passage(passage: Passage) -> tuple[str, int | None]:
    return passage.source, passage.chunk_id


def describe(passage: Passage, cut: str) -> Found:
    fit = "well" if passage.coverage >= WELL else "partly" if passage.coverage >= PARTLY else "little"
    return Found(passage, fit, cut, list_numbers(passage))


def list_numbers(passage: Passage) -> list[tuple[str, float]]:
    """Each score under its name."""
    return [(str(label), value) for name, label in NUMBERS.items() if (value := getattr(passage, name)) is not None]


def judge(reply: Reply) -> tuple[str, str]:
    """What comes of it without the AI: ("direct", "answer", "ask", "unsure" or "other", sentence)."""
    names = ", ".join(f"«{source.partition(':')[2]}»" for source in reply.sources)
    if any(part.choices for part in reply.parts):
        return "ask", _("It would ask back which of these is meant: %(names)s.", names=names)
    if reply.responder in {"faq", "canned"}:
        return "direct", _("It would answer with %(names)s; passages aren't needed.", names=names)
    if reply.sources:
        return "answer", _("It would answer from %(names)s.", names=names)
    if reply.handoff is not None:
        return "unsure", _("It would say that it doesn't know, and hand over to a person.")
    return "other", _("It would reply without looking anything up.")
