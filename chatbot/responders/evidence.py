"""What a reply may draw on: the passages without what speaks to a model, whether they are worth an answer, and their links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from chatbot.answer_cache import find_day
from chatbot.bodies import FaqEntry
from chatbot.db import statements
from chatbot.knowledge.confidence import Verdict
from chatbot.knowledge.grounding import find_host, find_links, is_mail, keep_sentences
from chatbot.knowledge.injections import cut_orders
from chatbot.knowledge.presence import find_gone
from chatbot.knowledge.search import Passage, look_up, stem_content
from chatbot.llm import Means
from chatbot.reply import TurnInput
from chatbot.text import split_words, stem_words
from chatbot.trace import Look

# Without embeddings two words meet in many texts by chance ("pagar contra reembolso"); they are enough only where both stand
# in an FAQ's questions.
MIN_MATCHED = 3
MIN_ASKED = 2
# who asks for one gets also an address that only a document tells
ASKS_FOR_MAIL = frozenset({
    "correo", "correos", "email", "emails", "mail", "mails", "direccion", "contacto", "contact", "contactar", "escribir",
    "escribiros", "address",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """passages: best first; verdict: what they are worth; probability: that the first one holds the answer."""

    passages: tuple[Passage, ...]
    verdict: Verdict
    probability: float


def find_evidence(turn: TurnInput, look: Look, means: Means, *, with_history: bool, is_wide: bool = False) -> Evidence:
    """What was found, and how, goes into the look. is_wide: passages with what stands beside them, for a model."""
    with statements(means.engine) as connection:
        found = look_up(connection, turn, means.settings, with_history=with_history, is_wide=is_wide)
        gone = list_gone(connection, turn, found.passages, means.settings.time_zone)
    present = [passage for passage in found.passages if passage.source not in gone]
    passages = tuple(passage for passage in map(cut_passage, present) if passage.text.strip())
    verdict = _temper(turn, passages, found.verdict)
    look.noted(passages=[p.to_trace() for p in passages], search=found.notes, verdict=verdict)
    if cut := sorted({p.source for p in present if cut_orders(p.text) != p.text}):
        look.noted(orders_cut=cut)
    if gone:
        look.noted(gone=gone)
    return Evidence(passages, verdict, found.probability)


def _temper(turn: TurnInput, passages: Sequence[Passage], verdict: Verdict) -> Verdict:
    """Two words in common are no answer where words are all there is, whatever the figures say of them."""
    if verdict != "answer" or not passages:
        return verdict if passages else "dont_know"
    wanted = set(stem_content(turn.text)[turn.language])
    best = passages[0]
    return verdict if best.dense is not None or _is_enough(turn, best, wanted) else "ask_back"


def _is_enough(turn: TurnInput, passage: Passage, wanted: set[str]) -> bool:
    if passage.matched >= MIN_MATCHED:
        return True
    entry = find_faq(turn, passage)
    asked = " ".join(entry.questions.get(passage.language, ())) if entry else ""
    return len(wanted) >= MIN_ASKED and wanted <= set(stem_words(asked, passage.language))


def find_faq(turn: TurnInput, passage: Passage) -> FaqEntry | None:
    found = (entry for entry in turn.content.faq if passage.kind == "faq" and entry.key == passage.entry_key)
    return next(found, None)


def cut_passage(passage: Passage) -> Passage:
    """Without what speaks to a model. Where there was any, no link beside it is to be trusted either."""
    title, heading, text = (cut_orders(part) for part in (passage.title, passage.heading, passage.text))
    if text != passage.text:
        text = keep_sentences(text, lambda sentence: not find_links(sentence))
    return replace(passage, title=title, heading=heading, text=text)


def list_gone(connection: Connection, turn: TurnInput, passages: Sequence[Passage], zone: str) -> list[str]:
    """Of the passages that a reply is made from, the sources that aren't there any more."""
    chunks = {p.chunk_id: p.source for p in passages if p.chunk_id is not None}
    faqs = {p.entry_key: p.source for p in passages if p.kind == "faq"}
    gone = find_gone(connection, turn.content.release_id, chunks, faqs, find_day(turn, zone))
    return sorted({source for at, source in (*chunks.items(), *faqs.items()) if at in gone})


def tell(passage: Passage) -> str:
    """All that a passage says."""
    return f"{passage.heading or passage.title}\n{passage.text}"


def find_url(turn: TurnInput, passage: Passage) -> str | None:
    """A passage's address, unless the owner doesn't want customers to get it."""
    bodies = turn.content.article if passage.kind == "article" else turn.content.document
    is_hidden = any(body.key == passage.entry_key and not body.show_link for body in bodies)
    return None if is_hidden else passage.url


def find_shown_url(turn: TurnInput, passage: Passage) -> str | None:
    """A passage's address where its entry says that customers get it."""
    bodies = turn.content.article if passage.kind == "article" else turn.content.document
    return passage.url if any(body.key == passage.entry_key and body.show_link for body in bodies) else None


def list_links(turn: TurnInput, named: Sequence[Passage]) -> Iterator[str]:
    """Texts whose links and addresses may be given: what the owner wrote; of a document, which anybody may have written into,
    only what leads to the business's own hosts. And the customer's own mail address."""
    yield _instruct(turn)
    for passage in named:
        yield find_url(turn, passage) or ""
        yield " ".join(
            link for link in find_links(passage.text) if passage.kind != "document" or _may_lead_to(turn, passage, link)
        )
    yield " ".join(link for link in find_links(turn.text) if is_mail(link))


def _instruct(turn: TurnInput) -> str:
    return turn.persona.instructions if turn.persona else ""


def _may_lead_to(turn: TurnInput, passage: Passage, link: str) -> bool:
    if is_mail(link) and ASKS_FOR_MAIL & set(split_words(turn.text)):
        return True
    host, content = find_host(link), turn.content
    homes = {find_host(url) for bodies in (content.article, content.document) for body in bodies if (url := body.url)}
    homes |= {find_host(own) for own in (passage.url or "", *find_links(_instruct(turn)))}
    return any(host == home or host.endswith(f".{home}") for home in homes if home)
