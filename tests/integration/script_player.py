"""Plays a conversation script through the whole path: signed webhooks in, answers by the pretend Chatwoot out.

Everything that the pretend Chatwoot would tell (messages, echoes, statuses, notes) is posted to the application, before and
after each answer. The clock is moved by tests/clock.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from clock import Clock
from conftest import SECRET_KEY
from conversation_script import Answer, Line, Script
from flask import Flask
from standins.llm import LlmStandIn
from standins.shop_api import Asked, ShopAnswer, ShopApi
from web.test_security_mail import Post

from chatbot import queue
from chatbot.answer import answer
from chatbot.bodies import Body
from chatbot.config import Config, load_config
from chatbot.content import publish, save_drafts
from chatbot.content_file import parse
from chatbot.db import statements
from chatbot.flows.definition import Flow
from chatbot.llm import Means
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.pretend.desk import BOT_EVENTS, BOT_EVENTS_4_13
from chatbot.pretend.hooks import encode
from chatbot.pretend.state import Conversation, Inbox, Message
from chatbot.settings import Settings
from chatbot.timers import fire_due
from integration.desk import WORKER, Desk

ACCOUNT = 9
INBOXES = {"web": (21, "Channel::WebWidget"), "whatsapp": (22, "Channel::Whatsapp"), "email": (23, "Channel::Email")}
SHOP_HOURS = ("mon-fri 10:00-14:00, 17:00-20:30", "sat 10:30-14:00")
SECRET = "tienda=secreto-de-la-tienda"
ORDERS = {
    "AZ-204518": {"email": "ana@example.com", "status": "shipped"},
    "AZ-100200": {"email": "luis@example.com", "status": "processing"},
}
# a run ends where people take over
RUN = """
SELECT CASE WHEN flow_run ->> 'human_seq' = human_seq::text THEN flow_run END AS flow_run
FROM conversation WHERE chatwoot_id = :id
"""
CODE = re.compile(r"\{code(?: (\d))?\}")
STEP = re.compile(r"([+-]?\d+)(min|h|d)")
UNITS = {"min": "minutes", "h": "hours", "d": "days"}


class Telling(PretendChatwoot):
    """Keeps what it would tell its agent bot, for the player to post."""

    told: list[bytes]

    def tell(self, event: str, body: dict[str, Any], conversation: Any, message: Any = None) -> None:
        if event in BOT_EVENTS | BOT_EVENTS_4_13 and conversation is not None:
            self.told.append(encode(body))


class ScriptDesk(Desk):
    """With mail and a model where the settings have them."""

    def __init__(self, app: Flask, pretend: Telling, shop: ShopApi, llm: LlmStandIn, post: Post, config: Config) -> None:
        self.sample = list(load_sample(shop.url))
        super().__init__(app, pretend, ACCOUNT, tuple(number for number, _ in INBOXES.values()), self.sample)
        self.shop, self.llm, self.mailbox, self.config = shop, llm, post, config
        self.told, self.has_mail = pretend.told, True
        self.given = self.settings
        self.clock = Clock(self.engine, pretend)

    def publish(self, bodies: list[Body]) -> None:
        with self.engine.begin() as connection:
            save_drafts(connection, bodies, "test")
            publish(connection, "test")

    def work(self) -> list[str]:
        outcomes: list[str] = []
        means = Means(self.engine, self.settings, config=self.config if self.has_mail else None)
        while True:
            with self.engine.begin() as connection:
                leases = queue.claim(connection, WORKER, self.settings, 20)
            if not leases:
                return outcomes
            outcomes += [answer(means, lease) for lease in leases]

    def settle(self) -> None:
        """Until nobody has anything to say. A timer that is due fires, as the worker's sweep has it."""
        while True:
            while self.told:
                assert self.post(self.told.pop(0)) == 200
            with statements(self.engine) as connection:
                fire_due(connection)
            if not self.work() and not self.told:
                return


def load_sample(shop_url: str) -> Iterator[Body]:
    """The sample shop, its API at our stand-in."""
    for name in ("shop.yaml", "flows.yaml"):
        source = (files("chatbot") / "sample" / name).read_text("utf-8")
        yield from parse(source.replace("https://azahar.example/api", f"{shop_url}/api").encode(), name)


