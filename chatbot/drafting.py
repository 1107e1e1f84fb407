"""Drafts FAQs from what was read, a step at a time, in the indexer's process: passages, one call, checks, stored.

What is proposed is held against its passages by the very checks that a reply goes through; a person says yes to the rest
(docs/knowledge.md).
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from typing import Any

import psycopg
import structlog
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from chatbot import faults, proposals
from chatbot.alike import find_alike, load_draft_cached
from chatbot.bodies import Assistant, Content
from chatbot.crash_points import crash_point
from chatbot.db import statements
from chatbot.drafting_prompt import MOST_PHRASINGS, RULES, TOPICS, build_messages
from chatbot.errors import LLMError
from chatbot.knowledge import topics
from chatbot.knowledge.claims import find_unknown_dates
from chatbot.knowledge.grounding import find_links, find_unknown_numbers, strip_images, strip_tags
from chatbot.knowledge.injections import find_leak
from chatbot.knowledge.search import Passage, stem_content
from chatbot.llm import Means, ask
from chatbot.privacy import Vault
from chatbot.proposals import WANTED_FAQS, Claimed
from chatbot.reply import CustomerMessage, Language, TurnInput
from chatbot.responders import assistant
from chatbot.responders.evidence import ASKS_FOR_MAIL, cut_passage, tell
from chatbot.responders.fallback import cut_extract
from chatbot.responders.prompt import Given
from chatbot.settings import Settings
from chatbot.teaching import find_key
from chatbot.text import split_words, stem_words
from chatbot.trace import Look

log = structlog.get_logger()
MOST_BATCHES = 6
BATCH = (2, 8)  # passages of one call, at least and at most
# more than are wanted: some aren't vouched for
ASKED_FOR = WANTED_FAQS + 6
MOST_OF_A_BATCH = 8
MAX_OUTPUT_TOKENS = 2_500
# nobody waits for it, and it writes more than a reply
TIMEOUT_S = 90.0
# these ways of failing come again for the same passages: the others are drafted from all the same
OF_THE_TEXT = {"refused", "cut"}
LONGEST_QUESTION = 200
LONGEST_ANSWER = 1_000
LONGEST_QUOTE = 1_500
# of an answer's content words, so many stand in its passages at least (where they are in one language)
LEAST_SHARED = 0.4
SAME_ANSWER = 0.8
MOST_ADDRESSES = 50
MOST_ASKED = 100
NOBODY = Assistant(key="drafting", name="-", instructions="-", min_confidence=0, length="long")


class Item(BaseModel):
    """One question with its answer, as the model wrote it. Nothing of it is believed before it was checked."""

    topic: str = Field(default="faq", max_length=100)
    question: str = Field(max_length=2_000)
    phrasings: list[str] = Field(default_factory=list, max_length=50)
    answer: str = Field(max_length=10_000)
    sources: list[str] = Field(max_length=50)


class Items(BaseModel):
    items: list[Item] = Field(max_length=50)


@dataclass(frozen=True, slots=True)
class Step:
    """One call. is_first: it asks for the topics; wanted: how many questions at most."""

    passages: tuple[Passage, ...]
    is_first: bool
    wanted: int
    steps: int


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote, the tag of its fences, and what that cost: None where the price isn't known."""

    items: list[Item]
    tag: str = ""
    cost_micros: int | None = 0


@dataclass(slots=True)
class Known:
    """What isn't proposed again: keys of questions, and answers as stems."""

    keys: set[str]
    answers: list[set[str]]

    def add(self, question: str, phrasings: Sequence[str], answer: str, language: Language) -> None:
        self.keys.update(find_key(text, language) for text in (question, *phrasings))
        self.answers.append(set(stem_words(answer, language)))


def step(engine: Engine, settings: Settings) -> bool:
    """One step of the open drafting. False where there is none. Database errors are for whoever runs the indexer."""
    with engine.begin() as connection:
        claimed = proposals.claim(connection)
    if claimed is None:
        return False
    crash_point("drafting_claimed")
    try:
        _draft(engine, settings, claimed)
    except LLMError as e:
        log.warning("drafting_failed", drafting=claimed.id, step=claimed.done_steps, problem=e.kind)
        _fail(engine, claimed, e.kind)
    except (SQLAlchemyError, psycopg.Error):
        raise
    except Exception as e:  # a fault of ours keeps no page waiting
        number = secrets.token_hex(8)
        log.exception("drafting_broke", drafting=claimed.id, error=type(e).__name__, fault=number)
        faults.keep(engine, number, "indexer", e)
        _fail(engine, claimed, "fault")
    return True


