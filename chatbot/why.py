"""A turn's trace in words: one sentence why the customer got what was sent. Read by the conversations and the test bot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chatbot.reply import Language
from chatbot.saying import gettext as _
from chatbot.saying import speaking

MOST_CANDIDATES = 6


def tell_why(turn: Mapping[str, Any] | None, language: Language) -> str:
    """The last reply (takeover.read_last_reply) in a note: one sentence, and what each responder made of it."""
    with speaking(language):
        if turn is None:
            return _("The bot hasn't replied here yet.")
        score = find_score(turn["trace"])
        names = (turn["state"], turn["responder"], turn["sources"], turn["handoff_reason"], turn["rule"])
        lines = [" ".join(said for said in (explain(*names, score), tell_who(turn["trace"])) if said)]
        looks = describe_looks(turn["trace"] or {})
        if looks:
            lines.append("\n".join(f"- {_tell_look(look)}" for look in looks))
        return "\n\n".join(lines)


def _tell_look(look: Mapping[str, Any]) -> str:
    why = f" ({look['why']})" if look["why"] else ""
    named = ", ".join(f"{name} {score:.2f}" for name, score, *_rest in look["candidates"][:3])
    return f"{look['name']}: {look['outcome']}{why}" + (f": {named}" if named else "")


def explain(
    state: str, responder: str | None, sources: list[str], handoff: str | None, rule: str | None, score: float | None
) -> str:
    """One plain sentence. state, rule, handoff: codes of a turn; score: how alike the matched question was, 0 to 1."""
    if rule == "reminder" and responder == "flow":
        return _("The customer hadn't answered the question of a flow.")
    if rule == "reminder":
        return _("The team was reminded that somebody waits.")
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
        "flow": _("Said by the flow %(names)s.", names=names) if names else _("Said by a flow."),
        "media": _("A file, picture or voice note that the bot can't read."),
        "fallback": _("Quoted from %(names)s, without the AI.", names=names)
        if names
        else _("Nothing that the bot knows fits."),
        "topics": _("No answer was looked for."),
        "people": _("No answer was looked for."),
        "handoff": _("No answer was looked for."),
    }
    return texts.get(responder, "")


def tell_who(trace: Mapping[str, Any] | None) -> str:
    """Which specialised agent it was, and why that one; "" where there was no choice."""
    look = next((look for look in (trace or {}).get("looks", ()) if look.get("responder") == "router"), None)
    if look is None:
        return ""
    saw = look.get("saw", {})
    why = name_choice(look.get("why", ""), str(saw.get("matched", "")))
    return _("With «%(name)s»: %(why)s.", name=saw.get("name") or saw.get("assistant", ""), why=why)


def name_choice(code: str, matched: str = "") -> str:
    """Why a specialised agent was chosen. matched: the label or phrase of the rule."""
    texts = {
        "label": _("the conversation has the label «%(matched)s»", matched=matched),
        "phrase": _("the customer wrote «%(matched)s»", matched=matched),
        "inbox": _("conversations of this inbox begin there"),
        "kept": _("the conversation was with it already"),
        "first": _("it is the first one, and nothing spoke for another"),
        "model": _("the AI chose it for this question"),
    }
    return texts.get(code, code)


def _list_choice(saw: Mapping[str, Any]) -> Iterator[str]:
    """What came of asking the AI who answers."""
    if model := saw.get("model"):
        yield _("The AI was asked who answers (%(model)s).", model=model)
    if (asked := saw.get("asked")) == "stay":
        yield _("It left the conversation where it was.")
    elif asked == "unknown":
        yield _("It named somebody who isn't there, so nothing was changed.")
    elif asked:
        yield _("The AI couldn't say who answers, so nothing was changed.")


def name_handoff(code: str) -> str:
    texts = {
        "max_replies": _("its specialised agent has replied as often as it may in one conversation"),
        "budget": _("its specialised agent has spent what it may on the AI today"),
        "unsure": _("the bot didn't know"),
        "llm_down": _("the AI couldn't be reached"),
        "media": _("somebody has to look at the file"),
        "topic": _("it is about something that people look after"),
        "asked": _("the customer asked for a person"),
        "upset": _("the customer was upset"),
        "repeated": _("the same thing was asked three times"),
        "same_answer": _("it would have been the same answer again"),
        "promised": _("the reply said that a person goes on"),
        "label": _("it has a label that goes to people"),
        "sensitive": _("it is about self-harm or violence"),
        "stale": _("it had waited for too long"),
        "crashed": _("answering it failed several times"),
        "loop": _("too many replies in ten minutes"),
        "delivery_failed": _("the reply couldn't be delivered"),
        "unreadable": _("a message couldn't be read"),
        "canned_handoff": _("the template says so"),
        "faq_handoff": _("the FAQ says so"),
        "flow": _("the flow says so"),
        "flow_stuck": _("the flow couldn't be finished"),
        "model_asked": _("the AI asked for a person"),
        "cannot_look": _("the conversation couldn't be looked at in Chatwoot"),
        "cannot_reply": _("Chatwoot doesn't let anybody reply here now"),
        "refused": _("Chatwoot refused the reply"),
        "unknown_outcome": _("it can't be known whether the reply was sent"),
        "unsaid": _("Chatwoot opened the conversation in the middle of the reply"),
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
        "reminder": _("the team was reminded"),
        "nothing_waits": _("nobody was waiting any more"),
        "auto_resolve": _("it was resolved after a long silence"),
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
    """A trace's looks (as JSON holds them) in words: name, outcome, why, ms, facts in words, who (a sentence, of the look that
    chose the specialised agent), and candidates as (name, score, chunk or None, what each channel brought of a passage's score
    or "")."""
    return [_describe_look(look) for look in trace.get("looks", ())]


def _describe_look(look: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "router": _("Who answers"),
        "attachments": _("Voice notes and pictures"),
        "people": _("What goes to people at once"),
        "flow": _("Flows"),
        "media": _("Files and voice notes"),
        "topics": _("Topics for people"),
        "canned": _("Templates"),
        "faq": _("FAQs"),
        "assistant": _("AI"),
        "fallback": _("Last resort"),
    }
    outcomes = {
        "replied": _("answered"),
        "passed": _("not mine"),
        "failed": _("failed"),
        "chosen": _("chosen"),
        "read": _("read"),
    }
    saw, who = look.get("saw", {}), tell_who({"looks": [look]})
    candidates = saw.get("candidates") or saw.get("passages") or []
    return {
        "name": names.get(look["responder"], look["responder"]),
        "outcome": outcomes.get(look["outcome"], look["outcome"]),
        "why": who or _name_why(look.get("why", "")),
        "who": who,
        "ms": look.get("ms", 0),
        "candidates": [_read_candidate(found) for found in candidates[:MOST_CANDIDATES]],
        "facts": list(_list_choice(saw) if who else (*_list_media(saw), *_list_facts(saw))),
    }


def _read_candidate(found: list[Any]) -> tuple[str, float, int | None, str]:
    """[key, score, ...] of an FAQ, or Passage.to_trace() of a passage."""
    if ":" not in str(found[0]):
        return str(found[0]), float(found[1]), None, ""
    chunk = found[1] if isinstance(found[1], int) else None
    words, meaning = (found[at] if len(found) > at else None for at in (7, 8))
    parts = [_("by words %(n)s", n=f"{words:.2f}")] if isinstance(words, int | float) else []
    if isinstance(meaning, int | float):
        parts.append(_("by meaning %(n)s", n=f"{meaning:.2f}"))
    return str(found[0]), float(found[2]), chunk, ", ".join(parts)


def _list_facts(saw: Mapping[str, Any]) -> Iterator[str]:
    """What a search has to tell besides its passages: what it came to, and what was cut."""
    searched = saw.get("search")
    if not isinstance(searched, Mapping):
        return
    yield name_verdict(str(saw.get("verdict")), searched.get("probability"))
    if searched.get("dense") not in {"ok", None}:
        yield _("Searched by words only: %(why)s.", why=name_dense(str(searched["dense"])))
    if isinstance(corrected := searched.get("corrected"), Mapping) and corrected:
        yield _(
            "Read as if spelled rightly: %(words)s.", words=", ".join(f"{typed} → {read}" for typed, read in corrected.items())
        )
    cuts = [cut for cut in searched.get("cut") or () if isinstance(cut, list | tuple) and len(cut) > 2]
    for code in dict.fromkeys(str(cut[2]) for cut in cuts):
        yield _("Left out, %(why)s: %(names)s.", why=name_cut(code), names=_join({str(c[0]) for c in cuts if c[2] == code}))
    if orders := saw.get("orders_cut"):
        yield _("Words that speak to the AI were cut out of: %(names)s.", names=_join(orders))
    if gone := saw.get("gone"):
        yield _("Taken away meanwhile: %(names)s.", names=_join(gone))


def _join(names: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, names)))


def name_verdict(code: str, probability: Any) -> str:
    """probability: 0 to 1, that the first passage holds the answer."""
    texts = {
        "answer": _("The passages are enough for an answer"),
        "ask_back": _("The passages are only enough to ask back"),
        "dont_know": _("The passages aren't enough for an answer"),
    }
    said = texts.get(code, code)
    return f"{said} ({probability:.0%})." if isinstance(probability, int | float) else f"{said}."


def name_dense(code: str) -> str:
    """Why a question had no vector (embedding.Sought)."""
    texts = {
        "off": _("searching by meaning is switched off"),
        "none": _("nothing is prepared for searching by meaning yet"),
        "empty": _("there is no question"),
        "left_out": _("searching by meaning was left out"),
    }
    return texts.get(code, _("the embeddings couldn't be reached"))


def _list_media(saw: Mapping[str, Any]) -> Iterator[str]:
    """What became of the voice notes and pictures of a turn. Each: [Chatwoot's id of the message, model or problem]."""
    for _message, model in saw.get("heard", ()):
        yield _("A voice note was written down (%(model)s).", model=model)
    if saw.get("spoken"):
        yield _("A voice note had been written down before.")
    for _message, model in saw.get("seen", ()):
        yield _("A picture was described (%(model)s).", model=model)
    for _message, problem in saw.get("problems", ()):
        yield _("Not read: %(why)s.", why=name_problem(str(problem)))


def name_problem(code: str) -> str:
    """Why a voice note or a picture wasn't read."""
    texts = {
        "too_long": _("it is too long"),
        "too_big": _("it is too large"),
        "too_many": _("there were too many at once"),
        "wrong_type": _("it is of a kind that can't be read"),
        "empty": _("nothing could be made out"),
        "elsewhere": _("it isn't on Chatwoot's own server"),
        "no_address": _("Chatwoot didn't say where it is"),
        "not_found": _("it isn't there any more"),
        "gone": _("it isn't there any more"),
        "private_address": _("it leads into a private network"),
        "timeout": _("it took too long"),
        "budget": _("its specialised agent has spent what it may on the AI today"),
        "refused": _("it was refused"),
    }
    return texts.get(code, _("the AI or Chatwoot couldn't be reached"))


def name_cut(code: str) -> str:
    texts = {"repeated": _("said twice"), "no_room": _("no room for more")}
    return texts.get(code, code)


def _name_why(code: str) -> str:
    texts = {
        "no_match": _("nothing fits"),
        "below_threshold": _("nothing is alike enough"),
        "no_entries": _("there are none"),
        "no_flows": _("there are none"),
        "no_flow_begun": _("none begins with these words"),
        "faq_question": _("it is the question of an FAQ"),
        "files": _("it is a file without words"),
        "digression": _("something else was asked in between"),
        "only_text": _("there is no file"),
        "no_topic": _("none of them is named"),
        "calm": _("nothing of the kind"),
        "no_model": _("the AI isn't connected"),
        "no_persona": _("there is no specialised agent"),
        "max_replies": _("it has replied as often as it may in one conversation"),
        "budget": _("it has spent what it may on the AI today"),
        "unsure": _("it wasn't sure"),
        "no_text": _("there are no words"),
        "several_questions": _("several questions at once"),
        "asked_before": _("an earlier message asks for something else"),
        "messages_differ": _("the messages ask for different things"),
        "leans_on_context": _("it depends on what was said before"),
        "exact": _("the very words"),
        "each": _("each message, by its own words"),
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
