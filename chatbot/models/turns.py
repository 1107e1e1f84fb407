"""What was answered and why: turns, their parts and actions, traces, model calls."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, Big, CreatedAt, Id
from chatbot.models.inbox import FOLDED_TEXT

# handed off because the bot had no answer: numbers.UNKNOWING
UNANSWERED = "handoff_reason IN ('unsure', 'llm_down', 'crashed', 'stale', 'loop')"


class Turn(Base):
    """One answering of the messages with from_seq < seq <= to_seq. At most one of a conversation is unfinished.

    state: answering -> frozen (its parts and actions exist) -> answered | handed_off | suggested | watched
    | ignored (by `rule`); a frozen one that was thrown away unsent becomes answering again. wake: what woke it, where no
    message did; suffix: the end of its marks; flow_after: the conversation's flow_run once the turn is recorded, {} for none;
    flow_walked: the ways it took in flows, as [flow, revision, from, to].
    """

    __tablename__ = "turn"

    id: Mapped[Id]
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    release_id: Mapped[int | None] = mapped_column(ForeignKey("release.id"))
    epoch: Mapped[Big]
    from_seq: Mapped[Big]
    to_seq: Mapped[Big]
    newest_chatwoot_id: Mapped[Big] = mapped_column(server_default=sql("0"))
    mode: Mapped[str]
    wake: Mapped[str | None]
    suffix: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="answering")
    rule: Mapped[str | None]
    language: Mapped[str | None]
    responder: Mapped[str | None]
    handoff_reason: Mapped[str | None]
    handoff_detail: Mapped[str] = mapped_column(server_default="")
    sources: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    human_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    spoken_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    flow_after: Mapped[dict[str, Any] | None]
    flow_walked: Mapped[list[Any] | None]
    assistant: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[CreatedAt]
    frozen_at: Mapped[At | None]
    finished_at: Mapped[At | None]

    __table_args__ = (
        Index("uq_turn_unfinished", "conversation_id", unique=True, postgresql_where=sql("finished_at IS NULL")),
        Index("ix_turn_conversation_id", "conversation_id", "id"),
        Index("ix_turn_release_id", "release_id"),
        Index("ix_turn_finished_at", "finished_at"),
        Index("ix_turn_flow_walked", "finished_at", postgresql_where=sql("flow_walked IS NOT NULL")),
        Index("ix_turn_unanswered", "finished_at", postgresql_where=sql(UNANSWERED)),
    )


class Part(Base):
    """One outgoing message. state: frozen -> sending -> sent | unknown; or dropped (never to be sent), failed (not
    delivered by the channel), held (it can't be known whether it was sent; people were told).

    ordinal: place among the turn's parts and actions; deadline_at: when the POST under way has certainly ended;
    last_id_before: the conversation's newest message id known before the POST, where the look-up starts.
    """

    __tablename__ = "part"

    id: Mapped[Id]
    turn_id: Mapped[int] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    mark: Mapped[str] = mapped_column(unique=True)
    is_note: Mapped[bool] = mapped_column(server_default=sql("false"))
    text: Mapped[str]
    choices: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    state: Mapped[str] = mapped_column(server_default="frozen")
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    deadline_at: Mapped[At | None]
    unknown_since: Mapped[At | None]
    last_id_before: Mapped[Big] = mapped_column(server_default=sql("0"))
    chatwoot_id: Mapped[Big | None]
    sent_at: Mapped[At | None]
    look_ms: Mapped[int | None]
    error: Mapped[str | None]

    __table_args__ = (
        Index("ix_part_turn_id", "turn_id", "ordinal"),
        Index("ix_part_search", sql(FOLDED_TEXT), postgresql_using="gin"),
        Index("ix_part_conversation_id", "conversation_id", "id"),
    )


class Action(Base):
    """One call to Chatwoot that isn't a message: open, pending, assign, labels, priority, attributes. Each is safe to repeat.

    started_at: our status calls are written down before they leave; an event with that value within 60 s is ours.
    """

    __tablename__ = "action"

    id: Mapped[Id]
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    ordinal: Mapped[int] = mapped_column(server_default=sql("0"))
    kind: Mapped[str]
    value: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    state: Mapped[str] = mapped_column(server_default="frozen")
    echoes: Mapped[int] = mapped_column(server_default=sql("0"))
    started_at: Mapped[At | None]
    done_at: Mapped[At | None]
    error: Mapped[str | None]

    __table_args__ = (
        Index("ix_action_turn_id", "turn_id", "ordinal"),
        Index("ix_action_conversation_id", "conversation_id", "started_at"),
    )


class TurnTrace(Base):
    """A turn's typed trace (trace.py), in its own table because it is kept for a shorter time."""

    __tablename__ = "turn_trace"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[CreatedAt]
    body: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_turn_trace_created_at", "created_at"),)


class LlmCall(Base):
    """One model call, written before it is made. Money in micro-dollars; None where the price isn't known.

    state: reserved (counts as spent if the process dies) -> settled | failed; answered_seq: where the conversation stood,
    so that calls for the same unanswered messages can be counted whatever crashed; assistant: for which one it was made.
    """

    __tablename__ = "llm_call"

    id: Mapped[Id]
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    answered_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    purpose: Mapped[str]
    assistant: Mapped[str] = mapped_column(server_default="")
    model: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="reserved")
    reserved_micros: Mapped[Big | None]
    cost_micros: Mapped[Big | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    error: Mapped[str | None]
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[At | None]

    __table_args__ = (
        Index("ix_llm_call_conversation_id", "conversation_id", "answered_seq"),
        Index("ix_llm_call_turn_id", "turn_id"),
        Index("ix_llm_call_started_at", "started_at"),
    )
