"""Bot de prueba: typing as a customer, with what customers get now and would get from the draft side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import ValidationError
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from chatbot import audit, conversations, kept_tests
from chatbot.bodies import Content
from chatbot.content import live_release_id, load_content, load_draft
from chatbot.db import db
from chatbot.kept_tests import Expectation, Line, Said
from chatbot.llm import Means
from chatbot.trace import Trace
from chatbot.web.access import allow
from chatbot.web.database import let_go, reading, writing
from chatbot.web.pages import actor, go, is_fragment, say
from chatbot.web.reader import panel_settings
from chatbot.web.trial import (
    SIDES,
    Exchange,
    Trial,
    describe_said,
    list_channels,
    list_places,
    prefill,
    read_trial,
)
from chatbot.why import describe_looks, find_score

bp = Blueprint("testbot", __name__, url_prefix="/test")

RUN_S = 20.0
# a model takes its time, and the same few threads take webhooks: one trial with a model a process
model_trial = threading.BoundedSemaphore(1)


class BusyError(Exception):
    """Another trial is asking a model."""


@bp.get("")
@allow("agent")
def page() -> ResponseReturnValue:
    """?turn=: with a conversation up to that turn, whose question is typed; with ?keep= its reply is there to be kept."""
    trial = recall(reading(), request.args.get("turn", 0, type=int))
    if trial is None:
        return show(prefill(reading()))
    keeps = "keep" in request.args
    if not keeps:
        trial.text = trial.exchanges.pop().text
        run = conversations.find_run(reading(), request.args.get("turn", 0, type=int))
        trial.runs = dict.fromkeys(SIDES, run) if run else {}
    return show(trial, is_recalled=True, keeps=keeps)


def recall(connection: Connection, turn_id: int) -> Trial | None:
    """A conversation up to a turn as a trial: its inbox, contact and language, and what was really said on both sides.

    None where there is no such turn, or no customer has written anything before it.
    """
    row, lines = conversations.read_until(connection, turn_id) or (None, [])
    if row is None:
        return None
    language = lines[-1]["row"]["language"] or ""
    given = {"place": f"inbox:{row.inbox_chatwoot_id}", "contact": row.name or "", "language": language, "conversation": row.id}
    trial = read_trial(connection, MultiDict({name: str(value) for name, value in given.items()}))
    trial.problems.clear()
    for line in lines:
        item = line["row"]
        if line["kind"] == "turn" and trial.exchanges:
            trial.exchanges[-1] = add_reply(trial.exchanges[-1], item)
        elif line["kind"] == "message" and item.author == "customer" and not item.ignore_rule:
            said = conversations.join_said(item)
            trial.exchanges += [Exchange(text=said, live=Said(), draft=Said())] if said else []
    trial.exchanges = trial.exchanges[-kept_tests.MAX_HISTORY :]
    return trial if trial.exchanges else None


def add_reply(exchange: Exchange, turn: dict[str, Any]) -> Exchange:
    """With what the customer got by a turn, as list_lines() has it."""
    got = (part.text for part in turn["parts"] if not part.is_note and part.state not in {"dropped", "failed"})
    reply = Said(
        parts=(*exchange.live.parts, *got),
        responder=turn["responder"] or "",
        sources=tuple(turn["sources"]),
        handoff=turn["handoff_reason"],
        score=find_score(turn["trace"]),
        assistant=turn["assistant"],
    )
    return Exchange(text=exchange.text, live=reply, draft=reply)


@bp.post("")
@allow("agent")
def ask() -> ResponseReturnValue:
    trial = read_trial(reading(), request.form)
    is_drawer = "drawer" in request.form and is_fragment()
    answer = show_drawer if is_drawer else show
    if request.form.get("act") == "new":
        return answer(Trial(place=trial.place, situation=trial.situation))
    if trial.problems:
        return answer(trial), 422
    try:
        traces = answer_trial(trial, sides=("draft",) if is_drawer else ("live", "draft"))
    except BusyError:
        return answer(trial, is_busy=True), 429
    return answer(trial, traces)


def answer_trial(trial: Trial, sides: tuple[str, ...]) -> dict[str, Trace]:
    """Moves the typed message into the trial, with each side's reply. Raises BusyError."""
    means, contents = read_contents(sides)
    said: dict[str, Said] = {}
    traces: dict[str, Trace] = {}
    with one_at_a_time(means, contents):
        for side, content in contents.items():
            lines: list[Line] = [*trial.list_lines(side), ("customer", trial.text)]
            run, who = trial.runs.get(side), trial.find_assistant(side)
            said[side], traces[side] = kept_tests.try_out(means, content, lines, trial.situation, run, trial.is_pressed, who)
            if kept_tests.is_published(contents) and trial.is_same_so_far:
                said["draft"], traces["draft"] = said[side], traces[side]  # a model is paid, and never asked in vain
                break
    trial.add(Exchange(text=trial.text, live=said.get("live", Said()), draft=said["draft"]))
    trial.runs = {side: reply.run for side, reply in said.items() if reply.run}
    trial.text = ""
    return traces


