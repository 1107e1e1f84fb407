"""Humans first: who has a conversation, and what happens when people and the bot act at the same time."""

from __future__ import annotations

import time

from acceptance.box import Box
from acceptance.conftest import Maker
from acceptance.test_between_steps import ask_for_a_long_reply

FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."


def start(box: Box, text: str = FAQ) -> int:
    conversation = box.pretend.customer(text)["conversation"]
    box.settle()
    return conversation


def test_a_person_who_takes_over_while_the_model_thinks_is_not_talked_over_chatwoot_13673(llm_box: Box) -> None:
    assert llm_box.llm is not None
    llm_box.llm.plan(delay_s=1.5)
    conversation = llm_box.pretend.customer("¿Qué jabón va bien para las colchas?")["conversation"]
    llm_box.wait(lambda: len(llm_box.llm.requests) > 0, 10, "the model is asked")
    llm_box.pretend.take_over(conversation)
    llm_box.settle()
    llm_box.llm.reset()
    assert llm_box.texts(conversation) == []
    assert "ignored:people_have_it" in llm_box.outcomes()
    llm_box.check()


def test_a_person_who_answers_between_two_parts_stops_the_second(box: Box) -> None:
    conversation = ask_for_a_long_reply(box)
    box.wait(lambda: len(box.texts(conversation)) >= 1, 10, "the first part is sent")
    box.pretend.agent_reply(conversation, "Le atiendo yo.")
    box.settle()
    box.pretend.clear_faults()
    assert 0 < len(box.texts(conversation)) <= 2
    box.check()


def test_a_person_in_the_very_second_of_the_reply(box: Box) -> None:
    for delay_ms in range(0, 700, 70):
        conversation = box.pretend.customer(FAQ)["conversation"]
        time.sleep(delay_ms / 1000)
        box.pretend.take_over(conversation)
        box.pretend.agent_reply(conversation, "Le atiendo yo.")
    box.settle()
    box.check()


def test_a_message_while_people_have_it_is_ignored_by_a_named_rule(box: Box) -> None:
    conversation = start(box)
    box.pretend.take_over(conversation)
    said = box.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER]
    assert box.bot_view()[said["message"]] == "ignored:people_have_it"


def test_after_a_handback_new_messages_are_answered_and_old_ones_never(box: Box) -> None:
    conversation = start(box)
    box.pretend.take_over(conversation)
    box.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    box.settle()
    box.pretend.hand_back(conversation)
    time.sleep(0.5)
    box.settle()
    assert box.texts(conversation) == [ANSWER]
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER, "Abrimos de 9 a 14."]
    box.check()


def test_a_resolved_conversation_is_answered_again_when_the_customer_writes(box: Box) -> None:
    conversation = start(box)
    box.pretend.resolve(conversation)
    time.sleep(0.3)
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER, "Abrimos de 9 a 14."]


def test_bot_off_stops_and_opens_and_bot_on_brings_it_back(box: Box) -> None:
    conversation = start(box)
    box.pretend.note(conversation, "/bot off")
    box.wait(lambda: box.pretend.status(conversation) == "open", 10, "nobody is left waiting in pending")
    box.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER]
    box.pretend.note(conversation, "/bot on")
    box.wait(lambda: box.pretend.status(conversation) == "pending", 10, "the bot has it again")
    box.settle()
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation)[-1] == "Abrimos de 9 a 14."


def test_a_label_that_gives_it_back_does_so_once(make_box: Maker) -> None:
    box = make_box(workers=1, BOT_LABELS="bot, Al bot", HANDOFF_LABELS="vip")
    conversation = start(box)
    box.pretend.set_status(conversation, "open")
    box.pretend.agent_reply(conversation, "Le atiendo yo.")
    box.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER]
    box.pretend.label(conversation, "otra", "AL BOT")
    box.wait(lambda: box.pretend.status(conversation) == "pending", 10, "the bot has it again")
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER, "Abrimos de 9 a 14."]
    box.pretend.set_status(conversation, "open")
    box.pretend.agent_reply(conversation, "Ya sigo yo.")
    box.pretend.label(conversation, "AL BOT")  # it was there before: it says nothing new
    box.settle()
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER, "Abrimos de 9 a 14."]


def test_an_assignee_is_respected(box: Box) -> None:
    conversation = start(box)
    box.pretend.assign(conversation, 8)
    time.sleep(0.3)
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER]


def test_automatic_assignment_after_our_opening_does_not_stop_the_words(make_box: Maker) -> None:
    box = make_box(workers=1)
    box.pretend.auto_assign_to = 8
    conversation = start(box, "quiero hablar con una persona")
    assert box.texts(conversation) == ["Enseguida le atiende alguien."]
    assert len(box.notes(conversation)) == 1
    box.check()


def test_a_reply_that_the_channel_refused_is_handed_off_with_its_reason(box: Box) -> None:
    conversation = start(box)
    part = box.pretend.replies(conversation)[0]
    box.pretend.set_message_status(part.id, "failed", "131026: Message undeliverable")
    box.wait(lambda: box.notes(conversation) != [], 10, "people are told")
    box.settle()
    assert "131026" in box.notes(conversation)[0]
    assert box.pretend.status(conversation) == "open"
    assert box.texts(conversation) == [ANSWER]
    box.check()


def test_where_the_channel_lets_nobody_write_a_note_and_a_handoff_replace_the_words(box: Box) -> None:
    conversation = start(box)
    box.pretend.set_can_reply(conversation, False)
    box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == [ANSWER]
    assert len(box.notes(conversation)) == 1
    assert box.pretend.status(conversation) == "open"


def test_labels_and_priority_are_added_at_a_handoff_and_others_kept(make_box: Maker) -> None:
    box = make_box(workers=1, HANDOFF_LABELS="bot,revisar", HANDOFF_PRIORITY="high", HANDOFF_ASSIGNEE_ID="8")
    conversation = box.pretend.customer("hola")["conversation"]
    box.settle()
    box.pretend.world.conversations[conversation].labels = ("vip",)
    box.pretend.customer("quiero hablar con una persona", conversation=conversation)
    box.settle()
    found = box.pretend.world.conversations[conversation]
    assert list(found.labels) == ["vip", "bot", "revisar"]
    assert found.priority == "high"
    assert found.assignee == ("User", 8)


def test_blocked_contacts_and_auto_replies_are_never_answered(box: Box) -> None:
    said = box.pretend.customer(
        "Estoy fuera de la oficina",
        content_type="incoming_email",
        content_attributes={"email": {"auto_reply": True, "from": ["x@example.com"]}},
    )
    box.settle()
    assert box.texts(said["conversation"]) == []
    assert box.bot_view()[said["message"]] == "ignored:auto_reply"


def test_two_robots_do_not_talk_for_ever(make_box: Maker) -> None:
    box = make_box(workers=1, MAX_REPLIES_PER_10_MIN="5", DEBOUNCE_SECONDS="0")
    conversation = box.pretend.customer("horario")["conversation"]
    for _ in range(7):
        box.settle()
        box.pretend.customer("horario", conversation=conversation)
    box.settle()
    assert len(box.texts(conversation)) == 6  # five answers and the handoff's own words
    assert box.pretend.status(conversation) == "open"
