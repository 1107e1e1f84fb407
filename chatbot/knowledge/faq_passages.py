"""FAQs as passages: measured by their words as chunks are, since their answers are as good a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chatbot.bodies import FaqEntry
from chatbot.knowledge.asking import Asked
from chatbot.knowledge.fusion import BEST, Candidate, Fused
from chatbot.knowledge.lexical import measure, measure_letters, read_text
from chatbot.knowledge.passages import Passage, with_scores
from chatbot.reply import Language, TurnInput
from chatbot.text import stem_words

STEMS_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class FaqText:
    """An entry in one language. text: its phrasings' and answer's stems, as lexical.measure() wants them."""

    entry: FaqEntry
    language: Language
    text: str


_texts: dict[tuple[int, Language], FaqText] = {}


def list_texts(turn: TurnInput) -> list[FaqText]:
    """The turn's FAQs."""
    inbox = turn.inbox.chatwoot_id
    entries = (entry for entry in turn.content.faq if entry.enabled and (not entry.inboxes or inbox in entry.inboxes))
    return [_read(entry, language) for entry in entries for language in entry.answers]


def measure_all(faqs: Sequence[FaqText], asked: Asked) -> list[Candidate]:
    """The best that have a word of the question. Their ids are negative: -1 is the first."""
    average = sum(len(faq.text) for faq in faqs) / len(faqs) if faqs else 0.0
    measured = [
        (number, faq, words)
        for number, faq in enumerate(faqs, 1)
        if (words := measure(faq.text, asked.weights[faq.language], average)).matched
    ]
    best = sorted(measured, key=lambda one: -one[2].bm25)[:BEST]
    return [
        Candidate(-number, faq.language, replace(words, letters=measure_letters(faq.text, asked.weights[faq.language])))
        for number, faq, words in best
    ]


def make_passage(faqs: Sequence[FaqText], fused: Fused) -> Passage:
    faq = faqs[-fused.candidate.id - 1]
    entry, language = faq.entry, faq.language
    question = next(iter(entry.questions.get(language) or next(iter(entry.questions.values()))), "")
    passage = Passage(None, None, entry.key, question, question, entry.answers[language], None, language, 0, 0, kind="faq")
    return with_scores(passage, fused)


def _read(entry: FaqEntry, language: Language) -> FaqText:
    """Kept by the entry itself, which never changes: its texts would be long keys."""
    kept = _texts.get((id(entry), language))
    if kept is None or kept.entry is not entry:
        whole = "\n".join((*entry.questions.get(language, ()), entry.answers[language]))
        kept = FaqText(entry, language, read_text(" ".join(stem_words(whole, language))))
        if len(_texts) >= STEMS_KEPT:
            _texts.clear()
        _texts[id(entry), language] = kept
    return kept
