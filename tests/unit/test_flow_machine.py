"""The machine's promises: one question, nothing skipped, nothing shown to strangers, nothing done twice, always an end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flow_talk import NOW, ORDER, REVISION, SAMPLE_BOOK, Talk, make_flow_book, make_world, read_flow

from chatbot.flows.commands import Command
from chatbot.flows.definition import Flow
from chatbot.flows.machine import MAX_ANSWERS, advance, resume
from chatbot.flows.repair import load_repairs, make_book
from chatbot.flows.run import Moved, Place, Run, Wish, WishResult, dump_run, read_run

SHORT = read_flow("""
    key: corto
    title: {es: Algo corto}
    start: {phrases: {es: [hacer algo corto]}}
    slots:
      nombre: {type: text, label: {es: tu nombre}}
      dia: {type: date, label: {es: el día}}
      hora: {type: time, label: {es: la hora}}
      edad: {type: number, label: {es: la edad}, optional: true}
    steps:
      - {id: quien, do: ask, slot: nombre, text: {es: "¿Nombre?"}}
      - {id: dia, do: ask, slot: dia, text: {es: "¿Qué día, {{slot.nombre}}?"}}
      - {id: hora, do: ask, slot: hora, text: {es: "¿A qué hora?"}}
      - {id: edad, do: ask, slot: edad, text: {es: "¿Edad?"}}
      - {id: fin, do: end, text: {es: "Adiós, {{slot.nombre}}."}}
""")
LOOP = read_flow("""
    key: vueltas
    title: {es: Vueltas}
    slots: {n: {type: number, label: {es: el número}}}
    steps:
      - {id: pide, do: ask, slot: n, text: {es: "¿Número?"}}
      - {id: mira, do: condition, when: [{slot: n, at_least: "10"}], then: fin, otherwise: pide}
      - {id: fin, do: end, text: {es: "{{slot.n}} vale."}}
""")
SPIN = read_flow("""
    key: peonza
    title: {es: Peonza}
    steps:
      - {id: a, do: say, text: {es: A}}
      - {id: b, do: set, slot: x, value: "1", next: a}
""")
BOOKING = read_flow("""
    key: reserva
    title: {es: Reservar}
    slots:
      dia: {type: date, label: {es: el día}}
      referencia: {type: text, label: {es: la referencia}}
      otra: {type: yes_no, label: {es: otra cosa}}
    steps:
      - {id: dia, do: ask, slot: dia, text: {es: "¿Qué día?"}}
      - {id: apunta, do: call, method: POST, url: "https://cal.example/citas", body: {dia: "{{slot.dia}}"},
         headers: {Authorization: "Bearer {{secret.cal}}"}, takes: {referencia: id}, on_error: falla}
      - {id: otra, do: ask, slot: otra, text: {es: "Reservado, {{slot.referencia}}. ¿Algo más?"}}
      - {id: fin, do: end, text: {es: "Hecho."}}
      - {id: falla, do: handoff, text: {es: "No he podido."}, reason: {es: "No se pudo reservar el {{slot.dia}}"}}
""")
OUTER = read_flow("""
    key: fuera
    title: {es: Fuera}
    slots: {uno: {type: number, label: {es: uno}}, dos: {type: number, label: {es: dos}}}
    steps:
      - {id: uno, do: ask, slot: uno, text: {es: "¿Uno?"}}
      - {id: dentro, do: jump, flow: dentro}
      - {id: dos, do: ask, slot: dos, text: {es: "¿Dos?"}}
      - {id: fin, do: end, text: {es: "{{slot.uno}} {{slot.medio}} {{slot.dos}}"}}
""")
INNER = read_flow("""
    key: dentro
    title: {es: Dentro}
    slots: {medio: {type: number, label: {es: medio}}}
    steps:
      - {id: medio, do: ask, slot: medio, text: {es: "¿Medio?"}}
