"""Opening hours in the panel: seven fields, closed days, holidays; what can't be is refused beside its field."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatbot.db import db
from chatbot.settings import load_settings

Maker = Callable[[str], FlaskClient]


def read(app: Flask, name: str) -> object:
    with app.app_context(), db.engine.begin() as connection:
        return getattr(load_settings(connection, app.config["CONFIG"]), name)


def test_a_week_is_saved_shown_and_taken_back(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    assert client.post("/settings/week", data={"mon": "9-14, 17:00 a 20:30", "sun": "cerrado"}).status_code == 303
    assert read(app, "hours") == ("mon 9:00-14:00, 17:00-20:30",)
    page = client.get("/settings").text
    assert 'value="9:00-14:00, 17:00-20:30"' in page
    assert "Lunes" in page or "Monday" in page
    client.post("/settings/week", data={})
    assert read(app, "hours") == ()


def test_hours_that_cannot_be_are_refused_and_stay_in_their_field(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    page = client.post("/settings/week", data={"mon": "9:00-14:00", "tue": "all <day>"})
    assert page.status_code == 422
    assert 'value="all &lt;day&gt;"' in page.text
    assert 'value="9:00-14:00"' in page.text
    assert read(app, "hours") == ()


def test_a_week_of_the_environment_is_grey(make_client: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client("owner")
    monkeypatch.setenv("HOURS", "lunes a viernes 9-14")
    page = client.get("/settings").text
    assert "HOURS" in page
    assert page.count('value="9:00-14:00"') == 5
    assert client.post("/settings/week", data={"mon": "9-10"}).status_code == 404


def test_closed_days_and_holidays(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    client.post("/settings/closures", data={"value": "24/12 Nochebuena\n1/8/2026-15/8/2026 Vacaciones"})
    client.post("/settings/holidays", data={"value": "es-md"})
    assert read(app, "closures") == ("24/12 Nochebuena", "2026-08-01..2026-08-15 Vacaciones")
    assert read(app, "holidays") == "ES-MD"
    assert client.post("/settings/holidays", data={"value": "ZZ"}).status_code == 422
    assert client.post("/settings/closures", data={"value": "Nochebuena"}).status_code == 422


@pytest.mark.parametrize("role", ["agent", "editor"])
def test_only_owners_change_hours(make_client: Maker, role: str) -> None:
    assert make_client(role).post("/settings/week", data={"mon": "9-14"}).status_code == 403


def test_the_command_takes_the_same(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["settings", "set", "hours", "L-V 9:00-14:00; sáb 10-14"]).exit_code == 0
    assert read(app, "hours") == (*(f"{d} 9:00-14:00" for d in ("mon", "tue", "wed", "thu", "fri")), "sat 10:00-14:00")
    assert "mon 9:00-14:00" in runner.invoke(args=["settings", "get", "hours"]).output
    assert runner.invoke(args=["settings", "set", "hours", "sometimes"]).exit_code != 0


def test_first_steps_ask_for_the_week_in_one_line(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    given = {"business_name": "Azahar", "time_zone": "Europe/Madrid", "language": "es", "hours": "L-V 9-14; sábado 10-14"}
    assert client.post("/first-steps/business", data=given).status_code in {302, 303}
    assert read(app, "hours") == (*(f"{d} 9:00-14:00" for d in ("mon", "tue", "wed", "thu", "fri")), "sat 10:00-14:00")
    assert 'value="lun-vie 9:00-14:00; sáb 10:00-14:00"' in client.get("/first-steps/business").text
    page = client.post("/first-steps/business", data={**given, "hours": "a veces"})
    assert page.status_code == 422
    assert "lun-vie 9:00-14:00, 17:00-20:30" in page.text
    assert 'value="a veces"' in page.text
