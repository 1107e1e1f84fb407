"""The tables of 0.1.0 and the one row of `instance`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("chatwoot_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("chatwoot_id", name=op.f("uq_contact_chatwoot_id")),
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_entry_kind_key")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("chatwoot_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("debounce_s", sa.Double(), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_foreign", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("chatwoot_id", name=op.f("uq_inbox_chatwoot_id")),
    )
    op.create_table(
        "release",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_setting")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), server_default="", nullable=False),
        sa.Column("conversation_chatwoot_id", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index("ix_webhook_dead", "webhook", ["received_at"], unique=False, postgresql_where=sa.text("error IS NOT NULL"))
    op.create_index(
        "ix_webhook_delivery", "webhook", ["delivery"], unique=False, postgresql_where=sa.text("delivery IS NOT NULL")
    )
    op.create_index("ix_webhook_received_at", "webhook", ["received_at"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("chatwoot_id", sa.BigInteger(), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("can_reply", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("has_bot", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("in_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("answered_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wake_reason", sa.Text(), nullable=True),
        sa.Column("lease_by", sa.Integer(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("discards", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), server_default="bot", nullable=False),
        sa.Column("owner_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("human_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spoken_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_human_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_conversation_contact_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_conversation_inbox_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("chatwoot_id", name=op.f("uq_conversation_chatwoot_id")),
    )
    op.create_index(
        "ix_conversation_answer_due_at",
        "conversation",
        ["answer_due_at"],
        unique=False,
        postgresql_where=sa.text("answer_due_at IS NOT NULL"),
    )
    op.create_index("ix_conversation_contact_id", "conversation", ["contact_id"], unique=False)
    op.create_index("ix_conversation_inbox_id", "conversation", ["inbox_id"], unique=False)
    op.create_index(
        "ix_conversation_lease_by", "conversation", ["lease_by"], unique=False, postgresql_where=sa.text("lease_by IS NOT NULL")
    )
    op.create_index(
        "ix_conversation_owed", "conversation", ["id"], unique=False, postgresql_where=sa.text("in_seq > answered_seq")
    )
    op.create_index(
        "ix_conversation_wake_at", "conversation", ["wake_at"], unique=False, postgresql_where=sa.text("wake_at IS NOT NULL")
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("secrets_check", sa.LargeBinary(), nullable=True),
        sa.Column("live_release_id", sa.BigInteger(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("muted_reason", sa.Text(), nullable=True),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconcile_floor", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconcile_error", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_instance_only_row")),
        sa.ForeignKeyConstraint(["live_release_id"], ["release.id"], name=op.f("fk_instance_live_release_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("body", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_revision_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )
    op.create_index("ix_revision_entry_id", "revision", ["entry_id", "id"], unique=False)
    op.create_table(
        "chunk",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("revision_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("heading", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("stems", sa.Text(), nullable=False),
        sa.Column(
            "lexemes", postgresql.TSVECTOR(), sa.Computed("to_tsvector('simple', stems)", persisted=True), nullable=False
        ),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_chunk_revision_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunk")),
        sa.UniqueConstraint("revision_id", "ordinal", name=op.f("uq_chunk_revision_id_ordinal")),
    )
    op.create_index("ix_chunk_lexemes", "chunk", ["lexemes"], unique=False, postgresql_using="gin")
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("chatwoot_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="created", nullable=False),
        sa.Column("variant", sa.Text(), server_default="", nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("attachments", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("is_unsupported", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ignore_rule", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="webhook", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_message_conversation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("chatwoot_id", "kind", "variant", name="uq_message_input"),
    )
    op.create_index("ix_message_conversation_chatwoot", "message", ["conversation_id", "chatwoot_id"], unique=False)
    op.create_index("ix_message_conversation_seq", "message", ["conversation_id", "seq"], unique=False)
    op.create_index(
        "ix_message_press", "message", ["conversation_id", "seq"], unique=False, postgresql_where=sa.text("kind = 'submitted'")
    )
    op.create_index("ix_message_turn_id", "message", ["turn_id"], unique=False)
    op.create_table(
        "release_revision",
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("revision_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.id"], name=op.f("fk_release_revision_release_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_release_revision_revision_id")),
        sa.PrimaryKeyConstraint("release_id", "revision_id", name=op.f("pk_release_revision")),
    )
    op.create_index(op.f("ix_release_revision_revision_id"), "release_revision", ["revision_id"], unique=False)
    op.create_table(
        "turn",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("from_seq", sa.BigInteger(), nullable=False),
        sa.Column("to_seq", sa.BigInteger(), nullable=False),
        sa.Column("newest_chatwoot_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("wake", sa.Text(), nullable=True),
        sa.Column("suffix", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="answering", nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("responder", sa.Text(), nullable=True),
        sa.Column("handoff_reason", sa.Text(), nullable=True),
        sa.Column("handoff_detail", sa.Text(), server_default="", nullable=False),
        sa.Column("sources", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("human_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spoken_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_turn_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_turn_release_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turn")),
    )
    op.create_index("ix_turn_conversation_id", "turn", ["conversation_id", "id"], unique=False)
    op.create_index("ix_turn_release_id", "turn", ["release_id"], unique=False)
    op.create_index(
        "uq_turn_unfinished", "turn", ["conversation_id"], unique=True, postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_table(
        "action",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=True),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("state", sa.Text(), server_default="frozen", nullable=False),
        sa.Column("echoes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_action_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["turn_id"], ["turn.id"], name=op.f("fk_action_turn_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action")),
    )
    op.create_index("ix_action_conversation_id", "action", ["conversation_id", "started_at"], unique=False)
    op.create_index("ix_action_turn_id", "action", ["turn_id", "ordinal"], unique=False)
    op.create_table(
        "llm_call",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=True),
        sa.Column("conversation_id", sa.BigInteger(), nullable=True),
        sa.Column("answered_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="reserved", nullable=False),
        sa.Column("reserved_micros", sa.BigInteger(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_llm_call_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["turn_id"], ["turn.id"], name=op.f("fk_llm_call_turn_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_llm_call")),
    )
    op.create_index("ix_llm_call_conversation_id", "llm_call", ["conversation_id", "answered_seq"], unique=False)
    op.create_index("ix_llm_call_started_at", "llm_call", ["started_at"], unique=False)
    op.create_index("ix_llm_call_turn_id", "llm_call", ["turn_id"], unique=False)
    op.create_table(
        "part",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("is_note", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("choices", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("state", sa.Text(), server_default="frozen", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unknown_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_id_before", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chatwoot_id", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_ms", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_part_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["turn_id"], ["turn.id"], name=op.f("fk_part_turn_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part")),
        sa.UniqueConstraint("mark", name=op.f("uq_part_mark")),
    )
    op.create_index("ix_part_conversation_id", "part", ["conversation_id", "id"], unique=False)
    op.create_index("ix_part_turn_id", "part", ["turn_id", "ordinal"], unique=False)
    op.create_table(
        "turn_trace",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turn.id"], name=op.f("fk_turn_trace_turn_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("turn_id", name=op.f("pk_turn_trace")),
    )
    op.create_index("ix_turn_trace_created_at", "turn_trace", ["created_at"], unique=False)
    op.create_foreign_key("fk_message_turn_id", "message", "turn", ["turn_id"], ["id"], ondelete="SET NULL")
    op.execute("INSERT INTO instance (id) VALUES (1)")


def downgrade() -> None:
    op.drop_constraint("fk_message_turn_id", "message", type_="foreignkey")
    op.drop_index("ix_turn_trace_created_at", table_name="turn_trace")
    op.drop_table("turn_trace")
    op.drop_index("ix_part_turn_id", table_name="part")
    op.drop_index("ix_part_conversation_id", table_name="part")
    op.drop_table("part")
    op.drop_index("ix_llm_call_turn_id", table_name="llm_call")
    op.drop_index("ix_llm_call_started_at", table_name="llm_call")
    op.drop_index("ix_llm_call_conversation_id", table_name="llm_call")
    op.drop_table("llm_call")
    op.drop_index("ix_action_turn_id", table_name="action")
    op.drop_index("ix_action_conversation_id", table_name="action")
    op.drop_table("action")
    op.drop_index("uq_turn_unfinished", table_name="turn", postgresql_where=sa.text("finished_at IS NULL"))
    op.drop_index("ix_turn_release_id", table_name="turn")
    op.drop_index("ix_turn_conversation_id", table_name="turn")
    op.drop_table("turn")
    op.drop_index(op.f("ix_release_revision_revision_id"), table_name="release_revision")
    op.drop_table("release_revision")
    op.drop_index("ix_message_turn_id", table_name="message")
    op.drop_index("ix_message_press", table_name="message", postgresql_where=sa.text("kind = 'submitted'"))
    op.drop_index("ix_message_conversation_seq", table_name="message")
    op.drop_index("ix_message_conversation_chatwoot", table_name="message")
    op.drop_table("message")
    op.drop_index("ix_chunk_lexemes", table_name="chunk", postgresql_using="gin")
    op.drop_table("chunk")
    op.drop_index("ix_revision_entry_id", table_name="revision")
    op.drop_table("revision")
    op.drop_table("instance")
    op.drop_index("ix_conversation_wake_at", table_name="conversation", postgresql_where=sa.text("wake_at IS NOT NULL"))
    op.drop_index("ix_conversation_owed", table_name="conversation", postgresql_where=sa.text("in_seq > answered_seq"))
    op.drop_index("ix_conversation_lease_by", table_name="conversation", postgresql_where=sa.text("lease_by IS NOT NULL"))
    op.drop_index("ix_conversation_inbox_id", table_name="conversation")
    op.drop_index("ix_conversation_contact_id", table_name="conversation")
    op.drop_index(
        "ix_conversation_answer_due_at", table_name="conversation", postgresql_where=sa.text("answer_due_at IS NOT NULL")
    )
    op.drop_table("conversation")
    op.drop_index("ix_webhook_received_at", table_name="webhook")
    op.drop_index("ix_webhook_delivery", table_name="webhook", postgresql_where=sa.text("delivery IS NOT NULL"))
    op.drop_index("ix_webhook_dead", table_name="webhook", postgresql_where=sa.text("error IS NOT NULL"))
    op.drop_table("webhook")
    op.drop_table("setting")
    op.drop_table("release")
    op.drop_table("inbox")
    op.drop_table("entry")
    op.drop_table("contact")
