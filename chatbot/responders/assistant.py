"""The AI persona: answers from passages of articles, documents and FAQs, or says that it doesn't know. Third of the responders.

What the model wrote is held against the passages that it names; what can't be vouched for isn't said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import regex
from pydantic import BaseModel, Field, model_validator

from chatbot import answer_cache
from chatbot.answer_cache import Kept, Slot
from chatbot.bodies import Assistant
from chatbot.db import fetch_value, sql, statements
from chatbot.knowledge.claims import (
    drop_claims,
    find_contradiction,
    find_unknown_amounts,
    find_unknown_counts,
    find_unknown_dates,
    find_unknown_policies,
)
from chatbot.knowledge.grounding import (
    DEEDS,
    SENTENCE,
    drop_unknown_links,
    find_promise,
    find_unknown_numbers,
    strip_images,
    strip_tags,
)
from chatbot.knowledge.injections import find_biddings, find_leak
from chatbot.knowledge.search import Passage, stem_content
from chatbot.length import TARGETS
from chatbot.llm import Answer, Means, ask
from chatbot.privacy import Vault, has_placeholder
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.responders.evidence import Evidence, find_evidence, find_shown_url, find_url, list_gone, list_links, tell
from chatbot.responders.prompt import LABEL, OWN, RULES, Given, build_messages, read_tags
from chatbot.text import find_phrase
from chatbot.texts import get_text
from chatbot.trace import Look

__all__ = ["Given", "Proposal", "build_messages", "judge", "respond"]

# An answer without a source may only be small talk or a question back, and those are short.
LONGEST_UNSOURCED = 400
SAID = sql("""
SELECT count(*) FROM turn t JOIN conversation c ON c.id = t.conversation_id
 WHERE c.id = :conversation AND t.assistant = :assistant AND t.responder = 'assistant' AND t.state = 'answered'
   AND t.human_seq = c.human_seq AND t.newest_chatwoot_id > c.context_from
   AND NOT EXISTS (SELECT FROM turn h WHERE h.conversation_id = c.id AND h.id > t.id AND h.state = 'handed_off')