def add_inboxes(pretend: PretendChatwoot) -> None:
    for number, channel in INBOXES.values():
        pretend.world.inboxes[number] = Inbox(number, "Tienda", channel, pretend.bot.id)


AnyDesk = TypeVar("AnyDesk", bound=ScriptDesk)


@contextmanager
def open_desk(kind: type[AnyDesk], app: Flask) -> Iterator[AnyDesk]:
    """A desk of this kind, with a pretend Chatwoot, shop, model and mail server of its own."""
    post = Post()
    config = load_config(
        database_url=app.config["SQLALCHEMY_DATABASE_URI"], secret_key=SECRET_KEY, environment="test",
        public_url="https://bot.example", mail_server="127.0.0.1", mail_port=post.port, mail_use_tls=False,
        mail_sender="bot@azahar.example",
    )  # fmt: skip
    pretend = Telling(account_id=ACCOUNT, inbox_id=21)
    pretend.told = []
    add_inboxes(pretend)
    with pretend, ShopApi() as shop, LlmStandIn() as llm:
        yield kind(app, pretend, shop, llm, post, config)


@dataclass
class Player:
    """One script. said, asked ...: how much of each list was seen before the line."""

    desk: ScriptDesk
    script: Script
    uses_model: bool
    id: int = 0
    transcript: list[str] = field(default_factory=list)

    def play(self) -> str:
        """What went otherwise than the script says, with what was said until then; "" for nothing."""
        self._prepare()
        for line in self.script.lines:
            before = self._measure()
            self._act(line)
            self.desk.settle()
            self._note(line, before)
            try:
                check(line, Seen(self, before), self.script)
            except AssertionError as e:
                return "\n".join((f"{self.script.name}: {e}", *self.transcript))
        return ""

    # before

    def _prepare(self) -> None:
        desk, script = self.desk, self.script
        desk.clear()
        desk.told.clear()
        desk.has_mail = script.mail
        desk.mailbox.mails.clear()
        desk.shop.asked.clear()
        desk.llm.reset()
        desk.shop.answers = make_answers(script.shop)
        given: dict[str, Any] = {"hours": SHOP_HOURS, "flow_hosts": desk.shop.host, "flow_secrets": SECRET}
        if self.uses_model:
            given |= {"openai_api_key": "sk-test", "openai_base_url": desk.llm.url}
        kept = {name: getattr(desk.given, name) for name in desk.given.model_fields_set}
        desk.settings = Settings.model_validate({**kept, "embeddings_base_url": "off", **given, **script.settings})
        desk.clock.set(self._read_moment(script.now))
        if script.flows:
            desk.publish([Flow.model_validate(self._at_shop(flow)) for flow in script.flows])

    def _at_shop(self, raw: Any) -> Any:
        """With {shop} in texts as the stand-in's address."""
        if isinstance(raw, dict):
            return {key: self._at_shop(value) for key, value in raw.items()}
        if isinstance(raw, list):
            return [self._at_shop(value) for value in raw]
        return raw.replace("{shop}", self.desk.shop.url) if isinstance(raw, str) else raw

    def _read_moment(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.desk.settings.time_zone))

    # what happens

    def _act(self, line: Line) -> None:
        self.desk.llm.reset()
        self.desk.llm.plan(writer=lambda body: write_proposals(body, line))
        if line.customer is not None:
            for text in line.customer:
                self._write(CODE.sub(self._read_code, text))
        elif line.press is not None:
            self._press(line.press)
        elif line.file is not None:
            kind = "image" if line.file.endswith(("jpg", "png")) else "audio" if line.file.endswith("ogg") else "file"
            data = {"id": 1, "file_type": kind, "data_url": f"https://chat.example/{line.file}", "fallback_title": line.file}
            self._write(None, attachments=[data])
        elif line.agent is not None:
            self.desk.pretend.take_over(self.id)
            self.desk.pretend.agent_reply(self.id, line.agent)
        elif line.agent_note is not None:
            self.desk.pretend.note(self.id, line.agent_note)
        elif line.hand_back:
            self.desk.pretend.hand_back(self.id)
        elif line.resolve:
            self.desk.pretend.resolve(self.id)
        elif line.clock is not None:
            self._move_clock(line.clock)
        elif line.publish is not None:
            self._publish(line.publish)
        elif line.shop is not None:
            self.desk.shop.answers = make_answers(line.shop)
        if line.twice:
            self.desk.told += [body for body in self.desk.told if b'"message_created"' in body]

    def _write(self, text: str | None, **facts: Any) -> None:
        pretend, given = self.desk.pretend, self.script.contact
        if not self.id:
            contact = pretend.world.add_contact(given.name, email=given.email, phone=given.phone)
            inbox = INBOXES[self.script.channel][0]
            facts |= {"contact": contact.id, "inbox": inbox, "language": self.script.language}
            self.id = pretend.customer(text, **facts)["conversation"]
        else:
            pretend.customer(text, conversation=self.id, **facts)

    def _press(self, value: str) -> None:
        """A button by its value or title, of the newest message that has it."""
        for message in reversed(self.desk.pretend.replies(self.id)):
            for item in message.content_attributes.get("items") or []:
                if value in (item["value"], item["title"]):
                    self.desk.pretend.press(message.id, item["value"])
                    return
        raise AssertionError(f"no button {value!r} was ever offered")

    def _move_clock(self, text: str) -> None:
        if found := STEP.fullmatch(text):
            self.desk.clock.advance(timedelta(**{UNITS[found[2]]: int(found[1])}))
        else:
            self.desk.clock.set(self._read_moment(text))

    def _publish(self, changed: Mapping[str, Mapping[str, str]]) -> None:
        """flow -> step -> its new text, in both languages."""
        flows = {body.key: body for body in self.desk.sample if isinstance(body, Flow)}
        new = []
        for key, texts in changed.items():
            raw = flows[key].model_dump(mode="json", by_alias=True, exclude_defaults=True)
            said = {step: {"es": text, "en": text} for step, text in texts.items()}
            steps = [{**step, "text": said[step["id"]]} if step["id"] in said else step for step in raw["steps"]]
            new.append(Flow.model_validate({**raw, "steps": steps}))
        self.desk.publish(new)

    def _read_code(self, wanted: re.Match[str]) -> str:
        """Of the newest mail, or of the one with this number."""
        mails = self.desk.mailbox.mails
        found = re.search(r"\b\d{6}\b", mails[int(wanted[1] or 0) - 1].get_content())
        assert found, "no code was sent"
        return found[0]

    # what came of it

    @property
    def place(self) -> Conversation:
        return self.desk.pretend.world.conversations[self.id]

    @property
    def run(self) -> dict[str, Any] | None:
        rows = self.desk.rows(RUN, id=self.id)
        found = rows[0]["flow_run"] if rows else None
        return found["run"] if found else None

    @property
    def assistant(self) -> str:
        rows = self.desk.rows("SELECT assistant FROM conversation WHERE chatwoot_id = :id", id=self.id)
        return str(rows[0]["assistant"]) if rows else ""

    def list_said(self) -> list[Message]:
        return self.desk.pretend.replies(self.id)

    def list_notes(self) -> list[str]:
        return [m.content or "" for m in self.desk.pretend.replies(self.id, private=True)]

    def _measure(self) -> tuple[int, int, int, int]:
        return len(self.list_said()), len(self.list_notes()), len(self.desk.shop.asked), len(self.desk.mailbox.mails)

    def _note(self, line: Line, before: tuple[int, int, int, int]) -> None:
        acts = line.model_dump(exclude_defaults=True, exclude_unset=True)
        name = next(iter(acts))
        self.transcript.append(f"  {name}: {acts[name]}")
        for message in self.list_said()[before[0] :]:
            titles = " ".join(f"[{item['title']}]" for item in message.content_attributes.get("items") or [])
            self.transcript.append(f"      bot: {message.content} {titles}".rstrip())
        self.transcript += [f"      note: {note}" for note in self.list_notes()[before[1] :]]
        self.transcript += [f"      shop: {asked}" for asked in self.desk.shop.asked[before[2] :]]


