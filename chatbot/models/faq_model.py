"""What was learned from FAQs (knowledge/faq_model.py), by a hash of what they say: going back to a former release is
finding its model again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import Base, CreatedAt, Id


class TrainedFaq(Base):
    """embedder: whose vectors it was learned with, "" for words alone. calibrations: by "lexical" and "hybrid".

    entries, phrasings, took_ms: for whoever asks what it cost; is_stale: somebody wants it to be trained again.
    """

    __tablename__ = "trained_faq"

    id: Mapped[Id]
    faq_hash: Mapped[str]
    embedder: Mapped[str] = mapped_column(server_default="")
    weights: Mapped[bytes] = mapped_column(LargeBinary)
    calibrations: Mapped[dict[str, Any]]
    entries: Mapped[int]
    phrasings: Mapped[int]
    took_ms: Mapped[int]
    is_stale: Mapped[bool] = mapped_column(server_default=sql("false"))
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("faq_hash", "embedder"),)
