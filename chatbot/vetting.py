"""What every reply goes through before it is fitted: a promised handoff is done, the same answer isn't given again, and out of
hours it is said when somebody will be there. Pure but for the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import regex

from chatbot.hours import read_hours, tell_moment
from chatbot.knowledge.grounding import find_promise
from chatbot.language import read_courtesies
from chatbot.privacy import Vault, mask
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.settings import Settings
from chatbot.text import split_words
from chatbot.texts import get_text
from chatbot.trace import Trace

FREE = {"people", "flow", "media", "topics"}  # these say the same on purpose
REACH = regex.compile(r"\S@\S+\.\S|(?:[0-9][ .()\-]?){8,}")
PERSON_ES = (
    r"(?:una persona|un companero|una companera|un agente|una agente|un humano|alguien|un responsable|mi companer[oa]"
    r"|el equipo"
    r"|nuestro equipo|atencion al cliente)"
)
PERSON_EN = r"(?:a person|someone|somebody|a colleague|an agent|a human|our team|the team|customer service|a representative)"
# Said, not offered: "si quieres, te paso con alguien" and "puedo pasarte con alguien" promise nothing yet.
CONDITION = r"(?<!\b(?:si|if|cuando|when|puedo|podemos|can|could) [^.!?\n]{0,80})"
OWN_ACTS = tuple(
    regex.compile(CONDITION + pattern)
    for pattern in (
        rf"\b(?:te|le|os|les) (?:paso|pongo|transfiero|derivo|comunico|conecto)\b[^.!?\n]{{0,25}} (?:con"
        rf"|a) (?:\w+ )?{PERSON_ES}",
        rf"\b(?:paso|transfiero|derivo) (?:esta|la|tu|su) (?:conversacion|consulta"
        rf"|chat)\b[^.!?\n]{{0,15}} a (?:\w+ )?{PERSON_ES}",
        r"\baviso (?:ahora mismo |ya |enseguida )?a (?:una persona|un companero|una companera|alguien|el equipo"
        r"|mis companeros)",
        rf"\b(?:i am|i['’]m|i['’]ll|i will|we['’]ll|we will|let me)(?: now)? (?:transfer|connect|pass|hand|put)(?:ring"
        rf"|ing)?\b[^.!?\n]"
        rf"{{0,30}} (?:to|through to|over to|with) (?:\w+ )?{PERSON_EN}",
    )
)
# of others: in an owner's text it may tell how things go in the shop, written by a model it is a promise
OF_OTHERS = tuple(
    regex.compile(CONDITION + pattern)
    for pattern in (
        r"\b(?:te|le|os|les) (?:atendera|contestara|respondera|escribira) (?:enseguida |ahora |en breve )?(?:una persona"
        r"|un agente"
        r"|un companero|una companera|alguien|el equipo|nuestro equipo)",
        r"\b(?:someone|somebody|a colleague|an agent|a person)(?: (?:from|of|on) (?:the|our) team)? will (?:be with you"
        r"|take over"
        r"|reply|answer|look after)",
    )
)


def vet(turn: TurnInput, reply: Reply, settings: Settings, trace: Trace, join: Callable[[Reply], Reply] | None = None) -> Reply:
    """The reply as it may be said. What was mended is noted in the trace. join: adds what the owner's templates say to other
    messages of the turn, which is no model's word."""
    mended = stop_repeating(turn, keep_promise(reply))
    whole = keep_promise(join(mended), OWN_ACTS) if join else mended
    vetted = tell_hours(turn, whole, settings)
    if mended is not reply or vetted is not whole:
        given, becomes = reply.handoff, vetted.handoff
        trace.notes["vetted"] = becomes.reason if becomes and becomes != given else "hours"
    return vetted


def keep_promise(reply: Reply, patterns: tuple[regex.Pattern[str], ...] = ()) -> Reply:
    """A reply that says a person goes on makes it so: nobody is told of a handoff that doesn't happen."""
    patterns = patterns or OWN_ACTS + (OF_OTHERS if reply.responder == "assistant" else ())
    if reply.handoff is not None or not any(find_promise(part.text, (), patterns) for part in reply.parts):
        return reply
    return replace(reply, handoff=Handoff("promised"))


def stop_repeating(turn: TurnInput, reply: Reply) -> Reply:
    """What was said last isn't said again to something else: a person goes on. The same message may get the same answer."""
    is_flows = reply.run is not None or reply.responder in FREE  # a flow counts its own tries
    if reply.handoff is not None or is_flows or any(part.choices for part in reply.parts):
        return reply
    words = split_words(turn.text)
    said = [word for part in reply.parts for word in split_words(part.text)]
    asked, answer = _read_last(turn)
    if not said or said != answer or words == asked or not read_courtesies(words)[1]:
        return reply
    text = get_text("say.same_answer", reply.language)
    return replace(reply, parts=(Part(text),), handoff=Handoff("same_answer"), run=None)


def _read_last(turn: TurnInput) -> tuple[list[str], list[str]]:
    """The words of the customer's last message and of our answer to it."""
    answer: list[str] = []
    for line in reversed(turn.history):
        if line.who == "assistant":
            answer = split_words(line.text) + answer
        elif line.who == "customer":
            return split_words(line.text), answer
        else:
            return [], []  # a person spoke since
    return [], answer


def tell_hours(turn: TurnInput, reply: Reply, settings: Settings) -> Reply:
    """Out of hours a handoff says when somebody is there, and asks, once, how else the customer can be reached."""
    hours = read_hours(settings)
    if reply.handoff is None or hours.is_open(turn.now):
        return reply
    opening = hours.next_opening(turn.now)
    language = reply.language
    away = (
        get_text("say.away", language, when=tell_moment(opening, turn.now, hours.zone, language))
        if opening
        else get_text("say.away_long", language)
    )
    more = [get_text("say.reach", language)] if _is_out_of_reach(turn) else []
    passed = get_text("say.handoff", language)
    texts = [part.text for part in reply.parts]
    if any(passed in text for text in texts):
        said = " ".join((get_text("say.pass_on", language), away, *more))
        parts = tuple(replace(part, text=part.text.replace(passed, said)) for part in reply.parts)
    else:
        parts = (*reply.parts, Part(" ".join((away, *more))))
    return replace(reply, parts=parts)


def _is_out_of_reach(turn: TurnInput) -> bool:
    """Neither an address nor a number is known, none was given, and nobody asked for one before."""
    if turn.contact.email or turn.contact.phone or REACH.search(turn.text):
        return False
    if any(_holds_address(line.text) for line in turn.history if line.who == "customer"):
        return False
    asked = {get_text("say.reach", "es"), get_text("say.reach", "en")}
    return not any(text in line.text for line in turn.history if line.who == "assistant" for text in asked)


def _holds_address(text: str) -> bool:
    """Stricter than REACH: among all that was said before there are order numbers and days too."""
    vault = Vault()
    mask(text[:2_000], vault)
    return any(name.startswith(("EMAIL", "PHONE")) for name in vault.originals)