class Seen:
    """What came of one line."""

    def __init__(self, player: Player, before: tuple[int, int, int, int]) -> None:
        self.messages = player.list_said()[before[0] :]
        self.texts = [message.content or "" for message in self.messages]
        self.notes = "\n".join(player.list_notes()[before[1] :])
        self.asked: list[Asked] = player.desk.shop.asked[before[2] :]
        self.mails = len(player.desk.mailbox.mails) - before[3]
        self.place = player.place if player.id else None
        self.assistant = player.assistant
        self.run = player.run
        step = (self.run or {}).get("asked", "").split("/")
        self.asks = step[1] if len(step) > 1 else ""

    @property
    def slots(self) -> dict[str, Any]:
        return {name: slot["value"] for name, slot in (self.run or {}).get("slots", {}).items()}

    @property
    def buttons(self) -> list[str]:
        return [item["title"] for m in self.messages for item in m.content_attributes.get("items") or []]


# "te hago tres preguntas y lo paso" promises nothing yet
PROMISE = re.compile(r"\bPaso (?:esta|tu|los)|\bLo paso|I'm passing")


def check(line: Line, seen: Seen, script: Script) -> None:
    """What the script asks for, and what holds after every line."""
    said = "\n".join(seen.texts)
    check_always(seen, script, said)
    if line.bot is not None:
        assert len(seen.texts) == len(line.bot), f"expected {line.bot}"
        for words, text in zip(line.bot, seen.texts, strict=True):
            assert words in text, f"expected {words!r} in {text!r}"
    for words in line.never:
        assert words not in said, f"{words!r} was said"
    for name, value in line.slots.items():
        assert seen.slots.get(name) == value, f"{name} is {seen.slots.get(name)!r}"
    for words in line.note:
        assert words in seen.notes, f"expected {words!r} in the notes: {seen.notes!r}"
    facts = {
        "buttons": seen.buttons,
        "asks": seen.asks,
        "ended": seen.run is None,
        "calls": [str(asked) for asked in seen.asked],
        "sent": seen.asked[-1].body if seen.asked else None,
        "mails": seen.mails,
        "assistant": seen.assistant,
    }
    if seen.place:
        facts |= {
            "status": seen.place.status,
            "labels": list(seen.place.labels),
            "priority": seen.place.priority,
            "attributes": seen.place.custom_attributes,
        }
    for name, is_now in facts.items():
        wanted = getattr(line, name)
        assert wanted is None or is_now == wanted, f"{name}: expected {wanted!r}, and it is {is_now!r}"


