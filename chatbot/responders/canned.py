"""Replies with fixed texts that exact words, patterns, keywords or an event fire. First of the responders.

A trigger must account for what was written: a greeting never swallows the question that follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import regex

from chatbot.bodies import CannedResponse
from chatbot.body_types import Event
from chatbot.knowledge.faq_words import strip_around
from chatbot.language import LONGEST_COURTESY, read_courtesies, squeeze
from chatbot.reply import ContactView, CustomerMessage, Handoff, InboxView, Language, Part, Reply, TurnInput
from chatbot.text import fold, split_words
from chatbot.trace import Look

LONGEST_READ = 20_000
# a keyword speaks for a message this short, or for one of which it is this share
KEYWORD_WORDS = 8
KEYWORD_SHARE = 1 / 3
EVENT_WORDS = 12
PATTERN_TIMEOUT_S = 0.05
# many slow patterns together may not take longer than this
PATTERNS_TIMEOUTS = 5
LONGEST_VALUE = 80
# messages that are read apart from one another: how many, how long each; words that make a sentence
MOST_APART, LONGEST_APART, SENTENCE_WORDS = 10, 500, 4

VARIABLE = regex.compile(r"\{\{\s*([\w.]{1,60})\s*\}\}")
GAP = "\ue000"
EMAIL = regex.compile(r"[A-Za-z0-9]+(?:[._%+-][A-Za-z0-9]+)*@[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*")
NOT_NAME = regex.compile(r"[^\p{L}\p{M}\p{N}'’.\- ]+")
INNER_DOT = regex.compile(r"(?<=\w)\.(?=\w)")
NOT_FIRST = regex.compile(r"^[^\p{L}]+")


def respond(turn: TurnInput, look: Look) -> Reply | None:
    """The canned response that the turn's text fires: exact before patterns, keywords, events; then in key order."""
    if not turn.text.strip():
        look.passed("no_text")
        return None
    entries = _list_entries(turn)
    for trigger, fired in _fire(turn, entries, look):
        if fired:
            look.why = trigger
            look.noted(entry=fired.key)
            return _reply(fired, turn)
    look.passed("no_match", entries=len(entries))
    return None


@dataclass(frozen=True, slots=True)
class Apart:
    """Of several messages, those that fire an entry by themselves, with what they get. rest: the turn of the other messages,
    None where these say nothing; before, after: what was written before the first of them, and after it."""

    rest: TurnInput | None
    before: tuple[Reply, ...]
    after: tuple[Reply, ...]

    def join(self, reply: Reply | None) -> Reply:
        """The reply to the rest between them; what asks comes last. Where one of them goes to people, no flow begins."""
        owned = next((one.handoff for one in (*self.before, *self.after) if one.handoff), None)
        if reply is not None and reply.run and owned is not None:
            reply = replace(reply, run={}) if reply.has_acted else None
        asks = reply is not None and (bool(reply.run) or any(part.choices for part in reply.parts))
        middle = () if reply is None else (reply,)
        replies = (*self.before, *self.after, *middle) if asks else (*self.before, *middle, *self.after)
        return replace(
            reply or replies[0],
            parts=tuple(part for one in replies for part in one.parts),
            sources=tuple(source for one in replies for source in one.sources),
            handoff=(reply.handoff if reply else None) or owned,
        )


def set_apart(turn: TurnInput, look: Look) -> Apart | None:
    """None where all messages are read as one: one alone, in a flow, too many, an only one that fires, or the rest asks nothing
    ("horario", "de navidad")."""
    if not 1 < len(turn.messages) <= MOST_APART or turn.flow_run is not None:
        return None
    starting = {key for offered in turn.content.flow for key in offered.start.canned}  # a flow begins in their place
    entries = [entry for entry in _list_entries(turn) if entry.key not in starting]
    found = [_fire_alone(turn, message, entries) for message in turn.messages]
    others = replace(turn, messages=tuple(m for m, entry in zip(turn.messages, found, strict=True) if entry is None))
    first = next((n for n, (m, entry) in enumerate(zip(turn.messages, found, strict=True)) if not entry and _says(m)), None)
    told = {entry.key: n for n, entry in reversed(list(enumerate(found))) if entry}  # each once, where it stands first
    if not told or (len(told) == 1 if first is None else not _asks(others)):
        return None
    look.noted(apart=sorted(told))
    replies = [(n, _reply(entry, turn)) for n in sorted(told.values()) if (entry := found[n])]
    before = tuple(reply for n, reply in replies if first is None or n < first)
    return Apart(
        others if first is not None else None, before, tuple(reply for n, reply in replies if first is not None and n > first)
    )


