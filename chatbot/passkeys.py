"""Passkeys: made in a browser, proved here by py_webauthn, which is loaded when somebody uses one."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from chatbot.audit import Actor, record
from chatbot.models.people import Account, Passkey

MOST = 20
LONGEST_NAME = 60


class Site(NamedTuple):
    """A passkey belongs to a domain and works nowhere else. origin: as the browser writes it, "https://bot.example.com"."""

    domain: str
    origin: str


def make_challenge() -> str:
    return secrets.token_urlsafe(32)


def write_new_options(site: Site, account: Any, present: list[Row[Any]], challenge: str) -> str:
    """What navigator.credentials.create() is given, as JSON. A passkey is asked for that knows whose it is and asks its
    owner for a finger, a face or a PIN: then it counts as both factors."""
    import webauthn  # noqa: PLC0415  8 MB
    from webauthn.helpers import structs  # noqa: PLC0415

    options = webauthn.generate_registration_options(
        rp_id=site.domain,
        rp_name="Mostrador",
        user_name=account.email,
        user_display_name=account.name or account.email,
        user_id=_name_account(account.id),
        challenge=challenge.encode(),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=row.credential_id) for row in present],
    )
    return str(webauthn.options_to_json(options))


def write_login_options(site: Site, challenge: str) -> str:
    """What navigator.credentials.get() is given: nobody is named, the browser offers what it has."""
    import webauthn  # noqa: PLC0415  8 MB
    from webauthn.helpers import structs  # noqa: PLC0415

    options = webauthn.generate_authentication_options(
        rp_id=site.domain,
        challenge=challenge.encode(),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return str(webauthn.options_to_json(options))


def add(connection: Connection, actor: Actor, site: Site, challenge: str, credential: str, name: str) -> bool:
    """False: what the browser sent isn't a passkey made for this challenge, or there are too many."""
    import webauthn  # noqa: PLC0415  8 MB
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge.encode(),
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError):
        return False
    if find_by_credential(connection, made.credential_id) is not None or actor.account_id is None:
        return False
    if len(list_passkeys(connection, actor.account_id)) >= MOST:
        return False
    values = {"account_id": actor.account_id, "credential_id": made.credential_id, "public_key": made.credential_public_key}
    connection.execute(insert(Passkey).values(**values, sign_count=made.sign_count, name=name))
    record(connection, actor, "passkey.add", name)
    return True


def check(connection: Connection, site: Site, challenge: str, credential: str) -> int | None:
    """Whose passkey signed this challenge: an active account's id, or None."""
    import webauthn  # noqa: PLC0415  8 MB
    from webauthn.helpers import parse_authentication_credential_json  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        given = parse_authentication_credential_json(credential)
        row = find_by_credential(connection, given.raw_id)
        if row is None or given.response.user_handle not in {None, _name_account(row.account_id)}:
            return None
        proved = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=challenge.encode(),
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError):
        return None
    used = {"sign_count": proved.new_sign_count, "used_at": func.now()}
    connection.execute(update(Passkey).where(Passkey.id == row.id).values(used))
    return int(row.account_id)


def find_by_credential(connection: Connection, credential_id: bytes) -> Row[Any] | None:
    of_active = select(*Passkey.__table__.c).join(Account, Account.id == Passkey.account_id).where(Account.active)
    return connection.execute(of_active.where(Passkey.credential_id == credential_id)).first()


def list_passkeys(connection: Connection, account_id: int) -> list[Row[Any]]:
    mine = select(*Passkey.__table__.c).where(Passkey.account_id == account_id)
    return list(connection.execute(mine.order_by(Passkey.id)))


def rename(connection: Connection, actor: Actor, passkey_id: int, name: str) -> bool:
    before = _find_own(connection, actor, passkey_id)
    if before is None:
        return False
    connection.execute(update(Passkey).where(Passkey.id == passkey_id).values(name=name))
    record(connection, actor, "passkey.rename", name, {"name": before.name}, {"name": name})
    return True


def remove(connection: Connection, actor: Actor, passkey_id: int) -> bool:
    before = _find_own(connection, actor, passkey_id)
    if before is None:
        return False
    connection.execute(delete(Passkey).where(Passkey.id == passkey_id))
    record(connection, actor, "passkey.remove", before.name)
    return True


def _find_own(connection: Connection, actor: Actor, passkey_id: int) -> Row[Any] | None:
    mine = select(Passkey.name).where(Passkey.id == passkey_id, Passkey.account_id == actor.account_id)
    return connection.execute(mine).first()


def _name_account(account_id: int) -> bytes:
    return f"account {account_id}".encode()