def check_always(seen: Seen, script: Script, said: str) -> None:
    for words in script.never:
        assert words not in said, f"{words!r} was said"
    assert not re.search(r"\{\{|\bNone\b", said), "a placeholder was said"
    asking = [message for message in seen.messages if message.content_attributes.get("items")]
    assert len(asking) <= 1, "two questions at once"
    if PROMISE.search(said):
        assert seen.place
        assert seen.place.status == "open", "a handoff was said and not done"
        assert seen.run is None, "the run goes on after a handoff"


def make_answers(given: Mapping[str, list[Answer]]) -> dict[str, list[ShopAnswer]]:
    """Of the shop: two orders, unless the script has others."""
    found = {f"/api/pedidos/{number}": [ShopAnswer(order)] for number, order in ORDERS.items()}
    return found | {path: [ShopAnswer(**answer.model_dump()) for answer in answers] for path, answers in given.items()}


def write_proposals(body: dict[str, Any], line: Line) -> dict[str, Any]:
    """The stand-in's answer: what the line says of a flow's message and of who answers; otherwise as it answers by itself."""
    from standins.llm import make_answer  # noqa: PLC0415  beside its class

    made = make_answer(body, {})
    said = {"commands": [one.model_dump() for one in line.model], "assistant": line.chooses}
    return made | {name: value for name, value in said.items() if name in made}
