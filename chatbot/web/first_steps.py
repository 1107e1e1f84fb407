"""First steps, as often as one likes: the business, Chatwoot, the AI, three things to teach, a trial, and publishing."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from flask import abort, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from flask_login import current_user
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, select, true, update
from werkzeug.datastructures import MultiDict

from chatbot import drafts, kept_tests, llm
from chatbot.audit import record
from chatbot.bodies import Content
from chatbot.body_types import Body
from chatbot.content import live_release_id, publish, save_drafts
from chatbot.db import db
from chatbot.errors import ConfigError, LLMError
from chatbot.flow_findings import list_blocking
from chatbot.hours_reading import read_week, tell_week
from chatbot.kept_tests import Expectation
from chatbot.llm import Means
from chatbot.models import Entry
from chatbot.models.people import Account
from chatbot.privacy import Vault
from chatbot.reply import TurnInput
from chatbot.settings import Settings, parse_setting, read_environment
from chatbot.web import first_steps_chatwoot
from chatbot.web.access import allow
from chatbot.web.content_forms import make_key, read_values, values_to_body
from chatbot.web.database import let_go, reading, writing
from chatbot.web.first_steps_frame import (
    bp,
    count_taught,
    find_next,
    last_four,
    list_states,
    name_problem,
    save_settings,
    show,
)
from chatbot.web.pages import actor, go, say
from chatbot.web.reader import LANGUAGES, panel_settings
from chatbot.web.settings_lines import MODES
from chatbot.web.testbot import BusyError, answer_trial, model_trial
from chatbot.web.trial import describe_said, read_trial

__all__ = ["bp"]
AT_ONCE = 3
WEEK = lazy_gettext("mon-fri 9:00-14:00, 17:00-20:30; sat 10:00-14:00")
LONGEST_TEST_S = 15


class Greeting(BaseModel):
    """What the AI is asked for when the key is tried."""

    text: str


@bp.get("")
@allow("owner")
def page() -> ResponseReturnValue:
    """The first step that isn't done; after the last one, how they all stand."""
    todo = "" if "done" in request.args else next((step.name for step in list_states(reading()) if step.state == "todo"), "")
    return show(todo, **fill(todo))


@bp.get("/<any(business, chatwoot, ai, teach, try, mode):name>")
@allow("owner")
def step(name: str) -> ResponseReturnValue:
    return show(name, **fill(name))


def fill(name: str) -> dict[str, Any]:
    """What a step's page shows beside its fields."""
    if name == "business":
        week = tell_week(read_week(panel_settings().hours), "es" if str(get_locale()).startswith("es") else "en")
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        return {"zones": zones, "week": week, "example": WEEK}
    if name == "chatwoot":
        return first_steps_chatwoot.fill()
    if name == "ai":
        return {"last_four": last_four(panel_settings().openai_api_key.get_secret_value())}
    if name == "teach":
        return {"taught": count_taught(reading()), "rows": list_examples(reading()), "wrong": [{}] * AT_ONCE}
    if name == "try":
        return {"questions": list_questions(reading())}
    if not name:
        return {}
    return {"modes": MODES, "changes": drafts.count_changes(reading()), "taught": count_taught(reading())}


@bp.post("/business")
@allow("owner")
def save_business() -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip() for name in ("business_name", "time_zone", "hours", "language")}
    problems = {}
    if not typed["business_name"] and "business_name" not in read_environment():
        problems["business_name"] = _("Write the name of your business.")
    if typed["language"] not in LANGUAGES:
        typed["language"] = panel_settings().language
    try:
        if not problems:
            save_settings({name: value or None for name, value in typed.items()})
    except ConfigError as e:
        zone = _("Choose one of the list, such as Europe/Madrid or America/Mexico_City.")
        problems[name_problem(e)] = _("It looks like: %(example)s", example=WEEK) if name_problem(e) == "hours" else zone
    if problems:
        return show("business", **fill("business"), typed=typed, problems=problems), 422
    with writing() as connection:
        connection.execute(update(Account).where(Account.id == current_user.id).values(language=typed["language"]))
    return go("wizard.step", name="chatwoot")