""")


class Proposal(BaseModel):
    """What the model is asked for. Nothing of it is believed before it was checked."""

    kind: Literal["answer", "smalltalk", "question"]
    knows: bool
    sources: list[str] = Field(max_length=50)
    text: str = Field(max_length=10_000)
    confidence: float = Field(ge=0, le=1, description="how sure you are that the text is right, 0 to 1")
    handoff: bool
    handoff_reason: str = Field(max_length=2_000, description="empty without a handoff")

    @model_validator(mode="after")
    def _needs_text(self) -> Self:
        if self.knows and not self.handoff and not self.text.strip():
            raise ValueError("an answer without text")
        return self


def respond(turn: TurnInput, look: Look, means: Means) -> Reply | None:
    """The persona's answer, checked; None where there is none, or none that is sure. LLMError is the pipeline's to catch."""
    persona, obstacle = turn.persona, _find_obstacle(turn, means)
    if persona is None or obstacle:
        look.passed(obstacle or "no_persona")
        return None
    language = turn.language if turn.language in persona.languages else persona.default_language
    if has_said_enough(turn, persona, means):
        look.why = "max_replies"
        return Reply((Part(get_text("say.handoff", language)),), language, "handoff", Handoff("max_replies", persona.name))
    slot = answer_cache.find_slot(means, turn, persona, language, look)
    if slot is not None and (kept := answer_cache.read(means, turn, slot, look)) is not None:
        return Reply((Part(kept.text),), language, "assistant", sources=kept.sources)
    evidence = find_evidence(turn, look, means, with_history=True, is_wide=True)
    given = Given(turn, persona, evidence.passages, language, means.settings.never_say)
    if is_hopeless(given, evidence):
        look.noted(asked=False)
        look.passed("unsure", because="doesnt_know")
        return None
    answer, reply = _ask(given, look, means)
    if slot is not None and reply is not None:
        _keep(means, slot, given, answer, reply, evidence, look)
    return reply


def _find_obstacle(turn: TurnInput, means: Means) -> str:
    if not turn.text.strip() and not turn.seen:
        return "no_text"
    if not turn.llm_allowed:
        return "not_allowed"
    return "" if means.settings.endpoints else "no_model"


def has_said_enough(turn: TurnInput, persona: Assistant, means: Means) -> bool:
    """Whether it has answered as often as it may since the conversation began or a person last had it."""
    if persona.max_replies is None or turn.conversation_id is None:
        return False
    with statements(means.engine) as connection:
        said: int = fetch_value(connection, SAID, {"conversation": turn.conversation_id, "assistant": persona.key})
    return said >= persona.max_replies


def is_hopeless(given: Given, evidence: Evidence) -> bool:
    """Whether nothing that the model would be given can hold the answer: no passage with a word of the question (or near in
    meaning), no earlier word, no fact of the owner's.

    Only of a question: who asks for a person or tells of a trouble is for the model to understand.
    """
    turn, instructions = given.turn, given.persona.instructions
    if evidence.verdict != "dont_know" or turn.history or "?" not in turn.text or not stem_content(turn.text)[turn.language]:
        return False
    if any(passage.matched for passage in given.passages):
        return False
    return len(find_biddings(instructions)) == sum(1 for s in SENTENCE.findall(instructions) if s.strip())


def _ask(given: Given, look: Look, means: Means) -> tuple[Answer[Proposal], Reply | None]:
    persona, turn = given.persona, given.turn
    messages = build_messages(given)
    answer = ask(
        means, turn, "assistant", messages, Proposal, persona.max_output_tokens, Vault(), persona.model,
        assistant=persona.key, budget_micros=persona.daily_budget_micros,
    )  # fmt: skip
    look.noted(model=answer.model, call=answer.call_id, cost_micros=answer.cost_micros)
    reply = judge(given, answer.value, look, messages)
    if reply is None:
        return answer, None
    with statements(means.engine) as connection:
        gone = list_gone(connection, turn, _pick_used(given, reply), means.settings.time_zone)
    if gone:
        look.passed("unsure", because="source_gone", gone=gone)
        return answer, None
    return answer, reply


def _pick_used(given: Given, reply: Reply) -> list[Passage]:
    return [passage for passage in given.passages if passage.source in reply.sources]


def _keep(
    means: Means, slot: Slot, given: Given, answer: Answer[Proposal], reply: Reply, evidence: Evidence, look: Look
) -> None:
    """For the next one who asks the same: only what is sure and has a source."""
    value, turn = answer.value, given.turn
    is_sure = evidence.verdict == "answer" and value.kind == "answer" and value.confidence >= answer_cache.LEAST_CONFIDENCE
    if not is_sure or reply.handoff or not reply.sources:
        look.noted(cache="unsure")
        return
    chunks = tuple(passage.chunk_id for passage in _pick_used(given, reply) if passage.chunk_id is not None)
    kept = Kept(
        text=reply.parts[0].text, sources=reply.sources, chunks=chunks, model=answer.model, cost_micros=answer.cost_micros,
        turn_id=turn.turn_id, made_at=turn.now,
    )  # fmt: skip
    answer_cache.keep(means, turn, slot, kept, look)


def judge(given: Given, proposal: Proposal, look: Look, messages: Sequence[dict[str, str]] = ()) -> Reply | None:
    """The proposal as a reply, or None with the reason in the look. messages: the prompt, none of which may be repeated."""
    labels = {f"P{n}": p.source for n, p in enumerate(given.passages, 1)} | {OWN: f"assistant:{given.persona.key}"}
    names = [name for source in proposal.sources if (name := source.strip(" []").upper()) in labels]
    named = given.find_passages(names)
    look.noted(kind=proposal.kind, confidence=round(proposal.confidence, 3), named=list(dict.fromkeys(names)))
    text = _clean(given, proposal.text, named)
    unsupported = _find_unsupported(given, text, named, OWN in names)
    if unsupported and OWN not in names and (names or proposal.kind != "answer"):
        unsupported = _find_unsupported(given, text, named, True)
        names += [OWN] * (not unsupported)  # the owner's words are always given, and a model forgets to name them
    used = tuple(dict.fromkeys(labels[name] for name in names))
    look.noted(sources=list(used))
    fault = _find_fault(given, proposal, text, named, bool(used)) or (
        "prompt" if _repeats_prompt(given, text, messages) else unsupported
    )
    if proposal.handoff:
        return _hand_over(given, proposal, "" if fault else text, used, messages)
    if fault:
        look.passed("unsure", because=fault)
        return None
    return Reply((Part(_add_link(given, text, named)),), given.language, "assistant", sources=used)


def _clean(given: Given, text: str, named: Sequence[Passage]) -> str:
    text = regex.sub(r"[ \t]*" + LABEL.pattern, "", strip_tags(strip_images(text)), flags=regex.IGNORECASE)
    return drop_unknown_links(text, list_links(given.turn, named))


def _find_fault(given: Given, proposal: Proposal, text: str, named: Sequence[Passage], has_source: bool) -> str:
    """Why this can't be said, as a code; empty if it can."""
    if not proposal.knows:
        return "doesnt_know"
    if proposal.confidence < given.persona.min_confidence:
        return "low_confidence"
    if not text:
        return "link"
    if not has_source and (proposal.kind == "answer" or len(text) > LONGEST_UNSOURCED):
        return "no_source"
    if has_placeholder(text):
        return "placeholder"
    own = [given.persona.instructions, *(tell(passage) for passage in named if passage.kind != "document")]
    # what a document says will be done may be told; that something was done for this customer stands in none
    if find_promise(text, [*own, *map(tell, named)]) or find_promise(text, own, DEEDS):
        return "promise"
    if find_phrase(text, given.never_say, given.language):
        return "never_say"
    return ""


