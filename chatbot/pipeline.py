"""Asks the responders in order until one replies, and notes what each looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chatbot import router
from chatbot.crash_points import crash_point
from chatbot.errors import LLMError
from chatbot.flows.phrases import is_question
from chatbot.llm import Means
from chatbot.media import UNABLE
from chatbot.reply import CustomerMessage, Handoff, Language, Part, Reply, TurnInput
from chatbot.responders import assistant, canned, fallback, faq, flow, people
from chatbot.text import find_phrase
from chatbot.texts import get_text
from chatbot.trace import Look, Trace
from chatbot.vetting import vet

Responder = Callable[[TurnInput, Look, Means, str], Reply | None]

LANGUAGES: tuple[Language, ...] = ("es", "en")
WITHOUT_WORDS = {"contact", "location"}  # Chatwoot puts a card's or place's name where the customer's words would be


def respond_to_media(turn: TurnInput, look: Look) -> Reply | None:
    """Voice notes, pictures, places and files without words: an honest text, and a person looks at them.

    Who sent a voice note that couldn't be understood is asked for a few written lines first, once.
    """
    mute = [m for m in turn.messages if is_without_words(m)]
    if not mute:
        look.passed("only_text")
        return None
    return _reply_to_media(turn, look, mute)


def _reply_to_media(turn: TurnInput, look: Look, mute: Sequence[CustomerMessage]) -> Reply:
    kinds = sorted({a.file_type for m in mute for a in m.attachments} or {"unsupported"})
    look.noted(kinds=kinds)
    problems = {a.problem for m in mute for a in m.attachments if not a.transcript}
    is_all = len(mute) == len(turn.messages)  # what was written beside it would stay without an answer
    if is_all and kinds == ["audio"] and problems and not problems & {"", *UNABLE} and not _has_asked_to_write(turn):
        look.noted(problems=sorted(problems))
        name = "voice_long" if problems <= {"too_long", "too_big"} else "voice_write"
        return Reply((Part(get_text(f"say.{name}", turn.language)),), turn.language, "media")
    name = "voice" if kinds == ["audio"] else "file"
    text = get_text(f"say.{name}", turn.language)
    return Reply((Part(text),), turn.language, "media", Handoff("media", ", ".join(kinds)))


def _has_asked_to_write(turn: TurnInput) -> bool:
    """Whether that was the last thing we said: a second note that can't be understood goes to a person."""
    said = next((line.text for line in reversed(turn.history) if line.who == "assistant"), "")
    return said in {get_text(f"say.{name}", language) for name in ("voice_write", "voice_long") for language in LANGUAGES}


def respond_last(turn: TurnInput, look: Look, means: Means, failure: str) -> Reply:
    """Nobody had a word about pictures that came without any: as if nobody had seen them."""
    if not turn.text.strip() and turn.seen:
        return _reply_to_media(turn, look, turn.messages)
    return fallback.respond(turn, look, means, failure)


def respond_to_people(turn: TurnInput, look: Look, means: Means) -> Reply | None:
    """Where somebody asks for a person, the owner's own template that hands over speaks before us."""
    reply = people.respond(turn, look, means.settings)
    if reply is None or reply.handoff != Handoff("asked"):
        return reply
    own = canned.respond(turn, Look("canned"))
    return own if own is not None and own.handoff is not None else reply


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
    is_mute = not message.text.strip() and not message.seen
    return message.is_unsupported or (bool(kinds) and (is_mute or kinds <= WITHOUT_WORDS))


RESPONDERS: tuple[tuple[str, Responder], ...] = (
    ("people", lambda turn, look, means, _failure: respond_to_people(turn, look, means)),
    ("topics", lambda turn, look, means, _failure: respond_to_topic(turn, look, means)),
    ("flow", lambda turn, look, means, _failure: flow.respond(turn, look, means)),
    ("media", lambda turn, look, _means, _failure: respond_to_media(turn, look)),
    ("canned", lambda turn, look, _means, _failure: canned.respond(turn, look)),
    ("faq", lambda turn, look, means, _failure: faq.respond(turn, look, means)),
    ("assistant", lambda turn, look, means, _failure: assistant.respond(turn, look, means)),
    ("fallback", respond_last),
)


# what these say is taken for the answer to a flow's own question where nobody knows a digression
UNKNOWING = {"unsure", "llm_down", "budget"}


