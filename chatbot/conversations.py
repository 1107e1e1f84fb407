"""What the conversation pages ask: a list with search and filters, and one conversation with each turn's reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, literal_column, select, true, union

from chatbot.models import Contact, Conversation, Inbox, LlmCall, Message, Part, Turn, TurnTrace

# the expression of the two search indexes (migration 0004)
FOLDED = "to_tsvector('simple', translate(lower({0}), 'áàéèíìóòúùüñ', 'aaeeiioouuun'))"
ACCENTS, PLAIN = "áàéèíìóòúùüñ", "aaeeiioouuun"
STATES = {"answered", "handed_off", "ignored", "suggested", "watched"}
RESPONDERS = {"canned", "faq", "assistant", "fallback", "media", "handoff"}
LANGUAGES = {"es", "en"}
MAX_LINES = 400

last_turn = (
    select(Turn.state, Turn.responder, Turn.handoff_reason, Turn.rule, Turn.language)
    .where(Turn.conversation_id == Conversation.id)
    .order_by(Turn.id.desc())
    .limit(1)
    .correlate(Conversation)
    .lateral("last_turn")
)
last_message = (
    select(Message.text)
    .where(Message.conversation_id == Conversation.id, Message.seq.is_not(None))
    .order_by(Message.seq.desc())
    .limit(1)
    .correlate(Conversation)
    .lateral("last_message")
)


def select_conversations(search: str, filters: Mapping[str, str]) -> Select[Any]:
    """Rows with what a list shows, without order and limit. filters: state, responder, language, inbox (its id
    as text), since and until (ISO moments, until excluded)."""
    columns = (
        Conversation.id, Conversation.chatwoot_id, Conversation.updated_at, Conversation.owner, Conversation.in_seq,
        Contact.name.label("contact"), Inbox.name.label("inbox"), last_turn.c.state, last_turn.c.responder,
        last_turn.c.handoff_reason, last_turn.c.rule, last_message.c.text,
    )  # fmt: skip
    statement = (
        select(*columns)
        .join(Inbox, Inbox.id == Conversation.inbox_id)
        .outerjoin(Contact, Contact.id == Conversation.contact_id)
        .outerjoin(last_turn, true())
        .outerjoin(last_message, true())
    )
    if state := filters.get("state"):
        statement = statement.where(last_turn.c.state == state)
    if responder := filters.get("responder"):
        statement = statement.where(last_turn.c.responder == responder)
    if language := filters.get("language"):
        statement = statement.where(last_turn.c.language == language)
    if since := filters.get("since"):
        statement = statement.where(Conversation.updated_at >= datetime.fromisoformat(since))
    if until := filters.get("until"):
        statement = statement.where(Conversation.updated_at < datetime.fromisoformat(until))
    if (inbox := filters.get("inbox", "")).isdecimal():
        statement = statement.where(Conversation.inbox_id == int(inbox))
    if words := search.split():
        statement = statement.where(matches_words(words))
    return statement


def matches_words(words: list[str]) -> Any:
    """Conversations in which somebody, or we, wrote all of the words in one message."""
    folded = " ".join(words).lower().translate(str.maketrans(ACCENTS, PLAIN))
    query = func.plainto_tsquery(literal_column("'simple'::regconfig"), folded)
    said = literal_column(FOLDED.format("message.text")).op("@@")(query)
    ours = literal_column(FOLDED.format("part.text")).op("@@")(query)
    of_messages = select(Message.conversation_id).where(said).limit(5_000)
    of_parts = select(Part.conversation_id).where(ours).limit(5_000)
    return Conversation.id.in_(union(of_messages.subquery().select(), of_parts.subquery().select()))


def list_inboxes(connection: Connection) -> list[Any]:
    return list(connection.execute(select(Inbox.id, Inbox.name, Inbox.chatwoot_id).order_by(Inbox.name)))


def read_conversation(connection: Connection, conversation_id: int) -> Any | None:
    columns = (
        Conversation.id, Conversation.chatwoot_id, Conversation.status, Conversation.owner, Conversation.updated_at,
        Contact.id.label("contact_id"), Contact.name, Contact.email, Contact.phone, Inbox.name.label("inbox"),
    )  # fmt: skip
    statement = select(*columns).join(Inbox, Inbox.id == Conversation.inbox_id)
    statement = statement.outerjoin(Contact, Contact.id == Conversation.contact_id)
    return connection.execute(statement.where(Conversation.id == conversation_id)).first()


def list_lines(connection: Connection, conversation_id: int) -> list[dict[str, Any]]:
    """Messages and our turns in their order; each turn with its parts, trace and cost. The newest MAX_LINES."""
    messages = connection.execute(
        select(Message.id, Message.author, Message.text, Message.arrived_at, Message.attachments, Message.ignore_rule)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.id.desc())
        .limit(MAX_LINES)
    ).all()
    lines = [{"at": row.arrived_at, "kind": "message", "row": row} for row in messages]
    lines += [{"at": turn["at"], "kind": "turn", "row": turn} for turn in _list_turns(connection, conversation_id)]
    return sorted(lines, key=lambda line: line["at"])


def _list_turns(connection: Connection, conversation_id: int) -> list[dict[str, Any]]:
    cost = select(func.sum(LlmCall.cost_micros)).where(LlmCall.turn_id == Turn.id).correlate(Turn).scalar_subquery()
    columns = (
        Turn.id, Turn.state, Turn.rule, Turn.responder, Turn.handoff_reason, Turn.handoff_detail, Turn.sources, Turn.mode,
        Turn.language, Turn.release_id, Turn.started_at, Turn.finished_at, TurnTrace.body.label("trace"), cost.label("cost"),
    )  # fmt: skip
    statement = (
        select(*columns).outerjoin(TurnTrace, TurnTrace.turn_id == Turn.id).where(Turn.conversation_id == conversation_id)
    )
    turns = [dict(row._mapping) for row in connection.execute(statement.order_by(Turn.id.desc()).limit(MAX_LINES))]
    parts = connection.execute(
        select(Part.turn_id, Part.text, Part.is_note, Part.state, Part.error, Part.choices)
        .where(Part.turn_id.in_([turn["id"] for turn in turns]))
        .order_by(Part.turn_id, Part.ordinal)
    ).all()
    for turn in turns:
        turn["parts"] = [part for part in parts if part.turn_id == turn["id"]]
        turn["at"] = turn["finished_at"] or turn["started_at"]
    return turns


def stream_conversations(engine: Engine, statement: Select[Any]) -> Iterator[dict[str, Any]]:
    """All rows, newest first, by a cursor on a connection of its own: the memory stays small however many there are."""
    ordered = statement.order_by(Conversation.updated_at.desc(), Conversation.id.desc())
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=200).execute(ordered):
            yield dict(row._mapping)


def export_contact(connection: Connection, contact_id: int) -> dict[str, Any] | None:
    """All that is kept of one contact, as JSON can hold it with times as text."""
    contact = connection.execute(select(Contact.__table__).where(Contact.id == contact_id)).first()
    if contact is None:
        return None
    own = select(Conversation.__table__).where(Conversation.contact_id == contact_id).order_by(Conversation.id)
    return {
        "contact": dict(contact._mapping),
        "conversations": [_export_one(connection, row) for row in connection.execute(own).all()],
    }


def _export_one(connection: Connection, row: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"conversation": dict(row._mapping)}
    for name, model in (("messages", Message), ("turns", Turn), ("parts", Part), ("ai_calls", LlmCall)):
        table = model.__table__
        rows = connection.execute(select(table).where(table.c.conversation_id == row.id).order_by(table.c.id))
        found[name] = [dict(line._mapping) for line in rows]
    traces = select(TurnTrace.__table__).where(TurnTrace.turn_id.in_(select(Turn.id).where(Turn.conversation_id == row.id)))
    found["traces"] = [dict(line._mapping) for line in connection.execute(traces)]
    return found
