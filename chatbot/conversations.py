"""What the conversation pages ask: a list with search and filters, one conversation with its reasons, all of one contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Select,
    any_,
    delete,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY

from chatbot.message_search import matches
from chatbot.models import (
    Contact,
    Conversation,
    Inbox,
    LlmCall,
    Message,
    Part,
    Turn,
    TurnTrace,
    Webhook,
)

STATES = {"answered", "handed_off", "ignored", "suggested", "watched"}
RESPONDERS = {"canned", "faq", "assistant", "fallback", "media", "handoff"}
LANGUAGES = {"es", "en"}
PAGE_LINES = 60
EXPORT_TIMEOUT = "120s"
EXPORT_AT_ONCE = 50  # conversations

last_turn = (
    select(Turn.state, Turn.responder, Turn.handoff_reason, Turn.rule)
    .where(Turn.conversation_id == Conversation.id)
    .order_by(Turn.id.desc())
    .limit(1)
    .correlate(Conversation)
    .lateral("last_turn")
)
# what was written, else what was said in the first voice note that is known
said = func.coalesce(
    func.nullif(Message.text, ""),
    func.jsonb_path_query_first(Message.attachments, text("""'$[*].transcript ? (@ != "")'""")).op("#>>")(text("'{}'")),
    "",
)
last_message = (
    select(said.label("text"))
    .where(Message.conversation_id == Conversation.id, Message.seq.is_not(None))
    .order_by(Message.seq.desc())
    .limit(1)
    .correlate(Conversation)
    .lateral("last_message")
)


def select_ids(filters: Mapping[str, str], found: list[int] | None = None) -> Select[int, datetime]:
    """Ids and moments of conversations, without order and limit. found: only among these. filters: state, responder,
    language, inbox (its id as text), since and until (ISO moments, until excluded)."""
    statement = select(Conversation.id, Conversation.updated_at)
    columns = {
        "state": Conversation.last_state,
        "responder": Conversation.last_responder,
        "language": Conversation.language,
    }
    for name, column in columns.items():
        if value := filters.get(name):
            statement = statement.where(column == value)
    if since := filters.get("since"):
        statement = statement.where(Conversation.updated_at >= datetime.fromisoformat(since))
    if until := filters.get("until"):
        statement = statement.where(Conversation.updated_at < datetime.fromisoformat(until))
    if (inbox := filters.get("inbox", "")).isdecimal():
        statement = statement.where(Conversation.inbox_id == int(inbox))
    if found is None:
        return statement
    # these are looked up first: else the planner may walk through all conversations in the list's order to meet a few of them
    few = statement.where(Conversation.id == any_(literal(found, ARRAY(BigInteger)))).cte("few").prefix_with("MATERIALIZED")
    return select(few.c.id, few.c.updated_at)


def select_rows(ids: Select[int, datetime]) -> Select[Any]:
    """What a list shows of those that a statement of select_ids() chose, in no order. Only the chosen few are looked up."""
    chosen = ids.subquery("chosen")
    columns = (
        Conversation.id, Conversation.chatwoot_id, Conversation.updated_at, Conversation.owner, Conversation.in_seq,
        Contact.name.label("contact"), Inbox.name.label("inbox"), last_turn.c.state, last_turn.c.responder,
        last_turn.c.handoff_reason, last_turn.c.rule, last_message.c.text, Conversation.assistant,
    )  # fmt: skip
    return (
        select(*columns)
        .join(chosen, chosen.c.id == Conversation.id)
        .join(Inbox, Inbox.id == Conversation.inbox_id)
        .outerjoin(Contact, Contact.id == Conversation.contact_id)
        .outerjoin(last_turn, true())
        .outerjoin(last_message, true())
    )


def stream_lines(engine: Engine, filters: Mapping[str, str], words: list[str]) -> Iterator[dict[str, Any]]:
    """Each message and each reply of all those conversations, the newest conversation first, its lines in their order.

    By a cursor on a connection of its own: the memory stays small however many there are. state: a turn's; part_state: of what
    was to be sent, None where a turn said nothing; rule: why nothing was said to a message.
    """
    ids = select_ids(filters)
    if words:
        said = (select(model.conversation_id).where(matches(table, words)) for table, model in SAID.items())
        ids = ids.where(Conversation.id.in_(union(*said)))
    chosen = ids.subquery("chosen")
    columns = (
        Conversation.id.label("conversation_id"), Conversation.chatwoot_id, Inbox.name.label("inbox"),
        Contact.name.label("contact"),
    )  # fmt: skip
    statement = select(*columns).join(chosen, chosen.c.id == Conversation.id)
    statement = statement.join(Inbox, Inbox.id == Conversation.inbox_id).outerjoin(
        Contact, Contact.id == Conversation.contact_id
    )
    ordered = statement.order_by(Conversation.updated_at.desc(), Conversation.id.desc())
    with engine.connect() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = '{EXPORT_TIMEOUT}'"))
        found = connection.execute(ordered, execution_options={"yield_per": EXPORT_AT_ONCE})
        for rows in found.partitions():
            lines = _read_all_lines(connection, [row.conversation_id for row in rows])
            for row in rows:
                yield from (dict(row._mapping) | line for line in lines[row.conversation_id])


def _read_all_lines(connection: Connection, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """By conversation."""
    lines: dict[int, list[dict[str, Any]]] = {number: [] for number in ids}
    columns = (
        Message.conversation_id, Message.arrived_at.label("at"), Message.id, Message.author, Message.text,
        Message.attachments, Message.ignore_rule,
    )  # fmt: skip
    for row in connection.execute(select(*columns).where(Message.conversation_id.in_(ids)).order_by(Message.id)):
        line = {"at": row.at, "author": row.author, "text": join_said(row), "rule": row.ignore_rule}
        lines[row.conversation_id].append(NO_REPLY | line | {"place": (row.at, False, row.id)})
    at = func.coalesce(Turn.finished_at, Turn.started_at).label("at")
    replies = select(
        Turn.conversation_id, at, Turn.id, Turn.state, Turn.responder, Turn.handoff_reason, Turn.rule, Turn.sources,
        Part.text, Part.is_note, Part.state.label("part_state"),
    ).outerjoin(Part, Part.turn_id == Turn.id)  # fmt: skip
    for row in connection.execute(replies.where(Turn.conversation_id.in_(ids)).order_by(Turn.id, Part.ordinal)):
        line = {name: value for name, value in row._mapping.items() if name not in {"id", "conversation_id"}}
        line |= {"author": "bot", "text": row.text or "", "is_note": bool(row.is_note)}
        lines[row.conversation_id].append(NO_REPLY | line | {"place": (row.at, True, row.id)})
    for listed in lines.values():
        listed.sort(key=lambda line: line.pop("place"))
    return lines


NO_REPLY: dict[str, Any] = {
    "at": None, "author": "", "is_note": False, "text": "", "state": None, "part_state": None, "responder": None,
    "handoff_reason": None, "rule": None, "sources": [],
}  # fmt: skip
SAID: dict[str, type[Message | Part]] = {"message": Message, "part": Part}


def list_inboxes(connection: Connection) -> list[Any]:
    return list(connection.execute(select(Inbox.id, Inbox.name, Inbox.chatwoot_id).order_by(Inbox.name)))


def read_conversation(connection: Connection, conversation_id: int) -> Any | None:
    columns = (
        Conversation.id, Conversation.chatwoot_id, Conversation.status, Conversation.owner, Conversation.updated_at,
        Contact.id.label("contact_id"), Contact.name, Contact.email, Contact.phone, Inbox.name.label("inbox"),
        Inbox.chatwoot_id.label("inbox_chatwoot_id"), Conversation.assistant,
    )  # fmt: skip
    statement = select(*columns).join(Inbox, Inbox.id == Conversation.inbox_id)
    statement = statement.outerjoin(Contact, Contact.id == Conversation.contact_id)
    return connection.execute(statement.where(Conversation.id == conversation_id)).first()


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a conversation, as the start of those before it. Of one moment, messages come before turns."""

    at: datetime
    is_turn: bool
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.is_turn:d}~{self.id}"


