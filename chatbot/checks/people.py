"""A check of who may log in. In SQL: the accounts' models need the login's libraries, which a worker does without."""

from __future__ import annotations

from sqlalchemy import text

from chatbot.checks import Finding, Surroundings, ok, warn

MAX_SHOWN = 200
OWNERS = text("""
SELECT email, tf_totp_secret IS NOT NULL AS is_safe -- a passkey is another way in, and leaves the password's open
FROM account WHERE role = 'owner' AND active AND password IS NOT NULL ORDER BY email
""")


def check_second_factor(at: Surroundings) -> Finding | None:
    """Absent where no owner has logged in yet: who is only invited has no password to be found out."""
    with at.engine.connect() as connection:
        owners = connection.execute(OWNERS).all()
    if not owners:
        return None
    bare = [owner.email for owner in owners if not owner.is_safe]
    return warn("missing", names=", ".join(bare)[:MAX_SHOWN]) if bare else ok(count=len(owners))
