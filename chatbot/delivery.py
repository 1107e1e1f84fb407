"""Out: does a frozen turn's acts in order, each proved before the next (docs/delivery.md). Nothing else writes to Chatwoot."""

from __future__ import annotations

from chatbot import saga, sending
from chatbot.outgoing import Delivery, drop_rest, read_progress


def deliver(delivery: Delivery) -> str:
    """Does every act that is left. Returns "done", or "people" where somebody took over (what was left is dropped).

    Raises Interrupted (temporary: put the conversation back), LostLease, Discarded, or a permanent ChatwootError where
    the conversation can't be reached at all.
    """
    while True:
        progress = read_progress(delivery)
        act = progress.next_act
        if act is None:
            # also where a crash came after the rest was dropped and before that was recorded
            return "people" if delivery.turn.mode == "live" and progress.is_left_to_people else "done"
        if act["type"] == "action":
            goes_on = saga.perform(delivery, act, progress)
        elif act["state"] in {"sending", "unknown"}:
            goes_on = sending.prove(delivery, act)
        else:
            goes_on = sending.send(delivery, act, progress)
        if not goes_on:
            drop_rest(delivery)
            return "people" if not read_progress(delivery).has_spoken else "done"
