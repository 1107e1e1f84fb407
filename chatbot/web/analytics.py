"""Analítica: any period against the one before, on one page, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, format_decimal
from flask_babel import gettext as _
from sqlalchemy import select

from chatbot import conversations, numbers
from chatbot.models import Inbox, Release
from chatbot.numbers import Figures, Period
from chatbot.web.access import allow
from chatbot.web.database import reading
from chatbot.web.overview import count_newest
from chatbot.web.reader import panel_settings, pick_delimiter

bp = Blueprint("analytics", __name__)
CHOICES = (7, 30, 90)
MOST_DAYS = 400
MOST_MARKS = 100


@bp.get("/analytics")
@allow("agent")
def page() -> ResponseReturnValue:
    count_newest()
    period = read_period()
    connection = reading()
    report, published = numbers.read_report(connection, period), read_published(period)
    days = [(day, report.by["day"].get(day.isoformat(), numbers.NOTHING)) for day in period.days]
    return render_template(
        "analytics/page.html",
        period=period,
        format_day=format_date,
        choices=CHOICES,
        now=report.total,
        cached_share=report.cached_share,
        outcome_names=name_outcomes(),
        before=numbers.sum_total(connection, period.before),
        p50=numbers.find_quantile(report.histogram, 0.5),
        p50_before=numbers.find_quantile(numbers.read_latency(connection, period.before), 0.5),
        p95=numbers.find_quantile(report.histogram, 0.95),
        days=days,
        series=make_series(days, period.zone) | {"marks": [int(row.created_at.timestamp()) for row in published]},
        published=published,
        by=report.by,
        inbox_names=read_inbox_names(),
        known={"responder": conversations.RESPONDERS, "language": conversations.LANGUAGES},
        silent_state="watched" if panel_settings().mode == "watch" else "suggested",
        asked=numbers.list_asked(connection, period),
        unanswered=numbers.list_asked(connection, period, only_unanswered=True),
    )


@bp.get("/analytics.csv")
@allow("agent")
def export() -> ResponseReturnValue:
    """A line a day, as a spreadsheet in the reader's language wants it."""
    count_newest()
    period = read_period()
    out = io.StringIO()
    csv.writer(out, delimiter=pick_delimiter()).writerows(list_lines(numbers.sum_by_day(reading(), period), period))
    answer = make_response(f"\ufeff{out.getvalue()}")  # the mark makes spreadsheets read UTF-8
    answer.mimetype = "text/csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="analytics-{period.first}-{period.last}.csv"'
    return answer


def list_lines(found: dict[str, Figures], period: Period) -> Iterator[list[Any]]:
    """The head, then the days. Money in dollars, to the last micro-dollar."""
    outcomes = name_outcomes()
    cost, trials, saved = (f"{name} (USD)" for name in (_("Cost"), _("Trials in the panel"), _("Saved by them")))
    yield [_("Day"), _("Conversations"), *outcomes.values(), _("Tokens"), cost, trials, _("Answers from memory"), saved]
    for day in period.days:
        f = found.get(day.isoformat(), numbers.NOTHING)
        money, saved_money = write_dollars(f.micros), write_dollars(f.saved_micros)
        counts = (f.counts[o] for o in outcomes)
        yield [day, f.conversations, *counts, f.tokens, money, write_dollars(f.trial_micros), f.cached, saved_money]


def write_dollars(micros: int) -> str:
    return str(format_decimal(Decimal(micros) / 1_000_000, format="0.######"))


def name_outcomes() -> dict[str, str]:
    """In the order in which they are shown."""
    return {
        "answered": _("Answered"), "handed_off": _("Handed off"), "unanswered": _("Unanswered"), "suggested": _("Suggested"),
        "ignored": _("Ignored"),
    }  # fmt: skip


def read_period() -> Period:
    """From `days`, or `from` and `to`, in the URL; what can't be read counts as absent: the last 30 days."""
    zone = ZoneInfo(panel_settings().time_zone)
    today = datetime.now(zone).date()
    days = request.args.get("days", 30, type=int)
    days = days if days in CHOICES else 30
    last = min(_read_date("to") or today, today)
    first = _read_date("from") or last - timedelta(days=days - 1)
    if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
        first = last - timedelta(days=days - 1)
    return Period(first, last, zone)


def _read_date(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if found.year >= 2000 else None


def make_series(days: list[tuple[date, Figures]], zone: ZoneInfo) -> dict[str, list[Any]]:
    """For charts.js: times in seconds, then a list for each line."""
    times = [int(datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp()) for day, _figures in days]
    lines = {o: [f.counts[o] for _day, f in days] for o in ("answered", "handed_off", "unanswered")}
    return {"times": times, **lines, "money": [f.micros / 1_000_000 for _day, f in days]}


def read_published(period: Period) -> list[Any]:
    """The releases of the period, the newest first: what changed may be why a line turns."""
    first, day_after = (datetime.combine(day, time(), period.zone) for day in (period.first, period.last + timedelta(days=1)))
    statement = select(Release.id, Release.created_at, Release.note, Release.author)
    statement = statement.where(Release.created_at >= first, Release.created_at < day_after)
    return list(reading().execute(statement.order_by(Release.id.desc()).limit(MOST_MARKS)))


def read_inbox_names() -> dict[str, str]:
    return {str(row.id): row.name for row in reading().execute(select(Inbox.id, Inbox.name))}
