"""The record of who changed what. Written in the transaction of the change itself, so that neither exists alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from chatbot.models.people import AuditLine


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account in the panel, or a command (account_id None)."""

    who: str
    account_id: int | None = None
    address: str = ""


def record(
    connection: Connection,
    actor: Actor,
    act: str,
    subject: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """act: a verb with its thing, such as "content.publish"; subject: what it was done to, such as "faq:envios".

    before and after hold no secret's value: whoever calls leaves it out.
    """
    row = {"who": actor.who, "account_id": actor.account_id, "address": actor.address, "act": act, "subject": subject}
    connection.execute(insert(AuditLine).values(**row, before=before, after=after))
