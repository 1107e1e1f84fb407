"""Yes and no, choices, numbers, money and find_slot: what customers write for each."""

from __future__ import annotations

import pytest
from unit.slot_cases import place

from chatbot.flows.slots import Found, Heard, Option, SlotSpec, Unclear, Wrong, find_slot, read_slot

ES, EN = place(), place("en")
US, MX = place("en", country="US", zone="America/New_York"), place(country="MX", zone="America/Mexico_City")
YES_NO, NUMBER, MONEY = SlotSpec(type="yes_no"), SlotSpec(type="number"), SlotSpec(type="money")
OPTIONS = SlotSpec(
    type="choice",
    options=(
        Option(value="probar", title={"es": "Probar una prenda", "en": "Try on"}, words={"es": ("prueba", "probarme")}),
        Option(value="recoger", title={"es": "Recoger un pedido", "en": "Pick up an order"}),
        Option(value="arreglo", title={"es": "Un arreglo", "en": "An alteration"}),
        Option(value="devolver", title={"es": "Devolver un pedido", "en": "Return an order"}),
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        "sí",
        "si",
        "Sí, claro",
        "claro que sí",
        "vale",
        "ok",
        "👍",
        "venga",
        "por supuesto",
        "creo que sí",
        "siiii",
        "no hay problema",
        "sí, por favor",
        "perfecto, gracias",
        "es correcto",
        "yes please",
        "sure, why not",
        "sí, confirma",
        "confirmar",
        "lo confirmo",
        "confirmo la hora",
        "quiero confirmar",
        "confirma la cita",
        "confirme la reserva",
        "please confirm",
        "I want to confirm",
    ],
)
def test_a_yes(text: str) -> None:
    assert read_slot(YES_NO, text, ES) == Heard(True, "sí")


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No, gracias",
        "nope",
        "mejor no",
        "ni hablar",
        "para nada",
        "claro que no",
        "creo que no",
        "noooo",
        "todavía no",
        "no es correcto",
        "no está bien",
        "not really",
        "I don't think so",
    ],
)
def test_a_no(text: str) -> None:
    assert read_slot(YES_NO, text, ES) == Heard(False, "no")


@pytest.mark.parametrize(
    "text",
    ["sí, pero no el lunes", "yes but not on Monday", "no sé", "depende", "¿sí?", "no, sí", "maybe", "si no hay otra opción"],
)
def test_a_yes_with_a_but_is_asked(text: str) -> None:
    result = read_slot(YES_NO, text, ES)
    assert isinstance(result, Unclear)
    assert [read_slot(YES_NO, value, ES) for _, value in result.choices] == [Heard(True, "sí"), Heard(False, "no")]


@pytest.mark.parametrize(
    "text",
    [
        "tengo que confirmarlo",
        "hay que confirmar",
        "déjame confirmar",
        "déjame confirmarlo",
        "déjeme confirmarla",
        "voy a confirmarlo",
        "falta confirmar la hora",
        "falta confirmarlo",
        "me falta confirmar",
        "a falta de confirmar",
        "está por confirmar",
        "sin confirmar",
        "para confirmar",
        "confirma la disponibilidad",
        "confirme el día, por favor",
        "let me confirm",
        "I'll confirm",
        "I will confirm it",
        "we’ll confirm",
        "to be confirmed",
        "I need to confirm",
        "please confirm the day",
        "please confirm the time",
        "could you confirm the date",
    ],
)
def test_what_is_to_be_confirmed_yet_is_asked(text: str) -> None:
    assert isinstance(read_slot(YES_NO, text, ES), Unclear)


@pytest.mark.parametrize("text", ["hola", "el martes", "¿y el precio?", "me da igual", "gracias"])
def test_neither_yes_nor_no(text: str) -> None:
    assert read_slot(YES_NO, text, ES) is None


