"""What a person sent when the login had ended meanwhile: kept for an hour, encrypted, for whoever logs in there next."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import timedelta
from typing import NamedTuple

from cryptography.fernet import InvalidToken
from sqlalchemy import Connection, delete, func, insert, select

from chatbot.config import Config
from chatbot.models.people import KeptForm
from chatbot.settings import make_cipher

KEPT_FOR = timedelta(hours=1)
LONGEST_BYTES = 600_000
MOST_OF_ADDRESS, MOST_AT_ONCE = 20, 300


class Sent(NamedTuple):
    """path: with its query; fields: names and values in the form's order."""

    path: str
    fields: list[tuple[str, str]]


def keep(connection: Connection, config: Config, account_id: int | None, address: str, sent: Sent) -> str | None:
    """The key it is found by, or None where it is too long or too many are kept. account_id None: nobody knows whose it is."""
    body = make_cipher(config).encrypt(json.dumps(sent).encode())
    if len(body) > LONGEST_BYTES:
        return None
    connection.execute(delete(KeptForm).where(KeptForm.created_at < func.now() - KEPT_FOR))
    of_address = select(func.count()).where(KeptForm.address == address).scalar_subquery()
    mine, all_of_them = connection.execute(select(of_address, select(func.count(KeptForm.id)).scalar_subquery())).one()
    if mine >= MOST_OF_ADDRESS or all_of_them >= MOST_AT_ONCE:
        return None
    key = secrets.token_urlsafe(24)
    connection.execute(insert(KeptForm).values(key_hash=_hash(key), account_id=account_id, body=body, address=address))
    return key


def find(connection: Connection, config: Config, account_id: int, key: str) -> Sent | None:
    """None: there is none, it is too old, or it is another account's."""
    kept = select(KeptForm.body, KeptForm.account_id).where(
        KeptForm.key_hash == _hash(key), KeptForm.created_at >= func.now() - KEPT_FOR
    )
    row = connection.execute(kept).first()
    if row is None or row.account_id not in {None, account_id}:
        return None
    try:
        path, fields = json.loads(make_cipher(config).decrypt(row.body))
    except InvalidToken:
        return None
    return Sent(path, [(name, value) for name, value in fields])


def forget(connection: Connection, key: str) -> None:
    connection.execute(delete(KeptForm).where(KeptForm.key_hash == _hash(key)))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
