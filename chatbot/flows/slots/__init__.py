"""Values from a customer's words: days, hours, phones, choices and the rest, right, asked back, or told what is wrong. Pure.

Reading is imported with the first word that is read: its grammar takes a quarter of a second and 5 MB.
"""

from __future__ import annotations

from chatbot.flows.slots.kinds import Found, Heard, OpenHours, Option, Reading, SlotSpec, Unclear, Where, Wrong

__all__ = (
    "Found", "Heard", "OpenHours", "Option", "Reading", "SlotSpec", "Unclear", "Where", "Wrong", "find_slot", "read_slot",
)  # fmt: skip


def read_slot(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """A message as the answer to the slot's question. None: nothing of that kind is in it."""
    from chatbot.flows.slots.reading import read_slot as read  # noqa: PLC0415

    return read(spec, text, where)


def find_slot(spec: SlotSpec, text: str, where: Where) -> Found | None:
    """The slot's value somewhere in a sentence that says several things."""
    from chatbot.flows.slots.reading import find_slot as find  # noqa: PLC0415

    return find(spec, text, where)