@bp.post("/ai")
@allow("owner", fresh=True)
def save_ai() -> ResponseReturnValue:
    """Tries the key before it is stored; what the provider refuses for good isn't."""
    settings, fixed = panel_settings(), read_environment()
    typed = {name: request.form.get(name, "").strip() for name in ("openai_model", "openai_base_url")}
    given = {name: value for name, value in typed.items() if value and name not in fixed}
    stored, key = settings.openai_api_key.get_secret_value(), request.form.get("openai_api_key", "").strip()
    problems: dict[str, str] = {}
    address = given.get("openai_base_url", settings.openai_base_url).rstrip("/")
    if "openai_api_key" in fixed or (not key and address == settings.openai_base_url):
        key = stored
    if not key:
        problems["openai_api_key"] = _("Paste the key here. Your provider shows it only once, when it is made.")
    try:
        checked = settings.model_copy(update=check_ai({**given, "openai_api_key": key}) if key else {})
    except ConfigError as e:
        problems[name_problem(e)] = _("This can't be used. Copy it again; an address starts with https://")
    if problems:
        return show("ai", **fill("ai"), typed=typed, problems=problems), 422
    let_go()
    answer = try_model(checked)
    if answer["is_stored"]:
        save_settings({**given, **({"openai_api_key": key} if key != stored else {})})
    return show("ai", **{**fill("ai"), "typed": typed, "answer": answer}), 200 if answer["text"] else 422


def check_ai(given: dict[str, str]) -> dict[str, Any]:
    """The typed values as settings. Raises ConfigError naming the one that can't be used."""
    plain = {name: parse_setting(name, value) for name, value in given.items()}
    checked = Settings.model_validate(plain)
    return {name: getattr(checked, name) for name in plain}


def try_model(settings: Settings) -> dict[str, Any]:
    """One real question: the answer's text, or what the provider said instead, and whether the key is worth storing."""
    asked = settings.model_copy(update={"model_chain": (), "llm_timeout_s": min(settings.llm_timeout_s, LONGEST_TEST_S)})
    turn = TurnInput(messages=(), content=Content(), language=asked.language, now=datetime.now(UTC))
    wish = _(
        "Say in one short sentence in English that you are ready to help the customers of %(name)s.", name=asked.business_name
    )
    if not model_trial.acquire(blocking=False):
        return {"text": "", "problem": _("Another trial is asking the AI. Try again in a moment."), "is_stored": False}
    started = time.monotonic()
    try:
        found = llm.ask(Means(db.engine, asked), turn, "test", [{"role": "user", "content": wish}], Greeting, 100, Vault())
    except LLMError as e:
        is_stored = e.kind not in {"auth", "connection", "bad_request", "malformed"}
        return {"text": "", "problem": explain_model(e), "detail": str(e).removeprefix("llm: "), "is_stored": is_stored}
    finally:
        model_trial.release()
    seconds = round(time.monotonic() - started, 1)
    return {
        "text": found.value.text[:500],
        "model": found.model,
        "micros": found.cost_micros,
        "seconds": seconds,
        "is_stored": True,
    }


def explain_model(error: LLMError) -> str:
    text = _("The provider answered with something that can't be used.")
    if error.kind == "rate_limited" and error.permanent:
        text = _("The key is right, but its account has no credit. Add some at the provider, then try again.")
    elif error.status == 404:
        text = _("The provider has no such model, or no such address. Look at “Another provider or model”.")
    texts = {
        "auth": _("The provider refuses this key. Copy it again, or make a new one there."),
        "connection": _("Nothing answers at the provider's address. Check it, and that this server may reach the internet."),
        "timeout": _("The provider took too long. The key is stored; try again in a moment."),
        "rate_limited": _("The provider has had too many requests. The key is stored; try again in a minute."),
        "server": _("The provider has a fault of its own. The key is stored; try again in a moment."),
    }
    is_told = error.status == 404 or (error.kind == "rate_limited" and error.permanent)
    return str(text if is_told else texts.get(error.kind, text))


def list_examples(connection: Connection) -> list[dict[str, str]]:
    """Questions that nearly every shop gets, but for those taught already; the answers are the owner's."""
    asked = (
        _("When are you open?\nWhat are your opening hours?"),
        _("How long does delivery take?\nWhen will my order arrive?"),
        _("Can I return something?\nHow do I return an order?"),
    )
    rows = []
    for text in asked:
        row = drafts.read_newest(connection, "faq", make_key("faq", {"questions": {"": text.splitlines()}}))
        rows.append({"questions": "" if row is not None and row.body is not None else text, "answer": ""})
    return rows