def _fire_alone(turn: TurnInput, message: CustomerMessage, entries: Sequence[CannedResponse]) -> CannedResponse | None:
    """What a message would fire if it were the only one. A greeting or thanks goes with what is written beside it."""
    if message.attachments or message.is_unsupported or len(message.text) > LONGEST_APART:
        return None
    if not _says(message) and split_words(message.text):
        return None
    fired = _fire(replace(turn, messages=(message,)), entries, Look("canned"))
    return next((entry for trigger, entry in fired if entry and trigger != "event"), None)


def _says(message: CustomerMessage) -> bool:
    """Whether it is more than a courtesy."""
    return bool(message.attachments or message.is_unsupported or len(message.text) > LONGEST_APART or _read_core(message.text))


def _asks(turn: TurnInput) -> bool:
    """A question or a sentence, and no end of another message."""
    return "?" in turn.text or any(m.attachments for m in turn.messages) or len(_find_core(turn)) >= SENTENCE_WORDS


def _list_entries(turn: TurnInput) -> list[CannedResponse]:
    return [entry for entry in turn.content.canned if not entry.inboxes or turn.inbox.chatwoot_id in entry.inboxes]


def pick_text(texts: dict[Language, str], turn: TurnInput) -> tuple[str, Language]:
    """The text in the turn's language, else in the assistant's default language, else in the only one there is."""
    preferred = [turn.language, turn.persona.default_language] if turn.persona else [turn.language]
    chosen = next((candidate for candidate in preferred if candidate in texts), next(iter(texts)))
    return texts[chosen], chosen


def fill_variables(text: str, contact: ContactView, inbox: InboxView) -> str:
    """The text with {{contact.name}} and the like replaced; unknown and empty ones vanish with their punctuation."""
    name = clean_value(contact.name)
    email = contact.email.strip()
    values = {
        "contact.name": name,
        "contact.first_name": name.split(" ")[0],
        "contact.email": email if len(email) <= 254 and EMAIL.fullmatch(email) else "",
        "inbox.name": clean_value(inbox.name),
    }
    filled = VARIABLE.sub(lambda found: values.get(found[1]) or GAP, text.replace(GAP, ""))
    return _close_gaps(filled) if GAP in filled else filled


def clean_value(value: str) -> str:
    """A customer's word as plain text: one line, no Markdown, no link, no braces, at most 80 characters."""
    spaced = INNER_DOT.sub(". ", NOT_NAME.sub(" ", value[: LONGEST_VALUE * 4]))
    return NOT_FIRST.sub("", " ".join(spaced.split()))[:LONGEST_VALUE].rstrip(" -")


def _reply(entry: CannedResponse, turn: TurnInput) -> Reply:
    text, language = pick_text(entry.texts, turn)
    filled = fill_variables(text, turn.contact, turn.inbox)
    return Reply(
        parts=(Part(filled),) if filled else (),
        language=language,
        responder="canned",
        handoff=Handoff("canned_handoff", entry.key) if entry.handoff or not filled else None,
        sources=(f"canned:{entry.key}",),
    )


def _fire(turn: TurnInput, entries: Sequence[CannedResponse], look: Look) -> Iterator[tuple[str, CannedResponse | None]]:
    """The first entry of each kind of trigger, in the order in which they count. Lazy: patterns cost the most."""
    text = turn.text[:LONGEST_READ]
    words = [squeeze(word) for word in split_words(text)]
    yield "exact", _match_exact(turn, entries, words)
    yield "pattern", _match_pattern(text, entries, look)
    yield "keyword", _match_keyword(text, entries, words)
    yield "event", _match_event(turn, entries, words)