def test_a_sentence_may_begin_with_yes() -> None:
    found = find_slot(YES_NO, "sí, y quiero saber el precio", ES)
    assert found == Found(Heard(True, "sí"), 0, 2)
    assert find_slot(YES_NO, "quiero saber si hay sitio", ES) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", "recoger"),
        ("la 2", "recoger"),
        ("2.", "recoger"),
        ("#2", "recoger"),
        ("2️⃣", "recoger"),
        ("la segunda", "recoger"),
        ("opción dos", "recoger"),
        ("la b", "recoger"),
        ("la última", "devolver"),
        ("the last one", "devolver"),
        ("uno", "probar"),
        ("Probar una prenda", "probar"),
        ("quiero probarme una prenda", "probar"),
        ("una prueba", "probar"),
        ("areglo", "arreglo"),
        ("recojer un pedido", "recoger"),
        ("me gustaría un arreglo, por favor", "arreglo"),
        ("try on", "probar"),
        ("no, quise decir 3", "arreglo"),
        ("no, la 3", "arreglo"),
        ("mejor la tercera", "arreglo"),
        ("devolver", "devolver"),
    ],
)
def test_an_option_by_number_title_or_nearly(text: str, value: str) -> None:
    result = read_slot(OPTIONS, text, ES)
    assert isinstance(result, Heard)
    assert result.value == value
    assert read_slot(OPTIONS, result.said, ES) == result


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("un pedido", ["recoger", "devolver"]),
        ("la 2 o la 3", ["recoger", "arreglo"]),
        ("recoger y devolver", ["recoger", "devolver"]),
        ("no quiero la 2", ["recoger"]),
        ("la 2 no", ["recoger"]),
    ],
)
def test_two_options_or_a_denied_one_are_asked(text: str, values: list[str]) -> None:
    result = read_slot(OPTIONS, text, ES)
    assert isinstance(result, Unclear)
    assert [value for _, value in result.choices] == values


@pytest.mark.parametrize("text", ["la 5", "hola", "tengo 2 pedidos", "ninguna", "5 cosas"])
def test_no_option(text: str) -> None:
    assert read_slot(OPTIONS, text, ES) is None


def test_a_number_that_stands_in_another_title_is_asked() -> None:
    people = SlotSpec(type="choice", options=tuple(Option(value=str(n), title={"es": f"{n} personas"}) for n in (2, 3, 4)))
    assert read_slot(people, "3", ES) == Heard("3", "3 personas")
    sizes = SlotSpec(type="choice", options=tuple(Option(value=f"t{n}", title={"es": f"Talla {n}"}) for n in (2, 3, 4)))
    assert isinstance(read_slot(sizes, "3", ES), Unclear)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("dos", 2),
        ("una", 1),
        ("una docena", 12),
        ("media docena", 6),
        ("un par", 2),
        ("veintitrés", 23),
        ("ciento veinte", 120),
        ("novecientos noventa y nueve", 999),
        ("somos cuatro", 4),
        ("unos 20", 20),
        ("1.234", 1234),
        ("12,5", 12.5),
        ("1.234,5", 1234.5),
        ("dos y medio", 2.5),
        ("2 mil", 2000),
        ("mil", 1000),
        ("-3", -3),
        ("no, 3", 3),
        ("no, quise decir 3", 3),
        ("a dozen", 12),
        ("twenty-one", 21),
        ("la talla 42", 42),
    ],
)
def test_a_number(text: str, value: float) -> None:
    result = read_slot(NUMBER, text, ES)
    assert isinstance(result, Heard)
    assert result.value == value
    assert read_slot(NUMBER, result.said, ES) == result


@pytest.mark.parametrize("text", ["2 o 3", "entre 2 y 3", "más de 20", "dos adultos y tres niños", "1,234", "dos tres"])
def test_more_than_one_number_is_asked(text: str) -> None:
    assert isinstance(read_slot(NUMBER, text, ES), Unclear)


@pytest.mark.parametrize("text", ["hola", "talla M", "un momento", "17:00", "3/12"])
def test_no_number(text: str) -> None:
    assert read_slot(NUMBER, text, ES) is None


def test_separators_are_those_of_the_country() -> None:
    assert read_slot(NUMBER, "1,234", US) == Heard(1234, "1234")
    assert read_slot(NUMBER, "1.234", ES) == Heard(1234, "1234")
    assert isinstance(read_slot(NUMBER, "1.234", US), Unclear)


