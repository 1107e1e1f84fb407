"""The path without its ends: a text through the same responders and fitting, nothing stored and nothing sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chatbot.bodies import Content
from chatbot.content import select_spoken
from chatbot.handoff import fit_reply
from chatbot.knowledge.search import DRAFT
from chatbot.language import decide_language
from chatbot.length import FittedPart
from chatbot.llm import Means
from chatbot.pipeline import make_reply
from chatbot.reply import ContactView, CustomerMessage, HistoryLine, InboxView, Language, Reply, TurnInput
from chatbot.router import follow
from chatbot.trace import Trace

NOBODY = ContactView()
WEBSITE = InboxView(0, "", "Channel::WebWidget")


def rehearse(  # noqa: PLR0913  one name per fact
    means: Means,
    content: Content,
    text: str,
    *,
    history: Sequence[HistoryLine] = (),
    inbox: InboxView = WEBSITE,
    contact: ContactView = NOBODY,
    contact_language: Language | None = None,
    moment: datetime | None = None,
    flow_run: Mapping[str, Any] | None = None,
    pressed: bool = False,
    assistant: str = "",
) -> tuple[Reply, tuple[FittedPart, ...], Trace]:
    """What a customer who writes `text` would get, and why: first, or after `history`.

    contact_language: what Chatwoot knows of the contact; moment: aware, now where it is None; flow_run: Reply.run of the reply
    before; pressed: text is a button's value; assistant: Reply.assistant of the reply before.
    """
    content = _open(content)
    persona, allowed = content.pick_assistant(assistant, inbox.chatwoot_id), content.list_languages(inbox.chatwoot_id)
    default = persona.default_language if persona else "es"
    spoken = _follow_language(history, contact_language, allowed, default)
    language, by = decide_language(text, spoken, contact_language, allowed, default)
    turn = TurnInput(
        messages=(CustomerMessage(1, 1, text, "submitted" if pressed else "created"),),
        content=content,
        language=language,
        now=moment or datetime.now(UTC),
        history=tuple(history),
        contact=contact,
        inbox=inbox,
        is_first=not any(line.who == "assistant" for line in history),
        flow_run=flow_run or None,
        assistant=assistant,
    )
    reply, trace = make_reply(follow(turn), means)
    trace.language_by = by
    return reply, fit_reply(reply, turn), trace


def _open(content: Content) -> Content:
    """What answers of it. Only a draft has entries and no release."""
    spoken = select_spoken(content)
    is_draft = spoken.release_id is None and (spoken.article or spoken.document)
    return spoken.model_copy(update={"release_id": DRAFT}) if is_draft else spoken


def _follow_language(
    history: Sequence[HistoryLine], contact: Language | None, allowed: Collection[Language], default: Language
) -> Language | None:
    """What the conversation's language would be by now: the one that its last turn was answered in."""
    spoken: Language | None = None
    for line in history:
        if line.who == "customer":
            spoken, _ = decide_language(line.text, spoken, contact, allowed, default)
    return spoken
