"""The checker of the promise: each rule with a bad history that it must notice, and a good one beside it."""

from __future__ import annotations

from typing import Any

from checker import Options, Violation, check
from figures import count_outcomes, measure_looks

C = 41


class Story:
    """A history written by hand: each act a second after the one before, in conversation 41."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.t = 1000.0
        self.requests = 0

    def act(self, name: str, after: float = 1.0, **facts: Any) -> Story:
        self.t += after
        self.lines.append({"seq": len(self.lines) + 1, "t": self.t, "act": name, "conversation": C, **facts})
        return self

    def customer(self, message: int, *, status: str = "pending", acked: int | None = 200) -> Story:
        self.act("customer_message", message=message, status=status, text="hola")
        if acked is not None:
            self.act("webhook_acked", 0.01, message=message, event="message_created", status=acked)
        return self

    def press(self, message: int) -> Story:
        self.act("customer_press", message=message)
        return self.act("webhook_acked", 0.01, message=message, event="message_updated", status=200)

    def look(self, **facts: Any) -> Story:
        return self.act("look_answered", what="conversation", **facts)

    def say(self, mark: str | None, text: str | None = None, *, looks: bool = True, after: float = 0.1) -> Story:
        """One part: looked, received, stored."""
        if looks:
            self.look()
        self.requests += 1
        is_note = mark is not None and "-n" in mark
        self.act("post_received", after, request=self.requests, mark=mark, private=is_note)
        return self.act("post_stored", 0.01, request=self.requests, mark=mark, private=is_note, text=text or str(mark))

    def status(self, before: str, now: str, by: str) -> Story:
        return self.act("status_changed", before=before, now=now, by=by)

    def open(self, by: str = "bot") -> Story:
        return self.status("pending", "open", by)

    def human(self) -> Story:
        return self.act("human_message", message=900, by="human:7", text="Hola, soy Marta")

    def found(self, view: dict[Any, Any] | None = None, **options: Any) -> list[Violation]:
        return check(self.lines, view, options=Options(**options))

    def rules(self, view: dict[Any, Any] | None = None, **options: Any) -> list[str]:
        return [v.rule for v in self.found(view, **options)]


# --- P1 --------------------------------------------------------------------------------------------------------------


def test_an_answered_message_is_fine() -> None:
    assert Story().customer(1).say("41-1-1").rules() == []


def test_an_accepted_message_without_outcome_is_lost() -> None:
    found = Story().customer(1).say("41-1-1").customer(2).found()
    assert [(v.rule, v.conversation, v.subject) for v in found] == [("P1", C, 2)]
    assert "conversation 41, 2" in str(found[0])


def test_a_reply_to_the_newer_message_answers_the_older_ones() -> None:
    assert Story().customer(1).customer(2).customer(3).say("41-3-1").rules() == []


def test_a_reply_that_was_sent_before_the_message_does_not_answer_it() -> None:
    assert Story().say("41-9-1").customer(2).rules() == ["P1"]


def test_a_message_whose_webhook_failed_is_only_owed_with_reconciliation() -> None:
    story = Story().customer(1, acked=500)
    assert story.rules() == []
    assert story.rules(reconciled=True) == ["P1"]


def test_a_handoff_needs_both_the_open_conversation_and_the_note() -> None:
    assert Story().customer(1).open().say("41-1-n1").rules() == []
    assert Story().customer(1).say("41-1-n1").open().rules() == []
    assert Story().customer(1).say("41-1-n1").rules() == ["P1"]
    assert Story().customer(1).open().rules() == ["P1"]


def test_an_opening_by_chatwoots_fault_is_no_outcome() -> None:
    assert Story().customer(1).open(by="system").rules() == ["P1"]
    assert Story().open(by="system").customer(1, status="open").rules() == ["P1"]
    assert Story().customer(1).open(by="system").say("41-1-n1").rules() == []


def test_what_people_have_is_not_owed() -> None:
    assert Story().customer(1).human().rules() == []
    assert Story().customer(1).open(by="human:7").rules() == []
    assert Story().human().customer(1).rules() == []
    assert Story().customer(1).open().say("41-1-n1").customer(2, status="open").rules() == []


def test_after_a_handback_messages_are_owed_again() -> None:
    story = Story().open(by="human:7").status("open", "pending", "human:7").customer(1)
    assert story.rules() == ["P1"]
    assert story.say("41-1-1").rules() == []


def test_an_ignored_message_needs_the_rule_by_its_name() -> None:
    story = Story().customer(1)
    assert story.rules({1: "ignored:auto_reply"}) == []
    assert story.rules({"1": {"outcome": "watched"}}) == []
    assert story.rules({1: {"outcome": "ignored", "rule": "blocked"}}) == []
    assert story.rules({1: "ignored:"}) == ["P1"]
    assert story.rules({1: "answered"}) == ["P1"]


def test_an_accepted_press_is_owed_a_reply() -> None:
    story = Story().customer(1).say("41-1-1").press(50)
    assert story.rules() == ["P1"]
    assert story.say("41-50-1-ab12cd").rules() == []


def test_the_same_button_pressed_again_is_the_same_input_and_another_one_is_not() -> None:
    story = Story().customer(1).say("41-1-1")
    story.act("customer_press", message=2, values=[{"value": "a"}]).say("41-2-1-abc")
    assert story.act("customer_press", message=2, values=[{"value": "a"}]).rules(reconciled=True) == []
    assert story.act("customer_press", message=2, values=[{"value": "b"}]).rules(reconciled=True) == ["P1"]


def test_an_outcome_after_the_allowed_time_is_late_unless_there_was_trouble() -> None:
    story = Story().customer(1)
    assert story.act("typing", 400).say("41-1-1").rules(within_s=300) == ["P1"]
    story = Story().customer(1).act("fault", 300, where="api", kind="down")
    assert story.act("typing", 200).say("41-1-1").rules(within_s=300) == []


# --- P3, P4 ----------------------------------------------------------------------------------------------------------


def test_a_mark_stored_twice_is_noticed() -> None:
    assert "P3" in Story().customer(1).say("41-1-1").say("41-1-1").rules()
    assert Story().customer(1).say("41-1-1").say("41-1-2").rules() == []


def test_the_same_text_under_another_mark_is_noticed_as_from_a_restored_database() -> None:
    assert Story().customer(1).say("41-1-1", "Sí").say("41-1-2-aaaaaa", "Sí").rules() == ["P3"]
    assert Story().customer(1).say("41-1-1", "Sí").customer(2).say("41-2-1", "Sí").rules() == []


def test_two_deliveries_that_failed_later_may_bring_two_notes_of_the_same_words() -> None:
    def story(failures: int) -> Story:
        told = Story().customer(1).say("41-1-1").say("41-1-2")
        for _ in range(failures):
            told.act("message_status", message=9, mark="41-1-1", status="failed")
        return told.open()

    assert story(2).say("41-1-n1-aaaaaa", "131026").say("41-1-n1-bbbbbb", "131026").rules() == []
    assert story(0).say("41-1-n1-aaaaaa", "131026").say("41-1-n1-bbbbbb", "131026").rules() == ["P3", "P3"]
    assert story(2).say("41-1-n1", "131026").say("41-1-n2-bbbbbb", "131026").rules() == ["P3"]
    assert story(2).say("41-1-3", "Sí").say("41-1-4", "Sí").rules() == ["P3"]


def test_one_part_under_two_marks_is_noticed() -> None:
    assert Story().customer(1).say("41-1-1").press(50).say("41-50-1-aaaaaa").say("41-50-1-bbbbbb").rules() == ["P3"]
    pressed = Story().customer(1).say("41-1-1").press(50).say("41-50-1-aaaaaa").press(50)
    assert pressed.say("41-50-1-bbbbbb").rules() == []


def test_the_same_press_twice_may_bring_the_same_text_twice() -> None:
    story = Story().customer(1).say("41-1-1").press(50).say("41-50-1-aaaaaa", "Vale")
    assert story.press(50).say("41-50-1-bbbbbb", "Vale").rules() == []


def test_a_post_without_a_mark_is_noticed() -> None:
    assert Story().customer(1).say("41-1-1").say(None, "¿?").rules() == ["P3"]


def test_parts_out_of_order_are_noticed() -> None:
    assert Story().customer(1).say("41-1-2").say("41-1-1").rules() == ["P4"]
    assert Story().customer(1).say("41-1-n1").open().say("41-1-1").say("41-1-2").rules() == []


def test_a_reply_to_an_older_message_after_a_newer_one_is_noticed() -> None:
    assert Story().customer(1).customer(2).say("41-2-1").say("41-1-1").rules() == ["P4"]
    assert Story().customer(1).say("41-1-1").customer(2).say("41-2-1").rules() == []


# --- P5 --------------------------------------------------------------------------------------------------------------


def test_a_part_after_a_take_over_that_the_look_showed_is_noticed() -> None:
    assert Story().customer(1).human().say("41-1-1").rules() == ["P5"]
    assert Story().customer(1).open(by="human:7").say("41-1-1").rules() == ["P5"]
    assert Story().customer(1).act("assigned", by="human:7", assignee=7, assignee_type="User").say("41-1-1").rules() == ["P5"]
    assert Story().customer(1).act("human_note", by="human:7", text="/bot off").say("41-1-1").rules() == ["P5"]


def test_what_is_no_take_over_stops_nothing() -> None:
    assert Story().customer(1).act("human_note", by="human:7", text="ojo, VIP").say("41-1-1").rules() == []
    assert Story().customer(1).act("assigned", by="bot", assignee=3, assignee_type="AgentBot").say("41-1-1").rules() == []
    assert Story().customer(1).open(by="system").say("41-1-1").rules() == []


def test_a_take_over_between_the_look_and_the_post_costs_one_part_at_most() -> None:
    story = Story().customer(1).look().act("human_message", 0.2, by="human:7").say("41-1-1", looks=False, after=0.2)
    assert story.rules() == []
    assert story.say("41-1-2", looks=False, after=0.1).rules() == ["P5"]


def test_a_look_that_was_too_old_is_noticed() -> None:
    story = Story().customer(1).look().human().say("41-1-1", looks=False, after=3)
    assert story.rules() == ["P5"]
    assert story.rules(max_look_s=10) == []
    assert Story().customer(1).look().say("41-1-1", looks=False, after=30).rules() == []


def test_a_part_without_any_look_is_noticed_once_people_have_it() -> None:
    assert Story().customer(1).human().say("41-1-1", looks=False).rules() == ["P5"]
    assert Story().customer(1).say("41-1-1", looks=False).rules() == []


def test_a_reading_of_the_messages_shows_neither_status_nor_assignee_and_is_no_look() -> None:
    story = Story().customer(1).look().act("assigned", 0.1, by="human:7", assignee=7, assignee_type="User")
    story.act("look_answered", 0.1, what="messages")
    assert story.say("41-1-1", looks=False).rules() == []
    late = Story().customer(1).look().act("assigned", by="human:7", assignee=7, assignee_type="User")
    late.act("look_answered", 3, what="messages")
    assert late.say("41-1-1", looks=False).rules() == ["P5"]


def test_a_stale_look_excuses_what_it_did_not_show() -> None:
    story = Story().customer(1).human()
    story.look(seen_t=story.t - 0.5)
    assert story.say("41-1-1", looks=False).rules() == []


def test_a_note_is_allowed_whoever_has_it() -> None:
    assert Story().customer(1).human().say("41-1-n1").rules() == []


def test_a_handback_lets_us_speak_again() -> None:
    story = Story().human().status("open", "pending", "human:7").customer(1)
    assert story.say("41-1-1").rules() == []
    assert Story().human().act("human_note", by="human:7", text="/bot on").customer(1).say("41-1-1").rules() == []
    assert Story().human().status("open", "pending", "bot").customer(1).say("41-1-1").rules() == ["P5"]


def test_an_assignment_ends_when_nobody_is_assigned_any_more_and_other_take_overs_hold_on() -> None:
    def story() -> Story:
        return Story().customer(1).act("assigned", assignee=8, assignee_type="User", by="human:7")

    assert story().customer(2).say("41-2-1").rules() == ["P5"]
    free = story().act("assigned", assignee=None, assignee_type=None, by="human:7").customer(2)
    assert free.rules() == ["P1"]
    assert free.say("41-2-1").rules() == []
    taken = story().human().act("assigned", assignee=None, assignee_type=None, by="human:7").customer(2)
    assert taken.say("41-2-1").rules() == ["P5"]


def test_our_own_handoff_may_finish_its_text_although_somebody_was_assigned() -> None:
    handoff = Story().customer(1).open().say("41-1-n1").act("assigned", by="human:7", assignee=7, assignee_type="User")
    assert handoff.say("41-1-1").rules() == []
    assert Story().customer(1).open().say("41-1-n1").human().say("41-1-1").rules() == ["P5"]


def opened_beside_an_assignment(*, is_seen: bool = False, look_s: float = 0.1) -> Story:
    """A person assigns somebody while our call to open is on its way, or (is_seen) before our last look."""
    story = Story().customer(1)
    if not is_seen:
        story.look()
    story.act("assigned", 0.1, by="human:7", assignee=7, assignee_type="User")
    if is_seen:
        story.look()
    return story.act("toggle_received", look_s, request=90, status="open").open().say("41-1-n1")


def test_an_assignment_in_the_moment_of_our_own_opening_costs_one_part_at_most() -> None:
    assert opened_beside_an_assignment().say("41-1-1").rules() == []
    assert opened_beside_an_assignment().say("41-1-1").say("41-1-2").rules() == ["P5"]


def test_an_assignment_before_the_last_look_before_our_opening_is_noticed() -> None:
    assert opened_beside_an_assignment(is_seen=True).say("41-1-1").rules() == ["P5"]
    assert opened_beside_an_assignment(look_s=3).say("41-1-1").rules() == ["P5"]


def test_a_take_over_or_a_word_in_the_moment_of_our_opening_is_noticed() -> None:
    story = Story().customer(1).look().act("take_over", 0.1, by="human:7").open(by="human:7")
    assert story.act("toggle_received", request=90, status="open").say("41-1-n1").say("41-1-1").rules() == ["P5"]
    story = Story().customer(1).look().human().act("toggle_received", 0.1, request=90, status="open").open()
    assert story.say("41-1-n1").say("41-1-1").rules() == ["P5"]


def test_a_later_message_is_not_answered_under_the_cover_of_a_handoff() -> None:
    story = Story().customer(1).open().say("41-1-n1").act("assigned", by="human:7", assignee=7, assignee_type="User")
    assert story.customer(2, status="open").say("41-2-1").rules() == ["P5"]


def test_a_post_that_was_under_way_may_be_stored_late() -> None:
    story = Story().customer(1).look().act("post_received", 0.1, request=9, mark="41-1-1", private=False).human()
    story.act("post_stored", request=9, mark="41-1-1", private=False, text="Sí")
    assert story.rules() == []


# --- P6 and figures --------------------------------------------------------------------------------------------------


def test_more_model_calls_than_allowed_are_noticed() -> None:
    story = Story().customer(1).say("41-1-1")
    assert [v.rule for v in check(story.lines, llm_calls={1: 7})] == ["P6"]
    assert check(story.lines, llm_calls={1: 6}) == []


def test_outcomes_are_counted_and_looks_measured() -> None:
    story = Story().customer(1).say("41-1-1").customer(2, acked=None).customer(3, acked=None).human()
    assert count_outcomes(story.lines) == {"answered": 1, "people": 2}
    assert [round(s, 2) for s in measure_looks(story.lines)] == [0.1]
