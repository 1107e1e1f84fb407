"""Two boxes: a restored database beside a running one, and an agent bot that belongs to another installation."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import create_engine, make_url, text

from acceptance.box import Box
from acceptance.conftest import Maker

FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."


def copy_database(url: str, name: str) -> str:
    """As a restore from a backup would make it. Nobody may be connected to the original."""
    admin = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{make_url(url).database}"'))
    admin.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def pause_processes(box: Box) -> None:
    for name in box.processes:
        box.kill(name)
    box.engine.dispose()


def restore_beside_a_running_one(make_box: Maker, sabotage: tuple[str, ...] = ()) -> tuple[Box, Box, int]:
    """A backup is taken while a message is stored but not answered; the box goes on; then the copy is started beside it."""
    box = make_box(workers=1, DEBOUNCE_SECONDS="2", DEBOUNCE_MAX_S="3")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.settle()
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    owed = box.pretend.customer("horario", conversation=conversation)
    box.wait(lambda: box.rows("SELECT 1 FROM message WHERE chatwoot_id = :m", m=owed["message"]) != [], 10, "it is stored")
    pause_processes(box)
    old = copy_database(box.database_url, f"{make_url(box.database_url).database}_old")
    box.start_web()
    box.start_worker(0)
    box.settle()
    box.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER, "Abrimos de 9 a 14.", "Puede devolverlo en 30 días desde su cuenta."]
    restored = make_box(database_url=old, pretend=box.pretend, seeds=False, workers=1, sabotage=sabotage)
    box.pretend.bot.outgoing_url = f"{box.url}/webhooks/chatwoot"
    return box, restored, conversation


def test_a_restored_database_beside_a_running_one_says_nothing_twice(make_box: Maker) -> None:
    box, restored, conversation = restore_beside_a_running_one(make_box)
    restored.wait(lambda: restored.rows("SELECT held_at FROM instance")[0]["held_at"] is None, 20, "it has caught up")
    restored.settle()
    time.sleep(2)
    assert len(box.texts(conversation)) == 3
    ids = {b.rows("SELECT installation_id FROM instance")[0]["installation_id"] for b in (box, restored)}
    assert len(ids) == 2, "a restored database is another installation"
    box.check()


@pytest.mark.thorough
def test_without_noticing_a_restore_the_checker_turns_red(make_box: Maker) -> None:
    box, restored, _ = restore_beside_a_running_one(make_box, ("restore_notice", "echo_witness", "mark_lookup"))
    restored.settle()
    time.sleep(1)
    assert "P3" in {v.rule for v in box.violations()}


def test_a_restored_database_answers_what_nobody_answered(make_box: Maker) -> None:
    box = make_box(workers=1)
    box.pretend.customer("horario")
    box.settle()
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    pause_processes(box)
    old = copy_database(box.database_url, f"{make_url(box.database_url).database}_lost")
    box.pretend.bot.outgoing_url = ""
    said = box.pretend.customer(FAQ)  # while there is no box at all
    restored = make_box(database_url=old, pretend=box.pretend, seeds=False, workers=1)
    restored.wait(lambda: box.texts(said["conversation"]) == [ANSWER], 20, "it is answered after catching up")


@pytest.mark.thorough
def test_without_a_token_that_reads_a_restored_database_waits_for_its_owner(make_box: Maker) -> None:
    box = make_box(workers=1)
    box.settle()
    pause_processes(box)
    old = copy_database(box.database_url, f"{make_url(box.database_url).database}_blind")
    box.pretend.fault("list", "status", status=401)
    restored = make_box(database_url=old, pretend=box.pretend, seeds=False, workers=1)
    conversation = box.pretend.customer(FAQ)["conversation"]
    time.sleep(3)
    assert box.texts(conversation) == []
    with restored.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET held_at = NULL"))
    restored.wait(lambda: box.texts(conversation) == [ANSWER], 10, "resumed by hand")


def test_an_installation_is_mute_while_its_bot_is_another_ones(make_box: Maker) -> None:
    owner = make_box(workers=0)
    with owner.engine.begin() as connection:  # both databases come from one template
        connection.execute(text("UPDATE instance SET installation_id = gen_random_uuid()"))
    other = make_box(workers=1, pretend=owner.pretend, PUBLIC_URL=owner.url)
    owner.pretend.bot.outgoing_url = f"{owner.url}/webhooks/chatwoot"
    other.wait(lambda: other.rows("SELECT muted_reason FROM instance")[0]["muted_reason"] is not None, 10, "it is mute")
    owner.pretend.bot.deliver_to = f"{other.url}/webhooks/chatwoot"
    said = owner.pretend.customer(FAQ)
    other.settle()
    assert owner.texts(said["conversation"]) == []
    assert other.bot_view()[said["message"]] == "ignored:another_installation"
    owner.pretend.bot.outgoing_url = owner.pretend.bot.deliver_to
    other.wait(lambda: other.rows("SELECT muted_reason FROM instance")[0]["muted_reason"] is None, 10, "it speaks again")
