"""Articles are cut where a reader would cut them."""

from __future__ import annotations

from chatbot.bodies import Article
from chatbot.knowledge.chunk import ChunkDraft, chunk_article
from chatbot.text import stem_words


def cut(text: str) -> list[ChunkDraft]:
    return chunk_article(Article(key="envios", title="Envíos", text=text))


def test_each_heading_starts_a_chunk_that_knows_the_headings_above() -> None:
    chunks = cut("Antes.\n\n# Zonas\n\nTodas.\n\n## Canarias\n\nTarda más.\n\n# Pagos\n\nCon tarjeta.")
    assert [(c.heading, c.text) for c in chunks] == [
        ("Envíos", "Antes."),
        ("Envíos > Zonas", "Todas."),
        ("Envíos > Zonas > Canarias", "Tarda más."),
        ("Envíos > Pagos", "Con tarjeta."),
    ]


def test_stems_cover_heading_and_text_in_the_language_of_the_article() -> None:
    (chunk,) = cut("## Plazos\n\nLos pedidos tardan tres días.")
    assert chunk.stems.split() == stem_words("Envíos > Plazos Los pedidos tardan tres días.", "es")
    assert chunk.language == "es"


def test_short_blocks_under_one_heading_stay_together() -> None:
    (chunk,) = cut("Uno.\n\n- dos\n- tres\n\nCuatro.")
    assert chunk.text == "Uno.\n\n- dos\n- tres\n\nCuatro."


def test_a_table_and_a_list_stay_whole_though_the_text_around_is_long() -> None:
    table = "| Zona | Precio |\n|---|---|\n" + "\n".join(f"| Zona {n} | {n},95 € |" for n in range(100))
    items = "\n".join(f"- Punto {n} de la lista" for n in range(100))
    chunks = cut(f"{'Una frase cualquiera. ' * 80}\n\n{table}\n\n{items}")
    assert sum(table in c.text for c in chunks) == 1
    assert sum(items in c.text for c in chunks) == 1


def test_a_huge_table_is_cut_between_rows_and_its_header_repeated() -> None:
    rows = [f"| Artículo {n} | {n} € |" for n in range(1_000)]
    chunks = cut("| Qué | Precio |\n|---|---|\n" + "\n".join(rows))
    assert len(chunks) > 1
    assert all(c.text.startswith("| Qué | Precio |\n|---|---|\n") for c in chunks)
    assert [line for c in chunks for line in c.text.split("\n")[2:]] == rows


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentences = [f"Esta es la frase número {n}, que cuesta 4,95 € en total." for n in range(200)]
    chunks = cut(" ".join(sentences))
    assert len(chunks) > 3
    assert all(c.text.endswith(".") and len(c.text) <= 2_000 for c in chunks)
    assert " ".join(c.text for c in chunks) == " ".join(sentences)


def test_code_is_no_heading_and_what_a_link_points_to_is_kept() -> None:
    (chunk,) = cut("Mira [esto][1].\n\n```\n# no es un título\n```\n\n[1]: https://azahar.example/ayuda")
    assert "# no es un título" in chunk.text
    assert "https://azahar.example/ayuda" in chunk.text


def test_an_article_of_headings_only_is_still_found() -> None:
    assert [c.text for c in cut("# Solo un título")] == ["# Solo un título"]
