"""Replies with the answer of the FAQ entry that the question means; asks which one where two are near. After canned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from chatbot.bodies import FaqEntry
from chatbot.channel_text import split_sentences
from chatbot.knowledge.faq import CONTRADICTIONS, FaqIndex, Match, get_index
from chatbot.knowledge.faq_context import carry, is_leaning, list_earlier, speaks_of
from chatbot.knowledge.faq_store import get_model, make_embed
from chatbot.knowledge.faq_words import strip_around
from chatbot.language import read_courtesies
from chatbot.llm import Means
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.responders.canned import pick_text
from chatbot.text import split_words
from chatbot.texts import get_text
from chatbot.trace import Look

LONGEST_READ = 2_000
MOST_ANSWERS = 3
MOST_MESSAGES = 10
MOST_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a text means, by the trained model or, until there is one, by similarity alone."""

    index: FaqIndex
    match: Callable[[str], Match]
    is_trained: bool


def respond(turn: TurnInput, look: Look, means: Means | None = None) -> Reply | None:
    """One answer to the whole text, or to each of its questions, or to the last message, where they don't contradict.

    Messages that only lead in ("perdona", "una cosa más") are left out.
    Several questions are answered only where all of them are clear, so that none is passed over in silence.
    means: without, no trained model is asked.
    """
    if not turn.content.faq or not turn.text.strip():
        look.passed("no_entries" if turn.text.strip() else "no_text")
        return None
    matcher = make_matcher(turn, means)
    look.noted(trained=matcher.is_trained)
    asking = [message.text for message in turn.messages if _says_something(message.text)] or [turn.text]
    questions = [
        piece for text in asking for piece in split_sentences(text[:LONGEST_READ]) if "?" in piece and _says_something(piece)
    ]
    if len(questions) > 1:
        return _answer_each(matcher, questions, turn, look)
    asking = asking[-MOST_MESSAGES:]
    apart = [matcher.match(text) for text in asking]
    if 1 < len(asking) <= MOST_ANSWERS and all(match.kind == "answered" for match in apart):
        return _answer_each(matcher, asking, turn, look)
    whole = matcher.match("\n".join(asking)) if len(asking) > 1 else apart[0]
    if len(asking) == 1 and whole.kind == "none" and (carried := _resolve(matcher, asking[0], turn, means)):
        return _reply(carried, turn, look, "carried")
    if any("?" in text and match.kind == "none" for text, match in zip(asking[:-1], apart, strict=False)):
        look.passed("asked_before", candidates=_list_candidates(whole))
        return None
    return _answer_together(whole, apart, turn, look)


def _answer_together(whole: Match, apart: Sequence[Match], turn: TurnInput, look: Look) -> Reply | None:
    last = apart[-1]
    if _is_contradicted(whole, apart):
        look.passed("messages_differ", candidates=_list_candidates(whole), last=_list_candidates(last))
        return None
    if last.kind == "answered" and whole.kind != "answered":
        return _reply(last, turn, look, "last")
    if whole.kind == "none" and last.kind == "none":
        look.passed(whole.why, candidates=_list_candidates(whole))
        return None
    return _reply(last, turn, look, "last") if whole.kind == "none" else _reply(whole, turn, look, "whole")


def _says_something(text: str) -> bool:
    return bool(read_courtesies(strip_around(split_words(text[:LONGEST_READ])))[1])


def _is_contradicted(whole: Match, apart: Sequence[Match]) -> bool:
    """Whether the messages together mean something else than one of them alone.

    What came before may be a lead-in ("os cuento"), but nothing that another entry answers, nor what rules out the entry
    ("vivo en Marruecos", "¿cuánto tarda un pedido?").
    """
    last = apart[-1]
    chosen = last if whole.kind == "none" else whole
    if len(apart) == 1 or chosen.kind == "none":
        return False
    meant = _collect_meant(chosen)
    if any(meant.isdisjoint(_collect_meant(match)) for match in apart if match.kind != "none"):
        return True
    ruled_out = {candidate.entry.key for candidate in whole.candidates if candidate.against in CONTRADICTIONS}
    return whole.kind == "none" and not meant.isdisjoint(ruled_out)


