"""The closed set of what a message may mean to a flow. Rules (understand.py) or a model (proposals.py) emit them, never a path.

Each is checked against the flow before the machine acts on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# what a customer's words can mean
Said = Literal[
    "start", "fill", "correct", "choose", "confirm", "deny", "skip", "back", "repeat", "restart", "cancel", "digress",
    "handoff",
]  # fmt: skip
# attach: a file came; silence: the timer's; old_button: a value that no question offers; nothing: not understood at all
Happened = Literal["attach", "silence", "old_button", "nothing", "clarify"]


@dataclass(frozen=True, slots=True)
class Command:
    """flow: for start; flows: for clarify, two or more; slot: for fill, correct and choose ("" is the open question's);
    text: what was said of the slot, or the value of a choice.

    A digress with a slot may be taken as that slot's answer where no other responder knows one.
    """

    do: Said | Happened
    flow: str = ""
    slot: str = ""
    text: str = ""
    flows: tuple[str, ...] = ()
