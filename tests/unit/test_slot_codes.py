"""E-mail, phone, order numbers, postal codes, ids, accounts, text and addresses: checked and normalised, by country."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from unit.slot_cases import place

from chatbot.flows.slots import Heard, SlotSpec, Unclear, Where, Wrong, find_slot, read_slot

COUNTRIES = {code: place(country=code) for code in ("ES", "MX", "AR", "CL", "BR", "GB", "US", "PT", "CO")}
ES = COUNTRIES["ES"]


def read(kind: str, text: str, where: Where = ES, **rules: object) -> object:
    """The value that is heard, or why it isn't."""
    result = read_slot(SlotSpec.model_validate({"type": kind, **rules}), text, where)
    return result.value if isinstance(result, Heard) else result.why if isinstance(result, Unclear | Wrong) else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Mi correo es Ana.Perez@Example.COM.", "Ana.Perez@example.com"),
        ("<ana+tienda@example.co.uk>", "ana+tienda@example.co.uk"),
        ("ana arroba ejemplo punto es", "ana@ejemplo.es"),
        ("ana @ ejemplo.com", "ana@ejemplo.com"),
        ("ana@a.com y luis@b.com", "several"),
        ("ana@ejemplo", "no_email"),
        ("ana..b@example.com", "no_email"),
        (f"{'a' * 65}@example.com", "no_email"),
        ("hola", None),
    ],
)
def test_email(text: str, expected: str | None) -> None:
    assert read("email", text) == expected


@pytest.mark.parametrize(
    ("country", "text", "expected"),
    [
        ("ES", "600111222", "+34600111222"),
        ("ES", "600 11 12 22", "+34600111222"),
        ("ES", "0034600111222", "+34600111222"),
        ("ES", "mi teléfono es el 600-111-222, gracias", "+34600111222"),
        ("ES", "+52 55 1234 5678", "+525512345678"),
        ("MX", "55 1234 5678", "+525512345678"),
        ("US", "(212) 456-7890", "+12124567890"),
        ("AR", "011 4321-1234", "+541143211234"),
        ("ES", "6001112", "no_phone"),
        ("ES", "600111222 o 600111223", "several"),
        ("ES", "hola", None),
    ],
)
def test_phone(country: str, text: str, expected: str | None) -> None:
    assert read("phone", text, COUNTRIES[country]) == expected


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("#10432", {}, "10432"),
        ("mi pedido es el AB-1234-X", {}, "AB-1234-X"),
        ("no lo tengo", {}, None),
        ("12", {}, "no_pattern"),
        ("es-12345", {"pattern": "ES-[0-9]{5}"}, "ES-12345"),
        ("12345", {"pattern": "ES-[0-9]{5}"}, "no_pattern"),
        ("12 34 5", {"pattern": "[0-9]{5}"}, "12345"),
        ("ES-12345 y ES-99999", {"pattern": "ES-[0-9]{5}"}, "several"),
    ],
)
def test_order_number(text: str, rules: dict[str, str], expected: str | None) -> None:
    assert read("order_number", text, **rules) == expected


@pytest.mark.parametrize(
    ("country", "text", "expected"),
    [
        ("ES", "28013", "28013"),
        ("ES", "28 013", "28013"),
        ("ES", "el 01001 de Vitoria", "01001"),
        ("ES", "99999", "no_postal_code"),
        ("ES", "Madrid", None),
        ("GB", "sw1a 1aa", "SW1A 1AA"),
        ("US", "10001-1234", "10001-1234"),
        ("PT", "1000-205", "1000-205"),
        ("BR", "01310-100", "01310-100"),
        ("CO", "110111", "110111"),
        ("AR", "C1002AAP", "C1002AAP"),
    ],
)
def test_postal_code(country: str, text: str, expected: str | None) -> None:
    assert read("postal_code", text, COUNTRIES[country]) == expected


