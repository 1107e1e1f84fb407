"""A trial of the test bot as its form carries it: the situation, the messages so far, and words for what was looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken, MultiFernet
from flask import current_app, request
from flask_babel import gettext as _
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import Connection, select
from werkzeug.datastructures import MultiDict

from chatbot.config import Config
from chatbot.flows.run import read_run
from chatbot.flows.wording import MASK
from chatbot.kept_tests import MAX_HISTORY, MAX_TEXT_CHARS, Line, Said, Situation
from chatbot.models import Inbox
from chatbot.settings import make_cipher
from chatbot.why import explain

MAX_TRIAL_CHARS = 200_000
SIDES = ("live", "draft")


class Exchange(BaseModel):
    """One message of the customer and what each content replied to it."""

    text: str
    live: Said
    draft: Said

    @property
    def is_same(self) -> bool:
        return self.live.parts == self.draft.parts and self.live.handoff == self.draft.handoff


EXCHANGES = TypeAdapter(list[Exchange])


@dataclass(slots=True)
class Trial:
    """exchanges: the messages before. place: the chosen inbox or channel, as the form writes it; problems: by field.

    runs: where each side stands in its flows; is_pressed: the text is a button's. conversation: our id of the one it began
    with, 0 where all of it was typed.
    """

    text: str = ""
    place: str = "Channel::WebWidget"
    situation: Situation = field(default_factory=Situation)
    exchanges: list[Exchange] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_pressed: bool = False
    conversation: int = 0

    def list_lines(self, side: str) -> list[Line]:
        """The history as this side's customer would have it, without the message being typed."""
        lines: list[Line] = []
        for exchange in self.exchanges:
            lines.append(("customer", exchange.text))
            said: Said = getattr(exchange, side)
            lines += [("assistant", part) for part in said.parts]
        return lines

    def find_assistant(self, side: str) -> str:
        """Key of the one that this side's conversation is with."""
        said: Said | None = getattr(self.exchanges[-1], side) if self.exchanges else None
        return said.assistant if said else ""

    @property
    def is_same_so_far(self) -> bool:
        is_same = self.list_lines("live") == self.list_lines("draft") and self.runs.get("live") == self.runs.get("draft")
        return is_same and self.find_assistant("live") == self.find_assistant("draft")

    def add(self, exchange: Exchange) -> None:
        self.exchanges = [*self.exchanges, exchange][-MAX_HISTORY:]

    @property
    def runs_sealed(self) -> str:
        """For the form. Sealed: a run holds private values, and says whether its customer has proven who they are."""
        return _cipher().encrypt(json.dumps(self.runs).encode()).decode()

    @property
    def slots(self) -> dict[str, list[tuple[str, str]]]:
        """What each side's flow has collected, as (name, value); private values as dots."""
        return {side: _list_slots(run) for side, run in self.runs.items()}

    @property
    def exchanges_json(self) -> str:
        return EXCHANGES.dump_json(self.exchanges).decode()


def _list_slots(raw: dict[str, Any]) -> list[tuple[str, str]]:
    run = read_run(raw)
    slots = run.slots.items() if run else ()
    return [(name, MASK if slot.private else slot.said) for name, slot in slots if not name.startswith("repair_")]


def _cipher() -> MultiFernet:
    config: Config = current_app.config["CONFIG"]
    return make_cipher(config)


def _read_runs(text: str) -> dict[str, dict[str, Any]]:
    """What isn't sealed by us counts as none."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(_cipher().decrypt(text)) if len(text) <= MAX_TRIAL_CHARS else {}
    except (InvalidToken, ValueError):
        return {}
    return {side: run for side, run in found.items() if side in SIDES}


def list_places(connection: Connection) -> list[tuple[str, str]]:
    """The inboxes by name, as (form value, name)."""
    rows = connection.execute(select(Inbox.chatwoot_id, Inbox.name).order_by(Inbox.name, Inbox.id).limit(200))
    return [(f"inbox:{row.chatwoot_id}", row.name or f"#{row.chatwoot_id}") for row in rows]


def list_channels() -> list[tuple[str, str]]:
    return [
        ("Channel::WebWidget", _("Website chat")),
        ("Channel::Whatsapp", "WhatsApp"),
        ("Channel::Email", _("E-mail")),
        ("Channel::FacebookPage", "Facebook"),
        ("Channel::Instagram", "Instagram"),
        ("Channel::Telegram", "Telegram"),
        ("Channel::Line", "Line"),
        ("Channel::Sms", "SMS"),
    ]


def read_trial(connection: Connection, form: MultiDict[str, str]) -> Trial:
    """What the form holds. Its problems are for people; a history that somebody has bent counts as none."""
    pressed = _clean(form.get("pressed", ""))
    trial = Trial(
        pressed or _clean(form.get("text", "")), form.get("place", ""), exchanges=_read_exchanges(form.get("trial", "")),
        runs=_read_runs(form.get("runs", "")), is_pressed=bool(pressed), conversation=_read_id(form.get("conversation", "")),
    )  # fmt: skip
    if not trial.text:
        trial.problems["text"] = _("Write what a customer would write.")
    elif len(trial.text) > MAX_TEXT_CHARS:
        trial.problems["text"] = _("Write at most %(n)s characters.", n=MAX_TEXT_CHARS)
    moment = form.get("moment", "").strip()
    if moment and not _is_moment(moment):
        trial.problems["moment"] = _("Choose a day and an hour, or leave it empty for now.")
    channel, inbox = _find_place(connection, trial.place)
    language = form.get("language", "")
    given = {"channel": channel, "inbox": inbox, "contact": _clean(form.get("contact", ""))[:200]}
    given |= {"language": language if language in {"es", "en"} else None}
    given |= {"moment": "" if "moment" in trial.problems else moment}
    trial.situation = Situation.model_validate(given)
    return trial


def _clean(text: str) -> str:
    return text.replace("\x00", "").replace("\r\n", "\n").strip()


def _read_id(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _is_moment(text: str) -> bool:
    try:
        return len(text) <= 40 and datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _read_exchanges(text: str) -> list[Exchange]:
    if not text or len(text) > MAX_TRIAL_CHARS:
        return []
    try:
        return EXCHANGES.validate_json(text)[-MAX_HISTORY:]
    except ValidationError:
        return []


def _find_place(connection: Connection, place: str) -> tuple[str, int]:
    """Channel and Chatwoot's inbox id. What isn't known is a website's chat."""
    number = place.removeprefix("inbox:")
    if number != place and number.isdecimal() and len(number) < 18:
        found = connection.execute(select(Inbox.channel).where(Inbox.chatwoot_id == int(number))).scalar()
        return (found or "Channel::WebWidget", int(number)) if found is not None else ("Channel::WebWidget", 0)
    return (place, 0) if place in dict(list_channels()) else ("Channel::WebWidget", 0)


def describe_said(said: Said) -> str:
    """Why it was said, in one sentence."""
    return explain("answered", said.responder, list(said.sources), said.handoff, None, said.score)


def prefill(connection: Connection) -> Trial:
    """A page opened from elsewhere: ?text= and, where known, ?place=, ?contact=, ?language=."""
    trial = read_trial(connection, request.args)
    trial.problems.clear()
    return trial
