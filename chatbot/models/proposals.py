"""FAQs that a model drafted from what was read, for a person to take or not; and the draftings that they came from.

They stay when they were decided on, so that what somebody said no to isn't proposed again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, Big, CreatedAt, Id


class Drafting(Base):
    """Its row is its place in the queue. state: waiting -> working -> waiting (after each step) -> done | failed.

    language: what is drafted in; problem: a code of why it failed; steps: how many there are, once that is known; tries: runs
    that died at this step; cost_micros: None where a price isn't known.
    """

    __tablename__ = "drafting"

    id: Mapped[Id]
    who: Mapped[str]
    language: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="waiting")
    problem: Mapped[str] = mapped_column(server_default="")
    done_steps: Mapped[int] = mapped_column(server_default=sql("0"))
    steps: Mapped[int | None]
    tries: Mapped[int] = mapped_column(server_default=sql("0"))
    cost_micros: Mapped[Big | None] = mapped_column(server_default=sql("0"))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[At | None]


class Proposal(Base):
    """topic: hours, address, shipping, returns or faq; quote: the source's own words; source_key: the document's.

    source_url: "" where it has none that can be opened; state: open, accepted or dismissed; entry_key: the FAQ that it became.
    """

    __tablename__ = "proposal"

    id: Mapped[Id]
    drafting_id: Mapped[int] = mapped_column(ForeignKey("drafting.id", ondelete="CASCADE"))
    topic: Mapped[str]
    language: Mapped[str]
    question: Mapped[str]
    phrasings: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    answer: Mapped[str]
    quote: Mapped[str]
    source_title: Mapped[str]
    source_url: Mapped[str] = mapped_column(server_default="")
    source_key: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    entry_key: Mapped[str] = mapped_column(server_default="")
    who: Mapped[str] = mapped_column(server_default="")
    decided_at: Mapped[At | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (Index("ix_proposal_drafting_id", "drafting_id"), Index("ix_proposal_state", "state", "id"))
