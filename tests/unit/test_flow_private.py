"""Private slots: nothing of them is shown, sent or taken from words before it's clear who is asking."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flow_talk import ORDER, SAMPLE, Talk, make_flow_book, make_world, read_flow

from chatbot.flows.commands import Command
from chatbot.flows.definition import Flow
from chatbot.flows.run import WishResult


def talk_in(flow: Flow, granting: object = None) -> Talk:
    book = make_flow_book(flow)
    talk = Talk("es", book) if granting is None else Talk("es", book, granting=granting)  # type: ignore[arg-type]
    talk.command(Command("start", flow=flow.key))
    return talk


def test_a_stranger_learns_nothing_of_somebodys_order() -> None:
    talk = Talk("es", granting=lambda wish: WishResult("error" if wish.kind == "check_code" else "ok", ORDER))
    for line in ("¿dónde está mi pedido?", "AZ-204518", "000000", "111111"):
        talk.say(line)
    assert talk.last.ended == "handoff"
    said = " ".join(talk.said)
    assert ORDER["email"] not in said
    assert "camino" not in said
    assert [wish.kind for wish in talk.wishes] == ["call", "send_code", "check_code", "check_code"]
    assert talk.wishes[1].address == ORDER["email"]


def test_who_writes_from_the_orders_own_address_needs_no_code() -> None:
    talk = Talk("es", world=make_world(proven_email="Ana@Example.com"))
    for line in ("¿dónde está mi pedido?", "AZ-204518"):
        talk.say(line)
    assert talk.said[-1] == "Tu pedido AZ-204518 está de camino."
    assert [wish.kind for wish in talk.wishes] == ["call"]


def test_an_address_that_a_visitor_typed_proves_nothing() -> None:
    world = make_world()
    talk = Talk("es", world=replace(world, contact=replace(world.contact, email=ORDER["email"])))
    for line in ("¿dónde está mi pedido?", "AZ-204518"):
        talk.say(line)
    assert talk.asked == "codigo/code"


def test_another_order_after_the_proof_needs_a_new_one() -> None:
    """The code proves who made this order, not the next one."""
    raw = SAMPLE["estado-pedido"].model_dump(mode="json", exclude_defaults=True)
    at = next(n for n, step in enumerate(raw["steps"]) if step["id"] == "di")
    raw["steps"][at] |= {"do": "say", "next": "mas"}
    options = [
        {"value": "otro", "title": {"es": "Otro"}, "next": "cual"},
        {"value": "fin", "title": {"es": "Fin"}, "next": "end"},
    ]
    more = {"id": "mas", "do": "choose", "slot": "seguir", "text": {"es": "¿Otro?"}, "options": options}
    raw["steps"].insert(at + 1, more)
    talk = Talk("es", make_flow_book(Flow.model_validate(raw)))
    for line in ("¿dónde está mi pedido?", "AZ-204518", "123456"):
        talk.say(line)
    assert talk.run is not None
    assert talk.run.is_verified
    talk.say("otro")
    assert not talk.run.is_verified
    talk.say("AZ-999999")
    assert talk.asked == "codigo/code"


def test_going_back_takes_the_proof_away() -> None:
    talk = talk_in(
        read_flow("""
        key: datos
        title: {es: Datos}
        slots:
          pedido: {type: order_number, pattern: "AZ-[0-9]{6}", label: {es: el pedido}}
          correo: {type: email, private: true, label: {es: el correo}}
          fin: {type: yes_no, label: {es: el fin}}
        steps:
          - {id: cual, do: ask, slot: pedido, text: {es: "¿Pedido?"}}
          - {id: mira, do: call, url: "https://s.example/{{slot.pedido}}", takes: {correo: email}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: fin}
          - {id: fin, do: ask, slot: fin, text: {es: "Es {{slot.correo}}. ¿Fin?"}}
    """)
    )
    talk.say("AZ-204518")
    talk.say("123456")
    assert talk.question == "Es ana@example.com. ¿Fin?"
    talk.command(Command("correct", slot="pedido", text="AZ-000001"))
    assert talk.run is not None
    assert not talk.run.is_verified
    assert talk.asked == "quien/code"
    talk.say("000000")
    talk.say("000001")
    assert talk.question == "Es •••. ¿Fin?"


def test_no_call_sends_a_private_slot_before_the_proof() -> None:
    flow = read_flow("""
        key: fuga
        title: {es: Fuga}
        slots: {dni: {type: tax_id, private: true, label: {es: el DNI}}}
        steps:
          - {id: dni, do: ask, slot: dni, text: {es: "¿DNI?"}}
          - {id: manda, do: call, url: "https://x.example/{{slot.dni}}", on_error: fin}
          - {id: fin, do: end, text: {es: "Tu DNI es {{slot.dni}}."}}
    """)
    talk = talk_in(flow, granting=lambda _wish: pytest.fail("nothing may be sent"))
    talk.say("12345678Z")
    assert talk.said[-1] == "Tu DNI es •••."


def test_words_can_not_overwrite_what_a_call_found() -> None:
    talk = Talk("es")
    talk.say("¿dónde está mi pedido?")
    talk.command(Command("fill", slot="correo", text="evil@example.com"))
    assert "correo" not in talk.values
    talk.say("AZ-204518")
    talk.command(Command("correct", slot="correo", text="evil@example.com"))
    assert talk.values["correo"] == ORDER["email"]
