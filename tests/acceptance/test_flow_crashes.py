"""Every crash point that a flow's turn comes by, with a call, a proof, a change and a handoff on the way.

However the worker breaks: the shop is asked to change something once at most, nothing is said or mailed twice, nothing is lost,
and afterwards the conversation is as the flow says. Killing is always tried; freezing and failing are the thorough tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from acceptance.conftest import _box_maker
from acceptance.flow_shop import ASKED, CODE, DONE, FAILED, NOTES, NUMBER, ORDER, FlowShop, open_shop
from acceptance.test_crashes import POINTS, heal

QUICK = {"flow_call_made", "after_post"}
# of the turn that reads, says and sends a code; and of the one that proves, changes and hands over
READING = ("flow_call_begun", "flow_call_made", "after_flow", "after_freeze", "after_mark", "after_post", "before_record")
CHANGING = (
    "after_claim_commit", "after_claim", "after_flow", "after_decide", "after_freeze", "flow_call_begun", "flow_call_made",
    "before_open", "after_open", "after_mark", "after_post", "after_sent", "before_record", "after_record",
)  # fmt: skip
# where the outcome of a call may not be known
IN_CALLS = ("flow_call_begun", "flow_call_made")


def list_crashes(points: tuple[str, ...]) -> list[object]:
    return [
        pytest.param(point, mode, id=f"{point}-{mode}", marks=() if mode == "kill" and point in QUICK else pytest.mark.thorough)
        for point in points
        for mode in ("kill", "stop", "raise")
    ]


@pytest.fixture(scope="module")
def flow_shop(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowShop]:
    makers = _box_maker(make_database_for_session, tmp_path_factory.mktemp("crashes"))
    with open_shop() as (shop, post):
        yield FlowShop(next(makers), shop, post, LEASE_S="3", RECONCILE_S="600")
        next(makers, None)


def crash(flow_shop: FlowShop, conversation: int, text: str, point: str, mode: str) -> list[str]:
    """What was said after the text, with a crash on the way."""
    box = flow_shop.box
    before = len(box.texts(conversation))
    box.crash_at(point, mode)
    flow_shop.say(text, conversation)
    box.wait(lambda: box.has_crashed(point), 15, f"a worker comes by {point}")
    heal(box, mode)
    box.settle(30)
    return box.texts(conversation)[before:]


def test_the_points_are_those_of_the_source() -> None:
    assert set(READING + CHANGING) - set(IN_CALLS) <= set(POINTS)


@pytest.mark.parametrize(("point", "mode"), list_crashes(READING))
def test_a_crash_while_it_reads_and_sends_a_code(flow_shop: FlowShop, point: str, mode: str) -> None:
    flow_shop.open()
    conversation = flow_shop.come_to_the_number()
    said = crash(flow_shop, conversation, NUMBER, point, mode)
    assert set(flow_shop.asked) <= {f"GET {ORDER}"}
    assert len(flow_shop.post.mails) <= 1
    if said == [FAILED]:  # nobody knows whether the code was sent, or the turn broke for good: a person goes on
        assert mode != "kill" or point in IN_CALLS
        assert flow_shop.box.pretend.status(conversation) == "open"
        assert flow_shop.find_run(conversation) == {}
    else:
        assert said == [CODE]
        run = flow_shop.find_run(conversation)
        assert {name: slot["value"] for name, slot in run["slots"].items()} == {
            "pedido": "AZ-204518", "estado": "enviado", "correo": flow_shop.owner,
        }  # fmt: skip
        assert not run["is_verified"]
        assert len(flow_shop.post.mails) == 1
    flow_shop.box.check(conversation)


@pytest.mark.parametrize(("point", "mode"), list_crashes(CHANGING))
def test_a_crash_while_it_proves_changes_and_hands_over(flow_shop: FlowShop, point: str, mode: str) -> None:
    flow_shop.open()
    conversation = flow_shop.come_to_the_code()
    said = crash(flow_shop, conversation, flow_shop.read_code(), point, mode)
    box = flow_shop.box
    assert not list(flow_shop.list_doubled())
    assert len(flow_shop.post.mails) == 1
    place = box.pretend.world.conversations[conversation]
    notes = [note for note in box.notes(conversation) if "N-7" in note]
    if said == [FAILED]:
        assert point in IN_CALLS
        assert (list(place.labels), place.custom_attributes, notes) == ([], {}, [])
    else:
        assert said == [DONE]
        assert flow_shop.asked.count(f"POST {NOTES}") == 1
        assert list(place.labels) == ["nota"]
        assert (place.priority, place.custom_attributes) == ("high", {"pedido": "AZ-204518"})
        assert len(notes) == 1
    assert box.texts(conversation)[:2] == [ASKED, CODE]
    assert place.status == "open", "a handoff was said"
    assert flow_shop.find_run(conversation) == {}
    box.check(conversation)
