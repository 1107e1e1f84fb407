"""Who is asking is proven for one address: another one, however it comes in, is proven anew."""

from __future__ import annotations

from dataclasses import replace

from flow_talk import ORDER, Talk, make_flow_book, read_flow

from chatbot.flows.commands import Command
from chatbot.flows.run import Wish, WishResult

OWN, VICTIM = "attacker@x.es", "victima@y.es"
SLOTS = """
          correo: {type: email, private: true, label: {es: el correo}}
          pedido: {type: order_number, pattern: "AZ-[0-9]{6}", label: {es: el pedido}}
          nombre: {type: text, label: {es: el nombre}}
          dia: {type: text, label: {es: el motivo}}
"""


def talk_in(steps: str, *, email: str = "") -> Talk:
    flow = read_flow(f"""
        key: datos
        title: {{es: Mis datos}}
        slots:{SLOTS}
        steps:{steps}
    """)

    def grant(wish: Wish) -> WishResult:
        if wish.kind == "check_code":
            return WishResult("ok" if wish.code == "123456" else "missing")
        return WishResult("ok", ORDER)

    talk = Talk("es", make_flow_book(flow), granting=grant)
    talk.world = replace(talk.world, contact=replace(talk.world.contact, email=email))
    return talk


def begin(talk: Talk, **filled: str) -> None:
    talk.command(Command("start", flow="datos"), *(Command("fill", slot=name, text=text) for name, text in filled.items()))


def list_addresses(talk: Talk) -> list[str]:
    return [wish.address for wish in talk.wishes if wish.kind == "send_code"]


CONTACT = """
          - {id: pon, do: set, slot: correo, value: "{{contact.email}}"}
          - {id: si, do: condition, when: [{slot: correo, is_filled: true}], then: quien, otherwise: cual}
          - {id: cual, do: ask, slot: correo, text: {es: "¿Correo?"}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: fin}
          - {id: mas, do: ask, slot: nombre, text: {es: "Eres {{slot.correo}}. ¿Nombre?"}}
          - {id: fin, do: end, text: {es: "Datos de {{slot.correo}}."}}
"""
# the first sentence fills it, so that nothing asks for it
SAID = CONTACT.replace('          - {id: pon, do: set, slot: correo, value: "{{contact.email}}"}\n', "")


def test_an_address_that_the_flow_found_is_not_replaced_by_words_while_its_code_is_out() -> None:
    talk = talk_in(CONTACT, email=OWN)
    begin(talk)
    assert talk.asked == "quien/code"
    talk.say(f"quise decir {VICTIM}")
    assert talk.values["correo"] == OWN
    assert talk.question
    talk.say("123456")
    assert talk.question == f"Eres {OWN}. ¿Nombre?"


def test_an_address_that_the_flow_found_is_not_replaced_by_words_after_the_proof() -> None:
    talk = talk_in(CONTACT, email=OWN)
    begin(talk)
    talk.say("123456")
    for command in (Command("correct", slot="correo", text=VICTIM), Command("correct", slot="correo"),
                    Command("fill", slot="correo", text=VICTIM)):  # fmt: skip
        talk.command(command)
        assert talk.values["correo"] == OWN
        assert list_addresses(talk) == [OWN]
        assert talk.question == f"Eres {OWN}. ¿Nombre?"


def test_an_address_of_the_first_sentence_that_is_corrected_gets_a_code_of_its_own() -> None:
    talk = talk_in(SAID)
    begin(talk, correo=OWN)
    assert list_addresses(talk) == [OWN]
    talk.say(f"quise decir {VICTIM}")
    assert talk.values["correo"] == VICTIM
    assert talk.asked == "quien/code"
    assert list_addresses(talk) == [OWN, VICTIM]
    talk.say("000000")
    assert (talk.wishes[-1].kind, talk.wishes[-1].address) == ("check_code", VICTIM)


def test_an_address_that_is_corrected_after_the_proof_is_proven_anew() -> None:
    talk = talk_in(SAID)
    begin(talk, correo=OWN)
    talk.say("123456")
    assert talk.run is not None
    assert talk.run.is_verified
    talk.command(Command("correct", slot="correo", text=VICTIM))
    assert not talk.run.is_verified
    assert talk.asked == "quien/code"
    assert list_addresses(talk) == [OWN, VICTIM]
    talk.say("000000")
    talk.say("000001")
    assert talk.said[-1] == "Datos de •••."


def test_an_address_that_is_taken_back_first_and_told_after_is_proven_anew() -> None:
    """ "cambia el correo", and then the other one."""
    for proof in ((), ("123456",)):
        talk = talk_in(SAID)
        begin(talk, correo=OWN)
        for line in proof:
            talk.say(line)
        talk.command(Command("correct", slot="correo"))
        assert talk.asked == "cual/correo"
        talk.say(VICTIM)
        assert talk.run is not None
        assert not talk.run.is_verified
        assert talk.asked == "quien/code"
        assert list_addresses(talk) == [OWN, VICTIM]


