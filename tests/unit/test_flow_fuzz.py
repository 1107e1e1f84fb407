"""The machine under random customers: words, commands, buttons, duplicates, restarts, wishes that work and don't.

It never raises, never skips a required slot, never puts two questions at once, and always has a way out.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flow_talk import ORDER, SAMPLE, SAMPLE_BOOK, STAYING, make_world
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chatbot.flows.commands import Command
from chatbot.flows.machine import MAX_ANSWERS, advance, resume
from chatbot.flows.run import Moved, Run, WishResult, dump_run, read_run
from chatbot.flows.understand import understand

SLOTS = sorted({name for flow in SAMPLE.values() for name in flow.slots} | {"", "code", "nowhere", "repair_pick"})
WORDS = [
    "el jueves", "mañana", "a las 5", "11:30", "2", "3", "no, quise decir 3", "mejor el viernes", "AZ-204518", "AZ204519",
    "Ana Belén", "600 123 456", "ana@example.com", "sí", "no", "vale", "gracias", "hola", "saltar", "atrás", "repite",
    "empezar de nuevo", "recoger", "devolver", "cambiarla", "llegó roto", "tienda", "Que me llamen", "cerámica", "40", "123456",
    "¿hacéis envíos a Canarias?", "quiero pedir cita", "quiero devolver", "cambia el teléfono", "no tengo", "xyzzy", "", "🙂",
    "{{secret.tienda}}", "1", "otro", "Intentarlo otra vez", "tomorrow at 5", "go back", "skip", "next friday", "no, I meant 4",
    "to exchange it",
]  # fmt: skip
WAYS_OUT = ["cancelar", "quiero hablar con una persona", "cancel", "talk to a person"]
COMMANDS = st.builds(
    Command,
    do=st.sampled_from(STAYING),
    flow=st.sampled_from([*SAMPLE, "gone"]),
    slot=st.sampled_from(SLOTS),
    text=st.sampled_from(WORDS),
    flows=st.lists(st.sampled_from([*SAMPLE, "gone"]), max_size=3).map(tuple),
)
# what fits a question without buttons, by its slot
FITTING = {
    "dia": ["el viernes", "on Friday", "el 3 de diciembre"],
    "hora": ["a las 11:30", "at 5"],
    "nombre": ["Ana Belén, 600 123 456", "Joe"],
    "telefono": ["600 123 456"],
    "pedido": ["AZ-204518"],
    "correo": ["ana@example.com"],
    "code": ["123456"],
    "pieza": ["un mantel"],
    "que_paso": ["llegó roto"],
    "comentario": ["no, gracias", "con un perro"],
    "foto": ["saltar", "skip"],
    "cambio_por": ["uno azul"],
    "empresa": ["Hotel Mar", "saltar"],
}
# the lines of the sample flows' notes that may never be empty, by the note's first line
NEEDED = {
    "Cita por confirmar": [r"Motivo: \S", r"Día y hora: \S.*, \d", r"Nombre: \S", r"Teléfono: \S"],
    "Devolución o cambio": [r"cambio: \S", r"Pedido: AZ", r"Pieza: \S", r"Motivo: \S", r"Entrega: \S"],
    "Pide presupuesto": [r"Busca: \S.*, \d+ piezas", r"Nombre: \S", r"Correo: \S+@"],
    "Queja": [r"Qué pasó: \S", r"Pide: \S"],
}
IF_CHOSEN = {
    "Pide: Que me llamen": r"Teléfono: \+",
    "Pide: A phone call": r"Teléfono: \+",
    "cambio: Cambiarla": r"Cambio por: \S",
    "cambio: Exchange it": r"Cambio por: \S",
    "Motivo: Elegir telas": r"Personas: \d",
    "Motivo: Order embroidery": r"Personas: \d",
}
RESULTS = st.sampled_from(
    [
        *[WishResult("ok", ORDER)] * 4,
        WishResult("ok", {"email": None, "status": ["?"]}),
        WishResult("ok", "nothing that was expected"),
        WishResult("missing"),
        WishResult("error", error="500"),
    ]
)


class Customers(RuleBasedStateMachine):
    """moved: the machine's last answer; is_proven: whether the channel or a code has shown who is writing."""

    def __init__(self) -> None:
        super().__init__()
        self.run: Run | None = None
        self.moved = Moved()
        self.world = make_world()
        self.is_proven = False

    @initialize(
        flow=st.sampled_from([*sorted(SAMPLE), "estado-pedido"]), language=st.sampled_from(["es", "en"]), proven=st.booleans()
    )
    def begin(self, flow: str, language: str, proven: bool) -> None:
        self.world = make_world(language, proven_email=ORDER["email"] if proven else "")  # type: ignore[arg-type]
        self.is_proven = proven
        self._take(advance(SAMPLE_BOOK, None, [Command("start", flow=flow)], self.world))
        assert self.run is not None

    def _take(self, moved: Moved) -> None:
        for act in moved.acts:
            if act.kind == "note":
                self._check_note(act.value)
        said = " ".join(utterance.text for utterance in moved.says)
        if "de camino" in said or "on its way" in said:
            assert self.is_proven, "told to somebody who has proven nothing"
        self.moved, self.run = moved, moved.run

    def _check_note(self, note: str) -> None:
        """What the team gets holds every required answer of the path that was taken."""
        head = note.splitlines()[0].split(":")[0]
        for line in [*NEEDED[head], *(line for sign, line in IF_CHOSEN.items() if sign in note)]:
            assert re.search(line, note), f"{line} is missing in {note!r}"

    def _answer(self, number: int) -> None:
        """What fits the open question."""
        if self.run is None or self.moved.wish is not None:
            return
        slot = self.run.asked.rsplit("/", 1)[1]
        fitting = [title for title, _ in self.run.choices] or FITTING.get(slot, ["2"])
        self._take(self._advance(fitting[number % len(fitting)]))

    def _advance(self, text: str) -> Moved:
        return advance(SAMPLE_BOOK, self.run, understand(text, SAMPLE_BOOK, self.run, self.world), self.world)

    @precondition(lambda self: self.run is not None and self.moved.wish is None)
    @rule(number=st.integers(0, 5))
    def answers(self, number: int) -> None:
        self._answer(number)

    @precondition(lambda self: self.run is not None and self.moved.wish is None)
    @rule(numbers=st.lists(st.integers(0, 5), min_size=2, max_size=8))
    def answers_on(self, numbers: list[int]) -> None:
        for number in numbers:
            self._answer(number)

    @precondition(lambda self: self.run is not None and self.moved.wish is None)
    @rule(text=st.one_of(st.sampled_from(WORDS), st.text(max_size=20)), pressed=st.booleans())
    def says(self, text: str, pressed: bool) -> None:
        commands = understand(text, SAMPLE_BOOK, self.run, self.world, pressed=text if pressed else "")
        assert commands, "in a flow every message means something"
        self._take(advance(SAMPLE_BOOK, self.run, commands, self.world))

    @precondition(lambda self: self.run is not None and self.moved.wish is None)
    @rule(commands=st.lists(COMMANDS, max_size=4))
    def means(self, commands: list[Command]) -> None:
        assume(commands)
        self._take(advance(SAMPLE_BOOK, self.run, commands, self.world))

    @precondition(lambda self: self.run is not None and self.moved.wish is None)
    @rule(text=st.sampled_from(WORDS))
    def says_twice(self, text: str) -> None:
        for _ in range(2):
            if self.run is None or self.moved.wish:
                return
            self._take(self._advance(text))

    @precondition(lambda self: self.run is not None and bool(self.run.choices))
    @rule(number=st.integers(0, 9))
    def presses(self, number: int) -> None:
        assert self.run is not None
        if self.moved.wish is None:
            title = self.run.choices[number % len(self.run.choices)][0]
            commands = understand("", SAMPLE_BOOK, self.run, self.world, pressed=title)
            self._take(advance(SAMPLE_BOOK, self.run, commands, self.world))

    @precondition(lambda self: self.moved.wish is not None)
    @rule(result=RESULTS, restarts=st.booleans())
    def wish_is_granted(self, result: WishResult, restarts: bool) -> None:
        assert self.run is not None
        run = read_run(dump_run(self.run)) if restarts else self.run
        assert run is not None
        is_code = self.moved.wish is not None and self.moved.wish.kind == "check_code"
        self.is_proven = self.is_proven or (is_code and result.outcome == "ok")
        self._take(resume(SAMPLE_BOOK, run, result, self.world))

    @precondition(lambda self: self.run is not None)
    @rule()
    def box_restarts(self) -> None:
        assert self.run is not None
        again = read_run(dump_run(self.run))
        assert again == self.run
        self.run = again

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        where = self.world.where
        self.world = make_world(where.language, where.now + timedelta(hours=hours), proven_email=self.world.proven_email)

    @invariant()
    def one_question_at_most(self) -> None:
        asking = [n for n, utterance in enumerate(self.moved.says) if utterance.asks]
        assert len(asking) <= 1
        assert not asking or asking[0] == len(self.moved.says) - 1, "the question is the last thing said"

    @invariant()
    def something_follows(self) -> None:
        """A question, a wish, or an end that is said."""
        if self.run is not None:
            assert (self.moved.wish is not None) != any(utterance.asks for utterance in self.moved.says)
        elif self.moved.ended:
            assert self.moved.says or self.moved.ended == "done"

    @invariant()
    def private_slots_stay_private(self) -> None:
        said = " ".join(utterance.text for utterance in self.moved.says)
        if self.run is not None and not self.run.is_verified:
            assert ORDER["email"] not in said or any(
                slot.text == ORDER["email"] and not slot.private for slot in self.run.slots.values()
            )
        assert "{{" not in said or "{{secret" in said

    @invariant()
    def always_a_way_out(self) -> None:
        """Whatever is open: one message leaves, and so does saying nonsense often enough."""
        if self.run is None or self.moved.wish is not None:
            return
        for text in WAYS_OUT:
            assert self._advance(text).run is None, f"«{text}» is no way out of {self.run.asked}"
        silent = advance(SAMPLE_BOOK, self.run, [Command("silence")], self.world)
        assert silent.run is None or advance(SAMPLE_BOOK, silent.run, [Command("silence")], self.world).run is None


Customers.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCustomers = Customers.TestCase


@pytest.mark.thorough
class TestManyCustomers(Customers.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("key", sorted(SAMPLE))
def test_nonsense_alone_comes_to_an_end(key: str) -> None:
    """Whoever never gives an answer that fits is handed to a person after a bounded number of messages."""
    world = make_world()
    moved = advance(SAMPLE_BOOK, None, [Command("start", flow=key)], world)
    for _ in range(MAX_ANSWERS + 1):
        if moved.run is None:
            break
        moved = advance(SAMPLE_BOOK, moved.run, [Command("nothing")], world)
    assert moved.ended == "handoff"
