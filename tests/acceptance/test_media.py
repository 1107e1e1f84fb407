"""Voice notes, changed and deleted messages through real processes; what was heard is never paid twice."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from conftest import thorough
from standins.voice import make_ogg

from acceptance.box import Box
from acceptance.conftest import Maker

CANARIAS = "Sí, enviamos a Canarias en 5 días."
HOURS = "Abrimos de 9 a 14."


@pytest.fixture(scope="module")
def media_box(make_shared_box: Maker) -> Box:
    return make_shared_box(use_llm=True, workers=1, LEASE_S="3", DEBOUNCE_SECONDS="1", DEBOUNCE_MAX_S="3")


def send_voice(box: Box) -> int:
    assert box.llm is not None
    box.llm.reset()
    voice = box.pretend.add_file(box.pretend.url, "nota.oga", make_ogg(), "audio/ogg", leads_to="disk")
    return int(box.pretend.customer(None, attachments=[voice])["conversation"])


def count_heard(box: Box) -> int:
    assert box.llm is not None
    return sum("_audio" in request for request in box.llm.requests)


def test_a_voice_note_is_answered(media_box: Box) -> None:
    conversation = send_voice(media_box)
    media_box.settle()
    assert media_box.texts(conversation) == [CANARIAS]
    assert count_heard(media_box) == 1
    media_box.check(conversation)


@pytest.mark.parametrize("mode", ["kill", *thorough("stop", "raise")])
@pytest.mark.parametrize("point", ["after_people", *thorough("after_decide", "after_freeze", "after_mark")])
def test_a_crash_after_a_voice_note_was_heard_hears_it_no_second_time(media_box: Box, point: str, mode: str) -> None:
    box = media_box
    box.crash_at(point, mode)
    conversation = send_voice(box)
    box.wait(lambda: box.has_crashed(point), 15, f"the worker comes by {point}")
    if mode == "stop":
        time.sleep(3.6)
        box.kill("worker0", signal.SIGCONT)
    elif mode == "kill":
        box.processes["worker0"].wait(10)
        box.start_worker(0)
    box.settle(25)
    assert box.texts(conversation) == [CANARIAS]
    assert count_heard(box) == 1
    (calls,) = box.rows("SELECT count(*) AS n FROM llm_call WHERE purpose = 'transcription' AND conversation_id = ("
                        "SELECT id FROM conversation WHERE chatwoot_id = :c)", c=conversation)  # fmt: skip
    assert calls["n"] == 1
    box.check(conversation)


@pytest.mark.parametrize("fault", [{}, *thorough({"kind": "duplicate"}, {"kind": "delay", "delay_s": 0.4, "jitter": True})])
def test_what_is_changed_while_the_bot_waits_is_answered_as_it_stands(media_box: Box, fault: dict[str, Any]) -> None:
    box = media_box
    if fault:
        box.pretend.fault("webhook", **fault)
    said = box.pretend.customer("¿Hacéis envíos a Baleares?")
    box.pretend.edit(said["message"], content="horario")
    box.settle()
    box.pretend.clear_faults()
    assert box.texts(said["conversation"]) == [HOURS]


@pytest.mark.parametrize("fault", [{}, *thorough({"kind": "duplicate"}, {"kind": "delay", "delay_s": 0.4, "jitter": True})])
def test_what_is_deleted_while_the_bot_waits_is_not_answered(media_box: Box, fault: dict[str, Any]) -> None:
    box = media_box
    if fault:
        box.pretend.fault("webhook", **fault)
    said = box.pretend.customer("quiero hablar con una persona")
    kept = box.pretend.customer("horario", conversation=said["conversation"])
    alone = box.pretend.customer("¿Hacéis envíos a Canarias?")
    box.pretend.delete_message(said["message"])
    box.pretend.delete_message(alone["message"])
    box.settle()
    box.pretend.clear_faults()
    assert box.texts(said["conversation"]) == [HOURS]
    assert box.texts(alone["conversation"]) == []
    view = box.bot_view()
    assert (view[said["message"]], view[kept["message"]], view[alone["message"]]) == (
        "ignored:deleted", "answered", "ignored:deleted"
    )  # fmt: skip
