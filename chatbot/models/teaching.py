"""Questions that somebody said need no teaching."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import Base, CreatedAt


class DismissedQuestion(Base):
    """question_key: as teaching.find_key makes it from the question, so that it stays away however it is asked again."""

    __tablename__ = "dismissed_question"

    question_key: Mapped[str] = mapped_column(primary_key=True)
    question: Mapped[str]
    who: Mapped[str]
    at: Mapped[CreatedAt]
