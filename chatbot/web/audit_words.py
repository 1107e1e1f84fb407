"""The audit log in words: what was done, to what, and what it was before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from chatbot import drafts
from chatbot.bodies import KINDS
from chatbot.text import fold
from chatbot.web.content import describe
from chatbot.web.reader import show_number
from chatbot.web.settings_lines import LINES, MODES

LONGEST = 2_000

# an act that isn't here is shown as its code; tests/web/test_audit.py finds those
ACTS: dict[str, Any] = {
    "account.change": _l("Changed a user"),
    "account.invite": _l("Invited a user"),
    "account.link": _l("Made a link for a new password"),
    "account.logout_everywhere": _l("Logged out everywhere"),
    "account.logout_there": _l("Logged out another browser"),
    "account.password": _l("Set a new password"),
    "account.recovery_codes": _l("Made new recovery codes"),
    "account.remove": _l("Removed a user"),
    "account.save": _l("Changed their account"),
    "account.second_factor_off": _l("Switched the second factor off"),
    "account.second_factor_on": _l("Switched the second factor on"),
    "backup.ask": _l("Asked for a backup"),
    "chatwoot_tab.make": _l("Made an address for the tab in Chatwoot"),
    "chatwoot_tab.revoke": _l("Took back the address of the tab in Chatwoot"),
    "contact.erase": _l("Erased a contact"),
    "contact.export": _l("Exported a contact"),
    "content.discard": _l("Took back a change of the draft"),
    "content.export": _l("Exported content"),
    "content.import": _l("Imported content"),
    "content.import_undo": _l("Took back an import"),
    "content.publish": _l("Published the draft"),
    "content.remove": _l("Took an entry out"),
    "content.restore": _l("Brought an entry back"),
    "content.roll_back": _l("Went back to an earlier version"),
    "content.save": _l("Changed an entry"),
    "conversation.export": _l("Exported conversations"),
    "conversation.hand_back": _l("Gave a conversation back to the bot"),
    "conversation.take_over": _l("Took a conversation from the bot"),
    "conversation.try": _l("Had it tried again"),
    "document.read": _l("Had a document read again"),
    "diagnostics.download": _l("Downloaded the file for helpers"),
    "faq.train": _l("Had the FAQs learned again"),
    "inbox.change": _l("Changed an inbox"),
    "login": _l("Logged in"),
    "login.locked": _l("Locked after wrong passwords"),
    "logout": _l("Logged out"),
    "message.look": _l("Looked whether a message arrived"),
    "passkey.add": _l("Added a passkey"),
    "passkey.remove": _l("Removed a passkey"),
    "passkey.rename": _l("Renamed a passkey"),
    "pause": _l("Paused the bot"),
    "proposal.accept": _l("Took over a proposal"),
    "proposal.dismiss": _l("Dismissed a proposal"),
    "proposal.draft": _l("Had FAQs proposed"),
    "proposal.restore": _l("Brought a proposal back"),
    "resume": _l("Ended the pause"),
    "setting.change": _l("Changed a setting"),
    "teaching.dismiss": _l("Dismissed a question"),
    "teaching.restore": _l("Brought a question back"),
    "test.delete": _l("Deleted a test"),
    "test.keep": _l("Kept a test"),
    "test.restore": _l("Brought a test back"),
    "view.remove": _l("Removed a saved view"),
    "view.save": _l("Saved a view"),
}
# of what the filter offers: the beginnings of its acts
AREAS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "content": (_l("Content"), ("content.", "document.", "proposal.", "teaching.", "test.")),
    "people": (_l("Users and logins"), ("account.", "login", "logout", "passkey.")),
    "settings": (_l("Settings"), ("setting.", "inbox.", "chatwoot_tab.")),
    "running": (_l("Running the bot"), ("pause", "resume", "conversation.", "message.", "backup.", "diagnostics.", "contact.")),
}
SUBJECTS = {
    "article": _l("Article"),
    "assistant": _l("Specialised agent"),
    "canned": _l("Template"),
    "contact": _l("Contact"),
    "conversation": _l("Conversation"),
    "document": _l("Document"),
    "faq": _l("FAQ"),
    "flow": _l("Conversation flow"),
    "release": _l("Version"),
    "test": _l("Test"),
}
FIELDS: dict[str, Any] = {
    "active": _l("May log in"),
    "by": _l("With"),
    "changed": _l("changed"),
    "count": _l("How many"),
    "debounce_s": _l("Waiting, in seconds"),
    "email": _l("E-mail address"),
    "language": _l("Language"),
    "mode": _l("Mode"),
    "name": _l("Name"),
    "new": _l("new"),
    "query": _l("Filters"),
    "question": _l("Question"),
    "release": _l("Version"),
    "role": _l("Role"),
    "same": _l("unchanged"),
    "state": _l("State"),
    "theme": _l("Colours"),
    "tone": _l("Tone"),
    "until": _l("Until"),
    "value": _l("Value"),
    "wrong": _l("wrong"),
}
VALUES: dict[str, Any] = {
    "agent": _l("agent"),
    "authenticator": _l("second factor"),
    "dropped": _l("not sent"),
    "editor": _l("editor"),
    "held": _l("unknown whether it arrived"),
    "mf_recovery": _l("recovery code"),
    "owner": _l("owner"),
    "passkey": _l("passkey"),
    "password": _l("password"),
    "sent": _l("arrived"),
}
NAMED = frozenset({"by", "role", "state"})


def name_act(act: str) -> str:
    return str(ACTS.get(act, act))


def find_acts(words: list[str]) -> list[str]:
    """Those whose words, as the reader has them, hold all of these."""
    return [act for act, said in ACTS.items() if all(fold(word) in fold(str(said)) for word in words)]


def name_subject(act: str, subject: str) -> str:
    """ "faq:envios" is "FAQ envios", a setting has its name in the settings."""
    if act == "setting.change":
        return str(LINES[subject].label) if subject in LINES else subject
    kind, _colon, rest = subject.partition(":")
    return f"{SUBJECTS[kind]} {rest}" if rest and kind in SUBJECTS else subject


def list_changes(row: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """What was changed: of an entry's text as pieces of a diff, else as (field, before, after), only where they differ."""
    kind = row.subject.partition(":")[0]
    if row.act.startswith("content.") and kind in KINDS:
        with_words = [_describe_entry(kind, body) for body in (row.before, row.after)]
        return list(drafts.diff_words(*with_words)), []
    options = LINES[row.subject].options if row.act == "setting.change" and row.subject in LINES else ()
    return [], list(_compare(row.before or {}, row.after or {}, {"mode": dict(MODES), "value": dict(options)}))


def _describe_entry(kind: str, body: Mapping[str, Any] | None) -> str:
    """An old entry may lack what its kind has today."""
    try:
        return describe(kind, dict(body) if body else None)
    except (KeyError, TypeError, AttributeError):
        return json.dumps(body, ensure_ascii=False, indent=1)


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], choices: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """choices: of some fields, what their values are called."""
    for name in dict.fromkeys([*before, *after]):
        labels = choices.get(name, {})
        was, now = (str(labels.get(_key(v)) or _show(name, v)) for v in (before.get(name), after.get(name)))
        if was != now:
            yield str(FIELDS.get(name, name)), was, now


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _show(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list) and all(isinstance(v, str | int) for v in value):
        return "\n".join(_show(name, v) for v in value)
    if isinstance(value, str):
        return str(VALUES.get(value, value))[:LONGEST] if name in NAMED else value[:LONGEST]
    return show_number(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False, indent=1)[:LONGEST]