def _collect_meant(match: Match) -> set[str]:
    return {candidate.entry.key for candidate in match.candidates[: match.near]}


def _answer_each(matcher: Matcher, questions: Sequence[str], turn: TurnInput, look: Look) -> Reply | None:
    matches = [matcher.match(question) for question in questions[:MOST_ANSWERS]]
    if len(questions) > MOST_ANSWERS or any(match.kind != "answered" for match in matches):
        look.passed("several_questions", candidates=[found for match in matches for found in _list_candidates(match)])
        return None
    look.noted(matched="each")
    entries = {match.candidates[0].entry.key: match.candidates[0].entry for match in matches}
    return _answer(list(entries.values()), turn, look, matches)


def make_matcher(turn: TurnInput, means: Means | None) -> Matcher:
    """For this turn's FAQ, language and inbox."""
    entries, inbox = turn.content.faq, turn.inbox.chatwoot_id
    model = get_model(means.engine, means.settings, entries) if means else None
    if model is None or means is None:
        index = get_index(entries)
        return Matcher(index, lambda text: index.match(text, turn.language, inbox), is_trained=False)
    most, embed = means.settings.faq_false_answers, make_embed(means.settings, model.weights)
    match = partial(model.match, language=turn.language, inbox=inbox, max_false=most, embed=embed)
    return Matcher(model.index, match, is_trained=True)


def _resolve(matcher: Matcher, question: str, turn: TurnInput, means: Means | None) -> Match | None:
    """What a question means that leans on what was said before, if that is clear. With a model, that reads the history."""
    if means is not None and means.settings.endpoints and turn.llm_allowed:
        return None
    if not is_leaning(question):
        return None
    for earlier in list_earlier(turn.history):
        match = matcher.match(carry(earlier, question))
        if match.kind == "answered" and speaks_of(matcher.index, match.candidates[0].entry, question):
            return match
    return None


def _reply(match: Match, turn: TurnInput, look: Look, matched: str) -> Reply:
    look.noted(matched=matched)
    if match.kind == "which":
        return _ask_which(match, turn, look)
    return _answer([match.candidates[0].entry], turn, look, [match])


def _answer(entries: Sequence[FaqEntry], turn: TurnInput, look: Look, matches: Sequence[Match]) -> Reply:
    look.why = matches[0].why
    look.noted(candidates=[found for match in matches for found in _list_candidates(match)])
    texts = [pick_text(entry.answers, turn) for entry in entries]
    passing = [entry.key for entry in entries if entry.handoff]
    return Reply(
        parts=tuple(Part(text) for text, _ in texts),
        language=texts[0][1],
        responder="faq",
        handoff=Handoff("faq_handoff", passing[0]) if passing else None,
        sources=tuple(f"faq:{entry.key}" for entry in entries),
    )


def _ask_which(match: Match, turn: TurnInput, look: Look) -> Reply:
    look.why = "which"
    look.noted(candidates=_list_candidates(match))
    near = [candidate.entry for candidate in match.candidates[: min(match.near, MOST_CHOICES)]]
    titles = [_name(entry, turn) for entry in near]
    return Reply(
        # the title is the value too: some channels send back the one and some the other, and both match exactly
        parts=(Part(get_text("say.faq_which", turn.language), tuple((title, title) for title in titles)),),
        language=turn.language,
        responder="faq",
        sources=tuple(f"faq:{entry.key}" for entry in near),
    )


def _name(entry: FaqEntry, turn: TurnInput) -> str:
    """An entry's first question in the turn's language."""
    firsts = {spoken: questions[0] for spoken, questions in entry.questions.items() if questions}
    return pick_text(firsts, turn)[0]


def _list_candidates(match: Match) -> list[list[object]]:
    """Key, score, what rules it out, what lowered its score."""
    return [[found.entry.key, round(found.score, 3), found.against, ",".join(found.lowered)] for found in match.candidates]
