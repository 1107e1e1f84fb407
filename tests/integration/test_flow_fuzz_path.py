"""Random customers and random agents over the whole path, with real PostgreSQL: the sample flows and flows that chance wrote.

Never a message of the bot after a take-over that can be seen, never a promised transfer without the status, never two questions
at once, nothing said twice for a webhook that comes twice, and whoever waits is never left without an outcome.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import thorough
from flask import Flask
from random_flows import HOST, KEYS, OWNER, make_flows
from standins.shop_api import ShopAnswer

from chatbot import queue
from chatbot.answer import answer
from chatbot.errors import Interrupted
from chatbot.flows.definition import Flow
from chatbot.llm import Means
from chatbot.settings import Settings
from integration.desk import WORKER
from integration.script_player import INBOXES, SECRET, SHOP_HOURS, ScriptDesk, open_desk

ACTS = 25
BEGINS = (
    "quiero pedir cita", "quiero consultar mi pedido", "quiero devolver", "quiero un presupuesto", "poner una queja",
    "book an appointment", "i want to return something", "hola",
)  # fmt: skip
WORDS = (
    "el jueves", "a las 11:30", "2", "AZ-204518", "AZ204519", "Ana Belén, 600 123 456", "ana@example.com", "sí", "no",
    "gracias", "saltar", "atrás", "empezar de nuevo", "no, quise decir 3", "cancelar", "¿hacéis envíos a Canarias?", "recoger",
    "devolver", "llegó roto", "tienda", "xyzzy", "🙂", "quiero hablar con una persona", "¿y esto qué es?", "un mantel",
    "123456", "rojo", "el 3 de diciembre", "que me llamen", "cambia el correo", "ya no", "eres un inútil",
)  # fmt: skip
# "te hago tres preguntas y lo paso" promises nothing yet
PROMISE = re.compile(r"\bPaso (?:esta|tu|los|el cambio|la)|\bLo paso|I'm passing")
OPEN_OWED = """
SELECT count(*) AS owed FROM conversation c WHERE in_seq > answered_seq OR wake_at IS NOT NULL
  OR EXISTS (SELECT FROM turn t WHERE t.conversation_id = c.id AND t.finished_at IS NULL)
