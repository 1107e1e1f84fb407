"""A bundle of a working box, restored beside it: whole processes, and judged by what Chatwoot received."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance.box import SECRET_KEY, Box
from acceptance.conftest import Maker, make_box
from postgres import GivenPostgres, Postgres

from integration.backups import Shop, open_shop

__all__ = ["make_box"]  # a fixture

FAQ = "¿Hacéis envíos a Canarias?"
ANSWERS = ["Sí, enviamos a Canarias en 5 días.", "Abrimos de 9 a 14.", "Puede devolverlo en 30 días desde su cuenta."]


@pytest.fixture
def as_shop(make_database: Callable[[], str], tmp_path: Path, postgres: Postgres | GivenPostgres) -> Callable[[str], Shop]:
    """as_shop(database_url) -> that database with the folders of a box."""
    made: list[Shop] = []

    def make(database_url: str) -> Shop:
        made.append(open_shop(database_url, tmp_path / f"folders{len(made)}", postgres, SECRET_KEY))
        return made[-1]

    return make


def read_installation(box: Box) -> object:
    return box.rows("SELECT installation_id FROM instance")[0]["installation_id"]


@pytest.mark.thorough
def test_yesterdays_bundle_restored_while_the_old_box_lives_says_nothing_twice(
    make_box: Maker,
    as_shop: Callable[[str], Shop],
    make_database: Callable[[], str],
) -> None:
    old = make_box(workers=1)
    conversation = old.pretend.customer(FAQ)["conversation"]
    old.settle()
    old.wait(lambda: old.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    shop = as_shop(old.database_url)
    bundle = shop.make()  # while it works
    for text in ("horario", "¿Cómo devuelvo un pedido?"):
        old.pretend.customer(text, conversation=conversation)
        old.settle()
    assert old.texts(conversation) == ANSWERS
    url = make_database()
    as_shop(url).restore(bundle, shop.key)
    restored = make_box(database_url=url, pretend=old.pretend, seeds=False, workers=1, PUBLIC_URL=old.url)
    restored.wait(lambda: restored.rows("SELECT held_at FROM instance")[0]["held_at"] is None, 20, "it has caught up")
    time.sleep(2)
    assert old.texts(conversation) == ANSWERS
    assert read_installation(old) != read_installation(restored)
    old.check()


@pytest.mark.thorough
def test_what_nobody_answered_while_there_was_no_box_is_answered_once(
    make_box: Maker,
    as_shop: Callable[[str], Shop],
    make_database: Callable[[], str],
) -> None:
    old = make_box(workers=1)
    old.pretend.customer("horario")
    old.settle()
    old.wait(lambda: old.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    shop = as_shop(old.database_url)
    bundle = shop.make()
    for name in old.processes:
        old.kill(name)
    said = old.pretend.customer(FAQ)
    url = make_database()
    as_shop(url).restore(bundle, shop.key)
    restored = make_box(database_url=url, pretend=old.pretend, seeds=False, workers=1)
    restored.wait(lambda: old.texts(said["conversation"]) == ANSWERS[:1], 20, "it is answered after catching up")
    time.sleep(2)
    assert old.texts(said["conversation"]) == ANSWERS[:1]
