"""Always replies: an FAQ or an extract that is really about the question, a question back, else an honest text and a handoff.

Last of the responders, and with no model configured the one after canned responses and FAQs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import regex

from chatbot.flows.slots.number_words import EN, ES
from chatbot.knowledge.chunk import SENTENCE_END
from chatbot.knowledge.grounding import drop_unknown_links, strip_images
from chatbot.knowledge.search import Passage, stem_content
from chatbot.language import read_courtesies, squeeze
from chatbot.llm import Means
from chatbot.reply import Handoff, Language, Part, Reply, TurnInput
from chatbot.responders.evidence import Evidence, find_evidence, find_faq, find_shown_url, list_links
from chatbot.text import fold, split_words, stem_words
from chatbot.texts import get_text
from chatbot.trace import Look

# Of the question's stems, how many the extract itself (with its heading) must have.
MIN_EXTRACT_SHARE = 0.6
MAX_SENTENCES = 3
MAX_EXTRACT_CHARS = 600
MAX_GREETING_WORDS = 8
MOST_CHOICES = 3
# These ways of failing say nothing about the model.
NOT_DOWN = {"", "off"}

HEADING = regex.compile(r"^#{1,6}\s+.*$", regex.MULTILINE)
ITEM = regex.compile(r"^\s*(?:[-*+]|[0-9]{1,3}[.)])\s+")
ROW = regex.compile(r"^\s*\|")
RULE = regex.compile(r"^[\s|:\-]+$")
NUMBER = regex.compile(r"[0-9]+(?:[.,][0-9]+)*")
CURRENCY = r"(?:€|\$|£|eur(?:os?)?|usd|dolar(?:es)?|dollars?)"
MONEY = regex.compile(rf"\b[0-9]+(?:[.,][0-9]+)* ?{CURRENCY}(?!\w)|(?<!\w){CURRENCY}\)? ?[0-9]+(?:[.,][0-9]+)*")
NUMBER_WORDS = {"es": ES, "en": EN}
# an hour, and how many come: numbers that are nobody's size
FEW = sorted((word for word, n in {**EN, **ES}.items() if n < 20 and word.isalpha()), key=len, reverse=True)
COUNT = rf"(?:[0-9]{{1,3}}h?|{'|'.join(FEW)})\b(?![.,][0-9]\b)"
HOUR = regex.compile(
    r"\b[0-9]{1,2}(?:[:h][0-9]{2}|(?:[:.][0-9]{2})? ?[ap]\.? ?m)\b"
    rf"|\b(?:a|sobre|desde|hasta|entre|hacia|antes de|despues de|partir de) las? {COUNT}(?:[.][0-9]{{2}}\b)?"
    rf"(?: (?:y|menos) (?:media|cuarto|{COUNT}))?(?: y las? {COUNT})?"
    rf"|\b(?:at|by|till|until)(?: (?:half|quarter|{COUNT}) (?:past|to))? {COUNT}(?:[.][0-9]{{2}}\b| {COUNT})?"
)
COMING = regex.compile(
    r"\b(?:somos|eramos|seremos|seriamos|vamos|iremos|venimos|vendremos"
    r"|(?:we|there) ?(?:['’]?(?:re|ll be|d be)|are|will be|would be))"
    rf"(?: a ser| unos| unas| about)? {COUNT}|\b{COUNT} of us\b"
)
PEOPLE = regex.compile(
    r"\b(?:personas?|pax|comensal|adult|plazas?|grupos?|people|persons?|guests?|seats?|groups?|(?:para|for) [0-9])"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, a list's item or a table's row in words. lead: what introduces its list, without which it says little."""

    text: str
    lead: str = ""
    is_row: bool = False


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
    is_pick = _has_asked_which(turn)
    evidence = find_evidence(turn, look, means, with_history=is_pick)
    extract = _find_picked(turn, evidence) if is_pick else pick_extract(turn, evidence, look)
    if extract is not None and extract.text:
        return _quote(extract, turn)
    if evidence.verdict == "ask_back" and not is_pick and (choices := _list_topics(turn, evidence)):
        look.noted(why_not="which")
        return Reply((Part(get_text("say.topic_which", turn.language), choices),), turn.language, "fallback")
    reason = "unsure" if failure in NOT_DOWN else "budget" if failure == "budget" else "llm_down"
    parts = (Part(get_text("say.unsure", turn.language)),)
    return Reply(parts, turn.language, "fallback", Handoff(reason, failure if reason == "llm_down" else ""))


def pick_extract(turn: TurnInput, evidence: Evidence, look: Look) -> Extract | None:
    """The best passage's own words, where the passages are worth an answer. Why not goes into the look."""
    mine = _list_own(turn, evidence)
    if evidence.verdict != "answer" or not mine:
        look.noted(why_not="not_covered" if mine else "nothing_found")
        return None
    extract = cut_extract(mine[0], stem_content(turn.text)[turn.language], turn.text)
    look.noted(extract_share=round(extract.share, 3))
    if extract.share >= MIN_EXTRACT_SHARE:
        return _drop_links(turn, extract)
    whole = strip_images(HEADING.sub("", extract.passage.text)).strip()
    if len(whole) <= MAX_EXTRACT_CHARS:
        return _drop_links(turn, replace(extract, text=whole))
    look.noted(why_not="scattered")
    return None


def _list_own(turn: TurnInput, evidence: Evidence) -> list[Passage]:
    """Those in the customer's language, best first. What somebody wrote as an answer comes before a piece of an article that
    covers as much."""
    mine = [p for p in evidence.passages if p.language == turn.language]
    return sorted(mine, key=lambda p: (-p.coverage, p.kind != "faq", -p.score))


