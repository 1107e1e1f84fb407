"""Answers of the AI that are given again, to the very same question, where nothing of it is about one customer.

Only exact questions: no likeness is safe enough to give one customer another's answer.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import regex
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from chatbot.bodies import Assistant
from chatbot.clients import cache
from chatbot.db import run, sql, statements
from chatbot.knowledge.presence import find_gone
from chatbot.knowledge.search import DRAFT, stem_content
from chatbot.language import read_courtesies, squeeze
from chatbot.llm import Means
from chatbot.privacy import Vault, mask
from chatbot.reply import Language, TurnInput
from chatbot.text import fold, split_words
from chatbot.trace import Look

VERSION = 1
PREFIX = "mostrador:answer:"
LONGEST_QUESTION = 300
LEAST_STEMS = 2
LEAST_NAME = 3
# below it an answer is said, but not to the next one who asks
LEAST_CONFIDENCE = 0.8

# All in folded text. What makes a question one customer's own,
PERSONAL = regex.compile(
    r"\b(?:mi|mis|mi[oa]s?|conmigo|nuestr[oa]s?|soy|somos|me llamo)\b"
    r"|\b(?:my|mine|ours?|i am|i m|im|i ve|we ve|i have|we have|i was|we were)\b"
    r"|\b(?:he|hemos|habia|habiamos) \p{L}+[dst][oa]\b"
    r"|\b(?:me|nos|te|os|le) (?:ha|han|habeis|has|lleg|cobr|dij|envi[aeo]st|mand[aeo]st|falt)\p{L}*"
    r"|\b(?:compre|pedi|hice|encargue|reserve|pague|recibi|devolvi|solicite|contrate|llame|escribi|tengo (?:un|una|el|la))\b"
    r"|\b(?:i|we) (?:ordered|bought|received|paid|booked|did|got|asked|called|returned|sent|wrote)\b"
)
# what makes it lean on what was said before or on the moment,
LEANING = regex.compile(
    r"^(?:y|e|o|pero|and|or|but|then|also|so|entonces|tambien|tampoco|neither|si|no|yes|vale|ok)\b"
    r"|\b(?:es[eao]|es[ao]s|(?<!donde )esta|est[eo]|est[ao]s|aquel\p{L}*|ell[oa]s?|lo (?!que\b|antes\b)|ahi|alli)\b"
    r"|\b(?:it|they|them|that|this|those|these|there|he|she|him|her)\b"
    r"|\b\p{L}{2,}(?:ar|er|ir)(?:me|te|se|nos|os)?l[oa]s?\b"
    r"|\b(?:otr[oa]s?|mism[oa]s?|anterior|same|other|another|again|otra vez|ahora|now|todavia|aun|still|acabo|hace un rato)\b"
)
NUMBERED = regex.compile(r"[0-9](?:[ .\-/]?[0-9]){3,}|\b(?=\p{L}*[0-9])(?=[0-9]*\p{L})[\p{L}0-9]{5,}\b|#")

STATE = sql("""
SELECT n.installation_id::text AS installation, r.created_at::text AS published,
       (SELECT count(copy_id) || '-' || coalesce(sum(copy_id), 0) FROM page) AS pages
  FROM instance n JOIN release r ON r.id = :release_id
""")
COUNT_HIT = sql("""
INSERT INTO cache_hit (turn_id, saved_micros) VALUES (:turn_id, :saved_micros)
ON CONFLICT (turn_id) DO UPDATE SET saved_micros = excluded.saved_micros
""")


class Kept(BaseModel):
    """An answer as it is kept. chunks: what it was made from; cost_micros: what it cost, None where nobody knows."""

    model_config = ConfigDict(frozen=True)

    text: str
    sources: tuple[str, ...]
    chunks: tuple[int, ...]
    model: str
    cost_micros: int | None
    turn_id: int | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the answer to a question is kept."""

    name: str
    ttl_s: float


