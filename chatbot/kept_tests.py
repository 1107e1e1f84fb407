"""Cases that the test bot runs again: a conversation and what must come of its last message."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, func, insert, select, update

from chatbot.bodies import Content
from chatbot.llm import Means
from chatbot.models.kept_tests import KeptTest
from chatbot.rehearse import rehearse
from chatbot.reply import ContactView, HistoryLine, InboxView, Language, Who
from chatbot.text import fold
from chatbot.trace import Trace

MAX_TEXT_CHARS = 2_000
MAX_HISTORY = 20
MAX_KEPT = 200
REPLAY_S = 20.0
Line = tuple[Who, str]


class Situation(BaseModel):
    """As whom and where a trial asks. inbox: Chatwoot's id, 0 for none; moment: local time, "" for now.

    is_led: a flow asked in it, so a test says each message anew instead of taking the former replies for given.
    """

    model_config = ConfigDict(frozen=True)

    channel: str = Field(default="Channel::WebWidget", max_length=80)
    inbox: int = 0
    contact: str = Field(default="", max_length=200)
    language: Language | None = None
    moment: str = Field(default="", max_length=40)
    is_led: bool = False

    def find_moment(self, zone: str) -> datetime | None:
        return datetime.fromisoformat(self.moment).replace(tzinfo=ZoneInfo(zone)) if self.moment else None


class Said(BaseModel):
    """A reply as a trial shows and compares it. choices: titles of buttons; handoff: its reason's code.

    run: the flow run after it, which isn't kept; assistant: key of the one that the conversation is with by now.
    """

    model_config = ConfigDict(frozen=True)

    parts: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    responder: str = ""
    sources: tuple[str, ...] = ()
    handoff: str | None = None
    score: float | None = None
    run: dict[str, Any] = Field(default={}, exclude=True, repr=False)
    assistant: str = Field(default="", max_length=80)

    @property
    def text(self) -> str:
        return "\n\n".join(self.parts)

    @property
    def is_led(self) -> bool:
        """Whether a flow had its part in it."""
        return any(source.startswith("flow:") for source in self.sources)


class Expectation(BaseModel):
    """What must come. value: the entry ("faq:envios") or the words; without meaning for a handoff."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["entry", "handoff", "text"]
    value: str = Field(default="", max_length=500)


def try_out(
    means: Means,
    content: Content,
    lines: Sequence[Line],
    situation: Situation,
    flow_run: Mapping[str, Any] | None = None,
    pressed: bool = False,
    assistant: str = "",
) -> tuple[Said, Trace]:
    """What comes of the last of `lines`, the customer's, after those before it. May ask a model: no transaction is open.

    flow_run, assistant: Said.run and Said.assistant of the reply before; pressed: the last line is a button's.
    """
    *before, (_, text) = lines
    reply, fitted, trace = rehearse(
        means,
        content,
        text,
        history=[HistoryLine(who, said) for who, said in before[-MAX_HISTORY:]],
        inbox=InboxView(situation.inbox, "", situation.channel),
        contact=ContactView(situation.contact),
        contact_language=situation.language,
        moment=situation.find_moment(means.settings.time_zone),
        flow_run=flow_run,
        pressed=pressed,
        assistant=assistant,
    )
    said = Said(
        parts=tuple(part.text for part in fitted),
        choices=tuple(title for part in fitted for title, _ in part.choices),
        responder=reply.responder,
        sources=reply.sources,
        handoff=reply.handoff.reason if reply.handoff else None,
        score=_find_score(trace),
        run=dict(reply.run or {}),
        assistant=reply.assistant,
    )
    return said, trace


def _find_score(trace: Trace) -> float | None:
    """The best candidate's of the responder that replied."""
    candidates = trace.looks[-1].saw.get("candidates") if trace.looks else None
    return float(candidates[0][1]) if candidates else None


def is_met(expectation: Expectation, said: Said) -> bool:
    """Words are compared without case and accents."""
    if expectation.kind == "entry":
        return expectation.value in said.sources
    if expectation.kind == "handoff":
        return said.handoff is not None
    return fold(expectation.value) in fold(said.text)


def run(means: Means, contents: dict[str, Content], kept: Row[Any]) -> dict[str, Any]:
    """A test's result by the contents' names: {"live": {"is_met": ..., "said": ...}}."""
    expectation, situation = Expectation.model_validate(kept.expectation), Situation.model_validate(kept.situation)
    lines = [(who, text) for who, text in kept.lines]
    result = {}
    for name, content in contents.items():
        said = replay(means, content, lines, situation) if situation.is_led else try_out(means, content, lines, situation)[0]
        result[name] = {"is_met": is_met(expectation, said), "said": said.model_dump(mode="json")}
        if is_published(contents):
            return dict.fromkeys(contents, result[name])
    return result


def replay(means: Means, content: Content, lines: Sequence[Line], situation: Situation) -> Said:
    """The reply to the last message, after all of the customer's were said one by one. One that is the title of a button that
    stands there is a press."""
    said, told, until = Said(), list[Line](), time.monotonic() + REPLAY_S
    for text in (text for who, text in lines if who == "customer"):
        if time.monotonic() > until:
            return Said()  # a model that hangs: nothing was said, so nothing is met
        told.append(("customer", text))
        said, _ = try_out(means, content, told, situation, said.run, text in said.choices, said.assistant)
        told += [("assistant", part) for part in said.parts]
    return said


def is_published(contents: dict[str, Content]) -> bool:
    """Whether "live" and "draft" say the same, so that trying one of them is enough."""
    if not {"live", "draft"} <= contents.keys():
        return False
    live, draft = contents["live"], contents["draft"]
    return draft.model_copy(update={"release_id": live.release_id}) == live


def keep(
    connection: Connection, name: str, lines: Sequence[Line], situation: Situation, expectation: Expectation, author: str,
    conversation_id: int | None = None,
) -> int:  # fmt: skip
    """conversation_id: of which it was made, if it wasn't typed."""
    row = {
        "conversation_id": conversation_id,
        "name": name,
        "lines": [list(line) for line in (lines if situation.is_led else lines[-MAX_HISTORY - 1 :])],
        "situation": situation.model_dump(mode="json"),
        "expectation": expectation.model_dump(mode="json"),
        "author": author,
    }
    kept_id: int = connection.execute(insert(KeptTest).values(row).returning(KeptTest.id)).scalar_one()
    return kept_id


def list_kept(connection: Connection) -> Sequence[Row[Any]]:
    """Those that ran longest ago first, the ones never run before all: the order in which they run."""
    there = KeptTest.deleted_at.is_(None)
    order = (KeptTest.ran_at.asc().nulls_first(), KeptTest.id)
    return connection.execute(select(KeptTest.__table__).where(there).order_by(*order).limit(MAX_KEPT)).all()


def find_kept(connection: Connection, kept_id: int) -> Row[Any] | None:
    return connection.execute(select(KeptTest.__table__).where(KeptTest.id == kept_id)).first()


def write_result(connection: Connection, kept_id: int, result: dict[str, Any]) -> None:
    connection.execute(update(KeptTest).where(KeptTest.id == kept_id).values(result=result, ran_at=func.now()))


def take_away(connection: Connection, kept_id: int) -> None:
    """Into the bin: it can be brought back."""
    connection.execute(update(KeptTest).where(KeptTest.id == kept_id).values(deleted_at=func.now()))


def bring_back(connection: Connection, kept_id: int) -> None:
    connection.execute(update(KeptTest).where(KeptTest.id == kept_id).values(deleted_at=None))
