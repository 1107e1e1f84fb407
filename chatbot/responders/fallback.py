"""Always replies: an FAQ or an extract of an article that is really about the question, else an honest text and a handoff.

Last of the responders, and with no model configured the one after canned responses and FAQs.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

from chatbot.content import FaqEntry
from chatbot.db import statements
from chatbot.knowledge.chunk import SENTENCE_END
from chatbot.knowledge.grounding import strip_images
from chatbot.knowledge.search import Passage, find_passages, stem_content
from chatbot.language import read_courtesies, squeeze
from chatbot.llm import Means
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.text import split_words, stem_words
from chatbot.texts import get_text
from chatbot.trace import Look

# On half of XQuAD these answer 48 % of what is there and 1.5 % of what isn't. Two words meet in many texts by chance
# ("pagar contra reembolso"); they are enough only where both stand in an FAQ's questions.
MIN_COVERAGE = 0.75
MIN_MATCHED = 3
MIN_ASKED = 2
# Of the question's stems, how many the extract itself (with its heading) must have.
MIN_EXTRACT_SHARE = 0.6
MAX_SENTENCES = 3
MAX_EXTRACT_CHARS = 600
MAX_GREETING_WORDS = 8
# These ways of failing say nothing about the model.
NOT_DOWN = {"", "off"}

HEADING = regex.compile(r"^#{1,6}\s+.*$", regex.MULTILINE)
ITEM = regex.compile(r"^\s*(?:[-*+]|[0-9]{1,3}[.)])\s+")
ROW = regex.compile(r"^\s*\|")
RULE = regex.compile(r"^[\s|:\-]+$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, a list's item or a table's row in words. lead: what introduces its list, without which it says little."""

    text: str
    lead: str = ""


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
    with statements(means.engine) as connection:
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
    # what somebody wrote as an answer comes before a piece of an article that covers as much
    mine.sort(key=lambda p: (-p.coverage, p.kind != "faq", -p.score))
    look.noted(passages=[[p.source, p.chunk_id, p.score, p.coverage, p.matched] for p in mine[:3]])
    stems = stem_content(turn.text)[turn.language]
    best = next((p for p in mine if p.coverage >= MIN_COVERAGE and _is_enough(turn, p, set(stems))), None)
    if best is None:
        look.noted(why_not="not_covered" if mine else "nothing_found", stems=len(stems))
        return None
    extract = cut_extract(best, stems)
    look.noted(stems=len(stems), extract_share=round(extract.share, 3))
    if extract.share < MIN_EXTRACT_SHARE:
        look.noted(why_not="scattered")
        return None
    return extract


def _is_enough(turn: TurnInput, passage: Passage, wanted: set[str]) -> bool:
    if passage.matched >= MIN_MATCHED:
        return True
    entry = _find_faq(turn, passage)
    asked = " ".join(entry.questions.get(passage.language, ())) if entry else ""
    return len(wanted) >= MIN_ASKED and wanted <= set(stem_words(asked, passage.language))


def _find_faq(turn: TurnInput, passage: Passage) -> FaqEntry | None:
    found = (entry for entry in turn.content.faq if passage.kind == "faq" and entry.key == passage.entry_key)
    return next(found, None)


def cut_extract(passage: Passage, stems: list[str]) -> Extract:
    """An FAQ's answer whole; of an article's chunk the 1 to 3 neighbouring sentences or items that say most of the stems."""
    wanted = set(stems)
    above = set(stem_words(f"{passage.title}\n{passage.heading}", passage.language)) & wanted
    if passage.kind == "faq":
        return Extract(passage, passage.text, passage.matched / len(wanted))
    sentences = split_sentences(strip_images(passage.text))
    having = [set(stem_words(f"{s.lead} {s.text}", passage.language)) & wanted for s in sentences]
    start, end = _pick_window([len(s.text) for s in sentences], having)
    has = above.union(*having[start:end])
    return Extract(passage, _join(sentences[start:end]), len(has) / len(wanted))


def _pick_window(sizes: list[int], having: list[set[str]]) -> tuple[int, int]:
    """The neighbours with the most stems; of equals the fewest sentences, then the earliest."""
    best, best_key = (0, 0), (-1, 0)
    for start in range(len(sizes)):
        for end in range(start + 1, min(start + MAX_SENTENCES, len(sizes)) + 1):
            if end > start + 1 and sum(sizes[start:end]) > MAX_EXTRACT_CHARS:
                break
            if (key := (len(set().union(*having[start:end])), start - end)) > best_key:
                best, best_key = (start, end), key
    return best


def split_sentences(text: str) -> list[Sentence]:
    """Markdown as sentences: wrapped lines joined, list items with what introduces them, table rows with their columns."""
    found: list[Sentence] = []
    for block in regex.split(r"\n\s*\n", HEADING.sub("", text)):
        lines = [line for line in block.split("\n") if line.strip()]
        if lines and ROW.match(lines[0]):
            found += _read_table(lines)
            continue
        for unit in _join_wrapped(lines):
            if ITEM.match(unit):
                found.append(Sentence(unit, _find_lead(found)))
            else:
                found += [Sentence(sentence) for sentence in SENTENCE_END.split(unit)]
    return found


def _join_wrapped(lines: list[str]) -> list[str]:
    units: list[str] = []
    for line in lines:
        if units and not ITEM.match(line):
            units[-1] += f" {line.strip()}"
        else:
            units.append(line.rstrip())
    return units


def _find_lead(before: list[Sentence]) -> str:
    if not before:
        return ""
    last = before[-1]
    return last.lead if ITEM.match(last.text) else last.text if last.text.endswith(":") else ""


def _read_table(lines: list[str]) -> list[Sentence]:
    """Rows as "Canarias: Precio 12,95 €, Plazo 7 a 10 días": a row says nothing without the heads of its columns."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not RULE.match(line)]
    heads = rows[0] if rows else []
    said = []
    for first, *cells in rows[1:]:
        named = ", ".join(f"{head} {cell}" for head, cell in zip(heads[1:], cells, strict=False) if cell)
        said.append(Sentence(f"{first}: {named}"))
    return said


def _join(sentences: list[Sentence]) -> str:
    """Sentences in one paragraph; items each on its line under what introduces them."""
    lead = sentences[0].lead if sentences else ""
    out = lead
    for sentence in sentences:
        out += ("\n" if sentence.lead or ITEM.match(sentence.text) else " ") + sentence.text
    return out.strip()


def _quote(extract: Extract, turn: TurnInput) -> Reply:
    passage = extract.passage
    lines = [get_text("say.extract", turn.language), extract.text]
    if passage.url:
        lines.append(get_text("say.read_more", turn.language, url=passage.url))
    entry = _find_faq(turn, passage)
    handoff = Handoff("faq_handoff", entry.key) if entry and entry.handoff else None
    return Reply((Part("\n\n".join(lines)),), turn.language, "fallback", handoff, (passage.source,))


def _is_greeting(text: str) -> bool:
    """Nothing but a greeting: no reason to fetch a person yet."""
    words = [squeeze(word) for word in split_words(text[:1_000])]
    if not words or len(words) > MAX_GREETING_WORDS:
        return False
    found, rest = read_courtesies(words)
    return not rest and any(kind == "greeting" for kind, _ in found)
