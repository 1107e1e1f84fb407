"""What a mark's end tells: which press it answers, or that nobody wrote."""

from __future__ import annotations

import pytest

from chatbot.marks import Mark, make_suffix, read_mark


@pytest.mark.parametrize("message", [1, 35, 36, 1003, 10**17])
def test_the_pressed_message_is_read_back(message: int) -> None:
    mark = read_mark(str(Mark(7, 9, "1", make_suffix(message))))
    assert mark is not None
    assert (mark.pressed, mark.is_wakes) == (message, False)


def test_other_ends_tell_of_no_press() -> None:
    for suffix, is_wakes in ((make_suffix(), False), (make_suffix(is_wakes=True), True), ("s12", False), ("", False)):
        mark = read_mark(str(Mark(7, 9, "n1", suffix)))
        assert mark is not None
        assert (mark.pressed, mark.is_wakes) == (None, is_wakes)


def test_two_presses_of_one_button_have_marks_of_their_own() -> None:
    assert len({make_suffix(5) for _ in range(20)}) > 1
