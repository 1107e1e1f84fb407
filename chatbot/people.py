"""Accounts: made by a command or an invitation, opened by a link that works once, locked for a while after wrong passwords."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from chatbot.audit import Actor, record
from chatbot.config import Config
from chatbot.errors import ConfigError
from chatbot.models.people import Account, LoginFailure, LoginSession

OWNER_LINK_S = 15 * 60
INVITATION_S = 7 * 86_400
SEEN_EVERY = timedelta(minutes=1)
LOCK_AFTER, LOCK_ADDRESS_AFTER, LOCK_FOR = 10, 30, timedelta(minutes=15)


class SwitchedOff(ConfigError):
    """Its link would open nothing."""


def invite(connection: Connection, config: Config, actor: Actor, email: str, role: str) -> str:
    """A new account without a password, or one whose link is made anew, for this role. Returns its link's token.

    Raises ConfigError: no address, an account that has a password already, or SwitchedOff.
    """
    email = email.strip().lower()
    if email.count("@") != 1 or any(c.isspace() for c in email) or email[0] == "@" or email[-1] == "@" or len(email) > 254:
        raise ConfigError("EMAIL", "must be an e-mail address, such as ana@example.com")
    columns = (Account.id, Account.password, Account.role, Account.active)
    row = connection.execute(select(*columns).where(Account.email == email).with_for_update()).first()
    if row is None:
        values = {"email": email, "role": role, "fs_uniquifier": uuid.uuid4().hex, "active": True}
        connection.execute(insert(Account).values(values))
    elif not row.active:
        raise SwitchedOff("EMAIL", "has an account that is switched off; an owner can switch it on under Users")
    elif row.password is not None:
        raise ConfigError("EMAIL", "has an account already; for a new password: flask user reset EMAIL")
    else:
        connection.execute(update(Account).where(Account.id == row.id).values(role=role))
    record(connection, actor, "account.invite", email, {"role": row.role} if row else None, {"role": role})
    return make_link_token(connection, config, email)


def make_link_token(connection: Connection, config: Config, email: str) -> str:
    """A token for /welcome/<token>. It dies when a password is set, by its time, or by a newer fs_uniquifier."""
    row = connection.execute(select(*Account.__table__.c).where(Account.email == email)).first()
    if row is None:
        raise ConfigError("EMAIL", "has no account; flask user list shows them")
    return str(_make_signer(config).dumps([row.id, _fingerprint(row)]))


def make_reset_token(connection: Connection, config: Config, email: str) -> str | None:
    """As make_link_token(), but None where nobody with this address may log in with a password."""
    wanted = select(Account.id).where(Account.email == email, Account.active, Account.password.is_not(None))
    return make_link_token(connection, config, email) if connection.execute(wanted).first() else None


def open_link(connection: Connection, config: Config, token: str) -> Any | None:
    """The account's row, or None where the link is wrong, old or used."""
    try:
        (account_id, fingerprint), signed_at = _make_signer(config).loads(token, max_age=INVITATION_S, return_timestamp=True)
    except (BadData, ValueError, TypeError):
        return None
    row = connection.execute(select(*Account.__table__.c).where(Account.id == account_id)).first()
    if row is None or not row.active or _fingerprint(row) != fingerprint:
        return None
    is_short = row.role == "owner" or row.password is not None
    is_old = datetime.now(UTC) - signed_at > timedelta(seconds=OWNER_LINK_S)
    return None if is_short and is_old else row


def set_password(connection: Connection, actor: Actor, account_id: int, password_hash: str, **values: Any) -> None:
    """Ends every login of this account: where somebody else was in, they are out. values: its name, perhaps."""
    values |= {"password": password_hash, "fs_uniquifier": uuid.uuid4().hex}
    connection.execute(update(Account).where(Account.id == account_id).values(values))
    end_sessions(connection, account_id)
    record(connection, actor, "account.password", actor.who)


def take_code(connection: Connection, account_id: int, counter: int) -> bool:
    """Notes a second factor's code as used. False: it was, or a newer one."""
    newer = Account.totp_last_counter.is_(None) | (Account.totp_last_counter < counter)
    statement = update(Account).where(Account.id == account_id, newer).values(totp_last_counter=counter)
    return bool(connection.execute(statement).rowcount)


def set_second_factor(connection: Connection, actor: Actor, email: str, secret: str | None, counter: int | None = None) -> bool:
    """secret: encrypted, or None to go without, recovery codes included. False: there is no such account."""
    method = None if secret is None else "authenticator"
    values: dict[str, Any] = {"tf_totp_secret": secret, "tf_primary_method": method, "totp_last_counter": counter}
    if secret is None:
        values["mf_recovery_codes"] = None
    found = connection.execute(update(Account).where(Account.email == email).values(values)).rowcount
    record(connection, actor, f"account.second_factor_{'off' if secret is None else 'on'}", email)
    return bool(found)


