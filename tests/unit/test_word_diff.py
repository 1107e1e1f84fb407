"""What changed in a text, by its words: exact, and never more work than a page may cost, however long the text is."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from chatbot.drafts import MOST_PAIRS, diff_words

PARAGRAPH = "Enviamos a toda la península en 24 horas, y a Canarias en 5 días; la devolución es gratis. " * 4
LINES = "\n\n".join(f"{n}. {PARAGRAPH}" for n in range(550))
ONE_LINE = LINES.replace("\n\n", " ")
MOST_STEPS = 2_000_000  # all words against all words would be a thousand million


def diff(before: str, after: str) -> list[tuple[str, str]]:
    """Counts the calls that it makes; gives up where they are too many."""
    steps = 0

    def count(_frame: FrameType, event: str, _what: Any) -> None:
        nonlocal steps
        steps += event.endswith("call")
        assert steps < MOST_STEPS, "too much work"

    sys.setprofile(count)
    try:
        pieces = list(diff_words(before, after))
    finally:
        sys.setprofile(None)
    assert "".join(text for sign, text in pieces if sign != "+") == before
    assert "".join(text for sign, text in pieces if sign != "-") == after
    return pieces


def list_changed(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(sign, text) for sign, text in pieces if sign != "="]


def test_a_long_text_is_long() -> None:
    assert len(LINES) > 200_000


@pytest.mark.parametrize("text", [LINES, ONE_LINE, LINES.replace("\n\n", "\r\n")])
@pytest.mark.parametrize("number", [0, 271, 549])
def test_one_changed_word_of_a_long_text_is_found(text: str, number: int) -> None:
    start = text.index(f"{number}. Enviamos") + len(f"{number}. ")
    pieces = diff(text, f"{text[:start]}Mandamos{text[start + len('Enviamos') :]}")
    assert pieces == [
        ("=", text[:start]),
        ("-", "Enviamos"),
        ("+", "Mandamos"),
        ("=", text[start + len("Enviamos") :]),
    ]


def test_words_far_from_each_other_are_found_line_by_line() -> None:
    after = LINES.replace("3. Enviamos", "3. Mandamos").replace("548. Enviamos", "548. No enviamos")
    changed = list_changed(diff(LINES, after))
    assert changed == [*[("-", "Enviamos"), ("+", "Mandamos")] * 55, ("-", "Enviamos"), ("+", "No enviamos")]


def test_lines_put_in_and_taken_out_leave_the_others_alone() -> None:
    lines = LINES.splitlines(keepends=True)
    after = "".join([*lines[:100], "Una línea nueva.\n", *lines[100:599], *lines[639:]])
    assert list_changed(diff(LINES, after)) == [("+", "Una línea nueva.\n"), ("-", "".join(lines[599:639]))]


def test_a_line_that_changed_its_place_is_taken_out_and_put_in() -> None:
    assert list_changed(diff("uno\ndos\ntres\ncuatro\n", "dos\ntres\ncuatro\nuno\n")) == [("-", "uno\n"), ("+", "uno\n")]


def test_where_there_is_too_much_to_compare_the_old_and_the_new_are_shown_whole() -> None:
    half = MOST_PAIRS // 2
    before, after = f"la a{' la' * half} fin", f"la b{' la' * half}, fin"
    assert diff(before, after) == [
        ("=", "la "),
        ("-", f"a{' la' * half}"),
        ("+", f"b{' la' * half},"),
        ("=", " fin"),
    ]


def test_texts_of_nothing_but_the_same_lines_end() -> None:
    assert diff("ab\n" * 60_000, "cd\n" + "ab\n" * 60_000 + "cd\n")
    assert diff("\n" * 100_000 + "a" + "\n" * 100_000, "\n" * 99_999 + "b" + "\n" * 100_001)


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("", "", []),
        ("", "Sí.", [("+", "Sí.")]),
        ("Sí.", "", [("-", "Sí.")]),
        ("Sí.", "Sí.", [("=", "Sí.")]),
        ("en 24 horas.", "en 48 horas.", [("=", "en "), ("-", "24"), ("+", "48"), ("=", " horas.")]),
        ("a  b", "a b", [("=", "a"), ("-", "  "), ("+", " "), ("=", "b")]),
        ("a", "a\n", [("=", "a"), ("+", "\n")]),
    ],
)
def test_short_texts(before: str, after: str, pieces: list[tuple[str, str]]) -> None:
    assert diff(before, after) == pieces


def test_two_words_of_a_sentence_are_two_changes() -> None:
    before = "Cuesta 4 € si compras menos de 50 €, y con más es gratis."
    after = "Cuesta 5 € si compras menos de 60 €, y con más es gratis."
    assert list_changed(diff(before, after)) == [("-", "4"), ("+", "5"), ("-", "50"), ("+", "60")]