def read_contents(sides: tuple[str, ...] = ("live", "draft")) -> tuple[Means, dict[str, Content]]:
    """The connection is given back: what comes next may wait for a model."""
    connection, settings = reading(), panel_settings()
    contents: dict[str, Content] = {}
    if "live" in sides:
        contents["live"] = load_content(connection, live_release_id(connection))
    contents["draft"] = load_draft(connection)
    let_go()
    return Means(db.engine, settings), contents


@contextmanager
def one_at_a_time(means: Means, contents: dict[str, Content]) -> Iterator[None]:
    """Where a model may be asked. Raises BusyError."""
    if not means.settings.endpoints or not any(content.persona for content in contents.values()):
        yield
        return
    if not model_trial.acquire(blocking=False):
        raise BusyError
    try:
        yield
    finally:
        model_trial.release()


def show(
    trial: Trial, traces: dict[str, Trace] | None = None, is_busy: bool = False, is_recalled: bool = False, keeps: bool = False
) -> str:
    """is_recalled: what stands there was said in a conversation; keeps: the last reply is to be kept as a test."""
    looks = {side: describe_looks(trace.to_json()) for side, trace in (traces or {}).items()}
    places = list_places(reading())
    return render_template(
        "testbot/page.html",
        trial=trial,
        looks=looks,
        is_busy=is_busy,
        is_recalled=is_recalled,
        keeps=keeps,
        places=places,
        channels=list_channels(),
        describe=describe_said,
        problems={},
    )


def show_drawer(trial: Trial, traces: dict[str, Trace] | None = None, is_busy: bool = False) -> str:
    looks = {side: describe_looks(trace.to_json()) for side, trace in (traces or {}).items()}
    return render_template("testbot/drawer_answer.html", trial=trial, looks=looks, is_busy=is_busy, describe=describe_said)


@bp.post("/keep")
@allow("editor")
def keep() -> ResponseReturnValue:
    trial = read_trial(reading(), request.form)
    if not trial.exchanges:
        abort(400)
    trial.problems.clear()
    kept, problem = read_expectation(trial)
    if kept is None:
        trial.problems["kept"] = problem
        return show(trial), 422
    lines = [*trial.list_lines("draft")]
    is_led = any(said.is_led for exchange in trial.exchanges for said in (exchange.live, exchange.draft))
    situation = trial.situation.model_copy(update={"is_led": is_led})
    while lines and lines[-1][0] != "customer":
        lines.pop()
    name = " ".join(request.form.get("name", "").split())[:120] or trial.exchanges[-1].text[:120]
    source = trial.conversation or None
    if source and conversations.read_conversation(reading(), source) is None:
        trial.problems["kept"] = _("This contact has been erased meanwhile, so no test can be made of what they wrote.")
        return show(trial), 422
    # the audit log is kept for ever, what a customer wrote isn't
    named = {} if source else {"name": name}
    with writing() as connection:
        kept_id = kept_tests.keep(connection, name, lines, situation, kept, actor().who, source)
        audit.record(connection, actor(), "test.keep", f"test:{kept_id}", None, {**named, **kept.model_dump()})
    say(_("Kept as a test. Run it whenever you have changed something."))
    return go("testbot.runs")


