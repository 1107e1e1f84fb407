"""Nothing typed is lost: what is sent after a login has ended, or before the password was asked for again, is kept for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import current_app, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from chatbot import kept_forms
from chatbot.web.database import reading, writing

KEY = "kept_form"
# forms with these aren't kept: they are typed again
SECRET_FIELDS = frozenset({"password", "again", "code", "credential"})
# these only fill a part of a page, whose own form is kept when it is sent
PARTS_OF_PAGES = frozenset({"content.alike", "content.preview", "documents.states"})


def send_to_login() -> Response:
    """To the login, and back from there to where it went, or to what was being sent."""
    return _send_to("security.login")


def ask_password() -> Response:
    """To "type your password again", and back."""
    return _send_to("security.verify")


def _send_to(endpoint: str) -> Response:
    if _is_part() and (request.method != "POST" or request.endpoint in PARTS_OF_PAGES):
        return _leave_page()
    if request.method == "POST":
        target = url_for("account.kept") if keep() else _find_page()
    else:
        target = request.full_path.rstrip("?")
    return _go(url_for(endpoint, next=target) if target != "/" else url_for(endpoint))


def _leave_page() -> Response:
    """For a part that renews itself: the page stays as it is, with what is typed there."""
    return Response(status=401, headers={"HX-Reswap": "none"})


def _go(address: str) -> Response:
    code = 303 if request.method == "POST" else 302
    return Response(status=204, headers={"HX-Redirect": address}) if _is_part() else redirect(address, code)


def _is_part() -> bool:
    return request.headers.get("HX-Request") == "true"


def offer_again() -> Response | None:
    """For a form whose page is older than this login. None: it can't be offered."""
    if _is_part() and request.endpoint in PARTS_OF_PAGES:
        return _leave_page()
    return _go(url_for("account.kept")) if keep() else None


def keep() -> bool:
    """Keeps the request's fields where they come from a page of ours: no other site can plant some."""
    if not is_from_us() or (request.content_length or 0) > kept_forms.LONGEST_BYTES:
        return False
    fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    has_file = any(file.filename for _, file in request.files.items(multi=True))
    if has_file or not fields or SECRET_FIELDS & {name for name, _ in fields}:
        return False
    sent = kept_forms.Sent(request.full_path.rstrip("?"), fields)
    with writing() as connection:
        key = kept_forms.keep(connection, current_app.config["CONFIG"], find_owner(), request.remote_addr or "", sent)
    if key is not None:
        session[KEY] = key
    return key is not None


def is_from_us() -> bool:
    """Every browser says with a POST which site's page sent it."""
    return urlsplit(request.headers.get("Origin", "")).netloc == request.host


def find_owner() -> int | None:
    """Whose login it was: known where its cookie still came along."""
    if current_user.is_authenticated:
        return int(current_user.id)
    owner: int | None = g.get("ended_account_id")
    return owner


def find_kept() -> kept_forms.Sent | None:
    key = session.get(KEY)
    return kept_forms.find(reading(), current_app.config["CONFIG"], current_user.id, key) if key else None


def forget_kept() -> None:
    key = session.pop(KEY, None)
    if key:
        with writing() as connection:
            kept_forms.forget(connection, key)


def find_texts(sent: kept_forms.Sent) -> list[str]:
    """What of it a person wrote: not the ids, switches and keys that forms carry along."""
    return [value for _, value in sent.fields if len(value.split()) > 1]


def _find_page() -> str:
    """The page whose form it was, on this site, or the start page."""
    parts: Any = urlsplit(request.referrer or "")
    is_ours = parts.netloc == request.host
    return f"/{parts.path.lstrip('/')}?{parts.query}".rstrip("?") if is_ours else "/"
