"""Figures agree with the rows that they were made from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from chatbot import numbers
from chatbot.db import db
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
    assert lines[1].split(",")[:6] == ["2026-03-10", "5", "2", "1", "1", "0"]


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