def read_place(text: str) -> Place | None:
    """What str() made of one. None: it isn't one."""
    try:
        at, is_turn, number = text.split("~")
        found = Place(datetime.fromisoformat(at), is_turn == "1", int(number))
    except ValueError:
        return None
    return found if found.at.tzinfo and found.id < 2**63 else None


def list_lines(
    connection: Connection, conversation_id: int, before: Place | None = None
) -> tuple[list[dict[str, Any]], Place | None]:
    """Messages and our turns in their order, each turn with its parts, trace and cost: the last PAGE_LINES before a place.

    The second value is where the earlier ones start, None where there are none.
    """
    lines = [
        {"at": row.arrived_at, "kind": "message", "row": row} for row in _list_messages(connection, conversation_id, before)
    ]
    lines += [{"at": turn["at"], "kind": "turn", "row": turn} for turn in _list_turns(connection, conversation_id, before)]
    lines.sort(key=_find_place)
    shown = lines[-PAGE_LINES:]
    return shown, Place(*_find_place(shown[0])) if len(lines) > len(shown) else None


def read_until(connection: Connection, turn_id: int) -> tuple[Any, list[dict[str, Any]]] | None:
    """A turn's conversation, as read_conversation() has it, and the lines up to the turn, which is the last one."""
    at = func.coalesce(Turn.finished_at, Turn.started_at).label("at")
    statement = select(Turn.conversation_id, at).where(Turn.id == turn_id)
    turn = connection.execute(statement).first() if 0 < turn_id < 2**63 - 1 else None
    if turn is None:
        return None
    row = read_conversation(connection, turn.conversation_id)
    return row, list_lines(connection, turn.conversation_id, Place(turn.at, True, turn_id + 1))[0]


