"""The audit log in plain words: who did what, what it was before and after; logins, logouts and lock-outs too."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from conftest import ROOT
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.audit import Actor, record
from chatbot.db import db
from chatbot.web import audit_words
from tests.web.conftest import PASSWORD, add_account

Maker = Callable[[str], FlaskClient]


def add(app: Flask, act: str, subject: str = "", before: object = None, after: object = None) -> None:
    with app.app_context(), db.engine.begin() as connection:
        record(connection, Actor("ana@example.com"), act, subject, before, after)  # type: ignore[arg-type]


def read_acts(app: Flask) -> list[tuple[str, str, str]]:
    with app.app_context(), db.engine.begin() as connection:
        rows = connection.execute(text("SELECT act, who, subject FROM audit_line ORDER BY id"))
        return [(row.act, row.who, row.subject) for row in rows]


def read_text(page: str) -> str:
    """What a person reads of the table."""
    table = page.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", table).split())


def find_recorded() -> Iterator[str]:
    """Every act that is written out as record()'s third argument."""
    for path in [*(ROOT / "chatbot").glob("*.py"), *(ROOT / "chatbot/web").glob("*.py"), *(ROOT / "chatbot/cli").glob("*.py")]:
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call) and len(n.args) > 2):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            act = call.args[2]
            if name == "record" and isinstance(act, ast.Constant) and isinstance(act.value, str):
                yield act.value


@pytest.mark.parametrize("act", sorted(set(find_recorded())))
def test_every_act_has_words(act: str) -> None:
    assert act in audit_words.ACTS, "add it to chatbot/web/audit_words.py"


def test_there_are_many_acts() -> None:
    assert len(set(find_recorded())) > 30


def test_acts_are_told_in_the_reader_s_language(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    add(app, "content.publish", "release:7", {"release": 6}, {"release": 7})
    assert "Publicó el borrador Versión 7 Versión 6 7" in read_text(client.get("/audit").text)
    client.post("/account", data={"name": "Ana", "language": "en", "theme": "auto"})
    assert "Published the draft Version 7" in read_text(client.get("/audit").text)


def test_only_what_changed_is_shown_with_before_and_after(app: Flask, make_client: Maker) -> None:
    add(app, "account.change", "b@example.com", {"role": "agent", "active": True}, {"role": "editor", "active": True})
    add(app, "setting.change", "debounce_seconds", {"value": 6}, {"value": 9})
    client = make_client("owner")
    shown = read_text(client.get("/audit").text)
    assert "Cambió un usuario b@example.com Rol agente editor" in shown
    assert "Puede entrar" not in shown
    assert "Cambió un ajuste Espera antes de responder Valor 6 9" in shown
    add(app, "setting.change", "mode", {"value": "suggest"}, {"value": "live"})
    shown = read_text(client.get("/audit").text)
    assert "suggest" not in shown, "a choice is called as in the settings"


def test_an_entry_s_change_is_shown_by_its_words(app: Flask, make_client: Maker) -> None:
    def faq(answer: str) -> dict[str, object]:
        return {"key": "envios", "questions": {"es": ["¿Enviáis?"]}, "answers": {"es": answer}, "enabled": True}

    add(app, "content.save", "faq:envios", faq("Sí, en 5 días."), faq("Sí, en 3 días."))
    page = make_client("owner").get("/audit").text
    assert "<del>5</del><ins>3</ins>" in page
    assert "{&#39;" not in page, "nobody reads Python"


def test_what_an_old_line_holds_never_breaks_the_page(app: Flask, make_client: Maker) -> None:
    add(app, "content.save", "faq:x", {"strange": [1]}, {"questions": 5})
    add(app, "an.act.of.tomorrow", "thing:1", {"deep": {"a": [1, {"b": None}]}}, None)
    page = make_client("owner").get("/audit")
    assert page.status_code == 200
    assert "an.act.of.tomorrow" in page.text


def test_a_name_with_a_script_in_it_is_only_text(app: Flask, make_client: Maker) -> None:
    add(app, "view.save", "<img src=x onerror=alert(1)>", None, {"query": "<script>alert(1)</script>"})
    page = make_client("owner").get("/audit").text
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_search_finds_the_words_that_are_shown(app: Flask, make_client: Maker) -> None:
    add(app, "content.publish", "release:7")
    add(app, "pause")
    client = make_client("owner")
    found = read_text(client.get("/audit?q=publico").text)
    assert "Publicó el borrador" in found
    assert "Pausó" not in found
    assert "Pausó el bot" in read_text(client.get("/audit?area=running").text)
    assert "Publicó" not in read_text(client.get("/audit?area=running").text)
    assert "No hay nada" in client.get("/audit?q=zzz").text or "Aquí no hay nada" in client.get("/audit?q=zzz").text


def test_login_and_logout_are_written_down(app: Flask, make_client: Maker) -> None:
    make_client("owner").post("/logout")
    who = "owner@example.com"
    assert read_acts(app) == [("login", who, who), ("logout", who, who)]
    with app.app_context():
        addresses = db.session.scalars(text("SELECT DISTINCT address FROM audit_line")).all()
    assert addresses == ["127.0.0.1"]


def test_a_wrong_password_is_no_login(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "agent")
    app.test_client().post("/login", data={"email": "a@example.com", "password": "wrong-wrong-1"})
    assert read_acts(app) == []


def test_a_lock_out_is_one_line_however_long_a_robot_goes_on(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "agent")
    client = app.test_client()
    for _ in range(14):
        client.post("/login", data={"email": "a@example.com", "password": "wrong-wrong-1"})
    assert read_acts(app) == [("login.locked", "–", "a@example.com")]


def test_what_was_typed_as_an_unknown_address_is_not_kept(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for _ in range(12):
        client.post("/login", data={"email": "my-password-typed-here", "password": "wrong-wrong-1"})
    assert read_acts(app) == [("login.locked", "–", "127.0.0.1")]


def test_a_new_password_is_one_line_and_no_login(app: Flask, make_client: Maker) -> None:
    client = make_client("agent")
    new = "otra-palabra-larga-7"
    client.post("/account/password", data={"present": PASSWORD, "password": new, "again": new})
    assert [act for act, _who, _subject in read_acts(app)] == ["login", "account.password"]


def test_the_second_factor_on_and_off_is_written_down(app: Flask, make_client: Maker) -> None:
    client = make_client("agent")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE account SET tf_totp_secret = 'x', tf_primary_method = 'authenticator'"))
    client.post("/account/second-factor/off")
    assert read_acts(app)[-1][0] == "account.second_factor_off"
    assert audit_words.ACTS["account.second_factor_on"]