def find_slot(means: Means, turn: TurnInput, persona: Assistant, language: Language, look: Look) -> Slot | None:
    """The slot of a question that may be answered from the cache; None, with the reason in the look, for any other.

    Everything that the answer depends on is in its name: what is published, what was read, the day, the inbox, the model.
    """
    settings, release_id = means.settings, turn.content.release_id
    if not means.redis_url or not settings.answer_cache_s or release_id is None or release_id == DRAFT:
        return None
    if obstacle := find_obstacle(turn):
        look.noted(cache=obstacle)
        return None
    with statements(means.engine) as connection:
        state = run(connection, STATE, {"release_id": release_id}).fetchone()
    if state is None:
        return None
    models = [[endpoint.base_url, endpoint.model] for endpoint in settings.endpoints]
    parts = [
        VERSION, *state.values(), release_id, persona.model_dump(mode="json"), language, turn.inbox.chatwoot_id,
        turn.inbox.tone, find_day(turn, settings.time_zone), models, settings.never_say, normalise(turn.text),
    ]  # fmt: skip
    return Slot(PREFIX + hashlib.sha256(to_json(parts)).hexdigest(), settings.answer_cache_s)


def normalise(question: str) -> str:
    """The same words with the same accents; case, blanks and the signs around them don't count."""
    return regex.sub(
        r"^[\p{P}\p{S}\s]+|[\p{P}\p{S}\s]+$", "", " ".join(unicodedata.normalize("NFKC", question).casefold().split())
    )


def find_day(turn: TurnInput, zone: str) -> date:
    return turn.now.astimezone(ZoneInfo(zone)).date()


def find_obstacle(turn: TurnInput) -> str:
    """Why a question isn't everybody's, as a code; "" where it is."""
    words = " ".join(split_words(turn.text))
    if len(turn.text) > LONGEST_QUESTION or any(m.attachments for m in turn.messages):
        return "not_a_question"
    if turn.contact.attributes or any(line.who == "agent" for line in turn.history):
        return "personal"
    if any(line.who == "customer" and not _is_courtesy(line.text) for line in turn.history):
        return "has_history"
    vault = Vault()
    mask(turn.text, vault)
    if vault.originals or PERSONAL.search(words):
        return "personal"
    if NUMBERED.search(fold(turn.text)):
        return "number"
    is_leaning = LEANING.search(words) or len(stem_content(turn.text)[turn.language]) < LEAST_STEMS
    return "leans_on_context" if is_leaning else ""


def _is_courtesy(text: str) -> bool:
    return not read_courtesies([squeeze(word) for word in split_words(text[:LONGEST_QUESTION])])[1]


def read(means: Means, turn: TurnInput, slot: Slot, look: Look) -> Kept | None:
    """The kept answer, if what it was made from is still there. It is counted, with the money that it saves."""
    try:
        kept = Kept.model_validate_json(cache.read(means.redis_url, slot.name) or b"")
    except ValidationError:
        look.noted(cache="miss")
        return None
    faqs = [source.removeprefix("faq:") for source in kept.sources if source.startswith("faq:")]
    with statements(means.engine) as connection:
        day = find_day(turn, means.settings.time_zone)
        if find_gone(connection, turn.content.release_id, kept.chunks, faqs, day):
            look.noted(cache="source_gone")
            return None
        if turn.turn_id is not None:
            run(connection, COUNT_HIT, {"turn_id": turn.turn_id, "saved_micros": kept.cost_micros})
    made = {"turn": kept.turn_id, "at": kept.made_at.isoformat(timespec="seconds"), "saved_micros": kept.cost_micros}
    look.noted(cache="hit", cached=made, model=kept.model, cost_micros=0, sources=list(kept.sources))
    return kept


def keep(means: Means, turn: TurnInput, slot: Slot, kept: Kept, look: Look) -> None:
    """Keeps an answer that says nothing of the customer."""
    if _names_customer(turn, kept.text):
        look.noted(cache="personal")
        return
    is_kept = cache.write(means.redis_url, slot.name, kept.model_dump_json().encode(), slot.ttl_s)
    look.noted(cache="kept" if is_kept else "away")


def _names_customer(turn: TurnInput, text: str) -> bool:
    contact = turn.contact
    names = {word for word in split_words(contact.name) if len(word) >= LEAST_NAME}
    return bool(names & set(split_words(text))) or any(value and value in text for value in (contact.email, contact.phone))