def find_run(connection: Connection, turn_id: int) -> dict[str, Any] | None:
    """Where a turn's conversation stood in its flows before it (flows.Run), unless people had it since."""
    asked = select(Turn.conversation_id, Turn.human_seq).where(Turn.id == turn_id).subquery("asked")
    statement = select(Turn.flow_after).join(asked, asked.c.conversation_id == Turn.conversation_id)
    statement = statement.where(Turn.id < turn_id, Turn.flow_after.is_not(None)).order_by(Turn.id.desc()).limit(1)
    after: dict[str, Any] | None = connection.scalar(statement)
    seen = connection.scalar(select(asked.c.human_seq))
    return after.get("run") if after and after.get("human_seq") == seen else None


def _find_place(line: dict[str, Any]) -> tuple[datetime, bool, int]:
    is_turn = line["kind"] == "turn"
    return line["at"], is_turn, line["row"]["id"] if is_turn else line["row"].id


def _list_messages(connection: Connection, conversation_id: int, before: Place | None) -> Sequence[Any]:
    columns = (Message.id, Message.author, Message.text, Message.arrived_at, Message.attachments, Message.ignore_rule)
    statement = select(*columns).where(Message.conversation_id == conversation_id)
    if before is not None:
        at = Message.arrived_at
        statement = statement.where(at <= before.at if before.is_turn else tuple_(at, Message.id) < (before.at, before.id))
    return connection.execute(statement.order_by(Message.arrived_at.desc(), Message.id.desc()).limit(PAGE_LINES + 1)).all()


def _choose_turns(conversation_id: int, before: Place | None) -> Select[int, datetime]:
    at = func.coalesce(Turn.finished_at, Turn.started_at)
    statement = select(Turn.id, at.label("at")).where(Turn.conversation_id == conversation_id)
    if before is not None:
        statement = statement.where(tuple_(at, Turn.id) < (before.at, before.id) if before.is_turn else at < before.at)
    return statement.order_by(at.desc(), Turn.id.desc()).limit(PAGE_LINES + 1)