def note_failure(connection: Connection, email: str, address: str) -> None:
    connection.execute(insert(LoginFailure).values(subject=_hash_email(email), address=address))


def is_locked(connection: Connection, email: str, address: str) -> bool:
    """Counted in the database, so that it holds for all processes and without Redis."""
    recent = LoginFailure.failed_at > func.now() - LOCK_FOR
    of_subject = select(func.count()).where(LoginFailure.subject == _hash_email(email), recent).scalar_subquery()
    of_address = select(func.count()).where(LoginFailure.address == address, recent).scalar_subquery()
    tries, from_address = connection.execute(select(of_subject, of_address)).one()
    is_named = bool(email.strip())  # a passkey's login names nobody
    return bool((is_named and tries >= LOCK_AFTER) or from_address >= LOCK_ADDRESS_AFTER)


def forget_failures(connection: Connection, *names: str) -> None:
    """After a login with all it takes, for each name its failures were noted under. The address's own count goes on."""
    theirs = LoginFailure.subject.in_([_hash_email(name) for name in names])
    connection.execute(update(LoginFailure).where(theirs).values(subject=""))


def change_account(connection: Connection, actor: Actor, account_id: int, **values: Any) -> bool:
    """Its role, or `active`. False: there is no such account, or it is the last owner who can log in."""
    row = _lock_account(connection, account_id)
    if row is None or (
        _is_last_owner(connection, row) and (values.get("role", "owner") != "owner" or not values.get("active", True))
    ):
        return False
    connection.execute(update(Account).where(Account.id == account_id).values(values))
    if not values.get("active", True):
        end_sessions(connection, account_id)
    record(connection, actor, "account.change", row.email, {name: row._mapping[name] for name in values}, values)
    return True


def remove_account(connection: Connection, actor: Actor, account_id: int) -> bool:
    """False: there is no such account, or it is the last owner who can log in."""
    row = _lock_account(connection, account_id)
    if row is None or _is_last_owner(connection, row):
        return False
    connection.execute(delete(Account).where(Account.id == account_id))
    record(connection, actor, "account.remove", row.email, {"role": row.role}, None)
    return True


def list_accounts(connection: Connection) -> list[Row[Any]]:
    return list(connection.execute(select(*Account.__table__.c).order_by(Account.email)))


def find_account(connection: Connection, account_id: int) -> Row[Any] | None:
    return connection.execute(select(*Account.__table__.c).where(Account.id == account_id)).first()


def start_session(connection: Connection, account_id: int, key: str, address: str, browser: str) -> None:
    values = {"account_id": account_id, "key_hash": _hash(key), "address": address, "browser": browser[:200]}
    connection.execute(insert(LoginSession).values(values))


def find_session(connection: Connection, account_id: int, key: str) -> Row[Any] | None:
    """id, and is_stale: whether mark_seen() is due. None: it was ended."""
    is_stale = (LoginSession.seen_at < func.now() - SEEN_EVERY).label("is_stale")
    wanted = (LoginSession.account_id == account_id, LoginSession.key_hash == _hash(key))
    columns: list[Any] = [LoginSession.id, is_stale]
    return connection.execute(select(*columns).where(*wanted)).first()


def mark_seen(connection: Connection, session_id: int, address: str) -> None:
    values = {"seen_at": func.now(), "address": address}
    connection.execute(update(LoginSession).where(LoginSession.id == session_id).values(values))


def list_sessions(connection: Connection, account_id: int) -> list[Row[Any]]:
    mine = LoginSession.account_id == account_id
    newest = LoginSession.seen_at.desc()
    return list(connection.execute(select(*LoginSession.__table__.c).where(mine).order_by(newest, LoginSession.id.desc())))


def end_sessions(connection: Connection, account_id: int, session_id: int | None = None) -> None:
    """One of this account's, or all."""
    wanted = LoginSession.account_id == account_id
    one = wanted if session_id is None else wanted & (LoginSession.id == session_id)
    connection.execute(delete(LoginSession).where(one))


def _lock_account(connection: Connection, account_id: int) -> Row[Any] | None:
    # every owner's row: two owners who demote each other at once must wait for one another
    connection.execute(select(Account.id).where(Account.role == "owner").order_by(Account.id).with_for_update())
    return find_account(connection, account_id)


def _is_last_owner(connection: Connection, row: Row[Any]) -> bool:
    others = select(Account.id).where(
        Account.role == "owner", Account.active, Account.password.is_not(None), Account.id != row.id
    )
    return bool(row.role == "owner" and connection.execute(others).first() is None)


def _make_signer(config: Config) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(config.secret_key.get_secret_value(), salt="welcome link")


def _fingerprint(row: Any) -> str:
    return _hash(f"{row.fs_uniquifier}{row.password or ''}")


def _hash_email(email: str) -> str:
    return _hash(email.strip().lower())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
