"""The path without its ends: a text through the same responders and fitting, nothing stored and nothing sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from chatbot.content import Content, select_spoken
from chatbot.knowledge.search import DRAFT
from chatbot.language import decide_language
from chatbot.length import FittedPart, fit
from chatbot.llm import Means
from chatbot.pipeline import make_reply
from chatbot.reply import ContactView, CustomerMessage, HistoryLine, InboxView, Language, Reply, TurnInput
from chatbot.trace import Trace

NOBODY = ContactView()
WEBSITE = InboxView(0, "", "Channel::WebWidget")


def rehearse(
    means: Means,
    content: Content,
    text: str,
    *,
    history: Sequence[HistoryLine] = (),
    inbox: InboxView = WEBSITE,
    contact: ContactView = NOBODY,
    contact_language: Language | None = None,
    moment: datetime | None = None,
) -> tuple[Reply, tuple[FittedPart, ...], Trace]:
    """What a customer who writes `text` would get, and why: first, or after `history`.

    contact_language: what Chatwoot knows of the contact; moment: aware, now where it is None.
    """
    content = select_spoken(content)
    if content.release_id is None and content.article:  # only a draft has entries and no release
        content = content.model_copy(update={"release_id": DRAFT})
    persona = content.persona
    allowed, default = (persona.languages, persona.default_language) if persona else (("es", "en"), "es")
    spoken = _follow_language(history, contact_language, allowed, default)
    language, by = decide_language(text, spoken, contact_language, allowed, default)
    turn = TurnInput(
        messages=(CustomerMessage(1, 1, text),),
        content=content,
        language=language,
        now=moment or datetime.now(UTC),
        history=tuple(history),
        contact=contact,
        inbox=inbox,
        is_first=not any(line.who == "assistant" for line in history),
    )
    reply, trace = make_reply(turn, means)
    trace.language_by = by
    return reply, fit(reply, persona.length if persona else "short", inbox.channel), trace


def _follow_language(
    history: Sequence[HistoryLine], contact: Language | None, allowed: Collection[Language], default: Language
) -> Language | None:
    """What the conversation's language would be by now: the one that its last turn was answered in."""
    spoken: Language | None = None
    for line in history:
        if line.who == "customer":
            spoken, _ = decide_language(line.text, spoken, contact, allowed, default)
    return spoken