def _list_turns(connection: Connection, conversation_id: int, before: Place | None) -> list[dict[str, Any]]:
    chosen = _choose_turns(conversation_id, before).subquery("chosen")
    cost = select(func.sum(LlmCall.cost_micros)).where(LlmCall.turn_id == Turn.id).correlate(Turn).scalar_subquery()
    columns = (
        Turn.id, Turn.state, Turn.rule, Turn.responder, Turn.handoff_reason, Turn.handoff_detail, Turn.sources, Turn.mode,
        Turn.language, Turn.release_id, Turn.assistant, chosen.c.at, TurnTrace.body.label("trace"), cost.label("cost"),
    )  # fmt: skip
    statement = select(*columns).join(chosen, chosen.c.id == Turn.id).outerjoin(TurnTrace, TurnTrace.turn_id == Turn.id)
    turns = [dict(row._mapping) for row in connection.execute(statement)]
    parts = connection.execute(
        select(Part.turn_id, Part.text, Part.is_note, Part.state, Part.error, Part.choices)
        .where(Part.turn_id.in_([turn["id"] for turn in turns]))
        .order_by(Part.turn_id, Part.ordinal)
    ).all()
    for turn in turns:
        turn["parts"] = [part for part in parts if part.turn_id == turn["id"]]
    return turns


def join_said(row: Any) -> str:
    """What the customer wrote and said, of a line of list_lines()."""
    return "\n".join(t for t in (row.text, *(a.get("transcript", "") for a in row.attachments)) if t)


def find_question(connection: Connection, conversation_id: int, at: datetime) -> str:
    """What the customer wrote or said last before a moment."""
    statement = select(said).where(
        Message.conversation_id == conversation_id, Message.author == "customer", Message.arrived_at <= at
    )
    found: str | None = connection.scalar(statement.order_by(Message.arrived_at.desc(), Message.id.desc()).limit(1))
    return found or ""


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


OWN = text("""
SELECT id, in_seq > answered_seq OR answer_due_at IS NOT NULL OR wake_at IS NOT NULL OR lease_by IS NOT NULL
  OR EXISTS (SELECT FROM turn WHERE conversation_id = c.id AND finished_at IS NULL) AS is_busy
FROM conversation c WHERE contact_id = :contact ORDER BY id FOR UPDATE
""")
# Kept by number alone; what was known by now stays away (intake_statements.py).
REMEMBER = text("""
INSERT INTO erased_conversation AS e (chatwoot_id, newest_chatwoot_id, pressed, is_peoples)
SELECT c.chatwoot_id, coalesce(max(m.chatwoot_id), 0),
  coalesce(array_agg(DISTINCT m.chatwoot_id) FILTER (WHERE m.kind = 'submitted'), '{}'),
  c.owner = 'people' AND c.owner_reason <> 'resolved' AND c.status <> 'resolved'
FROM conversation c LEFT JOIN message m ON m.conversation_id = c.id WHERE c.contact_id = :contact GROUP BY c.id
ON CONFLICT (chatwoot_id) DO UPDATE SET erased_at = now(), is_peoples = excluded.is_peoples,
  newest_chatwoot_id = greatest(e.newest_chatwoot_id, excluded.newest_chatwoot_id), pressed = e.pressed || excluded.pressed
""")


def erase_contact(connection: Connection, contact_id: int) -> bool:
    """Everything of one contact, with the webhooks as they came. False, and nothing is done, while an answer is still owed:
    nobody would give it any more."""
    connection.execute(text(f"SET LOCAL statement_timeout = '{EXPORT_TIMEOUT}'"))
    connection.execute(select(Contact.id).where(Contact.id == contact_id).with_for_update())
    if any(row.is_busy for row in connection.execute(OWN, {"contact": contact_id})):
        return False
    connection.execute(REMEMBER, {"contact": contact_id})
    own = select(Conversation.chatwoot_id).where(Conversation.contact_id == contact_id)
    connection.execute(delete(Webhook).where(Webhook.conversation_chatwoot_id.in_(own)))
    connection.execute(delete(Contact).where(Contact.id == contact_id))
    return True
