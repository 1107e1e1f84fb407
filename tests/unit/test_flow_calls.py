"""A call step as a request: values in their place, secrets only where they belong, and what is taken from an answer."""

from __future__ import annotations

from typing import Any

import pytest
from flow_talk import Talk, grant
from pydantic import ValidationError

from chatbot.flows.calls import CallRequest, find_value, list_used, make_request
from chatbot.flows.definition import Call
from chatbot.flows.run import Wish

CALL = Call.model_validate(
    {
        "id": "c",
        "do": "call",
        "method": "POST",
        "url": "https://shop.example/orders/{{slot.pedido}}?q={{slot.nombre}}",
        "headers": {"Authorization": "Bearer {{secret.tienda}}", "X-Name": "{{slot.nombre}}"},
        "body": {
            "n": "{{slot.n}}",
            "texto": "Soy {{slot.nombre}}",
            "mas": ["{{slot.si}}", {"a": "b", "tres": 3, "cp": "03001"}],
            "nada": "{{slot.falta}}",
        },
    }
)


def request(**values: Any) -> CallRequest:
    return make_request(Wish("call", "f", "c", call=CALL, values=values), {"tienda": "s3cret"})


def test_values_stand_quoted_in_the_address_and_typed_in_the_body() -> None:
    made = request(pedido="AZ/../1?x=#", nombre="Ana & Co", n=3, si=True)
    assert made.url == "https://shop.example/orders/AZ%2F..%2F1%3Fx%3D%23?q=Ana%20%26%20Co"
    assert made.body == {"n": 3, "texto": "Soy Ana & Co", "mas": [True, {"a": "b", "tres": 3, "cp": "03001"}], "nada": None}
    assert made.headers["Authorization"] == "Bearer s3cret"


def test_a_customers_word_can_not_name_a_secret_or_add_a_header() -> None:
    made = request(pedido="{{secret.tienda}}", nombre="{{secret.tienda}}\r\nX-Evil: 1", n=1, si=False)
    assert "s3cret" not in made.url
    assert "s3cret" not in str(made.body)
    assert made.headers["X-Name"] == "{{secret.tienda}} X-Evil: 1"


def test_a_secret_that_is_not_set_is_an_error_and_never_an_empty_header() -> None:
    with pytest.raises(KeyError):
        make_request(Wish("call", "f", "c", call=CALL), {})


def test_secrets_never_stand_in_the_address() -> None:
    call = CALL.model_copy(update={"url": "https://shop.example/?k={{secret.tienda}}"})
    assert make_request(Wish("call", "f", "c", call=call), {"tienda": "s3cret"}).url == "https://shop.example/?k="


def test_a_wish_sends_only_the_slots_that_its_call_names() -> None:
    talk = Talk("es", granting=grant)
    for line in ("¿dónde está mi pedido?", "AZ-204518"):
        talk.say(line)
    wish = talk.wishes[0]
    assert dict(wish.values) == {"pedido": "AZ-204518"}
    assert make_request(wish, {"tienda": "t"}).url == "https://azahar.example/api/pedidos/AZ-204518"
    assert list_used(CALL) == ("pedido", "nombre", "n", "si", "falta")


@pytest.mark.parametrize(
    ("path", "value"),
    [("a", 1), ("b.0.c", "x"), ("b.1.c", None), ("b.x", None), ("a.b", None), ("b", None), ("leer", None), ("inf", None),
     ("no", False)],
)  # fmt: skip
def test_what_a_path_finds_in_an_answer(path: str, value: object) -> None:
    assert find_value({"a": 1, "b": [{"c": "x"}], "leer": "", "inf": float("inf"), "no": False}, path) == value


@pytest.mark.parametrize(
    "url",
    [
        "https://{{slot.host}}/x",
        "https://shop.example{{slot.host}}/x",
        "https://user@shop.example/",
        "ftp://shop.example/",
        "https://shop.example/a b",
        "/orders",
    ],
)
def test_where_a_call_goes_stands_in_the_flow(url: str) -> None:
    with pytest.raises(ValidationError):
        Call.model_validate({"id": "c", "do": "call", "url": url})


def test_only_a_call_that_reads_may_be_done_again() -> None:
    made = [Call.model_validate({"id": "c", "do": "call", "url": "https://a.example", **more}) for more in
            ({}, {"method": "POST"}, {"method": "POST", "only_reads": True}, {"method": "DELETE"})]  # fmt: skip
    assert [call.is_safe for call in made] == [True, False, True, False]