def _repeats_prompt(given: Given, text: str, messages: Sequence[dict[str, str]]) -> bool:
    known = (given.turn.text, *(tell(passage) for passage in given.passages), *list_links(given.turn, given.passages))
    return bool(find_leak(text, RULES, given.persona.instructions, read_tags(messages), known))


def _find_unsupported(given: Given, text: str, named: Sequence[Passage], with_own: bool) -> str:
    """What of a text stands in none of the passages that it names (and, with_own, in the owner's instructions), as a code."""
    facts = [tell(passage) for passage in named] + [find_url(given.turn, passage) or "" for passage in named]
    facts += [given.persona.instructions] * with_own
    said = (*facts, *given.context)
    if find_unknown_numbers(drop_claims(text), said) or find_unknown_counts(text, said) or find_unknown_amounts(text, facts):
        return "number"
    today = f"{given.turn.now:%A} {given.turn.now.day}/{given.turn.now.month}"
    if find_unknown_dates(text, (*facts, today), asked=given.turn.text):
        return "date"
    if find_unknown_policies(text, facts):
        return "policy"
    return "opposite" if find_contradiction(text, facts, given.language) else ""


def _add_link(given: Given, text: str, named: Sequence[Passage]) -> str:
    """The text with the address of the first passage that has one, where its owner shows it and there is room."""
    url = next((url for passage in named if (url := find_shown_url(given.turn, passage))), None)
    if url is None or url in text:
        return text
    line = get_text("say.read_more", given.language, url=url)
    fits = len(text) + len(line) + 2 <= TARGETS[given.persona.length]
    return f"{text}\n\n{line}" if fits else text


def _hand_over(given: Given, proposal: Proposal, text: str, used: tuple[str, ...], messages: Sequence[dict[str, str]]) -> Reply:
    """A person takes over. What the model says to it is kept only where it is a checked answer."""
    goodbye = get_text("say.handoff", given.language)
    said = f"{text}\n\n{goodbye}" if text and used and proposal.kind == "answer" else goodbye
    detail = _clean(given, " ".join(proposal.handoff_reason.split()), ())[:300]
    if _repeats_prompt(given, detail, messages) or find_promise(detail, (), DEEDS):
        detail = ""
    return Reply((Part(said),), given.language, "assistant", Handoff("model_asked", detail), used)