def _fail(engine: Engine, claimed: Claimed, problem: str) -> None:
    with engine.begin() as connection:
        proposals.fail(connection, claimed, problem)


def _draft(engine: Engine, settings: Settings, claimed: Claimed) -> None:
    with statements(engine) as connection:
        next_step = _plan_step(connection, claimed)
        asked = [row.question for row in proposals.list_known(connection)[-MOST_ASKED:]]
    if next_step is None:
        _fail(engine, claimed, "nothing_read")
        return
    written = _ask(engine, settings, claimed, next_step, asked)
    crash_point("drafting_answered")
    with statements(engine) as connection:
        rows = list(_check_all(connection, settings, claimed.language, next_step, written))
    with engine.begin() as connection:
        is_saved = proposals.save_step(connection, claimed, next_step.steps, rows, written.cost_micros)
        crash_point("drafting_saving")
    crash_point("drafting_saved")
    log.info(
        "drafted", drafting=claimed.id, step=claimed.done_steps, drafted=len(written.items), kept=len(rows), is_saved=is_saved
    )


def _plan_step(connection: Connection, claimed: Claimed) -> Step | None:
    """What is next. None where nothing was read."""
    spread = topics.find_spread(connection, MOST_BATCHES * BATCH[1])
    size = min(max(ceil(len(spread) / MOST_BATCHES), BATCH[0]), BATCH[1])
    batches = [spread[at : at + size] for at in range(0, len(spread), size)]
    if not batches:
        return None
    is_first, at = claimed.done_steps == 0, claimed.done_steps - 1
    ids = topics.find_topics(connection) if is_first else batches[at] if at < len(batches) else []
    passages = tuple(p for p in map(cut_passage, topics.read(connection, ids)) if p.text.strip())
    left = WANTED_FAQS - proposals.count_faqs(connection, claimed.id)
    of_batch = min(ceil(ASKED_FOR / len(batches)), MOST_OF_A_BATCH)
    return Step(passages, is_first, len(TOPICS) if is_first else max(min(of_batch, left + 2), 1), 1 + len(batches))


def _ask(engine: Engine, settings: Settings, claimed: Claimed, next_step: Step, asked: Sequence[str]) -> Written:
    """Nothing where the model won't write of these passages."""
    if not next_step.passages:
        return Written([])
    patient = settings.model_copy(update={"llm_timeout_s": max(settings.llm_timeout_s, TIMEOUT_S)})
    turn = TurnInput((), Content(), claimed.language, datetime.now(UTC))
    wanted = 0 if next_step.is_first else next_step.wanted
    messages, tag = build_messages(next_step.passages, claimed.language, settings, wanted, asked)
    try:
        answer = ask(Means(engine, patient), turn, "drafting", messages, Items, MAX_OUTPUT_TOKENS, Vault())
    except LLMError as e:
        if e.kind not in OF_THE_TEXT:
            raise
        log.warning("drafting_skipped", drafting=claimed.id, step=claimed.done_steps, problem=e.kind)
        return Written([])
    return Written(answer.value.items, tag, answer.cost_micros)


def _check_all(
    connection: Connection, settings: Settings, language: Language, next_step: Step, written: Written
) -> Iterator[dict[str, Any]]:
    """Columns of Proposal for those that may be shown."""
    known = _read_known(connection)
    draft = load_draft_cached(connection)
    homes = " ".join(document.url for document in draft.document[:MOST_ADDRESSES] if document.url) or "-"
    content = Content(assistant=(NOBODY.model_copy(update={"instructions": homes}),))
    given = Given(TurnInput((), content, language, datetime.now(UTC)), NOBODY, next_step.passages, language, settings.never_say)
    why: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    most = 1 if next_step.is_first else next_step.wanted  # of a topic
    for item in written.items:
        row, fault = _check(given, item, written.tag, is_first=next_step.is_first)
        if row is not None and (kept[row["topic"]] >= most or _is_known(connection, known, row, language)):
            row, fault = None, "twice"
        if row is None:
            why[fault] += 1
            continue
        kept[row["topic"]] += 1
        known.add(row["question"], row["phrasings"], row["answer"], language)
        yield row
    if why:
        log.info("drafts_dropped", why=dict(why))