def _drop_links(turn: TurnInput, extract: Extract) -> Extract:
    """Of a document, which anybody may have written into, only links to the business's own hosts."""
    if extract.passage.kind != "document":
        return extract
    return replace(extract, text=drop_unknown_links(extract.text, list_links(turn, [extract.passage])))


def _has_asked_which(turn: TurnInput) -> bool:
    said = next((line.text for line in reversed(turn.history) if line.who == "assistant"), "")
    return said.startswith(get_text("say.topic_which", turn.language))


def _list_topics(turn: TurnInput, evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """What the best passages of different entries are about, as buttons; nothing where there is only one."""
    names = dict.fromkeys(_name_topic(passage) for passage in _list_own(turn, evidence) if _name_topic(passage))
    return tuple((name, name) for name in names)[:MOST_CHOICES] if len(names) > 1 else ()


def _name_topic(passage: Passage) -> str:
    return " ".join((passage.heading or passage.title).split())


def _find_picked(turn: TurnInput, evidence: Evidence) -> Extract | None:
    """The extract of the topic that the customer chose, for the question before."""
    picked = next((p for p in _list_own(turn, evidence) if fold(_name_topic(p)) == fold(turn.text.strip())), None)
    if picked is None:
        return None
    asked = next((line.text for line in reversed(turn.history) if line.who == "customer"), "")
    asked = f"{asked}\n{turn.text}"
    return _drop_links(turn, cut_extract(picked, stem_content(asked)[turn.language], asked))


def cut_extract(passage: Passage, stems: list[str], asked: str = "") -> Extract:
    """An FAQ's answer whole; of an article's chunk the 1 to 3 neighbouring sentences or items that say most of the stems.
    asked: the question itself, where it is answered by this: another size's row, or any one of many, would be no answer."""
    wanted = set(stems)
    named = f"{passage.title}\n{passage.heading}"
    above = set(stem_words(named, passage.language)) & wanted
    if passage.kind == "faq":
        return Extract(passage, passage.text, passage.matched / len(wanted))
    sentences = split_sentences(strip_images(passage.text))
    sized = _strip_asides(asked, f"{named}\n{passage.text}")
    if numbers := read_numbers(sized, passage.language) - read_numbers(named, passage.language):
        asides = set(stem_words(asked, passage.language)) - set(stem_words(sized, passage.language))
        sentences = _drop_other_rows(sentences, wanted - asides, numbers, passage.language)
    having = [_find_stems(s, passage.language) & wanted for s in sentences]
    start, end = _pick_window([len(s.text) for s in sentences], having)
    chosen = sentences[start:end]
    if asked and end - start == 1 and chosen[0].is_row:
        chosen = [s for s, has in zip(sentences, having, strict=True) if s.is_row and has == having[start]]
    if not chosen or (len(chosen) > MAX_SENTENCES and sum(len(s.text) for s in chosen) > MAX_EXTRACT_CHARS):
        return Extract(passage, "", 0)
    has = above.union(*having[start:end])
    return Extract(passage, _join(chosen), len(has) / len(wanted))


def _strip_asides(asked: str, text: str) -> str:
    """A question without its hour, and without how many come where the text's tables aren't about people."""
    stripped = HOUR.sub(" ", fold(asked[:2_000]))
    tables = "\n".join(line for line in text.split("\n") if ROW.match(line))
    return stripped if PEOPLE.search(fold(tables)) else COMING.sub(" ", stripped)


def _find_stems(sentence: Sentence, language: Language) -> set[str]:
    return set(stem_words(f"{sentence.lead} {sentence.text}", language))


def _drop_other_rows(sentences: list[Sentence], wanted: set[str], numbers: set[str], language: Language) -> list[Sentence]:
    """Without the rows of tables that lack a number of the question, or a word of it that another row has."""
    known = wanted & {stem for s in sentences if s.is_row for stem in _find_stems(s, language)}
    return [
        s for s in sentences
        if not s.is_row or (known <= _find_stems(s, language) and numbers <= read_numbers(s.text, language))
    ]  # fmt: skip


def read_numbers(text: str, language: Language) -> set[str]:
    """The numbers of a text, in digits or (from two on) a word, without amounts of money: sizes, weights, how many."""
    folded = MONEY.sub(" ", fold(text[:2_000]))
    digits = {number.replace(",", ".") for number in NUMBER.findall(folded)}
    words = NUMBER_WORDS[language]
    return digits | {str(words[word]) for word in split_words(folded) if words.get(word, 0) > 1}


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
        said.append(Sentence(f"{first}: {named}", is_row=True))
    return said


def _join(sentences: list[Sentence]) -> str:
    """Sentences in one paragraph; items each on its line under what introduces them."""
    lead = sentences[0].lead if sentences else ""
    out = lead
    for sentence in sentences:
        out += ("\n" if sentence.lead or sentence.is_row or ITEM.match(sentence.text) else " ") + sentence.text
    return out.strip()


def _quote(extract: Extract, turn: TurnInput) -> Reply:
    passage = extract.passage
    lines = [get_text("say.extract", turn.language), extract.text]
    if url := find_shown_url(turn, passage):
        lines.append(get_text("say.read_more", turn.language, url=url))
    entry = find_faq(turn, passage)
    handoff = Handoff("faq_handoff", entry.key) if entry and entry.handoff else None
    return Reply((Part("\n\n".join(lines)),), turn.language, "fallback", handoff, (passage.source,))


def _is_greeting(text: str) -> bool:
    """Nothing but a greeting: no reason to fetch a person yet."""
    words = [squeeze(word) for word in split_words(text[:1_000])]
    if not words or len(words) > MAX_GREETING_WORDS:
        return False
    found, rest = read_courtesies(words)
    return not rest and any(kind == "greeting" for kind, _ in found)
