"""Checks of what was set: nothing is asked of anybody."""

from __future__ import annotations

from chatbot.checks import Finding, Surroundings, fail, ok, warn
from chatbot.clients.alerts import find_unusable
from chatbot.config import MIN_SECRET_CHARS, SAMPLE_SECRETS
from chatbot.hours import read_holidays, read_hours

LEAST_LETTERS = 8
OPENAI_HOST = "//api.openai.com/"


def check_secret_key(at: Surroundings) -> Finding:
    secret = at.config.secret_key.get_secret_value()
    is_weak = len(secret) < MIN_SECRET_CHARS or secret.lower() in SAMPLE_SECRETS or len(set(secret)) < LEAST_LETTERS
    return fail("weak", chars=len(secret)) if is_weak else ok(chars=len(secret))


def check_settings(at: Surroundings) -> Finding:
    return fail("unreadable", is_sure=True, problem=at.settings_problem) if at.settings_problem else ok()


def check_environment(at: Surroundings) -> Finding:
    if at.config.debug:
        return fail("debug")
    if at.config.environment != "production":
        return warn("not_production", environment=at.config.environment)
    return ok()


def check_origins(at: Surroundings) -> Finding | None:
    """Absent until somebody names one: nothing here is called by other web sites yet."""
    origins = at.config.allowed_origins
    if not origins:
        return None
    return fail("wildcard") if any("*" in o for o in origins) else ok(origins=", ".join(origins))


def check_public_url(at: Surroundings) -> Finding:
    if not at.config.public_url:
        return warn("missing")
    if not at.config.public_url.startswith("https://"):
        return fail("not_https", url=at.config.public_url)
    return ok(url=at.config.public_url)


def check_alerts(at: Surroundings) -> Finding:
    urls = [u.get_secret_value() for u in at.settings.alert_urls]
    if not urls:
        return warn("missing")
    wrong = find_unusable(urls)
    return fail("unusable", kinds=", ".join(wrong)) if wrong else ok(count=len(urls))


def check_ping(at: Surroundings) -> Finding:
    return ok() if at.settings.ping_url.get_secret_value() else warn("missing")


def check_spending_limit(at: Surroundings) -> Finding | None:
    """Nobody can read it from here, so the owner is led there once and says so."""
    if not any(OPENAI_HOST in f"{e.base_url}/" for e in at.settings.endpoints):
        return None
    return ok() if at.settings.openai_limit_confirmed else warn("unconfirmed")


def check_hours(at: Surroundings) -> Finding | None:
    """Absent where somebody is always there."""
    hours = read_hours(at.settings)
    if hours.is_always_open:
        return None
    try:
        if hours.region:
            read_holidays(hours.region, at.now.year)
    except ValueError:
        return fail("unknown", region=hours.region)
    opening = hours.next_opening(at.now)
    if opening is None:
        return warn("never")
    return ok("open") if opening == at.now else ok("closed", opening=f"{opening.astimezone(hours.zone):%d/%m %H:%M}")


def check_mode(at: Surroundings) -> Finding:
    return warn("off") if at.settings.mode == "off" else ok(at.settings.mode)
