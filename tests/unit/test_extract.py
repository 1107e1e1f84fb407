"""What the fallback quotes of an article: whole sentences that say something by themselves."""

from __future__ import annotations

from chatbot.knowledge.search import Passage, stem_content
from chatbot.responders.fallback import Extract, cut_extract, split_sentences

TEXT = """\
Preparamos los pedidos en Valencia. Si compras antes de las doce,
el paquete sale ese mismo día.

| Zona | Precio | Plazo |
|---|---|---|
| Baleares | 7,95 € | 4 a 6 días |
| Ceuta | 12,95 € | |

No se pueden devolver:

- Las tarjetas regalo.
- Las piezas con un nombre
  bordado.
"""


def cut(question: str) -> Extract:
    passage = Passage(1, 1, "envios", "Envíos", "Envíos", TEXT, None, "es", 1, 1, 3)
    return cut_extract(passage, stem_content(question)["es"])


def test_wrapped_lines_are_one_sentence_and_rows_have_their_heads() -> None:
    assert [s.text for s in split_sentences(TEXT)] == [
        "Preparamos los pedidos en Valencia.",
        "Si compras antes de las doce, el paquete sale ese mismo día.",
        "Baleares: Precio 7,95 €, Plazo 4 a 6 días",
        "Ceuta: Precio 12,95 €",
        "No se pueden devolver:",
        "- Las tarjetas regalo.",
        "- Las piezas con un nombre bordado.",
    ]


def test_an_item_comes_with_what_introduces_it() -> None:
    assert cut("¿devolver tarjeta regalo?").text == "No se pueden devolver:\n- Las tarjetas regalo."


def test_the_fewest_sentences_that_say_most() -> None:
    assert cut("precio y plazo a Baleares").text == "Baleares: Precio 7,95 €, Plazo 4 a 6 días"
    assert (
        cut("¿cuándo sale el paquete si compro hoy mismo?").text
        == "Si compras antes de las doce, el paquete sale ese mismo día."
    )


def test_the_heading_counts_as_said() -> None:
    assert cut("plazo de envío a Baleares").share == 1
    assert cut("plazo de envío a Portugal").share < 0.7


def test_odd_texts_are_cut_too() -> None:
    for text in ("", "|", "| a |", "# x", "- ", "\n\n", "a" * 10_000):
        passage = Passage(1, 1, "k", "", "", text, None, "es", 1, 1, 3)
        cut_extract(passage, ["pedid"])
