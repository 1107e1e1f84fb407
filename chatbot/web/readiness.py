"""Readiness: the doctor's list as cards. What is cheap is looked at here, what asks the network only at a press of a button.

On a box the monitor looks every minute (monitor.py), and this page reads what it found: it may see more than the web may.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError

from chatbot import results
from chatbot.audit import record
from chatbot.checks import RANK, Level, Surroundings, ok, read_box_facts
from chatbot.db import db
from chatbot.doctor import CHECKS, Check, Line, describe, find_name, look_at
from chatbot.monitor import read_memory
from chatbot.reply import Language
from chatbot.results import Kept
from chatbot.settings import save_setting
from chatbot.web.access import allow
from chatbot.web.database import let_go, reading, writing
from chatbot.web.pages import actor, go, may_open, say
from chatbot.web.reader import panel_settings, pick_language

log = structlog.get_logger(__name__)
bp = Blueprint("readiness", __name__, url_prefix="/readiness")
CHEAP_AGAIN_S = 15.0
OLD_S = 150.0
LOOK_THREADS = 2  # each has a connection of the pool for a moment, and requests need the others
PATIENCE_S = 1.5  # so long the button's answer waits, so that what is quick is there at once
GIVEN_UP_S = 90.0
DONE = "looked"  # noted among the results when a press of the button has looked at everything
# on a box: the web may not see the backups, /proc or what a customer's message of our own comes to
MONITORS_OWN = frozenset({"backup", "canary", "disk", "memory", "units"})
BOXS_COMMAND = re.compile(r"(?:^|(?<=[;&:] ))mostrador (?=[a-z])")
_looking = threading.Lock()


@dataclass(frozen=True, slots=True)
class Mend:
    """A button. post: it does it at once, else it leads to where it is done."""

    endpoint: str
    label: Any
    anchor: str = ""
    post: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One check: what it found, since when it is at this level, when it was looked at, and whether that is some minutes ago."""

    line: Line
    since: datetime
    looked_at: datetime
    mend: Mend | None
    is_old: bool


def _setting(name: str) -> Mend:
    return Mend("settings.page", _l("Change it in the settings"), name)


# by check, or by check and what it found. Where none may be opened by the reader, the command is shown
MENDS: dict[str | tuple[str, str], Mend] = {
    ("answering", "paused"): Mend("operations.resume", _l("Go on answering"), post=True),
    "queue": Mend("system.page", _l("See who is waiting"), "stuck"),
    "chatwoot": _setting("chatwoot_url"),
    ("chatwoot", "unset"): Mend("wizard.page", _l("To the first steps")),
    ("chatwoot", "refused"): _setting("chatwoot_access_token"),
    ("chatwoot", "no_account"): _setting("chatwoot_account_id"),
    "webhook_secret": Mend("wizard.page", _l("To the first steps")),
    ("agent_bot", "unknown_token"): _setting("chatwoot_bot_token"),
    ("agent_bot", "not_told"): _setting("chatwoot_access_token"),
    "chatwoot_use": Mend("system.page", _l("See who is waiting"), "stuck"),
    ("chatwoot_use", "refused"): _setting("chatwoot_bot_token"),
    "content": Mend("release.page", _l("Publish the draft")),
    "mode": _setting("mode"),
    "assistants": Mend("content.assistant", _l("To the specialised agents")),
    "inboxes": Mend("wizard.page", _l("To the first steps")),
    "second_factor": Mend("second_factor.page", _l("Set it up")),
    ("agent_bot", "elsewhere"): Mend("wizard.page", _l("To the first steps")),
    "llm": _setting("openai_api_key"),
    "voice": _setting("transcription_model"),
    ("llm", "no_model"): _setting("openai_model"),
    ("llm", "failed"): _setting("openai_base_url"),
    "llm_use": _setting("openai_api_key"),
    "spending_limit": Mend("readiness.confirm_limit", _l("I have set a limit there"), post=True),
    "backup": Mend("system.page", _l("To the backups"), "backups"),
    "alerts": _setting("alert_urls"),
    "ping": _setting("ping_url"),
}


@bp.get("")
@allow("editor")
def page() -> ResponseReturnValue:
    at = survey()
    look_at_cheap(at, results.read(reading()))
    kept = results.read(reading())
    cards = [card for check in CHECKS if check.id in kept and (card := make_card(check, kept[check.id], at))]
    cards.sort(key=lambda card: -RANK[card.line.level])  # within a level as in the doctor's list
    return render_template("readiness/page.html", cards=cards, never=list_unseen(kept, at), is_looking=is_pending(kept))


@bp.post("/look")
@allow("editor")
def look() -> ResponseReturnValue:
    """Looks at everything, in a thread of its own: a page that asks four neighbours would hold a web thread too long."""
    at, asked = survey(), int(time.time())
    let_go()
    start_look(at)
    return go("readiness.page", asked=asked)


