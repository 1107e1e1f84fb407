"""What happens in a run and when, drawn from a seed alone: customers, people, faults and kills. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

RATE = 20.0  # messages a second, unless the run's length is given
NEW_SHARE = 0.27
RECENT = 60  # a returning customer is one of so many
PEOPLE_SHARE = 0.35

Drawn = TypeVar("Drawn")

FAQ = ("¿Hacéis envíos a Canarias?", "¿Llega el pedido a Canarias?", "¿Cómo devuelvo un pedido?", "Quiero devolver un artículo")
UNKNOWN = ("¿Cuál es la capital de Mongolia exterior?", "mi primo dice que no", "asdf qwer", "¿Y para los lunes?")
GREETING = ("hola", "Hi!", "buenos días", "gracias")
ARTICLE = ("¿Qué jabón va bien para las colchas?", "¿Puedo usar lejía en las colchas?", "¿A cuántos grados lavo la colcha?")
PERSON = ("quiero hablar con una persona", "hablar con una persona, por favor")
WHICH = ("quiero cambiar la dirección",)
CANNED = ("horario",)

# how often each kind of message comes; media and which have no text of their own or bring a press
MESSAGES: dict[str, tuple[float, tuple[str, ...]]] = {
    "faq": (0.32, FAQ),
    "canned": (0.14, CANNED),
    "article": (0.17, ARTICLE),
    "greeting": (0.09, GREETING),
    "which": (0.10, WHICH),
    "unknown": (0.08, UNKNOWN),
    "person": (0.04, PERSON),
    "media": (0.06, ("image", "audio", "location", "file")),
}
PEOPLE: dict[str, float] = {
    "take_over": 0.22,
    "reply": 0.12,
    "bot_off": 0.08,
    "assign": 0.06,
    "resolve": 0.14,
    "hand_back": 0.22,
    "delete_customers": 0.08,
    "delete_bots": 0.03,
    "fail": 0.05,
}
# what may follow when somebody has taken a conversation, and how likely
AFTERWARDS: dict[str, dict[str, float]] = {
    "take_over": {"hand_back": 0.5, "resolve": 0.3, "": 0.2},
    "reply": {"hand_back": 0.4, "resolve": 0.3, "": 0.3},
    "assign": {"hand_back": 0.7, "": 0.3},
    "bot_off": {"bot_on": 0.7, "": 0.3},
}

# all the time, each with its chance per call; a late commit still comes before the bot may look for it (1 + 1 s)
WEATHER: tuple[dict[str, Any], ...] = (
    {"where": "post_message", "kind": "status", "status": 500, "probability": 0.02},
    {"where": "post_message", "kind": "status_after", "status": 500, "probability": 0.02},
    {"where": "post_message", "kind": "status_after", "status": 422, "probability": 0.01},
    {"where": "post_message", "kind": "reset", "probability": 0.02},
    {"where": "post_message", "kind": "late", "delay_s": 1.2, "probability": 0.01},
    {"where": "post_message", "kind": "status", "status": 429, "probability": 0.01},
    {"where": "toggle_status", "kind": "status_after", "status": 500, "probability": 0.03},
    {"where": "toggle_status", "kind": "reset", "probability": 0.02},
    {"where": "get_conversation", "kind": "status", "status": 502, "probability": 0.01},
    # a reading of everything takes a hundred such calls: were they worse, hardly one would ever be complete
    {"where": "get_messages", "kind": "status", "status": 500, "probability": 0.002},
    {"where": "post_message", "kind": "refuse", "probability": 0.01},
    {"where": "post_message", "kind": "latency", "delay_s": 0.15, "probability": 0.1},
    {"where": "get_conversation", "kind": "latency", "delay_s": 0.15, "probability": 0.05},
    {"where": "echo", "kind": "drop", "probability": 0.08},
    {"where": "echo", "kind": "delay", "delay_s": 2.0, "probability": 0.05},
    {"where": "webhook", "kind": "duplicate", "copies": 2, "probability": 0.05},
    {"where": "webhook", "kind": "delay", "delay_s": 0.8, "jitter": True, "probability": 0.1},
    {"where": "webhook", "kind": "drop", "probability": 0.01},
)
STORMS = ("down", "drop_webhooks", "drop_echoes", "llm_errors", "llm_half", "llm_slow", "api_errors", "api_limit", "jitter")
KILLS = ("worker", "worker", "worker_frozen", "web_worker", "web_master", "web", "postgres", "postgres", "redis")


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One thing to do. at: seconds from the start; who: number of a customer; facts: what the act needs to know."""

    at: float
    number: int
    act: str
    who: int = -1
    facts: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """seconds: when the last customer has written and every fault ends."""

    seed: int
    seconds: float
    steps: tuple[Step, ...]

    def count(self, act: str) -> int:
        return sum(step.act == act for step in self.steps)

    def kills(self) -> Counter[str]:
        return Counter(step.facts["kind"] for step in self.steps if step.act == "kill")


