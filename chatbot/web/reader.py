"""How the reader likes it: language, theme, time zone; and dates, numbers and money in their way."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency, format_decimal
from flask import Flask, current_app, g, request
from flask_babel import Babel, format_datetime, format_timedelta, get_locale, gettext
from flask_login import current_user
from markupsafe import Markup

from chatbot.config import Config
from chatbot.settings import Settings, load_settings
from chatbot.web.database import reading

LANGUAGES = {"es": "Español", "en": "English"}


def pick_language() -> str:
    """The account's, else the browser's, else Spanish. Spanish may be with usted (setting `spanish_address`)."""
    wanted: str = getattr(current_user, "language", None) or request.cookies.get("language", "")
    language = wanted if wanted in LANGUAGES else str(request.accept_languages.best_match(list(LANGUAGES), "es"))
    return "es@usted" if language == "es" and panel_settings().spanish_address == "usted" else language


def pick_zone() -> str:
    return panel_settings().time_zone


def panel_settings() -> Settings:
    """The business settings, read once a request."""
    if "panel_settings" not in g:
        config: Config = current_app.config["CONFIG"]
        g.panel_settings = load_settings(reading(), config)
    found: Settings = g.panel_settings
    return found


def show_time(at: datetime | None) -> Markup | str:
    """A moment in the business's zone, in full as the tooltip: "25 nov 2026, 9:41"."""
    if at is None:
        return "–"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), format_datetime(at, "full"), format_datetime(at, "medium").removesuffix(":00")
    )


def show_ago(at: datetime | None) -> Markup | str:
    """ "3 minutes ago", with the moment as the tooltip."""
    if at is None:
        return "–"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), format_datetime(at, "full"), format_timedelta(at - datetime.now(at.tzinfo), add_direction=True)
    )


def show_number(value: float | None) -> str:
    return "–" if value is None else _format_number(value, str(get_locale()))


@lru_cache(4_000)  # a year's table has thousands, and few different ones
def _format_number(value: float, locale: str) -> str:
    return format_decimal(value, locale=locale)


def show_money(micros: int | None) -> str:
    """Micro-dollars. None: a price nobody knows."""
    return str(gettext("unknown")) if micros is None else _format_money(micros, str(get_locale()))


@lru_cache(4_000)
def _format_money(micros: int, locale: str) -> str:
    amount = Decimal(micros) / 1_000_000
    is_small = 0 < abs(amount) < Decimal("0.1")
    pattern = "#,##0.0000\xa0¤" if is_small else None
    return format_currency(amount, "USD", pattern, locale=locale, currency_digits=not is_small)


def pick_delimiter() -> str:
    """Spreadsheets in Spanish expect the semicolon: there the comma is the decimal point."""
    locale = get_locale()
    return ";" if locale is not None and locale.language == "es" else ","


def init_app(app: Flask) -> None:
    app.config["BABEL_DEFAULT_LOCALE"] = "es"
    Babel(app, locale_selector=pick_language, timezone_selector=pick_zone)
    app.jinja_env.filters.update(time=show_time, ago=show_ago, number=show_number, money=show_money)
    app.jinja_env.globals.update(languages=LANGUAGES, language_code=lambda: Locale.parse(pick_language()).language)