@bp.post("/spending-limit")
@allow("owner")
def confirm_limit() -> ResponseReturnValue:
    with writing() as connection:
        save_setting(connection, current_app.config["CONFIG"], "openai_limit_confirmed", "true", actor().who)
        record(connection, actor(), "setting.change", "openai_limit_confirmed", {"value": False}, {"value": True})
    say(_("Noted: there is a limit at OpenAI."))
    return go("readiness.page")


def survey() -> Surroundings:
    config = current_app.config["CONFIG"]
    memory = read_memory(config)
    ran_at = datetime.fromtimestamp(memory.at).astimezone() if memory.at else None
    facts, history = read_box_facts(config), tuple(memory.disk)
    return Surroundings(config, panel_settings(), db.engine, facts=facts, history=history, ran_at=ran_at)


def is_slow(check: Check, at: Surroundings) -> bool:
    """Asks the network, or loads what reads the addresses of alerts: 17 MB."""
    return check.asks or (check.id == "alerts" and bool(at.settings.alert_urls))


def may_look(check: Check, at: Surroundings) -> bool:
    """Whether this process can see it at all. A customer's message of our own is the monitor's."""
    return check.id not in MONITORS_OWN if at.is_own_box else check.id != "canary"


def is_monitored(check: Check, at: Surroundings) -> bool:
    return at.is_own_box and check.every_s is not None


def look_at_cheap(at: Surroundings, kept: dict[str, Kept]) -> None:
    """Where nobody has looked for some seconds. One after the other: each check takes a connection."""
    now = at.now
    due = [
        check
        for check in CHECKS
        if may_look(check, at)
        and not is_slow(check, at)
        and not is_monitored(check, at)
        and (check.id not in kept or (now - kept[check.id].looked_at).total_seconds() > CHEAP_AGAIN_S)
    ]
    let_go()
    if due:
        findings = look_at(due, at, threads=1)
        with writing() as connection:
            results.keep(connection, [check.id for check in due], findings)


def start_look(at: Surroundings) -> None:
    """Nothing where one is under way in this process already."""
    if not _looking.acquire(blocking=False):
        return
    checks = [check for check in CHECKS if may_look(check, at)]
    thread = threading.Thread(target=_look, args=(at, checks), daemon=True, name="readiness")
    thread.start()
    thread.join(PATIENCE_S)


def _look(at: Surroundings, checks: Iterable[Check]) -> None:
    """Each result is kept as it comes."""

    def look_at_one(check: Check) -> None:
        findings = look_at([check], at, threads=1)
        with at.engine.begin() as connection:
            results.keep(connection, [check.id], findings)

    try:
        with ThreadPoolExecutor(LOOK_THREADS, thread_name_prefix="check") as pool:
            list(pool.map(look_at_one, checks))
        with at.engine.begin() as connection:
            results.keep(connection, [DONE], {DONE: ok()})
    except SQLAlchemyError as e:
        log.warning("results_not_kept", error=type(e).__name__)
    finally:
        _looking.release()


def is_pending(kept: dict[str, Kept]) -> bool:
    """Whether the look that this page's address tells of is still under way, in whichever process."""
    try:
        asked = float(request.args.get("asked", ""))
    except ValueError:
        return False
    done = kept[DONE].looked_at.timestamp() if DONE in kept else 0.0
    return 0 <= time.time() - asked < GIVEN_UP_S and done < asked


def list_unseen(kept: dict[str, Kept], at: Surroundings) -> list[str]:
    """Names of what only a press of the button looks at, where nobody has pressed it yet."""
    wanted = [c.id for c in CHECKS if is_slow(c, at) and may_look(c, at) and not is_monitored(c, at)]
    return [] if DONE in kept else [find_name(name, pick_catalogue()) for name in wanted if name not in kept]


def make_card(check: Check, kept: Kept, at: Surroundings) -> Card | None:
    try:
        line = describe(check.id, kept.finding, pick_catalogue())
    except KeyError:  # kept by another release, with other words
        return None
    mend = MENDS.get((check.id, kept.finding.key)) or MENDS.get(check.id)
    is_wanted = line.level != "ok" and mend is not None and may_open(mend.endpoint)
    is_old = (at.now - kept.looked_at).total_seconds() > OLD_S
    line = line if at.is_own_box else without_box(line)
    return Card(line, kept.since, kept.looked_at, mend if is_wanted else None, is_old)


def without_box(line: Line) -> Line:
    """The command's name where no playbook made the short one."""
    return replace(line, mend=BOXS_COMMAND.sub("flask ", line.mend))


def pick_catalogue() -> Language:
    return "en" if pick_language() == "en" else "es"


@bp.app_template_global()
def read_mark() -> Level:
    """For the menu: the worst that is known."""
    return results.read_worst(reading())