"""


class PuttingBack(ScriptDesk):
    """Puts a conversation back as a worker does where a turn has to wait."""

    def work(self) -> list[str]:
        outcomes: list[str] = []
        means = Means(self.engine, self.settings, config=self.config)
        while True:
            with self.engine.begin() as connection:
                leases = queue.claim(connection, WORKER, self.settings, 20)
            if not leases:
                return outcomes
            for lease in leases:
                try:
                    outcomes.append(answer(means, lease))
                except Interrupted:
                    with self.engine.begin() as connection:
                        queue.put_back(connection, lease, 0)


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[ScriptDesk]:
    with open_desk(PuttingBack, make_module_app()) as desk:
        given = {"hours": SHOP_HOURS, "flow_hosts": desk.shop.host, "flow_secrets": SECRET, "embeddings_base_url": "off"}
        kept = {name: getattr(desk.given, name) for name in desk.given.model_fields_set}
        desk.settings = Settings.model_validate({**kept, **given})
        yield desk


class Day:
    """One conversation's random day. has_person: somebody of the team has it, and everybody can see it."""

    def __init__(self, desk: ScriptDesk, seed: int) -> None:
        self.desk, self.chance, self.id = desk, random.Random(seed), 0
        self.has_person = False
        self.log: list[str] = []
        desk.clear()
        desk.told.clear()
        desk.mailbox.mails.clear()
        desk.shop.asked.clear()
        desk.shop.answers = {
            "/api/pedidos/AZ-204518": [ShopAnswer({"email": OWNER, "status": "shipped"})],
            "/a": [ShopAnswer({"email": OWNER})],
            "/b": [ShopAnswer({"id": "R-7"})],
        }

    def live(self, acts: int) -> None:
        for _ in range(acts):
            name, act = self.chance.choice([("says", self.says)] * 6 + [
                ("presses", self.presses), ("agent answers", self.agent_answers), ("takes over", self.takes_over),
                ("hands back", self.hands_back), ("resolves", self.resolves), ("time passes", self.time_passes),
            ])  # fmt: skip
            if not self.id and name != "says":
                continue
            before = len(self.said())
            act()
            if self.chance.random() < 0.3:  # Chatwoot delivers again
                self.desk.told += [body for body in self.desk.told if b'"message_created"' in body]
            self.desk.settle()
            self.log += [f"{name}", *(f"   bot: {text}" for text in self.said()[before:])]
            self.check(before, had_person=self.has_person)

    def said(self) -> list[str]:
        return [message.content or "" for message in self.desk.pretend.replies(self.id)] if self.id else []

    def says(self) -> None:
        words = (*WORDS, *BEGINS, *(f"empieza {key}" for key in KEYS))
        text = self.chance.choice(words if self.id else BEGINS + tuple(f"empieza {key}" for key in KEYS))
        self.log.append(f"customer: {text}")
        if self.id:
            self.desk.pretend.customer(text, conversation=self.id)
        else:
            contact = self.desk.pretend.world.add_contact("Lola Vidal")
            inbox = INBOXES[self.chance.choice(list(INBOXES))][0]
            self.id = self.desk.pretend.customer(text, contact=contact.id, inbox=inbox, language="es")["conversation"]

    def presses(self) -> None:
        offered = [m for m in self.desk.pretend.replies(self.id) if m.content_attributes.get("items")]
        if offered:
            message = self.chance.choice(offered[-3:])
            self.desk.pretend.press(message.id, self.chance.choice(message.content_attributes["items"])["value"])

    def agent_answers(self) -> None:
        """A word behind what is resolved takes nothing over: the next message begins anew."""
        self.desk.pretend.agent_reply(self.id, "Soy Marta, lo miro yo.")
        self.has_person = self.has_person or self.desk.pretend.status(self.id) != "resolved"

    def takes_over(self) -> None:
        self.desk.pretend.take_over(self.id)
        self.has_person = True

    def hands_back(self) -> None:
        self.desk.pretend.hand_back(self.id)
        self.has_person = False

    def resolves(self) -> None:
        self.desk.pretend.resolve(self.id)
        self.has_person = False

    def time_passes(self) -> None:
        self.desk.clock.advance(timedelta(minutes=self.chance.choice([1, 20, 45, 240])))

    def check(self, before: int, had_person: bool) -> None:
        replies = self.desk.pretend.replies(self.id)[before:]
        texts = [message.content or "" for message in replies]
        place = self.desk.pretend.world.conversations[self.id]
        assert not (had_person and replies), self.tell("said although a person had it")
        assert len([m for m in replies if m.content_attributes.get("items")]) <= 1, self.tell("two questions at once")
        if any(PROMISE.search(text) for text in texts):
            assert place.status == "open", self.tell("a transfer was promised and not made")
        assert not re.search(r"\{\{|\bNone\b", " ".join(texts)), self.tell("a placeholder was said")
        assert self.desk.rows(OPEN_OWED)[0]["owed"] == 0, self.tell("somebody waits")
        assert len(set(texts)) == len(texts), self.tell("said twice")

    def tell(self, problem: str) -> str:
        return "\n".join((problem, *self.log))


def put_at_shop(flow: Flow, shop_url: str) -> Flow:
    """With its calls at the stand-in."""
    raw: dict[str, Any] = flow.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    steps = [
        {**step, "url": step["url"].replace(f"https://{HOST}", shop_url)} if "url" in step else step for step in raw["steps"]
    ]
    return Flow.model_validate({**raw, "steps": steps})


SEEDS = [*range(4), *thorough(*range(4, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_day_with_the_sample_flows(desk: ScriptDesk, seed: int) -> None:
    desk.publish(desk.sample)
    Day(desk, seed).live(ACTS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_day_with_flows_that_chance_wrote(desk: ScriptDesk, seed: int) -> None:
    desk.publish([put_at_shop(flow, desk.shop.url) for flow in make_flows(seed).values()])
    Day(desk, 1_000 + seed).live(ACTS)
    changes = [str(asked) for asked in desk.shop.asked if asked.method == "POST"]
    assert len(changes) < ACTS
