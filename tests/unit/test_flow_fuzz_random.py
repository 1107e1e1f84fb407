"""The machine under random customers in random flows: what holds for the sample flows holds for any that an owner may write.

It never raises, never skips a required slot, never asks two things, always has a way out, promises a person only where one is
called, tells nothing private before a proof, and asks a server to change something once.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import pytest
from flow_talk import STAYING, make_flow_book, make_world
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from random_flows import KEYS, LEDGER, OWNER, PASSED, SLOTS, list_needed, make_flows

from chatbot.flows.commands import Command
from chatbot.flows.machine import advance, resume
from chatbot.flows.run import FlowBook, Moved, Run, WishResult, dump_run, read_run
from chatbot.flows.understand import understand
from chatbot.reply import Language

FITTING: dict[str, list[str]] = {
    "texto": ["un mantel azul", "a blue cloth"],
    "cuantos": ["3", "7"],
    "dia": ["el 3 de diciembre", "3 December"],
    "hora": ["a las 11:30", "at 11:30 am"],
    "correo": ["ana@example.com"],
    "vale": ["sí", "no"],
    "nota": ["saltar", "skip", "con lazo"],
    "clase": ["rojo", "azul", "2"],
    "code": ["123456"],
    "": ["sí", "yes", "no"],
}
WORDS = [
    *(word for words in FITTING.values() for word in words),
    *(f"empieza {key}" for key in KEYS), *(f"begin {key}" for key in KEYS),
    "no, quise decir 4", "mejor el viernes", "cambia el correo", "atrás", "go back", "saltar", "repite", "empezar de nuevo",
    "start over", "gracias", "¿hacéis envíos?", "xyzzy", "", "🙂", "no, I meant 2", "{{slot.secreto}}", "000000", "y", "ya no",
    "cambia texto", "change the texto",
]  # fmt: skip
COMMANDS = st.builds(
    Command,
    do=st.sampled_from(STAYING),
    flow=st.sampled_from([*KEYS, "gone"]),
    slot=st.sampled_from([*SLOTS, "", "code", "nowhere", "repair_pick"]),
    text=st.sampled_from(WORDS),
    flows=st.lists(st.sampled_from([*KEYS, "gone"]), max_size=3).map(tuple),
)
RESULTS = st.sampled_from(
    [
        *[WishResult("ok", {"email": OWNER, "id": "R-7"})] * 5,
        WishResult("ok", {"email": ["?"]}),
        WishResult("missing"),
        WishResult("error", error="500"),
        WishResult("error", error="expired"),
    ]
)
# one message leaves, whatever is open
WAYS_OUT = ("cancelar", "quiero hablar con una persona", "cancel", "talk to a person")
NONSENSE_LIMIT = 12
PROMISE = re.compile(r"\b[Pp]aso (?:esta|tu|los|el cambio|la)|\b[Ll]o paso|I'm passing|\bpasan? con una persona")
book_of: dict[int, FlowBook] = {}


def find_book(seed: int) -> FlowBook:
    if seed not in book_of:
        book_of[seed] = make_flow_book(*make_flows(seed).values())
    return book_of[seed]


class Strangers(RuleBasedStateMachine):
    """changed: how often each run has wished for a call that changes something, by flow and step."""

    @initialize(
        seed=st.integers(0, 400), flow=st.sampled_from(KEYS), language=st.sampled_from(["es", "en"]), proven=st.booleans()
    )
    def begin(self, seed: int, flow: str, language: Language, proven: bool) -> None:
        self.book = find_book(seed)
        self.world = make_world(language, proven_email=OWNER if proven else "")
        self.is_proven = proven
        self.changed: Counter[tuple[str, str]] = Counter()
        self.run: Run | None = None
        self._take(advance(self.book, None, [Command("start", flow=flow)], self.world))

    def _take(self, moved: Moved) -> None:
        if "started" in moved.notes and moved.notes.get("repair") in (None, "switch", "clarify"):  # another flow
            self.changed.clear()
        if moved.wish and moved.wish.call and not moved.wish.call.is_safe:
            self.changed[moved.wish.flow, moved.wish.step] += 1
            assert self.changed[moved.wish.flow, moved.wish.step] == 1, "a change was asked for twice"
        for act in moved.acts:
            if act.kind == "note":
                self._check_ledger(act.value)
        self.moved, self.run = moved, moved.run
        if moved.run is None:
            self.changed.clear()

    def _check_ledger(self, note: str) -> None:
        """Whoever came to the end has answered every required question that leads there."""
        word, key, slots = note.split(" ", 2)
        assert word == LEDGER
        flow = self.book.find_live(key)
        assert flow
        for name in list_needed(flow):
            assert re.search(rf"\b{name}=\[[^\]]", slots), f"{name} was skipped: {note}"

    def _advance(self, text: str, pressed: str = "") -> Moved:
        commands = understand(text, self.book, self.run, self.world, pressed=pressed)
        assert commands, "in a flow every message means something"
        return advance(self.book, self.run, commands, self.world)

    @property
    def is_asked(self) -> bool:
        return self.run is not None and self.moved.wish is None

    def _answer(self, number: int) -> None:
        if self.run is None or not self.is_asked:
            return
        fitting = [title for title, _ in self.run.choices] or FITTING.get(self.run.asked.rsplit("/", 1)[1], ["2"])
        self._take(self._advance(fitting[number % len(fitting)]))

    @precondition(lambda self: self.is_asked)
    @rule(numbers=st.lists(st.integers(0, 5), min_size=1, max_size=6))
    def answers(self, numbers: list[int]) -> None:
        for number in numbers:
            self._answer(number)

    @precondition(lambda self: self.is_asked)
    @rule(text=st.sampled_from(WORDS), pressed=st.booleans(), times=st.integers(1, 2))
    def says(self, text: str, pressed: bool, times: int) -> None:
        for _ in range(times):
            if self.is_asked:
                self._take(self._advance(text, text if pressed else ""))

    @precondition(lambda self: self.is_asked)
    @rule(commands=st.lists(COMMANDS, min_size=1, max_size=4))
    def means(self, commands: list[Command]) -> None:
        self._take(advance(self.book, self.run, commands, self.world))

    @precondition(lambda self: self.run is not None and self.moved.wish is not None)
    @rule(result=RESULTS)
    def wish_is_granted(self, result: WishResult) -> None:
        assert self.run
        assert self.moved.wish
        self.is_proven = self.is_proven or (self.moved.wish.kind == "check_code" and result.outcome == "ok")
        self._take(resume(self.book, self.run, result, self.world))

    @precondition(lambda self: self.run is not None and self.moved.wish is not None)
    @rule(text=st.sampled_from(WORDS))
    def nobody_came_back_from_the_wish(self, text: str) -> None:
        """The box broke; the customer writes again."""
        assert self.run
        commands = understand(text, self.book, self.run, self.world)
        if self.moved.wish and self.moved.wish.call and not self.moved.wish.call.is_safe and commands:
            self._take(advance(self.book, self.run, commands, self.world))

    @precondition(lambda self: self.run is not None)
    @rule(hours=st.integers(0, 30))
    def box_restarts(self, hours: int) -> None:
        assert self.run
        again = read_run(dump_run(self.run))
        assert again == self.run
        self.run = again
        where = self.world.where
        self.world = make_world(where.language, where.now + timedelta(hours=hours), proven_email=self.world.proven_email)

    @precondition(lambda self: self.run is None)
    @rule(key=st.sampled_from(KEYS))
    def begins_again(self, key: str) -> None:
        self._take(advance(self.book, None, [Command("start", flow=key)], self.world))

    @invariant()
    def one_question_at_most_and_last(self) -> None:
        asking = [n for n, utterance in enumerate(self.moved.says) if utterance.asks]
        assert asking in ([], [len(self.moved.says) - 1])

    @invariant()
    def something_follows(self) -> None:
        if self.run is not None:
            assert (self.moved.wish is not None) != any(utterance.asks for utterance in self.moved.says)
        else:
            assert not any(utterance.asks for utterance in self.moved.says)
            assert self.moved.says or self.moved.acts or self.moved.ended in ("", "done")

    @invariant()
    def a_person_is_promised_where_one_is_called(self) -> None:
        said = " ".join(utterance.text for utterance in self.moved.says)
        is_called = any(act.kind == "handoff" for act in self.moved.acts)
        assert is_called == (self.moved.ended == "handoff")
        assert bool(PROMISE.search(said)) <= is_called, said
        if is_called:
            assert self.run is None
            assert said

    @invariant()
    def nothing_private_is_said(self) -> None:
        said = " ".join(utterance.text for utterance in self.moved.says)
        assert self.is_proven or OWNER not in said
        assert "{{" not in said

    @invariant()
    def there_is_always_a_way_out(self) -> None:
        if not self.is_asked:
            return
        for text in WAYS_OUT:
            assert self._advance(text).run is None, f"«{text}» is no way out of {self.run and self.run.asked}"
        moved = self.moved
        for _ in range(NONSENSE_LIMIT):
            if moved.run is not None:
                moved = advance(self.book, moved.run, [Command("nothing")], self.world)
        assert moved.run is None, "nonsense alone leads out"
        silent = advance(self.book, self.run, [Command("silence")], self.world)
        assert silent.run is None or advance(self.book, silent.run, [Command("silence")], self.world).run is None


Strangers.TestCase.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStrangers = Strangers.TestCase


@pytest.mark.thorough
class TestManyStrangers(Strangers.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))


def test_chance_writes_every_kind_of_step() -> None:
    """Else the above would prove little."""
    kinds = Counter(step.do for seed in range(40) for flow in make_flows(seed).values() for step in flow.steps)
    assert set("ask choose form confirm say condition set call verify change jump handoff end".split()) == set(kinds)  # noqa: SIM905
    assert sum(len(list(list_needed(flow))) for seed in range(40) for flow in make_flows(seed).values()) > 100
    assert PASSED["es"] in {t for seed in range(9) for f in make_flows(seed).values() for s in f.steps if s.do == "handoff"
                            for t in (s.text or {}).values()}  # fmt: skip
