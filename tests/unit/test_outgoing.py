"""How far a turn is, read from its acts alone."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.outgoing import Progress


def act(kind: str, state: str, attempts: int = 0, error: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "state": state, "attempts": attempts, "error": error}


@pytest.mark.parametrize(
    ("acts", "is_left"),
    [
        ([act("say", "dropped")], True),
        ([act("open", "dropped"), act("note", "dropped"), act("say", "dropped")], True),
        ([act("say", "sent", 1), act("say", "dropped")], False),
        ([act("open", "done"), act("note", "sent", 1), act("say", "dropped")], False),
        ([act("say", "dropped", 1)], True),
        ([act("say", "dropped", error="answered 429")], True),
        ([act("pending", "done"), act("say", "dropped")], True),
        ([act("say", "dropped", 1, "refused"), act("open", "done"), act("note", "sent", 1)], False),
        ([act("open", "done"), act("note", "dropped", 1, "refused"), act("say", "dropped")], False),
        ([act("open", "dropped", error="refused"), act("say", "dropped")], False),
        ([act("open", "dropped")], False),
        ([], False),
    ],
)
def test_a_reply_of_which_all_was_dropped_is_left_to_people(acts: list[dict[str, Any]], is_left: bool) -> None:
    """So that a crash between the dropping and its record doesn't make it an answer that nobody got."""
    assert Progress(tuple(acts)).is_left_to_people is is_left
