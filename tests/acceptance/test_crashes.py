"""Every crash point in the source, with SIGKILL, with a freeze beyond the lease, and with an exception.

The thorough tests are the last two at each point; SIGKILL at each, and all three around what is sent, are always run.
"""

from __future__ import annotations

import re
import signal
import time

import pytest
from conftest import ROOT

from acceptance.box import Box
from acceptance.conftest import Maker

# no message passes there; tests of their own kill at these
ASIDE = {"indexer.py", "filling.py", "faq_training.py", "flow_wishes.py", "drafting.py"}
FOUND = {
    name
    for path in (ROOT / "chatbot").rglob("*.py")
    if path.name not in ASIDE
    for name in re.findall(r'crash_point\((f?"[a-z_{}]+")\)', path.read_text())
}
RESPONDERS = ("people", "topics", "flow", "media", "canned", "faq", "assistant", "fallback")
POINTS = sorted({p.strip('"') for p in FOUND if not p.startswith("f")} | {f"after_{r}" for r in RESPONDERS})

# what a customer has to write so that the turn comes by this point
# nobody taught it, but it is near enough to what is taught that the model is asked
UNKNOWN = "¿De qué color es la colcha azul de la foto tercera?"
PERSON = "quiero hablar con una persona"
TEXTS = {
    **dict.fromkeys(("after_people", "after_media", "after_topics", "after_canned"), "horario"),
    **dict.fromkeys(("before_open", "after_open"), PERSON),
}
SENDING = {"after_mark", "after_post"}


def test_crash_points_are_found() -> None:
    assert {f for f in FOUND if f.startswith("f")} == {'f"after_{name}"'}
    assert {"after_claim", "after_mark", "after_post", "after_open", "before_record"} <= set(POINTS)


@pytest.fixture(scope="module")
def crash_box(make_shared_box: Maker) -> Box:
    return make_shared_box(use_llm=True, LEASE_S="3", RECONCILE_S="600", POST_TIMEOUT_S="1", QUIET_S="1")


CRASHES = [
    pytest.param(point, mode, id=f"{point}-{mode}", marks=() if mode == "kill" or point in SENDING else pytest.mark.thorough)
    for point in POINTS
    for mode in ("kill", "stop", "raise")
]


@pytest.mark.parametrize(("point", "mode"), CRASHES)
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
    if point == "before_divert":
        box.pretend.fault("post_message", "status", status=400, private=False)
    conversation = box.pretend.customer(TEXTS.get(point, UNKNOWN))["conversation"]
    box.wait(lambda: box.has_crashed(point), 15, f"a process comes by {point}")
    heal(box, mode)
    box.settle(25)
    box.pretend.clear_faults()
    box.llm.reset()
    if point == "before_divert":
        assert (box.texts(conversation), box.pretend.status(conversation), len(box.notes(conversation))) == ([], "open", 1)
    else:
        assert len(box.texts(conversation)) == 1 or point == "after_intake"
    box.check(conversation)


def heal(box: Box, mode: str) -> None:
    """Killed processes are started again; frozen ones wake after their lease has ended."""
    if mode == "stop":
        time.sleep(3.6)
        for name in box.processes:
            box.kill(name, signal.SIGCONT)
        time.sleep(1)  # one that wakes may still do what it was about to do
    elif mode == "kill":
        time.sleep(0.3)
        for number in range(box.worker_count):
            if box.processes[f"worker{number}"].poll() is not None:
                box.start_worker(number)
