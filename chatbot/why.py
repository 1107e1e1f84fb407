"""A turn's trace in words: one sentence why the customer got what was sent. Read by the conversations and the test bot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask_babel


def _(text: str, **values: str) -> str:
    """flask_babel's, with a type."""
    return str(flask_babel.gettext(text, **values))


def explain(
    state: str, responder: str | None, sources: list[str], handoff: str | None, rule: str | None, score: float | None
) -> str:
    """One plain sentence. state, rule, handoff: codes of a turn; score: how alike the matched question was, 0 to 1."""
    if state == "ignored" or (rule and not responder):
        return _("Nothing was said: %(why)s.", why=name_rule(rule or ""))
    said = explain_reply(responder or "", sources, score)
    if handoff:
        return _("%(said)s Then it was handed to a person: %(why)s.", said=said, why=name_handoff(handoff)).strip()
    return said


def explain_reply(responder: str, sources: list[str], score: float | None) -> str:
    names = ", ".join(f"«{source.split(':', 1)[-1]}»" for source in sources)
    if responder == "canned":
        return _("Answered with the template %(names)s.", names=names)
    if responder == "faq" and score is not None:
        return _("Answered with the FAQ %(names)s, %(score)s alike.", names=names, score=f"{score:.2f}")
    texts = {
        "faq": _("Answered with the FAQ %(names)s.", names=names),
        "assistant": _("Written by the AI from %(names)s.", names=names) if names else _("Written by the AI."),
        "media": _("A file, picture or voice note that the bot can't read."),
        "fallback": _("Quoted from %(names)s, without the AI.", names=names)
        if names
        else _("Nothing that the bot knows fits."),
        "topics": _("No answer was looked for."),
        "handoff": _("No answer was looked for."),
    }
    return texts.get(responder, "")


def name_handoff(code: str) -> str:
    texts = {
        "unsure": _("the bot didn't know"),
        "llm_down": _("the AI couldn't be reached"),
        "media": _("somebody has to look at the file"),
        "topic": _("it is about something that people look after"),
        "stale": _("it had waited for too long"),
        "crashed": _("answering it failed several times"),
        "loop": _("too many replies in ten minutes"),
        "delivery_failed": _("the reply couldn't be delivered"),
        "unreadable": _("a message couldn't be read"),
        "canned_handoff": _("the template says so"),
        "faq_handoff": _("the FAQ says so"),
        "model_asked": _("the AI asked for a person"),
        "cannot_look": _("the conversation couldn't be looked at in Chatwoot"),
        "cannot_reply": _("Chatwoot doesn't let anybody reply here now"),
        "refused": _("Chatwoot refused the reply"),
        "unknown_outcome": _("it can't be known whether the reply was sent"),
    }
    return texts.get(code, code.replace("_", " "))


def name_rule(code: str) -> str:
    texts = {
        "another_installation": _("another installation is the bot's"),
        "other_inbox": _("this inbox has another bot"),
        "other_account": _("it is from another Chatwoot account"),
        "nothing_new": _("there was nothing new to answer"),
        "off": _("the bot is switched off in this inbox"),
        "paused": _("everything was paused"),
        "people_have_it": _("a person had the conversation"),
        "command": _("an agent's command was carried out"),
        "watch": _("this inbox is only watched"),
        "unreadable_again": _("it couldn't be read again"),
        "blocked_contact": _("the contact is blocked"),
        "auto_reply": _("it was an automatic reply"),
        "deleted": _("the message was deleted"),
        "reaction": _("it was only a reaction"),
        "group": _("it came from a group"),
        "campaign": _("it belongs to a campaign"),
        "answered_elsewhere": _("it had been answered before"),
    }
    return texts.get(code, code.replace("_", " "))


def find_score(trace: Mapping[str, Any] | None) -> float | None:
    """The best candidate's score of the responder that replied."""
    for look in (trace or {}).get("looks", ()):
        candidates = look.get("saw", {}).get("candidates")
        if look.get("outcome") == "replied" and candidates:
            score = candidates[0][1] if isinstance(candidates[0], list | tuple) and len(candidates[0]) > 1 else None
            return float(score) if isinstance(score, int | float) else None
    return None


def describe_looks(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A trace's looks (as JSON holds them) in words: name, outcome, why, candidates as (name, score), ms."""
    return [_describe_look(look) for look in trace.get("looks", ())]


def _describe_look(look: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "media": _("Files and voice notes"),
        "topics": _("Topics for people"),
        "canned": _("Templates"),
        "faq": _("FAQs"),
        "assistant": _("AI"),
        "fallback": _("Last resort"),
    }
    outcomes = {"replied": _("answered"), "passed": _("not mine"), "failed": _("failed")}
    saw = look.get("saw", {})
    candidates = saw.get("candidates") or saw.get("passages") or []
    return {
        "name": names.get(look["responder"], look["responder"]),
        "outcome": outcomes.get(look["outcome"], look["outcome"]),
        "why": _name_why(look.get("why", "")),
        "ms": look.get("ms", 0),
        "candidates": [_read_candidate(found) for found in candidates[:5]],
    }


def _read_candidate(found: list[Any]) -> tuple[str, float]:
    """[key, score, ...] of an FAQ, or [source, chunk, score, ...] of a passage."""
    is_passage = ":" in str(found[0])
    return str(found[0]), float(found[2] if is_passage else found[1])


def _name_why(code: str) -> str:
    texts = {
        "no_match": _("nothing fits"),
        "below_threshold": _("nothing is alike enough"),
        "no_entries": _("there are none"),
        "only_text": _("there is no file"),
        "no_topic": _("none of them is named"),
        "no_model": _("the AI isn't connected"),
        "no_persona": _("there is no specialised agent"),
        "unsure": _("it wasn't sure"),
        "no_text": _("there are no words"),
        "several_questions": _("several questions at once"),
        "leans_on_context": _("it depends on what was said before"),
        "exact": _("the very words"),
        "clear": _("clearly alike"),
        "near": _("two are alike"),
        "which": _("two are alike"),
        "keyword": _("a keyword"),
        "pattern": _("a pattern"),
        "number": _("it asks for another number"),
        "negation": _("it asks for the opposite"),
        "other_object": _("it is about another thing"),
        "other_wanted": _("it asks for something else"),
        "no_content": _("it says too little"),
        "timeout": _("it took too long"),
    }
    return str(texts.get(code, ""))
