"""Documents are cut as a reader would cut them: pages, languages and tables of a file are known to each piece."""

from __future__ import annotations

import pytest

from chatbot.knowledge.chunk import ChunkDraft, chunk_sections
from chatbot.knowledge.extract import Section

SPANISH = "Enviamos todos los pedidos en un plazo de dos días laborables desde que se confirma el pago."
ENGLISH = "We ship all of the orders within two working days of the payment, and you will get a mail."


def cut(*sections: Section | str, language: str | None = None) -> list[ChunkDraft]:
    made = [Section(s) if isinstance(s, str) else s for s in sections]
    return chunk_sections("Ayuda", made, language)  # type: ignore[arg-type]


def test_pages_are_known_and_headings_go_on_over_them() -> None:
    chunks = cut(
        Section(f"# Envíos\n\n{SPANISH * 12}", 1), Section(f"{SPANISH * 12}", 2), Section("# Pagos\n\nCon tarjeta.", 3)
    )
    assert [(c.heading, c.page_number) for c in chunks] == [("Ayuda > Envíos", 1), ("Ayuda > Envíos", 2), ("Ayuda > Pagos", 3)]


def test_a_sentence_over_the_foot_of_a_page_is_whole() -> None:
    chunks = cut(Section("Los pedidos de más de cincuenta", 1), Section("euros no pagan portes.\n\nOtra cosa.", 2))
    assert "cincuenta euros no pagan portes." in chunks[0].text


def test_short_pages_share_a_piece() -> None:
    (chunk,) = cut(Section("Abrimos a las nueve.", 1), Section("Cerramos a las dos.", 2))
    assert chunk.page_number == 1


def test_each_language_has_pieces_of_its_own() -> None:
    assert [c.language for c in cut(f"{SPANISH}\n\n{ENGLISH}")] == ["es", "en"]
    assert [c.language for c in cut(f"{SPANISH}\n\n{ENGLISH}", language="es")] == ["es"]


def test_a_table_of_names_is_in_the_language_of_the_rest() -> None:
    table = "| SKU | Type |\n|---|---|\n" + "\n".join(f"| A-{n} | Plus |" for n in range(40))
    assert {c.language for c in cut(f"{SPANISH}\n\n{table}\n\n{SPANISH}")} == {"es"}


def test_every_piece_of_a_long_price_list_has_its_columns_names() -> None:
    rows = [f"| Artículo {n} | {n} kilos | {n},50 € |" for n in range(2_000)]
    chunks = cut("| Producto | Peso | Precio |\n| --- | --- | --- |\n" + "\n".join(rows))
    assert len(chunks) > 10
    assert all(c.text.startswith("| Producto | Peso | Precio |\n| --- | --- | --- |\n") for c in chunks)
    assert all(len(c.text) <= 2_100 for c in chunks)
    assert [line for c in chunks for line in c.text.split("\n")[2:]] == rows


def test_words_without_an_end_are_cut_too() -> None:
    chunks = cut("palabra " * 20_000)
    assert max(len(c.text) for c in chunks) <= 2_000
    assert sum(c.text.count("palabra") for c in chunks) == 20_000


def test_only_headings_are_still_found() -> None:
    (chunk,) = cut("# Abierto por reformas")
    assert "Abierto por reformas" in chunk.text


@pytest.mark.parametrize("text", ["", "\n\n", "[a]: b", "|", "- ", ">", "```", "<div>", "# ", "\\"])
def test_odd_texts_are_cut(text: str) -> None:
    for chunk in cut(text):
        assert chunk.text.strip()