AGAIN = """
          - {id: si, do: condition, when: [{slot: correo, is_filled: true}], then: quien, otherwise: cual}
          - {id: cual, do: ask, slot: correo, text: {es: "¿Correo?"}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: fin}
          - {id: datos, do: form, slots: [correo, nombre], text: {es: "¿Correo y nombre?"}}
          - {id: mas, do: ask, slot: dia, text: {es: "Eres {{slot.correo}}. ¿Motivo?"}}
          - {id: fin, do: end, text: {es: "Datos de {{slot.correo}}."}}
"""


def test_a_form_after_the_proof_that_has_the_address_too_is_no_way_around_it() -> None:
    for first in ((), ("cual",)):
        for command in (Command("correct", slot="correo", text=VICTIM), Command("back")):
            talk = talk_in(AGAIN)
            begin(talk, **({} if first else {"correo": OWN}))
            for line in (*((OWN,) if first else ()), "123456", "Ana"):
                talk.say(line)
            assert talk.question == f"Eres {OWN}. ¿Motivo?"
            talk.command(command)
            talk.command(Command("fill", slot="correo", text=VICTIM))
            assert talk.run is not None
            assert not talk.run.is_verified
            assert OWN not in talk.question


ORDERED = """
          - {id: si, do: condition, when: [{slot: pedido, is_filled: true}], then: mira, otherwise: cual}
          - {id: cual, do: ask, slot: pedido, text: {es: "¿Pedido?"}}
          - {id: mira, do: call, url: "https://s.example/{{slot.pedido}}", takes: {correo: email}}
          - {id: motivo, do: ask, slot: dia, text: {es: "¿Motivo?"}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: fin}
          - {id: mas, do: ask, slot: nombre, text: {es: "Pedido {{slot.pedido}}. ¿Nombre?"}}
          - {id: fin, do: end, text: {es: "Pedido {{slot.pedido}} de {{slot.correo}}."}}
"""


def test_another_order_is_looked_up_and_proven_anew() -> None:
    """Its number stood in the first sentence; the address was found by it."""
    for lines in ((), ("roto",), ("roto", "123456")):
        talk = talk_in(ORDERED)
        begin(talk, pedido="AZ-000001")
        for line in lines:
            talk.say(line)
        calls = len([wish for wish in talk.wishes if wish.kind == "call"])
        talk.command(Command("correct", slot="pedido", text="AZ-000002"))
        assert talk.run is not None
        assert not talk.run.is_verified
        assert [wish.values for wish in talk.wishes if wish.kind == "call"][calls:] == [{"pedido": "AZ-000002"}]
        assert talk.values["pedido"] == "AZ-000002"
        assert talk.asked == ("quien/code" if lines else "motivo/dia")


FORMED = ORDERED.replace("do: ask, slot: nombre,", "do: form, slots: [pedido, nombre],").replace(
    "          - {id: fin,", '          - {id: vale, do: confirm, text: {es: "¿Vale?"}}\n          - {id: fin,'
)


def test_a_form_after_the_proof_that_has_the_order_too_is_no_way_around_it() -> None:
    for filled in ({}, {"pedido": "AZ-000001"}):
        for commands in ([Command("correct", slot="pedido", text="AZ-000002")],
                         [Command("back"), Command("fill", slot="pedido", text="AZ-000002")]):  # fmt: skip
            talk = talk_in(FORMED)
            begin(talk, **filled)
            for line in (*(() if filled else ("AZ-000001",)), "roto", "123456", "Ana"):
                talk.say(line)
            assert talk.asked == "vale/"
            for command in commands:
                talk.command(command)
            assert talk.run is not None
            assert not talk.run.is_verified
            if talk.values.get("pedido") == "AZ-000002":
                assert [w.values["pedido"] for w in talk.wishes if w.kind == "call"][-1] == "AZ-000002"


def test_what_stood_in_the_first_sentence_survives_the_correction_of_something_else() -> None:
    """Else its place would be free for another one, which the proof isn't about."""
    talk = talk_in(ORDERED)
    begin(talk, pedido="AZ-000001")
    talk.say("roto")
    talk.command(Command("correct", slot="dia", text="tarde"))
    assert talk.values["pedido"] == "AZ-000001"
    assert talk.asked == "quien/code"


RETRY = """
          - {id: cual, do: ask, slot: correo, text: {es: "¿Correo?"}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: cual}
          - {id: mas, do: ask, slot: nombre, text: {es: "Eres {{slot.correo}}. ¿Nombre?"}}
"""


def test_the_code_of_one_address_does_not_prove_the_next_one_that_is_asked_for() -> None:
    talk = talk_in(RETRY)
    begin(talk)
    for line in (OWN, "000000", "000001"):
        talk.say(line)
    assert talk.asked == "cual/correo"
    talk.say(VICTIM)
    assert talk.asked == "quien/code"
    assert list_addresses(talk) == [OWN, VICTIM]


