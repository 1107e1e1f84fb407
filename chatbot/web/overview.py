"""Inicio: what is still missing until all is ready, then today at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import Connection, text

from chatbot import numbers, results
from chatbot.checks import Finding
from chatbot.doctor import CHECKS, describe, find_name
from chatbot.web.access import allow
from chatbot.web.database import reading, writing
from chatbot.web.pages import read_instance
from chatbot.web.reader import panel_settings
from chatbot.web.readiness import pick_catalogue

bp = Blueprint("overview", __name__)
TRIED = text("""
SELECT EXISTS (SELECT FROM turn WHERE state IN ('answered', 'suggested'))
  OR EXISTS (SELECT FROM kept_test WHERE deleted_at IS NULL)
""")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the launch checklist. endpoint: where it is done."""

    title: str
    advice: str
    is_done: bool
    endpoint: str


@bp.get("/")
@allow("agent")
def page() -> ResponseReturnValue:
    count_newest()
    zone = ZoneInfo(panel_settings().time_zone)
    today = datetime.now(zone).date()
    period = numbers.Period(today, today, zone)
    connection = reading()
    broken = results.read_broken(connection)
    return render_template(
        "overview/page.html",
        steps=list_steps(connection),
        day={"from": today, "to": today},
        today=numbers.sum_total(connection, period),
        wait_s=numbers.find_quantile(numbers.read_latency(connection, period), 0.5),
        forecast=numbers.forecast_month(connection, today, zone),
        attention=numbers.read_attention(connection),
        broken_count=len(broken),
        broken=list(name_broken(broken)),
    )


def name_broken(found: Mapping[str, Finding]) -> Iterator[tuple[str, str]]:
    """Names, and what customers notice, in the doctor's order. What only another release knows has no name here."""
    for check in CHECKS:
        if check.id in found:
            harm = ""
            with suppress(KeyError):
                harm = describe(check.id, found[check.id], pick_catalogue()).harm
            yield find_name(check.id, pick_catalogue()), harm


def count_newest() -> None:
    """The current hours, where nobody counted them lately."""
    now = datetime.now(UTC)
    if numbers.is_stale(reading(), now):
        with writing() as connection:
            numbers.roll_up(connection, now)
            numbers.roll_up_days(connection, now, ZoneInfo(panel_settings().time_zone))


def list_steps(connection: Connection) -> list[Step]:
    settings = panel_settings()
    has_proof = settings.chatwoot_webhook_secret or settings.webhook_token.get_secret_value()
    has_chatwoot = bool(
        settings.chatwoot_url and settings.chatwoot_account_id is not None and settings.write_token and has_proof
    )
    has_ai = bool(settings.openai_api_key.get_secret_value())
    ai_advice = (
        _("The AI helps with what no FAQ answers.") if has_ai else _("It works without: add a key when you want AI answers.")
    )
    steps = [
        Step(_("Connect Chatwoot"), _("So that customers' messages reach the bot."), has_chatwoot, "wizard.page"),
        Step(_("Publish what it may say"), _("Customers only get what is published."), has_release(), "release.page"),
        Step(
            _("See it answer"),
            _("Try a few questions, then let it answer a conversation."),
            has_tried(connection),
            "testbot.page",
        ),
        Step(_("AI, or without"), ai_advice, True, "wizard.page"),
        Step(_("Protect your account"), _("Log in with a second factor."), has_second_factor(), "second_factor.page"),
        Step(
            _("Get alerts"),
            _("So that you hear of a fault before your customers do."),
            bool(settings.alert_urls),
            "settings.page",
        ),
    ]
    if backup := results.read(connection).get("backup"):  # the monitor's: the web may not see the folder
        has_backup = backup.finding.level != "fail"
        steps.append(Step(_("Have a backup"), _("Made every night and proved by restoring it."), has_backup, "system.page"))
    return steps


def has_release() -> bool:
    return read_instance().live_release_id is not None


def has_tried(connection: Connection) -> bool:
    return bool(connection.execute(TRIED).scalar())


def has_second_factor() -> bool:
    return bool(current_user.tf_primary_method)
