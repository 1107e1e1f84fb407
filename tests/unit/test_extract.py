"""What the fallback quotes of an article: whole sentences that say something by themselves."""

from __future__ import annotations

import pytest

from chatbot.knowledge.search import Passage, stem_content
from chatbot.reply import Language
from chatbot.responders.fallback import MIN_EXTRACT_SHARE, Extract, cut_extract, split_sentences

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


PRICES = """\
Vendemos a granel.

| Producto | Peso | Precio |
|---|---|---|
| Arroz bomba | 1 kilo | 3,95 € |
| Arroz bomba | 2 kilos | 7,50 € |
| Harina | 1 kilo | 5 € |
| Harina | 2 kilos | 9 € |
| Harina | 2,5 kilos | 11 € |
| Sal | 5 kilos | 2 € |
"""
PRICES_EN = PRICES.replace("Vendemos a granel", "Sold loose").replace("Producto | Peso | Precio", "Product | Weight | Price")
PRICES_EN = PRICES_EN.replace("Arroz bomba", "Bomba rice").replace("Harina", "Flour").replace("Sal", "Salt")
RICE, FLOUR = "Arroz bomba: Peso 2 kilos, Precio 7,50 €", "Harina: Peso 2 kilos, Precio 9 €"


def ask(question: str, text: str = PRICES, language: Language = "es", title: str = "Precios 2026") -> Extract:
    passage = Passage(1, 1, "precios", title, title, text, None, language, 1, 1, 3)
    return cut_extract(passage, stem_content(question)[language], question)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("precio del arroz bomba de 5 kilos", ""),
        ("¿a cuánto sale el arroz bomba de cinco kilos?", ""),
        ("harina de 5 kilos", ""),
        ("¿Qué precio tiene la harina de 9 kilos?", ""),  # nor is a price a size
        ("harina de 3 kilos, precio", ""),
        ("dos bolsas de sal de 5 kilos", ""),
        ("¿cuánto vale el de 2 kilos?", f"{RICE}\n{FLOUR}"),
        ("¿y el de dos kilos?", f"{RICE}\n{FLOUR}"),
        ("precio de la harina de 2 kilos", FLOUR),
        ("precio de la harina de 2,5 kilos", "Harina: Peso 2,5 kilos, Precio 11 €"),
        ("precio 2026 de la sal de 5 kilos", "Sal: Peso 5 kilos, Precio 2 €"),
        ("¿cuánto cuesta una sal?", "Sal: Peso 5 kilos, Precio 2 €"),
        ("precio del arroz bomba", f"Arroz bomba: Peso 1 kilo, Precio 3,95 €\n{RICE}"),
    ],
)
def test_a_row_is_quoted_where_it_is_the_one_that_was_asked_for(question: str, text: str) -> None:
    extract = ask(question)
    if text:
        assert extract.text == text
    else:
        assert extract.share < MIN_EXTRACT_SHARE


def test_rows_of_an_english_table() -> None:
    assert ask("price of 5 kilos of bomba rice", PRICES_EN, "en").share < MIN_EXTRACT_SHARE
    assert ask("how much is five kilos of flour?", PRICES_EN, "en").share < MIN_EXTRACT_SHARE
    assert ask("price of two kilos of flour", PRICES_EN, "en").text == "Flour: Weight 2 kilos, Price 9 €"


def test_of_rows_that_tie_none_is_picked_where_they_are_too_many() -> None:
    many = PRICES + "".join(f"| Té número {n} | 100 gramos | {n} € |\n" for n in range(40))
    assert ask("¿qué precio tiene el té?", many).share < MIN_EXTRACT_SHARE


def test_a_number_says_nothing_about_sentences_and_lists() -> None:
    assert ask("somos 4, ¿vendéis a granel?").text == "Vendemos a granel."


HOURS = """\
Te esperamos en la tienda.

| Día | Horario |
|---|---|
| Lunes a viernes | 10:00-14:00, 17:00-20:30 |
| Sábado | 10:30-14:00, cerrado |
| Domingo | cerrado |
"""
HOURS_EN = """\
Come and see us.

| Day | Opening hours |
|---|---|
| Monday to Friday | 10:00-14:00, 17:00-20:30 |
| Saturday | 10:30-14:00, closed |
| Sunday | closed |
"""


@pytest.mark.parametrize(
    "question",
    [
        "horario del sábado a las 17:00",
        "horario el sábado a las 5",
        "horario el sabado sobre las cinco y media",
        "¿qué horario tenéis el sábado? llegaría a las 17h",
        "somos 3, ¿horario del sábado?",
        "seremos cuatro, ¿qué horario tienen el sábado?",
    ],
)
def test_the_hour_and_how_many_come_are_no_sizes(question: str) -> None:
    extract = ask(question, HOURS)
    assert "Sábado: Horario 10:30-14:00, cerrado" in extract.text
    assert extract.share >= 0.5


@pytest.mark.parametrize(
    "question",
    [
        "opening hours on Saturday at 5 pm",
        "opening hours on Saturday at 17:00",
        "Saturday opening hours, say at half past five",
        "we are 3, opening hours on Saturday?",
        "opening hours on Saturday? there are four of us",
    ],
)
def test_nor_are_they_in_english(question: str) -> None:
    assert "Saturday: Opening hours 10:30-14:00, closed" in ask(question, HOURS_EN, "en").text


def test_how_many_come_counts_in_a_table_of_people() -> None:
    menus = "| Menú | Personas | Precio |\n|---|---|---|\n| Paella | 2 | 30 € |\n| Paella | 4 | 55 € |\n"
    assert ask("somos 4, ¿precio de la paella?", menus).text == "Paella: Personas 4, Precio 55 €"
    assert ask("somos 5, ¿precio de la paella?", menus).share < MIN_EXTRACT_SHARE


def test_sizes_beside_an_hour_still_count() -> None:
    assert ask("precio de la harina de 2 kilos, la recojo a las 5", PRICES).text == FLOUR
    assert ask("harina de 2.25 kilos, precio").share < MIN_EXTRACT_SHARE
    trains = "| Tren | Salida | Precio |\n|---|---|---|\n| Vigo | 9:00 | 20 € |\n| Vigo | 17:30 | 30 € |\n"
    assert ask("precio del tren a Vigo de las 17:30", trains).text == "Vigo: Salida 17:30, Precio 30 €"
