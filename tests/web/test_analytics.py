"""Figures agree with the rows that they were made from."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html import unescape
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from chatbot import numbers
from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.db import db
from chatbot.settings import save_setting
from web.seeding import add_turn

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


def add_some(connection: Connection) -> None:
    for n in range(6):
        add_turn(connection, n, "¿Cuánto tarda?", NOW - timedelta(hours=n * 9))
    add_turn(connection, 10, "¿Vendéis coches?", NOW - timedelta(hours=2), reason="unsure")
    add_turn(connection, 11, "una persona", NOW - timedelta(hours=2), reason="canned_handoff")
    add_turn(connection, 12, "auto", NOW - timedelta(hours=2), state="ignored")


def read_all(connection: Connection) -> list[tuple[object, ...]]:
    columns = "hour, inbox_id, responder, language, outcome, turns, conversations, tokens, micros, unpriced, latency"
    return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM hourly ORDER BY 1, 2, 3, 4, 5"))]


def test_rolling_up_twice_gives_the_same_and_what_the_rows_say(connection: Connection) -> None:
    add_some(connection)
    numbers.roll_up(connection, NOW - timedelta(minutes=1))
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    once = read_all(connection)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    assert read_all(connection) == once
    zone = ZoneInfo("Europe/Madrid")
    period = numbers.Period(NOW.date() - timedelta(days=5), NOW.date(), zone)
    total = numbers.sum_total(connection, period)
    assert total.turns == total.conversations == connection.execute(text("SELECT count(*) FROM turn")).scalar() == 9
    assert (total.micros, total.tokens) == (900, 225)
    assert dict(total.counts) == {"answered": 6, "unanswered": 1, "handed_off": 1, "ignored": 1}
    assert sum(numbers.read_latency(connection, period)) == 8
    middle = numbers.find_quantile(numbers.read_latency(connection, period), 0.5)
    assert middle is not None
    assert 5 <= middle <= 8


ZONE = ZoneInfo("Europe/Madrid")


def read_everything(connection: Connection, period: numbers.Period) -> list[object]:
    functions = (numbers.read_report, numbers.sum_by_day, numbers.sum_total, numbers.read_latency)
    return [function(connection, period) for function in functions]


def test_days_that_are_over_are_summed_once_more_and_say_the_same(connection: Connection) -> None:
    add_some(connection)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    period = numbers.Period(NOW.date() - timedelta(days=5), NOW.date(), ZONE)
    before = read_everything(connection, period)
    hours = numbers.read_report(connection, period).by["hour"]
    assert sum(figures.turns for figures in hours.values()) == 9
    assert hours["13"].counts == {"answered": 1}  # the newest of them, at 13:30 in Madrid
    for _ in range(2):
        numbers.roll_up_days(connection, NOW, ZONE)
        days = connection.scalars(text("SELECT DISTINCT day FROM daily ORDER BY day")).all()
        assert days == [NOW.date() - timedelta(days=2), NOW.date() - timedelta(days=1)]
        assert read_everything(connection, period) == before


def test_in_another_time_zone_the_days_are_summed_anew(connection: Connection) -> None:
    add_some(connection)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    numbers.roll_up_days(connection, NOW, ZONE)
    auckland = ZoneInfo("Pacific/Auckland")
    period = numbers.Period(NOW.date() - timedelta(days=5), NOW.date() + timedelta(days=1), auckland)
    hourly = read_everything(connection, period)
    numbers.roll_up_days(connection, NOW, auckland)
    assert connection.scalars(text("SELECT DISTINCT zone FROM daily")).all() == ["Pacific/Auckland"]
    assert read_everything(connection, period) == hourly
    assert numbers.sum_total(connection, period).turns == 9


def test_a_day_that_has_just_ended_is_still_counted_by_its_hours(connection: Connection) -> None:
    """What is settled a little later must not be missing."""
    add_some(connection)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    numbers.roll_up_days(connection, datetime(2026, 3, 10, 1, 0, tzinfo=ZONE), ZONE)
    assert connection.scalar(text("SELECT max(day) FROM daily")) == NOW.date() - timedelta(days=2)


def add_trial(connection: Connection, at: datetime, micros: int | None = 40, state: str = "settled") -> None:
    """A call to the model for nobody's message: the test bot, a kept test, a draft, the key's own test."""
    columns = "purpose, model, state, cost_micros, input_tokens, output_tokens, started_at"
    values = {"at": at, "micros": micros, "state": state}
    connection.execute(text(f"INSERT INTO llm_call ({columns}) VALUES ('assistant', 'm', :state, :micros, 9, 1, :at)"), values)


def test_calls_without_a_turn_are_in_the_cost_and_in_no_count_of_messages(connection: Connection) -> None:
    add_some(connection)
    for hours in (1, 30, 31, 80):
        add_trial(connection, NOW - timedelta(hours=hours))
    add_trial(connection, NOW - timedelta(hours=31), None)
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    period = numbers.Period(NOW.date() - timedelta(days=5), NOW.date(), ZONE)
    for _ in range(2):
        report = numbers.read_report(connection, period)
        total = report.total
        assert (total.micros, total.trial_micros, total.unpriced, total.tokens) == (1_060, 160, 1, 275)
        assert (total.turns, total.micros_per_answer) == (9, 150), "an answer costs what answers cost"
        assert report.by["day"]["2026-03-09"].trial_micros == 80
        for kind in ("hour", "inbox", "responder", "language"):
            assert sum(figures.micros for figures in report.by[kind].values()) == 900
        numbers.roll_up_days(connection, NOW, ZONE)  # the same from the days that are over


def test_trials_are_counted_where_no_customer_ever_wrote(connection: Connection) -> None:
    add_trial(connection, NOW - timedelta(days=3))
    for _ in range(2):
        numbers.roll_up(connection, NOW)
        numbers.roll_up_days(connection, NOW, ZONE)
        figures = numbers.sum_total(connection, numbers.Period(NOW.date() - timedelta(days=5), NOW.date(), ZONE))
        assert (figures.micros, figures.turns) == (40, 0)
    assert numbers.forecast_month(connection, NOW.date(), ZONE) == 40, "nobody knows that it goes on"


def test_days_that_were_counted_before_trials_were_get_theirs(connection: Connection) -> None:
    """As the release before left them."""
    add_some(connection)
    for hours in (1, 50, 200):
        add_trial(connection, NOW - timedelta(hours=hours))
    numbers.roll_up(connection, NOW)
    numbers.roll_up_days(connection, NOW, ZONE)
    for table in ("hourly", "daily"):
        connection.execute(text(f"DELETE FROM {table} WHERE outcome = 'trial'"))
    period = numbers.Period(NOW.date() - timedelta(days=20), NOW.date(), ZONE)
    for _ in range(2):
        numbers.roll_up(connection, NOW)
        assert numbers.sum_total(connection, period).trial_micros == 120
        numbers.roll_up_days(connection, NOW, ZONE)
        assert numbers.sum_total(connection, period).trial_micros == 120
    assert connection.scalar(text("SELECT sum(micros) FROM daily WHERE outcome = 'trial'")) == 80


TENTH = date(2026, 3, 10)  # 21 days of March come after it


def forecast(connection: Connection) -> int:
    numbers.roll_up(connection, NOW + timedelta(minutes=1))
    numbers.roll_up_days(connection, NOW, ZONE)
    return numbers.forecast_month(connection, TENTH, ZONE)


def test_on_its_first_day_the_month_goes_on_as_today(connection: Connection) -> None:
    for n in range(2):
        add_turn(connection, n, "¿Cuánto tarda?", NOW - timedelta(hours=n))
    assert forecast(connection) == 200 + 200 * 21


def test_a_bot_that_began_two_days_ago_is_not_taken_for_a_week_old(connection: Connection) -> None:
    for n, hours in enumerate((0, 24, 48, 48)):
        add_turn(connection, n, "¿Cuánto tarda?", NOW - timedelta(hours=hours))
    add_trial(connection, NOW - timedelta(days=7), 1_000)
    assert forecast(connection) == 1_400 + 150 * 21, "trials are in the month, and don't go on"


def test_a_quiet_week_counts_as_seven_days(connection: Connection) -> None:
    for n, days in enumerate((0, 1, 30)):
        add_turn(connection, n, "¿Cuánto tarda?", NOW - timedelta(days=days))
    assert forecast(connection) == 200 + 100 * 21 // 7


def read_links(page: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    found = (urlsplit(unescape(address)) for address in re.findall(r'href="(/[^"]*)"', page))
    return {(parts.path, tuple(sorted(parse_qsl(parts.query)))) for parts in found}


def find_link(path: str, **wanted: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    named = {name.rstrip("_"): value for name, value in wanted.items()}
    return path, tuple(sorted(named.items()))


def test_a_number_opens_the_conversations_of_its_days(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
        connection.execute(text("UPDATE turn SET responder = 'flow' WHERE handoff_reason = 'unsure'"))
        inbox = str(connection.scalar(text("SELECT id FROM inbox")))
    links = read_links(client.get("/analytics?from=2026-03-01&to=2026-03-10").text)
    days, listed = {"from_": "2026-03-01", "to": "2026-03-10"}, "/conversations"
    assert find_link(listed, **days) in links
    assert {find_link(listed, state=state, **days) for state in ("answered", "handed_off", "ignored", "suggested")} <= links
    assert {find_link(listed, inbox=inbox, **days), find_link(listed, responder="faq", **days)} <= links
    assert {find_link(listed, language="es", **days), find_link(listed, q="¿Vendéis coches?", **days)} <= links
    assert find_link(listed, from_="2026-03-10", to="2026-03-10") in links, "a day of the table"
    assert not any(("responder", "flow") in query for _path, query in links), "the list has no such filter and would show all"
    bare = {query for path, query in links if path == listed and query}
    assert all({"from", "to"} <= dict(query).keys() for query in bare)


def test_what_is_only_watched_opens_what_is_watched(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        save_setting(connection, app.config["CONFIG"], "mode", "watch", "test")
    states = {dict(query).get("state") for path, query in read_links(client.get("/analytics").text) if path == "/conversations"}
    assert "watched" in states
    assert "suggested" not in states


def test_the_time_stands_beside_that_of_before(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, 1, "¿Cuánto tarda?", NOW - timedelta(days=1))
    page = client.get("/analytics?from=2026-03-10&to=2026-03-10", headers={"Accept-Language": "en"}).text
    card = page.split("Time to the first message")[1].split("Half of the answers")[0].replace("\xa0", " ")
    assert re.search(r"Before: [5-8](\.\d)? s", card), card


def test_the_page_says_what_trials_cost(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_trial(connection, NOW, 2_500_000)
    page = client.get("/analytics?from=2026-03-01&to=2026-03-10", headers={"Accept-Language": "en"}).text
    assert "Trials in the panel are in the cost: $2.50." in page
    assert "Trials in the panel" not in client.get("/analytics?from=2026-02-01&to=2026-02-10").text


def test_attention_leaves_out_the_message_that_watches_the_bot(connection: Connection) -> None:
    """Health, where the number leads, leaves it out as well."""
    for n in (1, 2):
        add_turn(connection, n, "hola", NOW - timedelta(minutes=n))
    connection.execute(text("UPDATE conversation SET in_seq = 2"))
    connection.execute(text("UPDATE conversation SET chatwoot_id = :n WHERE chatwoot_id = 1"), {"n": CANARY_IDS})
    assert numbers.read_attention(connection).waiting == 1


def test_attention_counts_what_was_not_delivered_in_the_last_week(connection: Connection) -> None:
    now = datetime.now(UTC)
    assert (numbers.read_attention(connection).failed, numbers.read_attention(connection).held) == (0, 0)
    for n, (age, state) in enumerate([(9, "failed"), (3, "failed"), (2, "sent"), (1, "held"), (0, "failed")]):
        add_turn(connection, n, "hola", now - timedelta(days=age, minutes=1))
        connection.execute(text("UPDATE part SET state = :s WHERE mark = :m"), {"s": state, "m": f"m{n}"})
    found = numbers.read_attention(connection)
    assert (found.failed, found.held) == (2, 1)


def test_questions_without_an_answer_go_by_an_index_of_their_own(connection: Connection) -> None:
    only = f"AND handoff_reason IN {numbers.UNKNOWING}"
    period = {"start": NOW - timedelta(days=365), "end": NOW}
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    plan = connection.scalars(text("EXPLAIN " + numbers.ASKED.format(only=only)), period).all()
    assert any("ix_turn_unanswered" in line for line in plan)


def test_the_page_and_its_csv_show_the_figures(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
    page = client.get("/analytics?from=2026-03-01&to=2026-03-10")
    assert page.status_code == 200
    assert "¿Vendéis coches?" in page.text
    lines = client.get("/analytics.csv?from=2026-03-10&to=2026-03-10").text.splitlines()
    assert lines[1].split(";")[:6] == ["2026-03-10", "5", "2", "1", "1", "0"]


@pytest.mark.parametrize(
    ("language", "mark", "head", "money"),
    [
        ("es", ";", ["Día", "Conversaciones", "Respondidos"], "0,0005"),
        ("en", ",", ["Day", "Conversations", "Answered"], "0.0005"),
    ],
)
def test_the_csv_is_for_the_spreadsheet_of_whoever_reads_it(
    app: Flask, make_client: Callable[[str], FlaskClient], language: str, mark: str, head: list[str], money: str
) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
    answer = client.get("/analytics.csv?from=2026-03-10&to=2026-03-10", headers={"Accept-Language": language})
    assert answer.data.startswith(b"\xef\xbb\xbf"), "without the mark Excel takes UTF-8 for something else"
    names, day = csv.reader(answer.data.decode("utf-8-sig").splitlines(), delimiter=mark)
    assert names[:3] == head
    assert len(names) == len(day)
    assert money in day, "in dollars, with the reader's decimal sign"


def test_a_period_that_makes_no_sense_shows_the_last_30_days(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    for query in ("from=x&to=y", "from=2026-05-01&to=2026-01-01", "days=9999999", "to=0001-01-01"):
        assert client.get(f"/analytics?{query}").status_code == 200
    assert len(client.get("/analytics.csv?from=0001-01-01").text.splitlines()) == 31


def test_the_nightly_prune_counts_first(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        add_some(connection)
    assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT sum(turns) FROM hourly")).scalar() == 9


def test_what_was_published_stands_on_the_charts_and_in_words(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        for note, at in (("Precios nuevos", "2026-03-09 10:00+00"), ("Antes de todo", "2026-02-01 10:00+00")):
            connection.execute(text("INSERT INTO release (note, created_at) VALUES (:note, :at)"), {"note": note, "at": at})
    page = client.get("/analytics?from=2026-03-01&to=2026-03-10").text
    assert "Precios nuevos" in page
    assert "Antes de todo" not in page
    assert f'"marks": [{int(datetime(2026, 3, 9, 10, tzinfo=UTC).timestamp())}]' in page