""")


def talk_in(*flows: Flow, granting: object = None) -> Talk:
    book = make_flow_book(*flows)
    talk = Talk("es", book) if granting is None else Talk("es", book, granting=granting)  # type: ignore[arg-type]
    talk.command(Command("start", flow=flows[0].key))
    return talk


# the path


def test_without_a_run_and_a_start_nothing_happens() -> None:
    assert advance(SAMPLE_BOOK, None, [], make_world()) == Moved()
    assert advance(SAMPLE_BOOK, None, [Command("fill", slot="dia", text="mañana"), Command("cancel")], make_world()) == Moved()


def test_what_was_said_already_is_not_asked() -> None:
    book = make_flow_book(SHORT)
    fills = [Command("fill", slot="dia", text="mañana"), Command("fill", slot="hora", text="a las 11 de la mañana")]
    moved = advance(book, None, [Command("start", flow="corto"), *fills], make_world())
    assert [u.text for u in moved.says] == ["¿Nombre?"]
    moved = advance(book, moved.run, [Command("fill", text="Ana")], make_world())
    assert [u.text for u in moved.says] == ["¿Edad?"]


def test_a_loop_with_a_question_asks_anew_and_does_not_go_on_for_ever() -> None:
    talk = talk_in(LOOP)
    talk.say("3")
    assert talk.question == "¿Número?"
    talk.say("12")
    assert (talk.last.ended, talk.said[-1]) == ("done", "12 vale.")
    talk = talk_in(LOOP)
    for _ in range(10):
        if talk.run:
            talk.say("3")
    assert talk.handoff == "flow_loop"


def test_a_loop_without_a_question_is_handed_over() -> None:
    talk = talk_in(SPIN)
    assert (talk.last.ended, talk.handoff) == ("handoff", "flow_loop")


def test_jump_and_return() -> None:
    talk = talk_in(OUTER, INNER)
    talk.say("1")
    assert talk.question == "¿Medio?"
    talk.say("2")
    assert talk.question == "¿Dos?"
    talk.say("no, quise decir 5")
    assert talk.values["medio"] == 5
    assert talk.question == "¿Dos?"
    talk.say("3")
    assert (talk.said[-1], talk.last.ended) == ("1 5 3", "done")


def test_a_jump_to_nowhere_is_handed_over() -> None:
    talk = talk_in(OUTER)
    talk.say("1")
    assert talk.handoff == "flow_gone"


def test_the_run_stays_on_its_revision() -> None:
    newer = SHORT.model_copy(update={"steps": SHORT.steps[:1]})
    moved = advance(make_flow_book(SHORT), None, [Command("start", flow="corto")], make_world())
    book = make_book({("corto", REVISION): SHORT, ("corto", 8): newer}, {"corto": 8})
    moved = advance(book, moved.run, [Command("fill", text="Ana")], make_world())
    assert moved.run is not None
    assert moved.run.stack == (Place("corto", REVISION, "dia"),)
    assert moved.run.revisions == {("corto", REVISION)}


def test_a_revision_that_is_gone_is_handed_over() -> None:
    moved = advance(make_flow_book(SHORT), None, [Command("start", flow="corto")], make_world())
    moved = advance(make_book({}, {}), moved.run, [Command("repeat")], make_world())
    assert moved.ended == "handoff"
    assert moved.says


def test_a_run_has_a_bounded_number_of_answers() -> None:
    talk = talk_in(SHORT)
    for _ in range(MAX_ANSWERS + 1):
        if talk.run:
            talk.say("repite")
    assert talk.handoff == "stuck"


# corrections


def test_questions_that_quote_the_corrected_slot_are_asked_again_and_no_others() -> None:
    talk = talk_in(SHORT)
    for line in ("Ana", "mañana", "a las 11 de la mañana"):
        talk.say(line)
    talk.command(Command("correct", slot="hora", text="a las 12 de la mañana"))
    assert set(talk.values) == {"nombre", "dia", "hora"}
    talk.command(Command("correct", slot="nombre", text="Eva"))
    assert talk.question == "¿Qué día, Eva?"
    assert "dia" not in talk.values
    talk.say("el lunes")
    assert talk.question == "¿Edad?", "the time was said already"


def test_two_corrections_at_once_are_both_said_and_kept() -> None:
    talk = talk_in(SHORT)
    for line in ("Ana", "mañana", "a las 11 de la mañana"):
        talk.say(line)
    moved = talk.command(
        Command("correct", slot="dia", text="el lunes"), Command("correct", slot="hora", text="a las 12 de la mañana")
    )
    assert [u.text.split(":")[0] for u in moved.says] == ["Cambiado, el día", "Cambiado, la hora", "¿Edad?"]
    assert (talk.values["dia"], talk.values["hora"]) == ("2026-11-30", "12:00")


def test_answers_of_a_branch_that_is_left_are_forgotten() -> None:
    talk = Talk("es")
    for line in ("quiero poner una queja", "llegó roto", "saltar", "que me llamen", "600 123 456"):
        talk.say(line)
    talk.say("mejor que me devuelvan el dinero")
    assert talk.asked == "bien/"
    assert "telefono" not in talk.values


def test_a_correction_that_makes_no_sense_is_asked_again() -> None:
    talk = talk_in(SHORT)
    for line in ("Ana", "mañana"):
        talk.say(line)
    talk.command(Command("correct", slot="dia", text="blablabla"))
    assert talk.asked == "dia/dia"
    assert "dia" not in talk.values


def test_what_a_call_has_done_is_for_people_to_change() -> None:
    talk = talk_in(BOOKING, granting=lambda _wish: WishResult("ok", {"id": "R-1"}))
    talk.say("mañana")
    assert talk.question == "Reservado, R-1. ¿Algo más?"
    talk.say("mejor el lunes")
    assert (talk.last.ended, talk.handoff) == ("handoff", "too_late")
    assert [wish.kind for wish in talk.wishes] == ["call"]
    again = talk_in(BOOKING, granting=lambda _wish: WishResult("ok", {"id": "R-1"}))
    again.say("mañana")
    again.say("vuelve atrás")
    assert again.handoff == "too_late"


def test_leaving_after_a_call_has_done_something_does_not_say_that_nothing_is_left() -> None:
    talk = talk_in(BOOKING, granting=lambda _wish: WishResult("ok", {"id": "R-1"}))
    talk.say("mañana")
    talk.say("cancelar")
    assert talk.handoff == "too_late"
    ((_, note),) = [act.value for act in talk.last.acts if act.kind == "handoff"]
    assert "cancelarlo" in note
    assert not any("a medias" in said for said in talk.said)


# wishes


def test_a_call_that_fails_ends_politely_with_a_person() -> None:
    for outcome in ("error", "missing"):
        talk = Talk("es", granting=lambda _wish, outcome=outcome: WishResult(outcome))  # type: ignore[arg-type, misc]
        for line in ("¿dónde está mi pedido?", "AZ-204518", "que lo mire una persona"):
            if talk.run or not talk.said:
                talk.say(line)
        assert (talk.last.ended, talk.handoff) == ("handoff", "flow")
        assert talk.last.says


def test_a_wish_that_waits_survives_json_and_is_answered_once() -> None:
    world = make_world()
    moved = advance(SAMPLE_BOOK, None, [Command("start", flow="estado-pedido")], world)
    moved = advance(SAMPLE_BOOK, moved.run, [Command("fill", text="AZ-204518")], world)
    assert moved.wish is not None
    assert moved.wish.kind == "call"
    assert not moved.says
    run = read_run(dump_run(moved.run)) if moved.run else None
    assert run == moved.run
    assert run is not None
    after = resume(SAMPLE_BOOK, run, WishResult("ok", ORDER), world)
    assert after.wish == Wish("send_code", "estado-pedido", "codigo", address=ORDER["email"])


def test_a_booking_that_nobody_came_back_from_is_not_made_again() -> None:
    book, world = make_flow_book(BOOKING), make_world()
    moved = advance(book, None, [Command("start", flow="reserva")], world)
    moved = advance(book, moved.run, [Command("fill", text="mañana")], world)
    assert moved.wish is not None
    after = advance(book, moved.run, [Command("repeat")], world)
    assert (after.wish, after.ended) == (None, "handoff")


def test_an_answer_of_the_wrong_shape_is_the_missing_path() -> None:
    for payload in (None, [], {"email": ["x"], "status": 3}, "text", {"email": "", "status": ""}, 7):
        talk = Talk("es", granting=lambda _wish, payload=payload: WishResult("ok", payload))  # type: ignore[misc]
        for line in ("¿dónde está mi pedido?", "AZ-204518"):
            talk.say(line)
        assert talk.asked == "no-esta/seguir", payload


def test_a_shops_answer_is_shown_without_links_and_marks() -> None:
    flow = read_flow("""
        key: nota
        title: {es: Nota}
        slots: {nota: {type: text, label: {es: la nota}}, id: {type: number, label: {es: el número}}}
        steps:
          - {id: cual, do: ask, slot: id, text: {es: "¿Número?"}}
          - {id: mira, do: call, url: "https://s.example/{{slot.id}}", takes: {nota: n}}
          - {id: di, do: end, text: {es: "Dice: {{slot.nota}}"}}
    """)
    hostile = (
        "[Paga](https://evil.example/x) ![i](http://evil.example) {{secret.tienda}} www.evil.example\n# ya\x00 evil.example/p"
    )
    talk = talk_in(flow, granting=lambda _wish: WishResult("ok", {"n": hostile}))
    talk.say("5")
    said = talk.said[-1]
    for sign in ("http", "evil.example", "[", "{{", "#", "\n", "\x00"):
        assert sign not in said


# what ends, and what comes back


def test_a_handoff_ends_the_run_and_names_its_reason() -> None:
    talk = Talk("es")
    for line in ("quiero poner una queja", "llegó roto", "saltar", "solo quería decirlo", "sí"):
        talk.say(line)
    assert talk.run is None
    kinds = [act.kind for act in talk.last.acts]
    assert kinds == ["labels", "priority", "note", "handoff"]
    note = next(act.value for act in talk.last.acts if act.kind == "note")
    assert "llegó roto" in note
    assert "{{" not in note


def test_who_leaves_in_the_middle_need_not_say_it_all_again() -> None:
    talk = Talk("es")
    for line in ("quiero poner una queja", "llegó roto", "AZ-204518", "quiero hablar con una persona"):
        talk.say(line)
    (act,) = talk.last.acts
    assert act.value == ("asked", "Ha pedido una persona.\nlo que pasó: llegó roto\nel número de pedido: AZ-204518")


def test_attributes_and_priority_of_a_big_lead() -> None:
    talk = Talk("es")
    for line in ("necesito un presupuesto", "cerámica", "250", "Eva", "saltar", "eva@hotel.example", "saltar", "sí"):
        talk.say(line)
    acts = {act.kind: act.value for act in talk.last.acts}
    assert acts["priority"] == "high"
    assert acts["attributes"] == {"interes": "Cerámica", "cantidad": "250"}


def test_silence_reminds_once() -> None:
    talk = talk_in(SHORT)
    assert talk.command(Command("silence")).run is not None
    assert talk.command(Command("silence")).ended == "closed"


def test_hours_later_it_says_where_it_is_and_takes_the_answer() -> None:
    talk = talk_in(SHORT)
    talk.wait(hours=2)
    talk.say("Ana")
    assert talk.said[-1] == "¿Qué día, Ana?"
    talk.wait(hours=20)
    talk.say("el lunes")
    assert talk.said[-2:] == ["Seguimos donde estábamos.", "¿A qué hora?"]


def test_the_business_can_word_a_repair_itself() -> None:
    own = read_flow("""
        key: repair-cancel
        title: {es: Dejarlo}
        steps:
          - {id: di, do: say, text: {es: "¡Hasta otra!"}}
          - {id: fin, do: resolve, how: stop}
    """)
    talk = talk_in(SHORT, own)
    talk.say("cancelar")
    assert talk.said[-1] == "¡Hasta otra!"


def test_repairs_are_flows_of_both_languages() -> None:
    for flow in load_repairs().values():
        for step in flow.steps:
            texts = getattr(step, "text", None)
            assert texts is None or set(texts) == {"es", "en"}, (flow.key, step.id)


# JSON


@pytest.mark.parametrize("raw", [None, {}, [], {"version": 99, "stack": []}, {"version": 1}, {"version": 1, "stack": "x"}, 7])
def test_a_run_of_another_kind_is_none(raw: object) -> None:
    assert read_run(raw) is None


def test_a_run_keeps_its_times() -> None:
    run = Run((Place("a", 1, "b"),), asked_at=NOW + timedelta(seconds=1))
    assert read_run(dump_run(run)) == run
