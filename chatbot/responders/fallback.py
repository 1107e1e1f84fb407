"""Always replies: an FAQ or an extract of an article that is really about the question, else an honest text and a handoff.

Last of the responders, and with no model configured the one after canned responses and FAQs.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

from chatbot.knowledge.chunk import SENTENCE_END
from chatbot.knowledge.grounding import strip_images
from chatbot.knowledge.search import Passage, find_passages, stem_content
from chatbot.language import read_courtesies, squeeze
from chatbot.llm import Means
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.text import split_words, stem_words
from chatbot.texts import get_text
from chatbot.trace import Look

# On half of XQuAD these answer 52 % of what is there and 2 % of what isn't.
MIN_COVERAGE = 0.75
MIN_MATCHED = 2
# Of the question's stems, how many the extract itself (with its heading) must have.
MIN_EXTRACT_SHARE = 0.6
MAX_SENTENCES = 3
MAX_EXTRACT_CHARS = 600
MAX_GREETING_WORDS = 8
# These ways of failing say nothing about the model.
NOT_DOWN = {"", "off"}

MARKDOWN_HEADING = regex.compile(r"^#{1,6}\s+", regex.MULTILINE)


@dataclass(frozen=True, slots=True)
class Extract:
    passage: Passage
    text: str
    share: float


def respond(turn: TurnInput, look: Look, means: Means, failure: str = "") -> Reply:
    """The reply of last resort. failure: LLMError.kind where the assistant failed, empty where it only wasn't sure."""
    if _is_greeting(turn.text):
        look.noted(greeting=True)
        return Reply((Part(get_text("say.greeting", turn.language)),), turn.language, "fallback")
    with means.engine.connect() as connection:
        passages = find_passages(connection, turn, with_history=False)
    extract = pick_extract(turn, passages, look)
    if extract is not None:
        return _quote(extract, turn)
    reason = "unsure" if failure in NOT_DOWN else "llm_down"
    parts = (Part(get_text("say.unsure", turn.language)),)
    return Reply(parts, turn.language, "fallback", Handoff(reason, "" if reason == "unsure" else failure))


def pick_extract(turn: TurnInput, passages: list[Passage], look: Look) -> Extract | None:
    """The best passage's own words, if it covers the question. The numbers behind the decision go into the look."""
    mine = [p for p in passages if p.language == turn.language]
    look.noted(passages=[[p.source, p.chunk_id, p.score, p.coverage, p.matched] for p in mine[:3]])
    if not mine:
        look.noted(why_not="nothing_found")
        return None
    best = mine[0]
    stems = stem_content(turn.text)[turn.language]
    if best.matched < MIN_MATCHED or best.coverage < MIN_COVERAGE:
        look.noted(why_not="not_covered", stems=len(stems))
        return None
    extract = cut_extract(best, stems)
    look.noted(stems=len(stems), extract_share=round(extract.share, 3))
    if extract.share < MIN_EXTRACT_SHARE:
        look.noted(why_not="scattered")
        return None
    return extract


def cut_extract(passage: Passage, stems: list[str]) -> Extract:
    """An FAQ's answer whole; of an article's chunk the 1 to 3 neighbouring sentences or items that say most of the stems."""
    wanted = set(stems)
    above = set(stem_words(f"{passage.title}\n{passage.heading}", passage.language)) & wanted
    if passage.kind == "faq":
        return Extract(passage, passage.text, passage.matched / len(wanted))
    sentences = _split(strip_images(passage.text))
    having = [set(stem_words(sentence, passage.language)) & wanted for sentence in sentences]
    best, best_key = (0, 0), (-1, 0)
    for start in range(len(sentences)):
        seen: set[str] = set()
        size = 0
        for end in range(start, min(start + MAX_SENTENCES, len(sentences))):
            size += len(sentences[end]) + 1
            if size > MAX_EXTRACT_CHARS and end > start:
                break
            seen |= having[end]
            # as many stems as possible, then as few sentences
            if (key := (len(seen), start - end)) > best_key:
                best, best_key = (start, end + 1), key
    chosen = sentences[slice(*best)]
    has = above.union(*having[slice(*best)])
    return Extract(passage, "\n".join(chosen).strip(), len(has) / len(wanted))


def _split(text: str) -> list[str]:
    """Sentences, and lines of lists and tables each as one."""
    lines = MARKDOWN_HEADING.sub("", text).split("\n")
    return [sentence for line in lines if line.strip() for sentence in SENTENCE_END.split(line.rstrip())]


def _quote(extract: Extract, turn: TurnInput) -> Reply:
    passage = extract.passage
    lines = [get_text("say.extract", turn.language), extract.text]
    if passage.url:
        lines.append(get_text("say.read_more", turn.language, url=passage.url))
    handoff = None
    if passage.kind == "faq" and any(entry.key == passage.entry_key and entry.handoff for entry in turn.content.faq):
        handoff = Handoff("faq_handoff", passage.entry_key)
    return Reply((Part("\n\n".join(lines)),), turn.language, "fallback", handoff, (passage.source,))


def _is_greeting(text: str) -> bool:
    """Nothing but a greeting: no reason to fetch a person yet."""
    words = [squeeze(word) for word in split_words(text[:1_000])]
    if not words or len(words) > MAX_GREETING_WORDS:
        return False
    found, rest = read_courtesies(words)
    return not rest and any(kind == "greeting" for kind, _ in found)