@pytest.mark.parametrize(
    ("country", "text", "expected"),
    [
        ("ES", "12345678Z", "12345678Z"),
        ("ES", "mi dni es 12.345.678-z", "12345678Z"),
        ("ES", "X1234567L", "X1234567L"),
        ("ES", "A58818501", "A58818501"),
        ("ES", "12345678A", "bad_check_digit"),
        ("ES", "12345678", "no_letter"),
        ("ES", "B12345678", "bad_check_digit"),
        ("ES", "hola", None),
        ("MX", "GODE561231GR8", "GODE561231GR8"),
        ("AR", "20-05536168-2", "20055361682"),
        ("AR", "20-05536168-3", "bad_check_digit"),
        ("CL", "12.345.678-5", "123456785"),
        ("BR", "390.533.447-05", "39053344705"),
        ("BR", "390.533.447-06", "bad_check_digit"),
    ],
)
def test_tax_id(country: str, text: str, expected: str | None) -> None:
    assert read("tax_id", text, COUNTRIES[country]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ES91 2100 0418 4502 0005 1332", "ES9121000418450200051332"),
        ("es9121000418450200051332", "ES9121000418450200051332"),
        ("mi cuenta es ES91 2100 0418 4502 0005 1332 gracias", "ES9121000418450200051332"),
        ("ES91 2100 0418 4502 0005 1333", "bad_check_digit"),
        ("no la sé", None),
    ],
)
def test_iban(text: str, expected: str | None) -> None:
    assert read("iban", text) == expected


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("pues Ana", {}, "Ana"),
        ("me llamo Ana García", {}, "Ana García"),
        ("x" * 9, {"max_chars": 5}, "too_long"),
        ("talla XL roja", {"pattern": r"\b(S|M|L|XL)\b"}, "XL"),
        ("grande", {"pattern": r"\b(S|M|L|XL)\b"}, "no_pattern"),
        ("Mi nombre es Ana García y mi teléfono 600111222", {"label": {"es": "tu nombre"}}, "Ana García"),
        ("   ", {}, None),
    ],
)
def test_text(text: str, rules: dict[str, object], expected: str | None) -> None:
    assert read("text", text, **rules) == expected


def test_a_name_is_found_only_where_a_name_is_asked_for() -> None:
    text = "soy Ana Pérez y quiero una cita"
    named = find_slot(SlotSpec(type="text", label={"es": "tu nombre"}), text, ES)
    assert named is not None
    assert text[named.start : named.end] == "Ana Pérez"
    assert find_slot(SlotSpec(type="text", label={"es": "el motivo"}), text, ES) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Calle Mayor 3, 28013 Madrid", "Calle Mayor 3, 28013 Madrid"),
        ("vivo en calle Mayor 3", "calle Mayor 3"),
        ("Madrid", "too_short"),
    ],
)
def test_address(text: str, expected: str) -> None:
    assert read("address", text) == expected


def test_an_address_is_found_up_to_the_end_of_its_line() -> None:
    text = "envíalo a la calle Mayor 3, 2ºB, 28013 Madrid; gracias"
    found = find_slot(SlotSpec(type="address"), text, ES)
    assert found is not None
    assert text[found.start : found.end] == "calle Mayor 3, 2ºB, 28013 Madrid"


def test_words_are_no_file() -> None:
    assert read("file", "te mando la foto") is None


@pytest.mark.parametrize("kind", ["email", "phone", "order_number", "postal_code", "tax_id", "iban"])
def test_nothing_is_heard_in_nothing(kind: str) -> None:
    assert read(kind, " \n ") is None
    assert find_slot(SlotSpec(type=kind), "hola, ¿qué tal?", ES) is None


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "fecha"},
        {"type": "text", "pattern": "("},
        {"type": "order_number", "pattern": ".*"},
        {"type": "date", "after": "soon"},
        {"type": "number", "mini": 3},
        {"type": "text", "max_chars": 0},
    ],
)
def test_a_slot_that_makes_no_sense_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SlotSpec.model_validate(spec)
