"""Handing over by day and by night: what the customer is told, what waits for the morning, who is reminded, and why."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from acceptance.box import Box
from acceptance.conftest import Maker

UNKNOWN = "¿Tenéis aparcamiento para camiones?"
FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."
WAITS = "espera desde que estaba cerrado"
REMINDED = "nadie ha escrito al cliente"
TOLD = "Todavía no ha podido responder nadie. El mensaje sigue aquí y el equipo lo tiene."
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")


def closed_today() -> tuple[dict[str, str], str]:
    """Settings by which nobody is there till nine o'clock in three days, and how that day is called.

    After a midnight meanwhile it is said in the same way; only tomorrow is not called by its weekday.
    """
    opening = datetime.now(UTC) + timedelta(days=3)
    return {"TIME_ZONE": "UTC", "HOURS": f"{DAYS[opening.weekday()]} 9:00-14:00"}, WEEKDAYS[opening.weekday()]


def zone_where_it_is(hour: int) -> tuple[str, datetime]:
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}", datetime.now(UTC) + timedelta(hours=ahead)


def let_time_pass(box: Box, reason: str) -> None:
    """The clock is moved to where the timer is due."""
    with box.engine.begin() as connection:
        moved = connection.exec_driver_sql(f"UPDATE timer SET due_at = now() WHERE reason = '{reason}'").rowcount
    assert moved > 0
    box.wait(lambda: box.rows("SELECT FROM timer WHERE due_at <= now()") == [], 10, "the timer has fired")
    box.settle()


def ask(box: Box, text: str, conversation: int | None = None) -> int:
    found = box.pretend.customer(text, conversation=conversation)["conversation"]
    box.settle()
    return found


def count(texts: list[str], words: str) -> int:
    return sum(words in text for text in texts)


def test_by_night_the_customer_hears_when_somebody_is_there_and_in_the_morning_the_team_does(make_box: Maker) -> None:
    settings, day = closed_today()
    box = make_box(workers=1, HANDOFF_LABELS="espera", HANDOFF_PRIORITY="high", **settings)
    conversation, seen = ask(box, UNKNOWN), ask(box, UNKNOWN)
    (said,) = box.texts(conversation)
    assert re.search(rf"Ahora no hay nadie: el equipo vuelve el {day} \d+ a las 9:00 y responderá por aquí\.", said)
    assert "un correo" not in said  # one is known
    assert (box.pretend.status(conversation), len(box.notes(conversation))) == ("open", 1)
    box.pretend.agent_reply(seen, "Lo miro mañana.")
    box.wait(lambda: len(box.rows("SELECT FROM timer")) == 2, 10, "who was answered has no timers any more")
    box.pretend.customer("¿Sigue ahí?", conversation=conversation)  # the customer still waits, so it still holds
    box.settle()
    let_time_pass(box, "opening")
    assert count(box.notes(conversation), WAITS) == 1
    assert count(box.notes(seen), WAITS) == 0
    standing = box.pretend.world.conversations[conversation]
    assert (standing.labels, standing.priority) == (("espera",), "high")
    assert box.texts(conversation) == [said]
    box.check()


def test_an_insult_at_3_in_the_morning_on_a_holiday(make_box: Maker) -> None:
    zone, local = zone_where_it_is(3)
    settings = {"TIME_ZONE": zone, "HOURS": "mon-sun 9:00-20:00", "CLOSURES": f"{local.day}/{local.month} Fiesta"}
    box = make_box(workers=1, **settings)
    conversation = ask(box, "Sois unos inútiles")
    assert box.texts(conversation) == [
        "Siento que haya sido así. Paso esta conversación al equipo. "
        "Ahora no hay nadie: el equipo vuelve mañana a las 9:00 y responderá por aquí."
    ]
    assert box.pretend.status(conversation) == "open"
    assert count(box.notes(conversation), "el cliente está enfadado") == 1
    box.check()


def test_who_has_left_no_address_is_asked_for_one_once(make_box: Maker) -> None:
    settings, _day = closed_today()
    box = make_box(workers=1, **settings)
    contact = box.pretend.world.add_contact("Sin Correo").id
    conversation = box.pretend.customer(UNKNOWN, contact=contact)["conversation"]
    box.settle()
    box.pretend.hand_back(conversation)
    box.wait(lambda: box.rows("SELECT owner FROM conversation")[0]["owner"] == "bot", 10, "the bot has it again")
    ask(box, "Quiero hablar con un agente", conversation)
    first, second = box.texts(conversation)
    assert first.endswith("Con un correo o un teléfono en este mismo chat también podremos responder por ahí.")
    assert "un correo" not in second
    assert "Ahora no hay nadie" in second


def test_whoever_asks_for_a_person_gets_one_before_anything_else_answers(box: Box) -> None:
    conversation = ask(box, "Pásame con un agente, es por los envíos a Canarias")
    assert box.texts(conversation) == ["Paso esta conversación a una persona del equipo, que responderá por aquí."]
    assert box.pretend.status(conversation) == "open"
    assert count(box.notes(conversation), "el cliente pide hablar con una persona") == 1
    own = ask(box, "quiero hablar con una persona")  # the owner's own template says it better
    assert box.texts(own) == ["Enseguida le atiende alguien."]
    asked = ask(box, "no quiero hablar con nadie")
    assert count(box.notes(asked), "el cliente pide hablar con una persona") == 0


def test_a_danger_gets_the_owners_fixed_text_and_a_person(make_box: Maker) -> None:
    own = "Llama al 024, a cualquier hora."
    box = make_box(workers=1, SENSITIVE_TEXT=own)
    conversation = ask(box, "no quiero seguir viviendo")
    assert box.texts(conversation) == [own]
    assert box.pretend.status(conversation) == "open"
    assert count(box.notes(conversation), "¡ATENCIÓN!") == 1


def test_the_third_time_of_the_same_question_and_the_same_answer_twice(box: Box) -> None:
    conversation = ask(box, FAQ)
    ask(box, "hacéis envíos a canarias??", conversation)
    assert box.texts(conversation) == [ANSWER, ANSWER]
    ask(box, "¿Hacéis envíos a Canarias", conversation)
    assert box.pretend.status(conversation) == "open"
    assert count(box.notes(conversation), "lo mismo tres veces") == 1
    other = ask(box, FAQ)
    ask(box, "¿Llega el pedido a las islas Canarias?", other)
    assert count(box.texts(other), ANSWER) == 1
    assert box.texts(other)[-1].startswith("Sobre eso no sé más.")
    assert (box.pretend.status(other), count(box.notes(other), "la misma respuesta")) == ("open", 1)


def test_a_label_of_the_conversation_or_of_its_contact_goes_to_people(make_box: Maker) -> None:
    box = make_box(workers=1, PEOPLE_LABELS="vip")
    conversation = ask(box, FAQ)
    assert box.texts(conversation) == [ANSWER]
    world = box.pretend.world
    box.pretend.change_labels(world.conversations[conversation], ["VIP"], "human:1")
    ask(box, "horario", conversation)
    assert (box.pretend.status(conversation), len(box.texts(conversation))) == ("open", 2)
    contact = world.add_contact("Vip")
    contact.labels = ("vip",)
    other = box.pretend.customer(FAQ, contact=contact.id)["conversation"]
    box.settle()
    assert box.pretend.status(other) == "open"
    assert count(box.notes(other), "etiqueta") == 1


@pytest.mark.thorough
def test_the_team_is_reminded_once_and_the_customer_told_once_though_the_worker_is_killed(make_box: Maker) -> None:
    for point in ("after_claim", "after_freeze", "after_post", "before_record"):
        box = make_box(workers=1)
        conversation = ask(box, UNKNOWN)
        box.crash_at(point, "kill")
        with box.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE timer SET due_at = now() WHERE reason = 'agent_silence'")
        box.wait(lambda p=point, b=box: b.has_crashed(p), 10, f"the worker dies at {point}")  # type: ignore[misc]
        box.start_worker()
        box.wait(lambda c=conversation, b=box: count(b.notes(c), REMINDED) == 1, 20, "the team is reminded")  # type: ignore[misc]
        box.settle()
        time.sleep(1)
        assert (count(box.notes(conversation), REMINDED), count(box.texts(conversation), TOLD)) == (1, 1), point
        box.check()
        box.stop()


@pytest.mark.thorough
def test_the_silence_is_reckoned_from_the_handoff(make_box: Maker) -> None:
    box = make_box(workers=1, AGENT_SILENCE_MIN="0.03")
    conversation = ask(box, UNKNOWN)
    box.wait(lambda: count(box.notes(conversation), REMINDED) == 1, 10, "the team is reminded")
    box.settle()
    assert count(box.texts(conversation), TOLD) == 1
    ask(box, "¿Hola?", conversation)
    time.sleep(3)
    assert count(box.notes(conversation), REMINDED) == 1


def test_a_person_who_writes_in_between_stops_the_reminder_though_nobody_told_us(make_box: Maker) -> None:
    box = make_box(workers=1, RECONCILE_S="600")
    told, untold, resolved = ask(box, UNKNOWN), ask(box, UNKNOWN), ask(box, UNKNOWN)
    box.pretend.agent_reply(told, "Voy.")
    box.pretend.resolve(resolved)
    box.wait(lambda: len(box.rows("SELECT FROM timer")) == 1, 10, "what is done has no timers any more")
    box.kill("web")
    box.pretend.agent_reply(untold, "Voy.")
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE timer SET due_at = now()")
    box.wait(lambda: box.rows("SELECT FROM timer") == [] and box.is_settled(), 10, "the timer has fired")
    for conversation in (told, untold, resolved):
        assert count(box.notes(conversation), REMINDED) == count(box.texts(conversation), TOLD) == 0


def test_where_the_channel_lets_nobody_write_only_the_team_is_reminded(make_box: Maker) -> None:
    box = make_box(workers=1, RECONCILE_S="600")
    conversation = ask(box, UNKNOWN)
    box.pretend.set_can_reply(conversation, False)
    box.pretend.set_status(conversation, "open")
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE conversation SET can_reply = false")
    let_time_pass(box, "agent_silence")
    assert (count(box.notes(conversation), REMINDED), count(box.texts(conversation), TOLD)) == (1, 0)
    assert len(box.notes(conversation)) == 2


def test_an_agent_asks_why_and_a_customer_cannot(box: Box) -> None:
    conversation = ask(box, FAQ)
    ask(box, "/bot why", conversation)
    assert count(box.notes(conversation), "«canarias»") == 0
    box.pretend.note(conversation, "/bot why")
    box.wait(lambda: len(box.notes(conversation)) == 2, 10, "the note says why")
    assert "Se pasó" in box.notes(conversation)[1] or "persona" in box.notes(conversation)[1]
    fresh = ask(box, FAQ)
    box.pretend.note(fresh, "/bot why")
    box.wait(lambda: len(box.notes(fresh)) == 1, 10, "the note says why")
    assert "«canarias»" in box.notes(fresh)[0]
    assert box.pretend.status(fresh) == "pending"
    ask(box, "horario", fresh)
    assert box.texts(fresh) == [ANSWER, "Abrimos de 9 a 14."]


def test_after_a_long_silence_it_is_resolved_and_what_comes_then_is_a_new_matter(make_box: Maker) -> None:
    box = make_box(workers=1, use_llm=True, AUTO_RESOLVE_H="1")
    assert box.llm is not None
    conversation = ask(box, FAQ)
    writing = ask(box, FAQ)
    ask(box, "horario", writing)
    let_time_pass(box, "auto_resolve")
    assert box.pretend.status(conversation) == "resolved"
    ask(box, "¿Qué jabón va bien para las colchas?", conversation)
    assert box.pretend.status(conversation) == "pending"
    assert len(box.texts(conversation)) == 2
    assert "Canarias" not in str(box.llm.requests[-1]["messages"])
    box.check()


def test_who_only_gets_suggestions_is_not_reminded_and_a_pause_lets_timers_go_by(make_box: Maker) -> None:
    box = make_box(workers=1, MODE="suggest")
    ask(box, UNKNOWN)
    assert box.rows("SELECT FROM timer") == []
    box.settings["MODE"] = "live"
    box.kill("worker0")
    box.start_worker()
    conversation = ask(box, UNKNOWN)
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE instance SET paused_at = now()")
    let_time_pass(box, "agent_silence")
    assert (count(box.notes(conversation), REMINDED), count(box.texts(conversation), TOLD)) == (0, 0)


def test_a_worker_that_dies_while_it_resolves_leaves_it_resolved_once_and_not_taken_for_a_persons_act(make_box: Maker) -> None:
    box = make_box(workers=1, AUTO_RESOLVE_H="1")
    conversation = ask(box, FAQ)
    box.crash_at("before_record", "kill")
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE timer SET due_at = now()")
    box.wait(lambda: box.has_crashed("before_record"), 10, "the worker dies")
    box.start_worker()
    box.wait(box.is_settled, 20, "it is recorded")
    box.settle()
    assert box.pretend.status(conversation) == "resolved"
    assert box.rows("SELECT owner, status FROM conversation") == [{"owner": "bot", "status": "resolved"}]
    changes = [line for line in box.pretend.history.lines() if line["act"] == "status_changed"]
    assert [line["now"] for line in changes] == ["resolved"]