def test_an_address_that_a_call_finds_after_the_proof_is_not_proven() -> None:
    steps = """
          - {id: cual, do: ask, slot: correo, text: {es: "¿Correo?"}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: fin}
          - {id: mira, do: call, url: "https://s.example/", takes: {correo: email}}
          - {id: mas, do: ask, slot: nombre, text: {es: "Eres {{slot.correo}}. ¿Nombre?"}}
          - {id: fin, do: end, text: {es: "Fin."}}
    """
    talk = talk_in(steps)
    begin(talk)
    for line in (OWN, "123456"):
        talk.say(line)
    assert talk.values["correo"] == ORDER["email"]
    assert talk.question == "Eres •••. ¿Nombre?"


def test_a_code_proves_nothing_of_an_address_that_another_flow_took_in_its_place() -> None:
    there = read_flow("""
        key: otro
        title: {es: Otro}
        slots: {correo: {type: email, private: true, label: {es: el correo}}}
        steps:
          - {id: quita, do: set, slot: correo, value: ""}
          - {id: cual, do: ask, slot: correo, text: {es: "¿Otro correo?"}}
          - {id: vuelve, do: jump, flow: datos, returns: false}
    """)
    here = read_flow(f"""
        key: datos
        title: {{es: Mis datos}}
        slots:{SLOTS}
        steps:
          - {{id: si, do: condition, when: [{{slot: correo, is_filled: true}}], then: quien, otherwise: pon}}
          - {{id: pon, do: set, slot: correo, value: "{OWN}"}}
          - {{id: quien, do: verify, slot: correo, by: mail, on_error: va}}
          - {{id: mas, do: ask, slot: nombre, text: {{es: "Eres {{{{slot.correo}}}}. ¿Nombre?"}}, next: end}}
          - {{id: va, do: jump, flow: otro, returns: false}}
    """)
    talk = Talk("es", make_flow_book(here, there))
    begin(talk)
    for line in ("000000", "000001", VICTIM):
        talk.say(line)
    assert talk.asked == "quien/code"
    assert list_addresses(talk) == [OWN, VICTIM]


def test_a_code_that_is_not_known_to_be_for_this_address_is_not_taken() -> None:
    """A run that a former release left: its mark names no address."""
    talk = talk_in(SAID)
    begin(talk, correo=OWN)
    assert talk.run is not None
    talk.run = replace(talk.run, said=("code:datos/quien",))
    talk.say("123456")
    assert talk.run is not None
    assert not talk.run.is_verified
    assert list_addresses(talk) == [OWN, OWN]
    talk.say("123456")
    assert talk.question == f"Eres {OWN}. ¿Nombre?"


def test_only_the_newest_code_is_waited_for() -> None:
    """Whoever proved their own address meanwhile has the newest one: a step from before sends another."""
    flow = read_flow(f"""
        key: datos
        title: {{es: Mis datos}}
        slots:{SLOTS}
          mio: {{type: email, label: {{es: mi correo}}}}
        steps:
          - {{id: pon, do: set, slot: correo, value: "{VICTIM}"}}
          - {{id: quien, do: verify, slot: correo, by: mail, next: end, on_error: cual}}
          - {{id: cual, do: ask, slot: mio, text: {{es: "¿Tu correo?"}}}}
          - {{id: mio, do: verify, slot: mio, by: mail, on_error: end}}
          - {{id: nom, do: ask, slot: nombre, text: {{es: "¿Nombre?"}}, next: quien}}
    """)
    talk = Talk("es", make_flow_book(flow))
    begin(talk)
    for line in ("000000", "000001", OWN, "123456", "Ana"):
        talk.say(line)
    assert talk.asked == "quien/code"
    assert list_addresses(talk) == [VICTIM, OWN, VICTIM]


def test_an_address_that_a_call_found_is_not_replaced_where_its_question_was_passed_by() -> None:
    """It is asked for only where the call finds none: nobody says that an order is theirs."""
    steps = """
          - {id: cual, do: ask, slot: pedido, text: {es: "¿Pedido?"}}
          - {id: mira, do: call, url: "https://s.example/{{slot.pedido}}", takes: {correo: email}}
          - {id: si-no, do: ask, slot: correo, text: {es: "¿Correo?"}}
          - {id: quien, do: verify, slot: correo, by: mail, on_error: fin}
          - {id: fin, do: end, text: {es: "Fin."}}
    """
    for command in (Command("correct", slot="correo", text=OWN), Command("correct", slot="correo"), Command("back")):
        talk = talk_in(steps)
        begin(talk, pedido="AZ-000001")
        assert talk.asked == "quien/code"
        talk.command(command)
        talk.command(Command("fill", slot="correo", text=OWN))
        assert talk.values["correo"] == ORDER["email"]
        assert set(list_addresses(talk)) == {ORDER["email"]}
