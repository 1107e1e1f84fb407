"""Personal data becomes placeholders and comes back; everything that a shop's answers need stays readable."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.privacy import Vault, has_placeholder, mask, unmask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("escríbame a ana.perez+1@correo.example.es.", "escríbame a [EMAIL_1]."),
        ("mi tel es 600 123 456", "mi tel es [PHONE_1]"),
        ("600-12-34-56", "[PHONE_1]"),
        ("+34600123456", "[PHONE_1]"),
        ("0034 912 345 678", "[PHONE_1]"),
        ("+52 55 1234 5678", "[PHONE_1]"),
        ("+1 (415) 555-2671", "[PHONE_1]"),
        ("600123456/600123457", "[PHONE_1]/[PHONE_2]"),
        ("tarjeta 4111 1111 1111 1111 caduca 12/27", "tarjeta [CARD_1] caduca 12/27"),
        ("5500-0000-0000-0004", "[CARD_1]"),
        ("ES91 2100 0418 4502 0005 1332 gracias", "[IBAN_1] gracias"),
        ("es9121000418450200051332", "[IBAN_1]"),
        ("GB82 WEST 1234 5698 7654 32", "[IBAN_1]"),
        ("DNI 12345678Z", "DNI [ID_1]"),
        ("12.345.678-z", "[ID_1]"),
        ("NIE X1234567L", "NIE [ID_1]"),
        ("CIF B12345674", "CIF [ID_1]"),
        ("RFC GODE561231GR8", "RFC [ID_1]"),
        ("CUIT 20-26756539-3", "CUIT [ID_1]"),
        ("RUT 12.531.909-2", "RUT [ID_1]"),
        ("CPF 390.533.447-05", "CPF [ID_1]"),
    ],
)
def test_personal_data_is_masked_and_comes_back(text: str, masked: str) -> None:
    vault = Vault()
    assert mask(text, vault) == masked
    assert unmask(masked, vault) == text


@pytest.mark.parametrize(
    "text",
    [
        "mi pedido es el AZ-20318",
        "AZ-612345678",
        "pedido #1002003",
        "cuesta 1.234.567,89 € y antes 19,99 €",
        "el 12/11/2026 o el 2026-11-24 10:00",
        "24.11.2026 - 30.11.2026",
        "28013 Madrid, 41001-41080",
        "de 10:00 a 14:00 y de 17:00-20:30",
        "lunes 9.30-14.00",
        "código de barras 8437012345678",
        "de 900 a 1000 euros",
        "4111 1111 1111 1112 no es una tarjeta válida",
        "12345678A tampoco es un DNI",
    ],
)
def test_what_answers_need_stays_readable(text: str) -> None:
    assert mask(text, Vault()) == text


def test_the_same_value_has_the_same_placeholder_in_a_turn() -> None:
    vault = Vault()
    assert mask("a@b.es, c@d.es", vault) == "[EMAIL_1], [EMAIL_2]"
    assert mask("otra vez c@d.es", vault) == "otra vez [EMAIL_2]"


@pytest.mark.parametrize(
    "written", ["[email_1]", "[ Email 1 ]", "\\[EMAIL\\_1\\]", "[EMAIL-1]", "[EMAIL1]", "EMAIL_1", "[CORREO_1]", "［EMAIL_1］"]
)
def test_unmask_takes_the_placeholder_however_a_model_spells_it(written: str) -> None:
    vault = Vault()
    mask("a@b.es", vault)
    assert unmask(f"a **{written}**", vault) == "a **a@b.es**"


@pytest.mark.parametrize(
    "trick", ["[EMAIL_1]", "EMAIL_1", "[email 1]", "[[EMAIL_1]]", "[CORREO_1]", "［EMAIL_1］", "\\[EMAIL\\_1\\]"]
)
def test_a_customer_who_writes_a_placeholder_sees_nobody_elses_value(trick: str) -> None:
    vault = Vault()
    mask("hidden@shop.es", vault)
    masked = mask(f"mi correo es {trick}", vault)
    assert "hidden@shop.es" not in unmask(masked, vault)
    assert not has_placeholder(masked)


def test_an_invented_placeholder_is_noticed() -> None:
    vault = Vault()
    mask("a@b.es", vault)
    assert has_placeholder(unmask("Le llamamos al [PHONE_7]", vault))
    assert has_placeholder("su [PEDIDO_1]")
    assert not has_placeholder(unmask("Escriba a [EMAIL_1] [ver más] (1)", vault))


@settings(deadline=None)
@given(st.text(alphabet="ab@.es 0123456789+-()[]_EMAIL\n", max_size=200))
def test_masking_is_undone_but_for_defused_placeholders(text: str) -> None:
    vault = Vault()
    masked = mask(text, vault)
    if not has_placeholder(text):
        assert unmask(masked, vault) == text


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "912345678 ",
        "ES91",
        "ES91 ",
        "a",
        "a@",
        "x@a.",
        "[",
        "[EMAIL ",
        "+34 600 ",
        "(",
        "12345678-",
        "\\[",
        "tel 600123456 ",
    ],
)
def test_a_hundred_thousand_characters_take_no_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begun = time.process_time()
    vault = Vault()
    has_placeholder(unmask(mask(text, vault), vault))
    assert time.process_time() - begun < 2