def _check(given: Given, item: Item, tag: str, *, is_first: bool) -> tuple[dict[str, Any] | None, str]:
    """A row, or the code of why not."""
    question, answer = _clean(item.question), strip_tags(strip_images(item.answer))
    topic = item.topic.strip().lower()
    if not 5 <= len(question) <= LONGEST_QUESTION or not answer or len(answer) > LONGEST_ANSWER:
        return None, "size"
    if is_first and topic not in TOPICS:
        return None, "topic"
    named = given.find_passages([source.strip(" []").upper() for source in item.sources])
    given = replace(given, turn=replace(given.turn, messages=_ask_for_mail(question)))
    answer, fault = _vouch(given, answer, named, tag)
    if fault or not _is_sound(given, question, named, tag):
        return None, fault or "question"
    typed = [p for p in map(_clean, item.phrasings[: MOST_PHRASINGS * 2]) if p and len(p) <= LONGEST_QUESTION]
    each = {find_key(p, given.language): p for p in typed if _is_sound(given, p, named, tag)}
    each.pop(find_key(question, given.language), None)
    phrasings = list(each.values())[:MOST_PHRASINGS]
    try:
        proposals.make_entry("draft", given.language, question, phrasings, answer)
    except ValidationError:
        return None, "signs"
    passage, quote = _quote(named, answer)
    values = {"topic": topic if is_first else "faq", "question": question, "phrasings": phrasings}
    source = {
        "source_title": passage.title or passage.heading,
        "source_url": passage.url or "",
        "source_key": passage.entry_key,
    }
    return {**values, "answer": answer, "quote": quote, **source}, ""


def _ask_for_mail(question: str) -> tuple[CustomerMessage, ...]:
    """As in a conversation, who asks how to write gets also an address that only a document tells. Nothing else of a question
    that a model wrote is the customer's word."""
    asked = ASKS_FOR_MAIL & set(split_words(question))
    return (CustomerMessage(1, 1, " ".join(sorted(asked))),) if asked else ()


def _vouch(given: Given, text: str, named: Sequence[Passage], tag: str) -> tuple[str, str]:
    """The text as it may be said, and a code where the named passages don't bear it out."""
    labels = [f"P{n}" for n, passage in enumerate(given.passages, 1) if passage in named]
    proposal = assistant.Proposal(
        kind="answer", knows=True, sources=labels, text=text, confidence=1, handoff=False, handoff_reason=""
    )  # fmt: skip
    look = Look("drafting")
    reply = assistant.judge(given, proposal, look)
    if reply is None:
        return "", str(look.saw.get("because", "unsure"))
    said, facts = reply.parts[0].text, [tell(passage) for passage in named]
    # the day on which it is drafted is no fact of the business
    if find_unknown_dates(said, facts):
        return "", "date"
    if find_unknown_numbers(said, [*facts, *(p.url or "" for p in named)]):
        return "", "number"
    if find_leak(said, RULES, "", [tag], facts):
        return "", "prompt"
    return said, "" if _is_shared(given.language, said, named) else "scattered"


def _is_sound(given: Given, question: str, named: Sequence[Passage], tag: str) -> bool:
    """Whether it is only a question: no address in it, no number that stands nowhere, and nothing that was cut from it."""
    if find_links(question) or not find_key(question, given.language):
        return False
    said, fault = _vouch(given, question, named, tag)
    return said == question if not fault else fault == "scattered"


def _is_shared(language: Language, answer: str, named: Sequence[Passage]) -> bool:
    if any(passage.language != language for passage in named):
        return True
    wanted = set(stem_content(answer)[language])
    there = {stem for passage in named for stem in stem_words(tell(passage), language)}
    return not wanted or len(wanted & there) >= LEAST_SHARED * len(wanted)


def _quote(named: Sequence[Passage], answer: str) -> tuple[Passage, str]:
    """The sentences that have most of the answer's words, and whose they are."""
    stems = stem_content(answer)
    extracts = [cut_extract(passage, stems[passage.language] or ["-"]) for passage in named]
    best = max(extracts, key=lambda extract: extract.share)
    return best.passage, best.text[:LONGEST_QUOTE]


def _read_known(connection: Connection) -> Known:
    known = Known(set(), [])
    for row in proposals.list_known(connection):
        known.add(row.question, row.phrasings, row.answer, row.language)
    for entry in load_draft_cached(connection).faq:
        for language, questions in entry.questions.items():
            known.keys.update(find_key(question, language) for question in questions)
    return known


def _is_known(connection: Connection, known: Known, row: dict[str, Any], language: Language) -> bool:
    """Whether it was proposed before, or an FAQ of the draft answers it."""
    if find_key(row["question"], language) in known.keys or find_alike(connection, [(language, row["question"])]):
        return True
    own = set(stem_words(row["answer"], language))
    return any(len(own & theirs) >= SAME_ANSWER * len(own | theirs) for theirs in known.answers)


def _clean(text: str) -> str:
    return " ".join(strip_tags(strip_images(text)).split())
