"""What must still hold after a mishap has passed: a gap, a single wrong answer, a stop in mid-turn, a person in between."""

from __future__ import annotations

import signal

import pytest
from conftest import thorough
from sqlalchemy import text

from acceptance.box import Box
from acceptance.conftest import Maker
from acceptance.test_rare_cases import ANSWER, FAQ, HOURS, done, start
from chatbot.pretend.state import ACTIVITY, FAULT_TEXT


@pytest.fixture(scope="module")
def one(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1)


def open_by_fault(box: Box, conversation: int) -> None:
    """As Chatwoot does when the bot's webhook fails."""
    with box.pretend.world.lock:
        box.pretend.store(box.pretend.world.conversations[conversation], FAULT_TEXT, ACTIVITY, None)
        box.pretend.change_status(box.pretend.world.conversations[conversation], "open", "system")


def make_gap(box: Box) -> None:
    """The worker was away for six minutes, by its own notes."""
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    box.kill("worker0")
    with box.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET reconciled_at = now() - interval '6 minutes'"))


@pytest.mark.thorough
def test_one_404_to_a_post_loses_nothing(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("post_message", "status", status=404, conversation=conversation, times=1)
    one.pretend.customer(FAQ, conversation=conversation)
    one.wait(lambda: ANSWER in one.texts(conversation), 12, "it is said all the same")


@pytest.mark.thorough
def test_one_404_after_an_outage_is_not_believed(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("get_conversation", "status", status=500, conversation=conversation, times=6)
    one.pretend.fault("get_conversation", "status", status=404, conversation=conversation, times=1)
    one.pretend.customer(FAQ, conversation=conversation)
    one.wait(lambda: ANSWER in one.texts(conversation), 20, "it is answered")
    one.pretend.clear_faults()


def test_a_person_who_speaks_before_we_take_it_back_keeps_it(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("webhook", "drop", conversation=conversation)
    open_by_fault(one, conversation)
    one.pretend.clear_faults()
    one.crash_at("after_freeze", "raise")
    one.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    one.wait(lambda: one.has_crashed("after_freeze"), 8, "the reply is frozen")
    one.pretend.agent_reply(conversation, "Hola, se lo miro yo.")
    done(one, conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]
    assert one.pretend.status(conversation) == "open"


@pytest.mark.parametrize(
    "fault", [{"where": "list", "status": 401}, *thorough({"where": "get_messages", "status": 500, "conversation": 1})]
)
def test_a_gap_in_readings_does_not_silence_it_for_good(make_box: Maker, fault: dict[str, object]) -> None:
    box = make_box(workers=1)
    unreadable, conversation = start(box), start(box)
    assert unreadable == 1
    make_gap(box)
    box.pretend.fault(kind="status", **fault)  # type: ignore[arg-type]
    box.start_worker(0)
    box.pretend.customer(FAQ, conversation=conversation)
    box.wait(lambda: ANSWER in box.texts(conversation), 20, "it speaks again")


@pytest.mark.thorough
def test_a_long_absence_can_be_read_in_one_answer(make_box: Maker) -> None:
    box = make_box(workers=1)
    conversation = start(box)
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    box.pretend.fault("webhook", "drop")
    for _ in range(160):
        box.pretend.customer("x " * 9_000)
    box.pretend.customer(FAQ, conversation=conversation)
    box.pretend.clear_faults()
    box.wait(lambda: ANSWER in box.texts(conversation), 40, "4 MB of conversations are read")


def test_a_worker_that_is_told_to_stop_ends_its_turn_itself(make_box: Maker) -> None:
    box = make_box(workers=2, STOP_GRACE_S="6", POST_TIMEOUT_S="3", LEASE_S="20", RECONCILE_S="600")
    conversation = start(box)
    box.pretend.fault("get_messages", "latency", delay_s=2.0, conversation=conversation, times=1)
    box.pretend.customer(FAQ, conversation=conversation)
    leased = "SELECT epoch, lease_by FROM conversation WHERE chatwoot_id = :c AND lease_by IS NOT NULL"
    box.wait(lambda: box.rows(leased, c=conversation) != [], 8, "it is claimed")
    (claim,) = box.rows(leased, c=conversation)
    number = next(n for n in range(2) if str(claim["lease_by"]) in box.log(f"worker{n}"))
    box.kill(f"worker{number}", signal.SIGTERM)
    box.wait(lambda: ANSWER in box.texts(conversation), 10, "it is answered")
    assert box.rows("SELECT epoch FROM conversation WHERE chatwoot_id = :c", c=conversation) == [{"epoch": claim["epoch"]}]