def read_expectation(trial: Trial) -> tuple[Expectation | None, str]:
    """What the form expects, or why that can't be."""
    kind, _colon, entry = request.form.get("expected", "").partition(":")
    value = entry if kind == "entry" else " ".join(request.form.get("words", "").split()) if kind == "text" else ""
    try:
        expectation = Expectation.model_validate({"kind": kind, "value": value})
    except ValidationError:
        return None, _("Choose what must come, in at most 500 characters.")
    if kind == "text" and not value:
        return None, _("Write the words that the reply must have.")
    if kind == "entry" and value not in trial.exchanges[-1].draft.sources + trial.exchanges[-1].live.sources:
        return None, _("Choose an entry that has answered.")
    return expectation, ""


@bp.get("/kept")
@allow("agent")
def runs() -> ResponseReturnValue:
    tests = [describe_test(row) for row in kept_tests.list_kept(reading())]
    tests.sort(key=lambda test: (test["is_red"] is False, test["row"].id))
    red = sum(test["is_red"] is True for test in tests)
    return render_template("testbot/runs.html", tests=tests, red=red)


def describe_test(row: Any) -> dict[str, Any]:
    """A kept test with its last run's sides in words. is_red: None where it never ran."""
    sides = {
        side: {"is_met": result["is_met"], "said": (said := Said.model_validate(result["said"])), "why": describe_said(said)}
        for side, result in row.result.items()
    }
    is_red = not all(side["is_met"] for side in sides.values()) if sides else None
    return {"row": row, "sides": sides, "is_red": is_red, "question": row.lines[-1][1], "before": len(row.lines) - 1}


@bp.post("/kept/run")
@allow("agent")
def run() -> ResponseReturnValue:
    tests = kept_tests.list_kept(reading())
    means, contents = read_contents()
    try:
        with one_at_a_time(means, contents):
            left = run_tests(means, contents, tests)
    except BusyError:
        say(_("Another trial is asking the AI. Try again in a moment."), "danger")
        return go("testbot.runs")
    if left:
        say(ngettext("%(num)s test is left: run again.", "%(num)s tests are left: run again.", left))
    else:
        say(_("All tests have run."))
    return go("testbot.runs")


def run_tests(means: Means, contents: dict[str, Content], tests: Any) -> int:
    """Runs those that ran longest ago first, and returns how many there was no time for."""
    until = time.monotonic() + RUN_S
    for number, kept in enumerate(tests):
        if time.monotonic() > until:
            return len(tests) - number
        result = kept_tests.run(means, contents, kept)
        with writing() as connection:
            kept_tests.write_result(connection, kept.id, result)
        let_go()
    return 0


@bp.post("/kept/<int:kept_id>/delete")
@allow("editor")
def delete(kept_id: int) -> ResponseReturnValue:
    row = kept_tests.find_kept(reading(), kept_id) or abort(404)
    with writing() as connection:
        kept_tests.take_away(connection, kept_id)
        audit.record(connection, actor(), "test.delete", f"test:{kept_id}", name_of(row))
    say(_("The test «%(name)s» is deleted.", name=row.name), undo_url=url_for("testbot.restore", kept_id=kept_id))
    return go("testbot.runs")


@bp.post("/kept/<int:kept_id>/restore")
@allow("editor")
def restore(kept_id: int) -> ResponseReturnValue:
    row = kept_tests.find_kept(reading(), kept_id) or abort(404)
    with writing() as connection:
        kept_tests.bring_back(connection, kept_id)
        audit.record(connection, actor(), "test.restore", f"test:{kept_id}", None, name_of(row))
    say(_("The test «%(name)s» is back.", name=row.name))
    return go("testbot.runs")


def name_of(row: Any) -> dict[str, Any]:
    """For the audit log: nothing that a customer wrote."""
    return {} if row.conversation_id else {"name": row.name}
