"""The panel's "Try now" and "See whether it arrived" bring forward or look; no customer ever reads anything twice by them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import thorough

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot import queue, vitals
from chatbot.clients.chatwoot import Chatwoot
from chatbot.sending import find_mark, find_posted

FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."
SLOW = {"BACKOFF_S": "30", "BACKOFF_MAX_S": "60"}


def read_stuck(box: Box) -> list[int]:
    with box.engine.connect() as connection:
        return [row.id for row in vitals.list_stuck(connection)]


def try_now(box: Box, conversation_id: int) -> bool:
    with box.engine.begin() as connection:
        return queue.try_now(connection, conversation_id)


def find_id(box: Box, conversation: int) -> int:
    return int(box.rows("SELECT id FROM conversation WHERE chatwoot_id = :c", c=conversation)[0]["id"])


@contextmanager
def hammered(box: Box, conversation: int) -> Iterator[list[int]]:
    """Somebody presses the button as fast as it goes."""
    stop, rung = threading.Event(), [0]

    def press() -> None:
        while not stop.is_set():
            for row in box.rows("SELECT id FROM conversation WHERE chatwoot_id = :c", c=conversation):
                rung[0] += try_now(box, row["id"])
            time.sleep(0.01)

    threads = [threading.Thread(target=press) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield rung
    stop.set()
    for thread in threads:
        thread.join()


def test_what_waits_for_its_backoff_is_answered_at_once_and_once(make_box: Maker) -> None:
    box = make_box(**SLOW)
    box.pretend.fault("api", "refuse")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: read_stuck(box) != [], 10, "it was put back")
    box.pretend.clear_faults()
    time.sleep(1.5)
    assert box.texts(conversation) == [], "its next try is half a minute away"
    assert try_now(box, read_stuck(box)[0])
    box.settle(8)
    assert box.texts(conversation) == [ANSWER]
    assert read_stuck(box) == []
    box.check()


@pytest.mark.thorough
def test_a_turn_that_broke_is_tried_again(make_box: Maker) -> None:
    box = make_box(workers=1, **SLOW)
    box.crash_at("after_decide", "raise")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.has_crashed("after_decide") and read_stuck(box) != [], 10, "it broke")
    assert box.rows("SELECT place, error FROM fault") == [{"place": "turn", "error": "InjectedError"}]
    number = box.rows("SELECT number FROM fault")[0]["number"]
    assert number in box.log("worker0"), "what Health shows is found in the log"
    assert try_now(box, find_id(box, conversation))
    box.settle(8)
    assert box.texts(conversation) == [ANSWER]
    box.check()


@pytest.mark.thorough
def test_nothing_happens_to_what_is_answered_or_not_failing(make_box: Maker) -> None:
    box = make_box(workers=1, DEBOUNCE_SECONDS="2")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.rows("SELECT 1 FROM conversation") != [], 5, "it is stored")
    assert not try_now(box, find_id(box, conversation)), "the customer may still be writing"
    box.settle()
    assert not try_now(box, find_id(box, conversation))
    assert box.texts(conversation) == [ANSWER]
    box.check()


@pytest.mark.parametrize("kind", ["reset", *thorough("late")])
def test_an_unknown_send_is_never_repeated_however_often_it_is_pressed(make_box: Maker, kind: str) -> None:
    box = make_box(BACKOFF_S="0.5")
    box.pretend.fault("post_message", kind, times=1, delay_s=1.5)
    box.pretend.fault("echo", "drop")
    conversation = box.pretend.customer(FAQ)["conversation"]
    with hammered(box, conversation) as rung:
        box.wait(lambda: box.texts(conversation) != [], 20, "it is stored")
        box.settle(20)
    assert rung[0] > 0, "the button did something"
    assert box.texts(conversation) == [ANSWER]
    box.check()


@pytest.mark.thorough
def test_pressed_all_along_a_bad_day(make_box: Maker) -> None:
    box = make_box(BACKOFF_S="0.5")
    for kind in ("status", "status_after", "reset", "refuse"):
        box.pretend.fault("api", kind, probability=0.15, for_s=6)
    said = [box.pretend.customer(FAQ) for _ in range(12)]
    stop = time.monotonic() + 6
    while time.monotonic() < stop:
        for conversation_id in read_stuck(box):
            try_now(box, conversation_id)
        time.sleep(0.02)
    box.pretend.clear_faults()
    box.settle(30)
    box.check()
    assert all(len(box.texts(s["conversation"])) <= 1 for s in said)


@pytest.mark.thorough
@pytest.mark.parametrize("is_stored", [True, *thorough(False)], ids=["it-had-arrived", "it-had-not"])
def test_a_held_message_is_looked_up_later_and_never_sent_again(make_box: Maker, is_stored: bool) -> None:
    box = make_box(workers=1, QUIET_S="3", RECONCILE_S="600")
    box.pretend.fault("post_message", "reset" if is_stored else "hang", times=1, delay_s=1.5)
    box.pretend.fault("echo", "drop")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.rows("SELECT 1 FROM part WHERE state = 'unknown'") != [], 10, "nobody knows whether it is there")
    box.pretend.fault("get_messages", "status", status=500)
    box.wait(lambda: box.rows("SELECT 1 FROM part WHERE state = 'held'") != [], 30, "it is held")
    box.settle(20)
    box.pretend.clear_faults()
    access = box.pretend.access()
    chatwoot = Chatwoot(
        access["chatwoot_url"], 1, read_token=access["chatwoot_access_token"], write_token=access["chatwoot_bot_token"],
        connect_s=2, total_s=5,
    )  # fmt: skip
    with box.engine.begin() as connection:
        (row,) = vitals.list_troubled(connection)
        part = vitals.find_held(connection, row.id)
        assert part is not None
        has_arrived = find_mark(chatwoot, part.chatwoot_id, find_posted(connection, row.id))
        assert has_arrived is is_stored
        assert vitals.settle_held(connection, row.id, has_arrived=is_stored)
        assert not vitals.settle_held(connection, row.id, has_arrived=not is_stored), "what is known stays"
        assert vitals.list_troubled(connection) == []
    chatwoot.close()
    time.sleep(1.5)
    assert box.texts(conversation) == ([ANSWER] if is_stored else [])
    box.check()
