"""fail2ban's filter for the panel: it must know the very line that the panel writes, and be fooled by no other."""

from __future__ import annotations

import configparser
import io
import logging
import re

import pytest
import structlog
from conftest import SECRET_KEY

from chatbot import logs
from chatbot.config import load_config
from templates.render import render

HARDENING = "ansible/roles/hardening/templates"
# what fail2ban puts before a message of the journal, and its common.conf takes away again
PREFIX = "bot mostrador[4711]: "
PREFIX_LINE = r"\s*(?:\S+ )?(?:mostrador(?:\[\d+\])?:? )?"
ADDR = r"(?P<ip>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)"


@pytest.fixture
def pattern(system: str) -> re.Pattern[str]:
    """As fail2ban reads it."""
    found = configparser.RawConfigParser()
    found.read_string(render(f"{HARDENING}/filter.conf.j2", os=system))
    text = found["Definition"]["failregex"]
    return re.compile(text.replace("%(__prefix_line)s", PREFIX_LINE).replace("<ADDR>", ADDR))


def write_line(event: str, **values: str) -> str:
    """As production writes it to the journal."""
    stream, handlers = io.StringIO(), logging.getLogger().handlers[:]
    before = structlog.get_config()
    try:
        config = load_config(database_url="postgresql://x/y", secret_key=SECRET_KEY, environment="production")
        logs.configure(config, stream)
        structlog.contextvars.bind_contextvars(request_id="0123456789abcdef")
        structlog.get_logger("chatbot.web.login").warning(event, **values)
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.configure(**before)
        logging.getLogger().handlers[:] = handlers
    return PREFIX + stream.getvalue().strip()


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7"])
def test_the_line_of_a_failed_login_is_known_with_its_address(pattern: re.Pattern[str], address: str) -> None:
    for why in ("login", "two_factor_token_validation", "locked", "log_in"):
        line = write_line("panel_login_failed", address=address, why=why)
        found = pattern.search(line)
        assert found, line
        assert found["ip"] == address


def test_no_other_line_is_taken_for_one(pattern: re.Pattern[str]) -> None:
    """Customers' and strangers' words get into other lines: nobody can have an address banned by writing one."""
    forged = '{"address": "198.51.100.1", "why": "login", "event": "panel_login_failed"}'
    for line in (
        write_line("webhook_refused", address="203.0.113.7", why="login"),
        write_line("webhook_refused", note=forged),
        write_line(forged),
        write_line(f"x\n{PREFIX}{forged}"),
        write_line("panel_login_failed", why="login"),
    ):
        assert not pattern.search(line), line


def test_its_jail_is_on_for_the_ports_of_the_web(system: str) -> None:
    found = configparser.RawConfigParser()
    found.read_string(render(f"{HARDENING}/jail.conf.j2", os=system))
    jail = found["mostrador-panel"]
    assert (jail["enabled"], jail["port"], jail["maxretry"]) == ("true", "http,https", "10")
    text = render(f"{HARDENING}/filter.conf.j2", os=system)
    assert "journalmatch = _SYSTEMD_UNIT=mostrador-web.service" in text