def make_plan(seed: int, messages: int, seconds: float | None = None) -> Plan:
    """The whole run. The same arguments give the same plan."""
    length = seconds or messages / RATE
    chance = random.Random(seed)
    drawn = [*draw_customers(chance, messages, length), *draw_storms(chance, length), *draw_kills(chance, length)]
    drawn.sort(key=lambda d: d[0])
    steps = tuple(Step(round(at, 3), number, act, who, facts) for number, (at, act, who, facts) in enumerate(drawn))
    return Plan(seed, length, steps)


Draw = tuple[float, str, int, dict[str, Any]]


def pick(chance: random.Random, weights: dict[Drawn, float]) -> Drawn:
    return chance.choices(list(weights), list(weights.values()))[0]


def draw_customers(chance: random.Random, messages: int, length: float) -> Iterator[Draw]:
    """Bursts of one to three messages, and what people do about them, often in the very second of the reply."""
    sent, customers = 0, 0
    while sent < messages:
        at = length * sent / messages
        if customers < 5 or chance.random() < NEW_SHARE:
            who, customers = customers, customers + 1
        else:
            who = chance.randrange(max(0, customers - RECENT), customers)
        kinds = draw_burst(chance, messages - sent)
        sent += len(kinds)
        for kind in kinds:
            yield from draw_message(chance, at, who, kind)
            at += chance.uniform(0.02, 0.3)
        if chance.random() < PEOPLE_SHARE:
            yield from draw_people(chance, at, who)


def draw_burst(chance: random.Random, left: int) -> list[str]:
    """Kinds of messages. What asks for a button comes alone: beside another question it would be answered in words."""
    weights = {name: weight for name, (weight, _) in MESSAGES.items()}
    kinds = [pick(chance, weights) for _ in range(min(chance.choice((1, 1, 1, 2, 2, 3)), left))]
    return ["which"] if "which" in kinds else kinds


def draw_message(chance: random.Random, at: float, who: int, kind: str) -> Iterator[Draw]:
    word = chance.choice(MESSAGES[kind][1])
    yield at, "media" if kind == "media" else "text", who, {"word": word, "inbox": who % 2}
    if kind == "which":
        yield at + chance.uniform(0.8, 3.0), "press", who, {"place": chance.randrange(2)}


def draw_people(chance: random.Random, at: float, who: int) -> Iterator[Draw]:
    act = pick(chance, PEOPLE)
    at += chance.uniform(0.0, 1.4)
    yield at, act, who, {}
    if act == "take_over" and chance.random() < 0.6:
        yield at + chance.uniform(0.0, 0.6), "reply", who, {}
    after = pick(chance, AFTERWARDS[act]) if act in AFTERWARDS else ""
    if after:
        yield at + chance.uniform(0.7, 5.0), after, who, {}


def deal(chance: random.Random, deck: Sequence[str], length: float, gaps: tuple[float, float]) -> Iterator[tuple[float, str]]:
    """The whole deck in a random order, again and again: each kind comes before any comes twice as often."""
    at, left = chance.uniform(*gaps), []
    while at < length - 0.5:
        if not left:
            left = chance.sample(deck, len(deck))
        yield at, left.pop()
        at += chance.uniform(*gaps)


def draw_storms(chance: random.Random, length: float) -> Iterator[Draw]:
    for at, kind in deal(chance, STORMS, length, (1.5, 4.5)):
        yield at, "storm", -1, {"kind": kind, "for_s": round(chance.uniform(2.0, 6.0 if kind == "down" else 4.0), 2)}


def draw_kills(chance: random.Random, length: float) -> Iterator[Draw]:
    for at, kind in deal(chance, KILLS, length, (1.0, 3.5)):
        pause_s = chance.uniform(1.0, 3.0) if kind == "postgres" else chance.uniform(0.5, 3.0)
        yield at, "kill", -1, {"kind": kind, "which": chance.randrange(2), "pause_s": round(pause_s, 2)}
