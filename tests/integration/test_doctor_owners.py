"""The doctor's line about owners who log in with their password alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conftest import make_config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from chatbot.checks import Finding, Surroundings
from chatbot.doctor import CHECKS, describe, look_at
from chatbot.settings import Settings

CHECK = next(check for check in CHECKS if check.id == "second_factor")
ACCOUNT = text("""INSERT INTO account (email, role, fs_uniquifier, active, password, tf_totp_secret)
                  VALUES (:email, :role, :email, :active, :password, :secret)""")
PASSKEY = text("""INSERT INTO passkey (account_id, credential_id, public_key, name)
                  SELECT id, 'a', 'b', 'phone' FROM account WHERE email = :email""")


@pytest.fixture
def at(make_database: Callable[[], str]) -> Iterator[Surroundings]:
    url = make_database()
    engine = create_engine(url, poolclass=NullPool)
    yield Surroundings(make_config(url), Settings(), engine)
    engine.dispose()


def add(
    at: Surroundings,
    email: str,
    role: str = "owner",
    *,
    active: bool = True,
    password: str | None = "hash",
    secret: str | None = None,
) -> None:
    with at.engine.begin() as connection:
        values = {"email": email, "role": role, "active": active, "password": password, "secret": secret}
        connection.execute(ACCOUNT, values)


def find(at: Surroundings) -> Finding | None:
    return look_at([CHECK], at).get(CHECK.id)


def test_where_nobody_can_log_in_yet_there_is_no_line(at: Surroundings) -> None:
    assert find(at) is None
    add(at, "invited@shop.example", password=None)
    assert find(at) is None


def test_owners_with_a_second_factor_are_well_and_a_passkey_is_none(at: Surroundings) -> None:
    """A passkey is another way in: the password alone still opens the account."""
    add(at, "ana@shop.example", secret="encrypted")
    assert find(at) == Finding("ok", "ok", {"count": 1})
    add(at, "bea@shop.example")
    with at.engine.begin() as connection:
        connection.execute(PASSKEY, {"email": "bea@shop.example"})
    assert find(at) == Finding("warn", "missing", {"names": "bea@shop.example"})


def test_only_owners_who_can_log_in_are_named(at: Surroundings) -> None:
    add(at, "ana@shop.example", secret="encrypted")
    add(at, "editor@shop.example", "editor")
    add(at, "agent@shop.example", "agent")
    add(at, "former@shop.example", active=False)
    add(at, "invited@shop.example", password=None)
    assert find(at) == Finding("ok", "ok", {"count": 1})


def test_it_says_who_and_where_to_click(at: Surroundings) -> None:
    add(at, "bea@shop.example")
    add(at, "ana@shop.example")
    found = find(at)
    assert found is not None
    for language, places in {"en": ("My account", "Second factor"), "es": ("Mi cuenta", "Segundo factor")}.items():
        line = describe(CHECK.id, found, language)  # type: ignore[arg-type]
        assert "ana@shop.example, bea@shop.example" in line.seen
        assert all(place in line.mend for place in places)
        assert not line.is_command
