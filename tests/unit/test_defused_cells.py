"""What a spreadsheet would run is text in every table that we hand out, and the same again where it comes back."""

from __future__ import annotations

import pytest

from chatbot.content_export import defuse, write_csv
from chatbot.import_reading import read_tables

FORMULAS = ["=1+1", " =1+1", "\u00a0@SUM(A1)", "  +34 600", "\t=1", "\rx", "-x", " \n-1"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_is_text_also_after_blanks(cell: str) -> None:
    assert defuse(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", " ", "hola", "a=b", "'=x", " '", "«-»"])
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert defuse(cell) == cell


@pytest.mark.parametrize("cell", [" =1+1", "=1+1", "  +34 600"])
def test_the_apostrophe_goes_again_on_import(cell: str) -> None:
    written = b"".join(write_csv([["key", "text"], ["a", cell]], ","))
    assert read_tables(written, "x")[0].rows[1] == ["a", cell]
