"""What came in from Chatwoot: inboxes, contacts, conversations (each one a place in the queue), messages, raw webhooks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, Big, CreatedAt, Id
from chatbot.models.folding import vector_sql

# full-text search that minds neither accents nor case; messages and our parts have the same
FOLDED_TEXT = vector_sql("text")
FOLDED_PERSON = vector_sql("(((name || ' ') || email) || ' ') || phone")


class Inbox(Base):
    """mode, debounce_s: None takes the setting's; tone: "" takes the assistant's. heard_at: when a webhook first told of it;
    is_foreign: Chatwoot says that another bot, or none, is connected to it."""

    __tablename__ = "inbox"

    id: Mapped[Id]
    chatwoot_id: Mapped[Big] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    channel: Mapped[str] = mapped_column(server_default="")
    mode: Mapped[str | None]
    tone: Mapped[str] = mapped_column(server_default="")
    debounce_s: Mapped[float | None]
    heard_at: Mapped[At | None]
    is_foreign: Mapped[bool] = mapped_column(server_default=sql("false"))


class Contact(Base):
    __tablename__ = "contact"

    id: Mapped[Id]
    chatwoot_id: Mapped[Big] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))

    __table_args__ = (Index("ix_contact_search", sql(FOLDED_PERSON), postgresql_using="gin"),)


class Conversation(Base):
    """A conversation and its place in the queue (docs/delivery.md).

    wake_reason: what the timer is for, several separated by commas, done one after the other.
    in_seq counts the customer's messages, answered_seq those with an outcome; the row is due at answer_due_at or wake_at
    and leased by the worker `lease_by` until lease_until, each claim raising epoch. crashes counts claims that neither
    settled nor put back, tries the put-backs in a row, discards the unsent replies thrown away. owner is "bot" or "people";
    human_seq counts take-overs, spoken_seq those where a person spoke. status_at, last_human_at, handed_back_at are
    Chatwoot's clock, so that what comes unordered can be ordered. context_from: Chatwoot's id of the message before which
    nothing counts as said, since the conversation was resolved there. last_state, last_responder: of the turn that finished
    last, so that the list filters by them without reading turns. flow_run: {"human_seq": ..., "run": flows.Run}, void once a
    take-over has raised human_seq. assistant: the key of the specialised agent that it is with, "" for the first. source_id:
    the customer's end in the channel (a number, an address), which no visitor can change; "" until a webhook has told it.
    """

    __tablename__ = "conversation"

    id: Mapped[Id]
    chatwoot_id: Mapped[Big] = mapped_column(unique=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id", ondelete="CASCADE"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(server_default="pending")
    can_reply: Mapped[bool] = mapped_column(server_default=sql("true"))
    has_bot: Mapped[bool] = mapped_column(server_default=sql("false"))
    source_id: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str | None]

    in_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    answered_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    answer_due_at: Mapped[At | None]
    wake_at: Mapped[At | None]
    wake_reason: Mapped[str | None]
    lease_by: Mapped[int | None]
    lease_until: Mapped[At | None]
    epoch: Mapped[Big] = mapped_column(server_default=sql("0"))
    crashes: Mapped[int] = mapped_column(server_default=sql("0"))
    tries: Mapped[int] = mapped_column(server_default=sql("0"))
    discards: Mapped[int] = mapped_column(server_default=sql("0"))

    owner: Mapped[str] = mapped_column(server_default="bot")
    owner_reason: Mapped[str] = mapped_column(server_default="")
    human_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    spoken_seq: Mapped[Big] = mapped_column(server_default=sql("0"))
    status_at: Mapped[At | None]
    last_human_at: Mapped[At | None]
    handed_back_at: Mapped[At | None]
    context_from: Mapped[Big] = mapped_column(server_default=sql("0"))
    assistant: Mapped[str] = mapped_column(server_default="")
    last_state: Mapped[str | None]
    last_responder: Mapped[str | None]
    flow_run: Mapped[dict[str, Any] | None]

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

    __table_args__ = (
        Index("ix_conversation_answer_due_at", "answer_due_at", postgresql_where=sql("answer_due_at IS NOT NULL")),
        Index("ix_conversation_wake_at", "wake_at", postgresql_where=sql("wake_at IS NOT NULL")),
        Index("ix_conversation_owed", "id", postgresql_where=sql("in_seq > answered_seq")),
        Index("ix_conversation_lease_by", "lease_by", postgresql_where=sql("lease_by IS NOT NULL")),
        Index("ix_conversation_contact_id", "contact_id"),
        Index("ix_conversation_inbox_id", "inbox_id"),
        Index("ix_conversation_updated_at", "updated_at", "id"),
    )


class Message(Base):
    """One public message that isn't ours. (chatwoot_id, kind, variant) is the input key: the same input is stored once.

    seq: the conversation's in_seq at its arrival, None where the author isn't the customer; kind: "created", or
    "submitted" for a pressed button, whose values' hash is `variant`; ignore_rule: decided at intake, never answered;
    sent_at is Chatwoot's clock, arrived_at the database's; changed_at, Chatwoot's again, of the newest update by the customer.
    attachments: as reply.Attachment. ignore_rule "deleted": by the customer, whenever; its text went too.
    """

    __tablename__ = "message"

    id: Mapped[Id]
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    chatwoot_id: Mapped[Big]
    kind: Mapped[str] = mapped_column(server_default="created")
    variant: Mapped[str] = mapped_column(server_default="")
    seq: Mapped[Big | None]
    author: Mapped[str]
    text: Mapped[str] = mapped_column(server_default="")
    attachments: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    is_unsupported: Mapped[bool] = mapped_column(server_default=sql("false"))
    ignore_rule: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default="webhook")
    sent_at: Mapped[At | None]
    arrived_at: Mapped[CreatedAt]
    changed_at: Mapped[At | None]
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id", ondelete="SET NULL", use_alter=True))

    __table_args__ = (
        UniqueConstraint("chatwoot_id", "kind", "variant", name="uq_message_input"),
        Index("ix_message_conversation_seq", "conversation_id", "seq"),
        Index("ix_message_conversation_chatwoot", "conversation_id", "chatwoot_id"),
        Index("ix_message_turn_id", "turn_id"),
        Index("ix_message_search", sql(FOLDED_TEXT), postgresql_using="gin"),
        Index("ix_message_press", "conversation_id", "seq", postgresql_where=sql("kind = 'submitted'")),
    )


class Webhook(Base):
    """A webhook as it came, kept for 7 days. error: why it couldn't be read (a dead letter)."""

    __tablename__ = "webhook"

    id: Mapped[Id]
    received_at: Mapped[CreatedAt]
    delivery: Mapped[str | None]
    event: Mapped[str] = mapped_column(server_default="")
    conversation_chatwoot_id: Mapped[Big | None]
    outcome: Mapped[str] = mapped_column(server_default="")
    error: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_webhook_received_at", "received_at"),
        Index("ix_webhook_delivery", "delivery", postgresql_where=sql("delivery IS NOT NULL")),
        Index("ix_webhook_dead", "received_at", postgresql_where=sql("error IS NOT NULL")),
    )


class ErasedConversation(Base):
    """A conversation whose contact was erased: reconciliation and late webhooks bring nothing of it back.

    newest_chatwoot_id: the last message that was known; what the customer writes after it is a conversation like any other.
    pressed: the messages whose press was known, since a press has its message's number; is_peoples: people had it.
    """

    __tablename__ = "erased_conversation"

    chatwoot_id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    newest_chatwoot_id: Mapped[Big]
    pressed: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=sql("'{}'"))
    is_peoples: Mapped[bool] = mapped_column(server_default=sql("false"))
    erased_at: Mapped[CreatedAt]
