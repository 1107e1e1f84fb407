"""Replies with the answer of the FAQ entry that the question means; asks which one where two are near. After canned."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.channel_text import split_sentences
from chatbot.content import Content, FaqEntry
from chatbot.knowledge.faq import FaqIndex, Match, get_index
from chatbot.language import read_courtesies
from chatbot.reply import Handoff, Language, Part, Reply, TurnInput
from chatbot.responders.canned import pick_text
from chatbot.text import split_words
from chatbot.texts import get_text
from chatbot.trace import Look

LONGEST_READ = 2_000
MOST_ANSWERS = 3
MOST_CHOICES = 3


def respond(turn: TurnInput, look: Look) -> Reply | None:
    """One answer to the whole text, or to each of its questions, or to the last message.

    Several questions are answered only where all of them are clear, so that none is passed over in silence.
    """
    if not turn.content.faq or not turn.text.strip():
        look.passed("no_entries" if turn.text.strip() else "no_text")
        return None
    index = get_index(turn.content.faq)
    asking = [message.text for message in turn.messages if _says_something(message.text)]
    questions = [
        piece for text in asking for piece in split_sentences(text[:LONGEST_READ]) if "?" in piece and _says_something(piece)
    ]
    if len(questions) > 1:
        return _answer_each(index, questions, turn, look)
    whole = _match(index, turn.text, turn)
    if whole.kind != "none":
        return _reply(whole, turn, look, "whole")
    if len(asking) > 1 and (reply := _answer_last(index, asking, turn, look)):
        return reply
    look.passed(whole.why, candidates=_list_candidates(whole))
    return None


def _says_something(text: str) -> bool:
    return bool(read_courtesies(split_words(text[:LONGEST_READ]))[1])


def _answer_each(index: FaqIndex, questions: Sequence[str], turn: TurnInput, look: Look) -> Reply | None:
    matches = [_match(index, question, turn) for question in questions[:MOST_ANSWERS]]
    if len(questions) > MOST_ANSWERS or any(match.kind != "answered" for match in matches):
        look.passed("several_questions", candidates=[found for match in matches for found in _list_candidates(match)])
        return None
    look.noted(matched="each")
    entries = {match.candidates[0].entry.key: match.candidates[0].entry for match in matches}
    return _answer(list(entries.values()), turn, look, matches)


def _answer_last(index: FaqIndex, asking: Sequence[str], turn: TurnInput, look: Look) -> Reply | None:
    """What came before may be a lead-in ("tengo una duda"), but not another question."""
    last = _match(index, asking[-1], turn)
    if last.kind == "none" or any("?" in text for text in asking[:-1]):
        return None
    return _reply(last, turn, look, "last")


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
    return [[found.entry.key, round(found.score, 3), found.against] for found in match.candidates]
