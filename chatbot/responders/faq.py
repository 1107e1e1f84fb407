"""Replies with the answer of the FAQ entry that the question means; asks which one where two are near. After canned."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.channel_text import split_sentences
from chatbot.content import Content, FaqEntry
from chatbot.knowledge.faq import CONTRADICTIONS, FaqIndex, Match, get_index, strip_around
from chatbot.language import read_courtesies
from chatbot.reply import Handoff, Language, Part, Reply, TurnInput
from chatbot.responders.canned import pick_text
from chatbot.text import split_words
from chatbot.texts import get_text
from chatbot.trace import Look

LONGEST_READ = 2_000
MOST_ANSWERS = 3
MOST_MESSAGES = 10
MOST_CHOICES = 3


def respond(turn: TurnInput, look: Look) -> Reply | None:
    """One answer to the whole text, or to each of its questions, or to the last message, where they don't contradict.

    Messages that only lead in ("perdona", "una cosa más") are left out.
    Several questions are answered only where all of them are clear, so that none is passed over in silence.
    """
    if not turn.content.faq or not turn.text.strip():
        look.passed("no_entries" if turn.text.strip() else "no_text")
        return None
    index = get_index(turn.content.faq)
    asking = [message.text for message in turn.messages if _says_something(message.text)] or [turn.text]
    questions = [
        piece for text in asking for piece in split_sentences(text[:LONGEST_READ]) if "?" in piece and _says_something(piece)
    ]
    if len(questions) > 1:
        return _answer_each(index, questions, turn, look)
    asking = asking[-MOST_MESSAGES:]
    apart = [_match(index, text, turn) for text in asking]
    if 1 < len(asking) <= MOST_ANSWERS and all(match.kind == "answered" for match in apart):
        return _answer_each(index, asking, turn, look)
    whole = _match(index, "\n".join(asking), turn) if len(asking) > 1 else apart[0]
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


def _answer_each(index: FaqIndex, questions: Sequence[str], turn: TurnInput, look: Look) -> Reply | None:
    matches = [_match(index, question, turn) for question in questions[:MOST_ANSWERS]]
    if len(questions) > MOST_ANSWERS or any(match.kind != "answered" for match in matches):
        look.passed("several_questions", candidates=[found for match in matches for found in _list_candidates(match)])
        return None
    look.noted(matched="each")
    entries = {match.candidates[0].entry.key: match.candidates[0].entry for match in matches}
    return _answer(list(entries.values()), turn, look, matches)


def _match(index: FaqIndex, text: str, turn: TurnInput) -> Match:
    return index.match(text, turn.language, turn.inbox.chatwoot_id)


def _reply(match: Match, turn: TurnInput, look: Look, matched: str) -> Reply:
    look.noted(matched=matched)
    if match.kind == "which":
        return _ask_which(match, turn, look)
    return _answer([match.candidates[0].entry], turn, look, [match])


def _answer(entries: Sequence[FaqEntry], turn: TurnInput, look: Look, matches: Sequence[Match]) -> Reply:
    look.why = matches[0].why
    look.noted(candidates=[found for match in matches for found in _list_candidates(match)])
    texts = [pick_text(entry.answers, turn.language, turn.content) for entry in entries]
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
    titles = [_name(entry, turn.language, turn.content) for entry in near]
    return Reply(
        # the title is the value too: some channels send back the one and some the other, and both match exactly
        parts=(Part(get_text("say.faq_which", turn.language), tuple((title, title) for title in titles)),),
        language=turn.language,
        responder="faq",
        sources=tuple(f"faq:{entry.key}" for entry in near),
    )


def _name(entry: FaqEntry, language: Language, content: Content) -> str:
    """An entry's first question in the turn's language."""
    firsts = {spoken: questions[0] for spoken, questions in entry.questions.items() if questions}
    return pick_text(firsts, language, content)[0]


def _list_candidates(match: Match) -> list[list[object]]:
    """Key, score, what rules it out, what lowered its score."""
    return [[found.entry.key, round(found.score, 3), found.against, ",".join(found.lowered)] for found in match.candidates]