def test_a_number_out_of_range_is_told_with_the_range() -> None:
    spec = SlotSpec(type="number", min=1, max=10)
    assert read_slot(spec, "11", ES) == Wrong("out_of_range", {"value": 11, "min": 1.0, "max": 10.0})
    assert read_slot(spec, "10", ES) == Heard(10, "10")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("20 euros", "20.00"),
        ("unos 20 euros", "20.00"),
        ("20€", "20.00"),
        ("€20", "20.00"),
        ("12,50", "12.50"),
        ("1.234,50 €", "1234.50"),
        ("50 céntimos", "0.50"),
        ("12 euros con 50", "12.50"),
        ("veinte euros", "20.00"),
        ("mil euros", "1000.00"),
        ("12€50", "12.50"),
        ("3 camisetas de 20 euros", "20.00"),
    ],
)
def test_money(text: str, amount: str) -> None:
    result = read_slot(MONEY, text, ES)
    assert isinstance(result, Heard)
    assert result.value == {"amount": amount, "currency": "EUR"}
    assert read_slot(MONEY, result.said, ES) == result


def test_a_dollar_sign_is_the_country_s_own() -> None:
    for where, currency in ((ES, "USD"), (US, "USD"), (MX, "MXN")):
        result = read_slot(MONEY, "$12", where)
        assert isinstance(result, Heard)
        assert result.value == {"amount": "12.00", "currency": currency}
    assert isinstance(read_slot(MONEY, "12 pesos", ES), Unclear)


@pytest.mark.parametrize("text", ["20 o 30 euros", "entre 20 y 30 euros", "menos de 50 euros", "hasta 50 €"])
def test_a_range_of_money_is_asked(text: str) -> None:
    assert isinstance(read_slot(MONEY, text, ES), Unclear)


@pytest.mark.parametrize(
    ("kind", "text", "value", "part"),
    [
        ("date", "quiero cita el viernes por la tarde con Ana", "2026-11-27", "el viernes"),
        ("time", "mesa para 4 a las 21:30 en la terraza", "21:30", "a las 21:30"),
        (
            "datetime",
            "quiero reservar para el viernes a las 21:00 para 4 personas",
            "2026-11-27T21:00+01:00",
            "el viernes a las 21:00",
        ),
        ("number", "no, quise decir 3", 3, "3"),
        ("money", "tengo unos 20 euros para gastar", {"amount": "20.00", "currency": "EUR"}, "20 euros"),
        ("email", "soy Ana, ana@Example.com, gracias", "ana@example.com", "ana@Example.com"),
        ("phone", "llámame al 600 11 12 22 mañana", "+34600111222", "600 11 12 22"),
        ("date", "no, quise decir el 3 de diciembre", "2026-12-03", "el 3 de diciembre"),
    ],
)
def test_a_value_is_found_inside_a_sentence(kind: str, text: str, value: object, part: str) -> None:
    found = find_slot(SlotSpec(type=kind), text, ES)
    assert found is not None
    assert isinstance(found.result, Heard), found
    assert found.result.value == value
    assert text[found.start : found.end] == part


@pytest.mark.parametrize(
    "text",
    [
        "el viernes no puedo",
        "el viernes o el sábado",
        "antes del viernes",
        "no el viernes",
        "cualquier viernes",
        "dentro de dos viernes",
        "el tercer viernes",
        "mañana 27",
        "viernes santo de 2027 o el lunes",
        "lunes, 1-12",
        "el viernes de la boda",
        "los viernes",
    ],
)
def test_words_around_a_day_that_change_it_are_asked(text: str) -> None:
    found = find_slot(SlotSpec(type="date"), text, ES)
    assert found is None or isinstance(found.result, Unclear), found


@pytest.mark.parametrize(
    ("kind", "text"), [("date", "quiero 3 camisetas"), ("time", "las 2 camisetas"), ("money", "quiero 20")]
)
def test_a_number_that_may_be_about_something_else_is_not_found(kind: str, text: str) -> None:
    assert find_slot(SlotSpec(type=kind), text, ES) is None
