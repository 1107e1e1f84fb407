"""Asks the responders in order until one replies, and notes what each looked at. A flow's place is first, still empty."""

from __future__ import annotations

import time
from collections.abc import Callable

from chatbot.crash_points import crash_point
from chatbot.errors import LLMError
from chatbot.llm import Means
from chatbot.reply import CustomerMessage, Handoff, Part, Reply, TurnInput
from chatbot.responders import assistant, canned, fallback, faq
from chatbot.text import find_phrase
from chatbot.texts import get_text
from chatbot.trace import Look, Trace

Responder = Callable[[TurnInput, Look, Means, str], Reply | None]

WITHOUT_WORDS = {"contact", "location"}  # Chatwoot puts a card's or place's name where the customer's words would be


def respond_to_media(turn: TurnInput, look: Look) -> Reply | None:
    """Voice notes, pictures, places and files without words: an honest text, and a person looks at them."""
    mute = [m for m in turn.messages if is_without_words(m)]
    if not mute:
        look.passed("only_text")
        return None
    kinds = sorted({a.file_type for m in mute for a in m.attachments} or {"unsupported"})
    look.noted(kinds=kinds)
    name = "voice" if kinds == ["audio"] else "file"
    text = get_text(f"say.{name}", turn.language)
    return Reply((Part(text),), turn.language, "media", Handoff("media", ", ".join(kinds)))


def respond_to_topic(turn: TurnInput, look: Look, means: Means) -> Reply | None:
    """What the owner wants people to talk about: no responder is asked."""
    topic = find_phrase(turn.text, means.settings.handoff_topics, turn.language)
    if not topic:
        look.passed("no_topic")
        return None
    look.noted(topic=topic)
    return Reply((Part(get_text("say.handoff", turn.language)),), turn.language, "topics", Handoff("topic", topic))


def is_without_words(message: CustomerMessage) -> bool:
    kinds = {a.file_type for a in message.attachments}
    return message.is_unsupported or (bool(kinds) and (not message.text.strip() or kinds <= WITHOUT_WORDS))


RESPONDERS: tuple[tuple[str, Responder], ...] = (
    ("media", lambda turn, look, _means, _failure: respond_to_media(turn, look)),
    ("topics", lambda turn, look, means, _failure: respond_to_topic(turn, look, means)),
    ("canned", lambda turn, look, _means, _failure: canned.respond(turn, look)),
    ("faq", lambda turn, look, _means, _failure: faq.respond(turn, look)),
    ("assistant", lambda turn, look, means, _failure: assistant.respond(turn, look, means)),
    ("fallback", fallback.respond),
)


def make_reply(turn: TurnInput, means: Means) -> tuple[Reply, Trace]:
    """The first reply, and the trace of all that were asked. The fallback always replies."""
    trace = Trace(language=turn.language)
    failure = ""  # why the model could not be asked, for the fallback's words to the agents
    for name, respond in RESPONDERS:
        look = Look(name)
        trace.looks.append(look)
        begun = time.perf_counter()
        try:
            reply = respond(turn, look, means, failure)
        except LLMError as e:
            look.outcome, look.why, reply, failure = "failed", e.kind, None, e.kind
            look.noted(error=str(e)[:300])
        look.ms = round((time.perf_counter() - begun) * 1000, 2)
        crash_point(f"after_{name}")
        if reply is not None:
            look.outcome = "replied"
            return reply, trace
    raise AssertionError("the fallback did not reply")