def make_reply(turn: TurnInput, means: Means) -> tuple[Reply, Trace]:
    """The first reply, and the trace of all that were asked. The fallback always replies. vet() has the last word."""
    trace = Trace(language=turn.language)
    turn = router.route(flow.read_offered(turn, means), trace)
    turn, reply, aside, apart = _ask_all(turn, means, trace)
    reply = vet(turn, _settle_flow(turn, means, trace, reply, aside), means.settings, trace, apart.join if apart else None)
    return replace(flow.tell_collected(turn, means, reply), assistant=turn.assistant), trace


def _ask_all(turn: TurnInput, means: Means, trace: Trace) -> tuple[TurnInput, Reply, Reply | None, canned.Apart | None]:
    """The turn as it was answered, with its assistant; the first reply; what a flow says after it where that was a digression;
    and the messages that were set apart because a template answers each by itself."""
    failure = ""  # why the model could not be asked, for the fallback's words to the agents
    aside: Reply | None = None
    apart: canned.Apart | None = None
    for name, respond in RESPONDERS:
        if name == "assistant":  # a model is asked only where one would answer
            turn = router.ask_model(turn, trace, means)
        look = Look(name)
        trace.looks.append(look)
        begun = time.perf_counter()
        if name == "canned" and (apart := canned.set_apart(turn, look)):
            if apart.rest is None:
                look.outcome, look.why = "replied", "each"
                return turn, apart.join(None), aside, None
            turn = apart.rest
        try:
            reply = respond(turn, look, means, failure)
        except LLMError as e:
            look.outcome, look.why, reply, failure = "failed", e.kind, None, e.kind
            look.noted(error=str(e)[:300])
        look.ms = round((time.perf_counter() - begun) * 1000, 2)
        crash_point(f"after_{name}")
        if reply is not None and reply.is_aside:
            look.why, aside = "digression", reply
        elif reply is not None:
            look.outcome = "replied"
            return turn, reply, aside, apart
    raise AssertionError("the fallback did not reply")


def _settle_flow(turn: TurnInput, means: Means, trace: Trace, reply: Reply, aside: Reply | None) -> Reply:
    """A flow that begins instead of an answer, or goes on after one."""
    if aside is None:
        if reply.responder not in {"faq", "canned"} or turn.flow_run is not None:
            return reply
        return _note_flow(trace, flow.start_instead, turn, means, reply) or reply
    sources = (*reply.sources, *aside.sources)
    after: dict[str, Any] = {
        "run": aside.run, "deeds": (*aside.deeds, *reply.deeds), "walked": aside.walked, "has_acted": aside.has_acted
    }  # fmt: skip
    if not aside.run:  # it ended before these words: what it said comes first, and the answer to them stands for itself
        parts = (*aside.parts, *reply.parts)
        return replace(reply, parts=parts, sources=sources, **after)
    is_asking = any(part.choices for part in reply.parts)
    has_asked = is_question(turn.text)
    is_unknown = reply.handoff is not None and reply.handoff.reason in UNKNOWING
    if is_unknown and aside.has_acted:
        unsure = (Part(get_text("say.flow_unsure", turn.language)),) if has_asked else ()
        return replace(aside, parts=(*unsure, *aside.parts), is_aside=False)
    # a picture without words is no answer to the flow's question: a person looks at it
    is_own = (is_unknown and turn.text.strip()) or (is_asking and not has_asked)
    if is_own and not aside.has_acted:
        return _note_flow(trace, lambda t, look, m, _r: flow.answer_aside(t, look, m), turn, means, reply) or reply
    if reply.handoff is not None:
        return replace(reply, parts=(*aside.told, *reply.parts), **after)
    # one question at a time: the flow's is put after this one's answer
    parts = (*aside.told, *reply.parts) if is_asking else (*reply.parts, *aside.parts)
    run = flow.keep_offered(aside.run, reply) if is_asking else aside.run
    return replace(reply, parts=parts, sources=sources, **{**after, "run": run})


def _note_flow(
    trace: Trace, ask: Callable[[TurnInput, Look, Means, Reply], Reply | None], turn: TurnInput, means: Means, reply: Reply
) -> Reply | None:
    look = Look("flow")
    trace.looks.append(look)
    found = ask(turn, look, means, reply)
    look.outcome = "replied" if found is not None else "passed"
    return found
