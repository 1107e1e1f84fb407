"""Connecting a Chatwoot: what is an address, what is tested where, and that every result and error has its words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT
from flask import Flask
from flask_babel import Babel

from chatbot.clients.chatwoot_setup import read_origin
from chatbot.connecting import InboxFound, Step, choose_tested, make_url
from chatbot.errors import SetupError
from chatbot.web.first_steps_words import describe, explain

SOURCES = ("chatbot/connecting.py", "chatbot/clients/chatwoot_setup.py", "chatbot/web/first_steps_chatwoot.py")


@pytest.fixture
def words() -> Flask:
    app = Flask("words")
    Babel(app, default_locale="en")
    return app


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("chat.tienda.es", "https://chat.tienda.es"),
        ("  https://Chat.Tienda.es/app/accounts/3/dashboard?x#y ", "https://chat.tienda.es"),
        ("http://10.0.0.5:3000/", "http://10.0.0.5:3000"),
        ("http://[::1]:3000/app", "http://[::1]:3000"),
    ],
)
def test_an_address_is_its_origin(typed: str, origin: str) -> None:
    assert read_origin(typed) == origin


@pytest.mark.parametrize(
    "typed", ["", "   ", "ftp://x", "file:///etc/passwd", "gopher://x", "http://", "http://u:p@x", "http://x:0", "http://a b"]
)
def test_what_is_no_web_address_is_refused(typed: str) -> None:
    with pytest.raises(SetupError) as caught:
        read_origin(typed)
    assert caught.value.kind == "address"


def test_the_path_holds_a_token_only_where_there_is_one() -> None:
    assert make_url("https://bot.example/", "") == "https://bot.example/webhooks/chatwoot"
    assert make_url("https://bot.example", "abc") == "https://bot.example/webhooks/chatwoot/abc"


def make_inbox(number: int, channel: str, website_token: str = "") -> InboxFound:
    return InboxFound(number, f"n{number}", channel, 0, "", False, website_token, ())


def test_a_test_goes_where_nobody_else_is_needed() -> None:
    whatsapp, site = make_inbox(1, "Channel::Whatsapp"), make_inbox(2, "Channel::WebWidget", "w")
    api = make_inbox(3, "Channel::Api")
    assert choose_tested([whatsapp, site, api], {1, 2, 3}) == api
    assert choose_tested([whatsapp, site, api], {1, 2}) == site
    assert choose_tested([whatsapp, site, api], {1}) is None


def find_literals(pattern: str) -> set[str]:
    return {found for name in SOURCES for found in re.findall(pattern, Path(ROOT, name).read_text())}


def test_every_error_has_its_words(words: Flask) -> None:
    kinds = find_literals(r'SetupError\("(\w+)"') | {"unreachable", "tls", "token", "rights"}
    assert len(kinds) > 12
    with words.test_request_context():
        assert [kind for kind in kinds if explain(kind, "") in {"", kind}] == []


def test_every_result_has_its_words(words: Flask) -> None:
    keys = find_literals(r'Step\("(\w+)"') | {"heard_not", "echo_not", "detached", "bot_kept", "heard", "echo"}
    assert len(keys) > 18
    with words.test_request_context():
        for key in keys:
            facts = {"kind": "rights", "detail": ""} if key in {"not_attached", "test_not_made", "note_not"} else {}
            assert describe(Step(key, "ok", facts))[0] not in {"", key}, key