def _match_exact(turn: TurnInput, entries: Sequence[CannedResponse], words: Sequence[str]) -> CannedResponse | None:
    """Compared with the whole text, with each of its messages (all must be this entry's), and without courtesies."""
    messages = {_spell(message.text) for message in turn.messages if message.text.strip()}
    wholes = [{" ".join(words) or fold(turn.text[:LONGEST_READ]).strip()}, messages]
    if len(words) <= KEYWORD_WORDS * 2 and (core := _find_core(turn)):
        wholes.append({" ".join(core)})
    for entry in entries:
        phrases = {_spell(phrase) for phrase in entry.exact}
        if any(whole <= phrases for whole in wholes):
            return entry
    return None


def _read_core(text: str) -> list[str]:
    return read_courtesies(strip_around([squeeze(word) for word in split_words(text[:LONGEST_READ])]))[1]


def _find_core(turn: TurnInput) -> list[str]:
    """The words of the messages without courtesies and lead-ins: of "perdona", "una cosa", "¿horario?" the last."""
    return [word for message in turn.messages for word in _read_core(message.text)]


@lru_cache(maxsize=4_000)
def _spell(phrase: str) -> str:
    """A phrase as it is compared: its folded words, or its signs ("👍") where it has none."""
    return " ".join(squeeze(word) for word in split_words(phrase[:LONGEST_READ])) or fold(phrase[:LONGEST_READ]).strip()


def _match_pattern(text: str, entries: Sequence[CannedResponse], look: Look) -> CannedResponse | None:
    """A pattern that is wrong or takes too long is noted and skipped: one slow pattern mustn't silence the bot."""
    slow: list[str] = []
    for entry in entries:
        for pattern in entry.patterns:
            if len(slow) >= PATTERNS_TIMEOUTS:
                return None
            try:
                if _compile(pattern).search(text, timeout=PATTERN_TIMEOUT_S):
                    return entry
            except TimeoutError:
                slow.append(entry.key)
                look.noted(slow_patterns=list(slow))
            except (regex.error, RecursionError):
                look.noted(wrong_pattern=entry.key)
    return None


@lru_cache(maxsize=2_000)
def _compile(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE)


def _match_keyword(text: str, entries: Sequence[CannedResponse], words: Sequence[str]) -> CannedResponse | None:
    """Whole words in order. A long question that only mentions a keyword isn't about it: see KEYWORD_WORDS."""
    spaced = f" {' '.join(words)} "
    length = len(words) if len(words) > 4 * KEYWORD_WORDS else len(read_courtesies(words)[1])
    for entry in entries:
        for keyword in entry.keywords:
            wanted = _spell(keyword)
            size = len(split_words(keyword))
            is_there = f" {wanted} " in spaced if size else wanted in fold(text)
            if is_there and (length <= KEYWORD_WORDS or size / length >= KEYWORD_SHARE):
                return entry
    return None


def _match_event(turn: TurnInput, entries: Sequence[CannedResponse], words: Sequence[str]) -> CannedResponse | None:
    for event in _name_events(turn, words):
        for entry in entries:
            if event in entry.events:
                return entry
    return None


def _name_events(turn: TurnInput, words: Sequence[str]) -> list[Event]:
    """What a text that is nothing but courtesies amounts to. A goodbye counts before thanks: it ends the talk."""
    if not words or len(words) > EVENT_WORDS * LONGEST_COURTESY or any(message.attachments for message in turn.messages):
        return []
    found, rest = read_courtesies(words)
    kinds = {kind for kind, _ in found}
    if rest or len(words) > EVENT_WORDS:
        return []
    events: list[Event] = []
    if turn.is_first and "greeting" in kinds:
        events.append("new_conversation")
    if "goodbye" in kinds:
        events.append("goodbye")
    if "thanks" in kinds:
        events.append("thanks")
    return events


def _close_gaps(text: str) -> str:
    """Take away what only belonged to a missing value: "Hola, {{x}}!" becomes "Hola!"."""
    text = regex.sub(rf"(?m)^[ \t]*{GAP}[ \t,;:]*(\p{{Ll}}?)", lambda found: found[1].upper(), text)
    text = regex.sub(rf"[ \t]*(?:\([ \t]*{GAP}[ \t]*\)|\[[ \t]*{GAP}[ \t]*\])", "", text)
    text = regex.sub(rf"[ \t]*,?[ \t]*{GAP}(?=[\s.,;:!?)]|$)", "", text)
    return text.replace(f" {GAP} ", " ").replace(GAP, "").strip()
