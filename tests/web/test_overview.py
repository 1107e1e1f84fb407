"""Inicio counts today, and never a mere handoff as an answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot import results
from chatbot.checks import Finding
from chatbot.db import db
from chatbot.kept_tests import Expectation, Situation
from chatbot.kept_tests import keep as keep_test
from web.seeding import add_turn


def test_the_checklist_is_there_while_something_is_missing(make_client: Callable[[str], FlaskClient]) -> None:
    page = make_client("owner").get("/", headers={"Accept-Language": "en"}).text
    assert "Until all is ready" in page
    assert "Nothing: all is well." in page


WELL = "Nothing: all is well."


def keep(app: Flask, **findings: Finding) -> None:
    with app.app_context(), db.engine.begin() as connection:
        results.keep(connection, list(findings), findings)


def read_attention(client: FlaskClient, language: str = "en") -> str:
    page = client.get("/", headers={"Accept-Language": language}).text
    return page.split('id="attention"')[1].split("<h2")[0]


def test_what_is_broken_stands_on_the_home_page_with_the_way_to_mend_it(
    app: Flask, make_client: Callable[[str], FlaskClient]
) -> None:
    client = make_client("owner")
    keep(
        app,
        chatwoot=Finding("fail", "failed", {"url": "https://x", "problem": "401"}),
        clock=Finding("warn", "off", {"off_s": 40}),
    )
    shown = read_attention(client)
    assert WELL not in shown
    assert "1 thing is broken." in shown
    assert "Chatwoot" in shown
    assert "The bot can&#39;t read or answer in Chatwoot" in shown, "what customers notice of it"
    assert 'href="/readiness"' in shown
    keep(app, backup=Finding("fail", "none"))
    shown = read_attention(client, "es")
    assert "Hay 2 averías." in shown
    assert "Copia probada" in shown


def test_what_is_only_doubtful_or_was_seen_days_ago_leaves_all_well(
    app: Flask, make_client: Callable[[str], FlaskClient]
) -> None:
    client = make_client("owner")
    keep(app, clock=Finding("warn", "off", {"off_s": 40}))
    assert WELL in read_attention(client)
    keep(app, queue=Finding("fail", "late", {"count": 1, "age_s": 900}))
    assert WELL not in read_attention(client)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE check_result SET looked_at = now() - interval '2 days'"))
    assert WELL in read_attention(client)


def test_what_another_release_found_broken_is_counted_though_nobody_can_name_it(
    app: Flask, make_client: Callable[[str], FlaskClient]
) -> None:
    client = make_client("owner")
    keep(app, tomorrow=Finding("fail", "x"), redis=Finding("fail", "a-key-of-tomorrow"))
    shown = read_attention(client)
    assert "2 things are broken." in shown
    assert "Redis" in shown


def test_an_agent_is_told_in_words_and_has_no_link_that_is_refused(
    app: Flask, make_client: Callable[[str], FlaskClient]
) -> None:
    client = make_client("agent")
    keep(app, worker=Finding("fail", "none"))
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, 1, "hola", datetime.now(UTC) - timedelta(minutes=1))
        connection.execute(text("UPDATE part SET state = 'held'"))
        connection.execute(text("UPDATE conversation SET in_seq = 2"))
    shown = read_attention(client)
    assert WELL not in shown
    assert "Nobody gets an answer from the bot" in shown
    assert "1 message is held back" in shown
    assert "href" not in shown
    shown = read_attention(make_client("editor"))
    assert {'href="/system"', 'href="/system#sends"', 'href="/readiness"'} <= set(re.findall(r'href="[^"]*"', shown))


def test_a_kept_test_is_a_trial(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("owner")

    def is_open() -> bool:
        return "Do it: See it answer" in client.get("/", headers={"Accept-Language": "en"}).text

    assert is_open()
    with app.app_context(), db.engine.begin() as connection:
        expected = Expectation(kind="entry", value="faq:envios")
        keep_test(connection, "Envíos", [("customer", "¿Hacéis envíos?")], Situation(), expected, "test")
    assert not is_open()


def find_day(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo("Europe/Madrid")).date()


def wait_for_a_long_today() -> datetime:
    """The time now. A day that has just begun or is about to end is waited for: what is made here must all be today's."""
    while True:
        now = datetime.now(UTC)
        if find_day(now - timedelta(seconds=10)) == find_day(now + timedelta(seconds=60)):
            return now
        time.sleep(1)


def test_a_handoff_is_no_answer(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        at = wait_for_a_long_today() - timedelta(seconds=8)
        for n, reason in enumerate(["canned_handoff", "unsure", "unsure"]):
            add_turn(connection, n, "hola", at, reason=reason)
    page = client.get("/", headers={"Accept-Language": "en"}).text
    values = [part.split("</")[0].rsplit(">", 1)[1] for part in page.split('class="value">')[1:5]]
    assert values == ["3", "0", "1", "2"]


def test_the_numbers_of_today_open_today(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    wait_for_a_long_today()
    today = find_day(datetime.now(UTC)).isoformat()
    cards = client.get("/").text.split('class="row g-3"')[1].replace("&amp;", "&")
    addresses = re.findall(r'href="([^"]*)"', cards)
    assert len(addresses) == 6
    assert addresses.pop(3) == "/teaching"
    assert addresses.pop(0) == f"/conversations?from={today}&to={today}"
    assert set(addresses) == {f"/analytics?from={today}&to={today}"}
