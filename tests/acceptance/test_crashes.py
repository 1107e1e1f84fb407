"""Every crash point in the source, with SIGKILL, with a freeze beyond the lease, and with an exception."""

from __future__ import annotations

import re
import signal
import time

import pytest
from conftest import ROOT

from acceptance.box import Box
from acceptance.conftest import Maker

FOUND = {
    name
    for path in (ROOT / "chatbot").rglob("*.py")
    for name in re.findall(r'crash_point\((f?"[a-z_{}]+")\)', path.read_text())
}
RESPONDERS = ("media", "topics", "canned", "faq", "assistant", "fallback")
POINTS = sorted({p.strip('"') for p in FOUND if not p.startswith("f")} | {f"after_{r}" for r in RESPONDERS})

# what a customer has to write so that the turn comes by this point
UNKNOWN = "¿Cuál es la capital de Mongolia exterior?"
PERSON = "quiero hablar con una persona"
TEXTS = {
    **dict.fromkeys(("after_media", "after_topics", "after_canned"), "horario"),
    **dict.fromkeys(("before_open", "after_open"), PERSON),
}


def test_crash_points_are_found() -> None:
    assert {f for f in FOUND if f.startswith("f")} == {'f"after_{name}"'}
    assert {"after_claim", "after_mark", "after_post", "after_open", "before_record"} <= set(POINTS)


@pytest.fixture(scope="module")
def crash_box(make_shared_box: Maker) -> Box:
    return make_shared_box(use_llm=True, LEASE_S="3", RECONCILE_S="600", POST_TIMEOUT_S="1", QUIET_S="1")


@pytest.mark.parametrize("mode", ["kill", "stop", "raise"])
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_point_loses_and_doubles_nothing(crash_box: Box, point: str, mode: str) -> None:
    box = crash_box
    assert box.llm is not None
    box.crash_at(point, mode)
    if point == "after_fallback":
        box.llm.plan(mode="status", status=500)
    if point == "after_lookup":
        box.pretend.fault("post_message", "reset", times=1)
        box.pretend.fault("echo", "drop")
        box.pretend.fault("list", "status", status=500)  # a reading would prove the part before the look-up does
    conversation = box.pretend.customer(TEXTS.get(point, UNKNOWN))["conversation"]
    box.wait(lambda: box.has_crashed(point), 15, f"a process comes by {point}")
    heal(box, mode)
    box.settle(25)
    box.pretend.clear_faults()
    box.llm.reset()
    assert len(box.texts(conversation)) == 1 or point == "after_intake"
    box.check(conversation)


def heal(box: Box, mode: str) -> None:
    """Killed processes are started again; frozen ones wake after their lease has ended."""
    if mode == "stop":
        time.sleep(3.6)
        for name in box.processes:
            box.kill(name, signal.SIGCONT)
    elif mode == "kill":
        time.sleep(0.3)
        for number in range(box.worker_count):
            if box.processes[f"worker{number}"].poll() is not None:
                box.start_worker(number)
