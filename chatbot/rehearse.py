"""The path without its ends: a text through the same responders and fitting, nothing stored and nothing sent."""

from __future__ import annotations

from datetime import UTC, datetime

from chatbot.content import Content
from chatbot.language import decide_language
from chatbot.length import FittedPart, fit
from chatbot.llm import Means
from chatbot.pipeline import make_reply
from chatbot.reply import CustomerMessage, InboxView, Reply, TurnInput
from chatbot.trace import Trace


def rehearse(
    means: Means, content: Content, text: str, channel: str = "Channel::WebWidget"
) -> tuple[Reply, tuple[FittedPart, ...], Trace]:
    """What a customer who writes `text` first would get, and why."""
    persona = content.persona
    allowed, default = (persona.languages, persona.default_language) if persona else (("es", "en"), "es")
    language, by = decide_language(text, None, None, allowed, default)
    turn = TurnInput(
        messages=(CustomerMessage(1, 1, text),),
        content=content,
        language=language,
        now=datetime.now(UTC),
        inbox=InboxView(0, "", channel),
        is_first=True,
    )
    reply, trace = make_reply(turn, means)
    trace.language_by = by
    return reply, fit(reply, persona.length if persona else "short", channel), trace