@bp.post("/teach")
@allow("owner")
def teach() -> ResponseReturnValue:
    """FAQs into the draft: those rows that have an answer."""
    language = request.form.get("language", "es")
    code = language if language in LANGUAGES else "es"
    texts = zip(request.form.getlist("questions"), request.form.getlist("answer"), strict=False)
    rows = [{"questions": q, "answer": a} for q, a in list(texts)[:AT_ONCE]]
    bodies: list[Body] = []
    wrong: list[dict[str, str]] = []
    for row in rows:
        body, errors = (None, {}) if not row["answer"].strip() else read_faq(row, code)
        wrong.append(errors)
        bodies += [body] if body and not errors else []
    if any(wrong) or not bodies:
        problems = {} if any(wrong) else {"teach": _("Write the answer to at least one of them, or go on to the next step.")}
        return show("teach", **{**fill("teach"), "rows": rows, "wrong": wrong, "problems": problems, "language": code}), 422
    with writing() as connection:
        bodies = [rename(connection, body) for body in bodies]
        save_drafts(connection, bodies, actor().who)
        for body in bodies:
            record(connection, actor(), "content.save", f"faq:{body.key}", None, body.model_dump(mode="json"))
    say(_("Saved in the draft. Customers get it once it is published."))
    return go("wizard.step", name="try")


def read_faq(row: dict[str, str], code: str) -> tuple[Body | None, dict[str, str]]:
    typed = MultiDict({f"questions_{code}": row["questions"], f"answers_{code}": row["answer"]})
    body, errors = values_to_body("faq", read_values("faq", typed))
    return body, {("answer" if name.startswith("answers") else "questions"): text for name, text in errors.items()}


def rename(connection: Connection, body: Body) -> Body:
    """A key that nothing has yet: what was taught before stays."""
    key, number = body.key, 2
    while (row := drafts.read_newest(connection, "faq", key)) is not None and row.body is not None:
        key, number = f"{body.key[:70]}-{number}", number + 1
    return body.model_copy(update={"key": key})


def list_questions(connection: Connection) -> list[str]:
    """What was taught last, to be tried at a press."""
    newest = drafts.newest
    statement = select(newest.c.body).select_from(Entry).join(newest, true())
    rows = connection.execute(
        statement.where(Entry.kind == "faq", newest.c.body.is_not(None)).order_by(newest.c.id.desc()).limit(AT_ONCE)
    )
    asked = [next((lines[-1] for lines in (row.body.get("questions") or {}).values() if lines), "") for row in rows]
    return [text for text in asked if text]


@bp.post("/try")
@allow("owner")
def try_it() -> ResponseReturnValue:
    """The very path that customers get, with the draft; nothing is sent."""
    trial = read_trial(reading(), request.form)
    if trial.problems:
        return show("try", **fill("try"), typed={"text": trial.text}, problems=trial.problems), 422
    try:
        answer_trial(trial, sides=("draft",))
    except BusyError:
        busy = {"text": _("Another trial is asking the AI. Try again in a moment.")}
        return show("try", **fill("try"), typed={"text": trial.text}, problems=busy), 429
    said = trial.exchanges[-1].draft
    expected = f"entry:{said.sources[0]}" if said.sources else "handoff" if said.handoff else f"text:{said.text[:80]}"
    return show("try", **fill("try"), asked=trial.exchanges[-1].text, said=said, why=describe_said(said), expected=expected)


@bp.post("/try/keep")
@allow("owner")
def keep_try() -> ResponseReturnValue:
    """The answer was right: it stays as a test, and by that this step is done."""
    trial = read_trial(reading(), request.form)
    kind, _colon, value = request.form.get("expected", "").partition(":")
    try:
        expectation = Expectation.model_validate({"kind": kind, "value": value})
    except ValidationError:
        abort(400)
    if trial.problems:
        abort(400)
    with writing() as connection:
        kept_id = kept_tests.keep(
            connection, trial.text[:120], [("customer", trial.text)], trial.situation, expectation, actor().who
        )
        record(connection, actor(), "test.keep", f"test:{kept_id}", None, expectation.model_dump())
    say(_("Kept as a test. Run it whenever you have changed something."))
    return go("wizard.step", name=find_next("try"))


@bp.post("/mode")
@allow("owner")
def save_mode() -> ResponseReturnValue:
    mode = request.form.get("mode", "")
    if mode not in dict(MODES) and "mode" not in read_environment():
        return show("mode", **fill("mode"), problems={"mode": _("Choose one of them.")}), 422
    save_settings({"mode": mode} if mode else {})
    if list_blocking(reading(), panel_settings()):
        say(_("It can't be published yet: first mend this."), "danger")
        return go("release.page")
    with writing() as connection:
        was = live_release_id(connection)
        release = publish(connection, actor().who, _("First steps"))
        if release != was:
            record(connection, actor(), "content.publish", f"release:{release}", {"release": was}, {"release": release})
    say(_("Published: customers get it from their next message on."))
    return go("wizard.page", done=1)
