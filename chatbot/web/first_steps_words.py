"""What the Chatwoot wizard says: each result in a line, and where something is wrong, what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask_babel

from chatbot.connecting import Step
from chatbot.errors import SetupError


def _(text: str, **values: Any) -> str:
    """flask_babel's, with a type."""
    return str(flask_babel.gettext(text, **values))


def explain_error(error: SetupError) -> str:
    """What went wrong, and what to do."""
    return explain(error.kind, error.detail)


def explain(kind: str, detail: str) -> str:
    if kind == "redirect":
        if not detail:
            return _("That address sends on to another one. Open Chatwoot in the browser and copy its address from there.")
        return _("That address sends on to %(address)s. Type that one.", address=detail)
    if kind == "refused":
        return _("Chatwoot refused it and says: %(detail)s", detail=detail or "–")
    if kind == "broken":
        return _("Chatwoot answers with a fault of its own (%(code)s). Wait a minute and try again.", code=detail or "500")
    return _explain_reach(kind) or _explain_rights(kind) or kind


def _explain_reach(kind: str) -> str:
    texts = {
        "address": _("That isn't a web address. It looks like https://chat.yourshop.com"),
        "unreachable": _("Nothing answers there. Check the address for typing errors, and that this server may reach it."),
        "timeout": _("It took too long to answer. Try again; if it stays so, look whether Chatwoot itself is slow."),
        "tls": _("Its certificate can't be trusted: it has expired, or belongs to another address. Renew it, then try again."),
        "cut": _("The connection broke off in the middle. Try again."),
        "not_chatwoot": _(
            "Something answers there, but it isn't Chatwoot. Open Chatwoot in the browser and copy its address from there."
        ),
    }
    return texts.get(kind, "")


def _explain_rights(kind: str) -> str:
    texts = {
        "token": _(
            "Chatwoot doesn't know this token. Copy it again: in Chatwoot, press your picture, then “Profile settings”,"
            " and at the bottom “Access token”."
        ),
        "rights": _(
            "Chatwoot doesn't let this token do that. It must be the token of an administrator who may change inboxes."
        ),
        "agent": _(
            "This is an agent's token, and only administrators can connect a bot. Ask an administrator of your Chatwoot"
            " for theirs, or to make you one."
        ),
        "no_account": _("Whoever has this token is in no account of this Chatwoot. Take the token of somebody who is."),
        "no_inbox": _(
            "This account has no inbox yet. Make one in Chatwoot under “Settings → Inboxes”, then come back and reload."
        ),
        "missing": _("Chatwoot doesn't have that any more. Load the page again and choose anew."),
        "too_many": _("Chatwoot has had too many requests. Wait a minute and try again."),
        "no_bot_token": _(
            "Chatwoot doesn't tell the bot's token: it is too old, or your token may only read. Bring Chatwoot up to date,"
            " or take a full token."
        ),
        "other_bot": _(
            "The bot whose token is set on the server (CHATWOOT_BOT_TOKEN) isn't in this account. Take it out there, or"
            " choose its account."
        ),
        "other_secret": _(
            "The secret that is set on the server (CHATWOOT_WEBHOOK_SECRET) isn't this bot's. Put the bot's own there"
            " (Chatwoot shows it under “Settings → Bots”), or take it out."
        ),
    }
    return texts.get(kind, "")


def describe(step: Step) -> tuple[str, str]:
    """(what happened, what to do or to know). The second is "" where there is nothing to add."""
    facts = step.facts
    if "kind" in facts:
        titles = {
            "not_attached": _("«%(inbox)s» didn't get the bot", inbox=facts.get("inbox")),
            "test_not_made": _("No test conversation could be made in «%(inbox)s»", inbox=facts.get("inbox")),
            "note_not": _("The bot couldn't write"),
        }
        return titles[step.key], explain(facts["kind"], facts["detail"])
    return (
        _describe_connection(step.key, facts)
        or _describe_warning(step.key, facts)
        or _describe_hearing(step.key, facts)
        or _describe_test(step.key, facts)
    )


def _describe_connection(key: str, facts: Mapping[str, Any]) -> tuple[str, str] | None:
    name = facts.get("inbox") or facts.get("bot") or facts.get("person") or ""
    texts = {
        "bot_made": (_("The bot «%(name)s» is made in Chatwoot", name=name), ""),
        "bot_kept": (_("The bot «%(name)s» is up to date in Chatwoot", name=name), ""),
        "secret": (_("The bot's secret is stored, encrypted"), ""),
        "unsigned": (
            _("This Chatwoot doesn't sign its messages (%(version)s)", version=facts.get("version")),
            _("A secret in the address stands in for it. From Chatwoot 4.13 on messages are signed: bring it up to date."),
        ),
        "attached": (_("«%(name)s» has the bot", name=name), ""),
        "detached": (_("«%(name)s» doesn't have the bot any more", name=name), ""),
        "person": (
            _("Reading goes by the token of %(name)s", name=name),
            _("If this person leaves or is no administrator any more, come back here with another token."),
        ),
        "bot_reads_not": (
            _("The bot's own token can't read conversations (%(version)s)", version=facts.get("version")),
            _("It isn't needed: the bot writes with its own and reads with yours. From Chatwoot 4.14.2 on it can do both."),
        ),
    }
    return texts.get(key)


def _describe_warning(key: str, facts: Mapping[str, Any]) -> tuple[str, str] | None:
    inbox = facts.get("inbox") or ""
    texts = {
        "captain": (
            _("Captain answers in «%(inbox)s»: the bot wasn't connected there", inbox=inbox),
            _(
                "Two bots would answer each customer. In Chatwoot, take the inbox out under “Captain → Inboxes”,"
                " then connect again."
            ),
        ),
        "greeting": (
            _("«%(inbox)s» has a greeting", inbox=inbox),
            _("Chatwoot sends it beside the bot's answer. Switch it off in the inbox's settings, or keep both on purpose."),
        ),
        "out_of_office": (
            _("«%(inbox)s» has an out-of-office message", inbox=inbox),
            _("Outside your hours customers get it and the bot's answer. Switch it off in the inbox under “Business hours”."),
        ),
        "email_prompt": (
            _("«%(inbox)s» asks visitors for their e-mail", inbox=inbox),
            _(
                "Chatwoot asks right after the first message, beside the bot. Switch it off in the inbox's settings"
                " if it disturbs."
            ),
        ),
    }
    return texts.get(key)


def _describe_hearing(key: str, facts: Mapping[str, Any]) -> tuple[str, str] | None:
    seconds, url = facts.get("seconds"), facts.get("url") or ""
    place = url.split("/webhooks/", 1)[0]
    reach = _(
        "Chatwoot must be able to open %(url)s. Check that it is public and has a valid certificate. Where both are on one"
        " private network, Chatwoot needs SAFE_FETCH_ALLOW_PRIVATE_NETWORK=true.",
        url=place,
    )
    texts = {
        "heard": (_("Chatwoot told us of it, with the right secret (%(s)s s)", s=seconds), ""),
        "heard_not": (_("Chatwoot didn't tell us of it within %(s)s s", s=seconds), reach),
        "heard_broken": (_("Chatwoot tried to tell us of it and failed"), reach),
        "heard_foreign": (
            _("Chatwoot told us of it, but the settings say that it isn't ours"),
            _("The account or the inboxes that are set on the server are others than those chosen here."),
        ),
    }  # fmt: skip
    return texts.get(key)


def _describe_test(key: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    number = facts.get("number")
    texts = {
        "test_made": (
            _("A customer's message was written in «%(inbox)s» (conversation %(n)s)", inbox=facts.get("inbox"), n=number),
            "",
        ),
        "test_open": (
            _("The conversation didn't wait for the bot"),
            _("It was open at once. An automation does that, or the bot isn't active in this inbox: look at both in Chatwoot."),
        ),
        "note": (_("The bot wrote a note there"), ""),
        "mark": (_("The bot's mark came back unchanged"), ""),
        "mark_not": (
            _("The bot's mark was lost on the way"),
            _("By it the bot knows its own messages again. Something on the way changes what is sent: a proxy or firewall."),
        ),
        "echo": (_("The bot knows its own message again"), ""),
        "echo_not": (_("The bot's own message wasn't told to us in time"), _("Chatwoot may be busy. Send the test once more.")),
        "worker": (_("The bot picked the message up"), ""),
        "worker_not": (
            _("The bot hasn't picked the message up yet"),
            _("It waits longer than usual, or the program that answers isn't running: look under Readiness."),
        ),
        "test_left_open": (_("The test conversation %(n)s stays open", n=number), _("Resolve it in Chatwoot.")),
        "untestable": (
            _("None of these inboxes can be tested from here"),
            _("Write to one of them yourself, from your own phone or mailbox: this page then says that Chatwoot was heard."),
        ),
    }  # fmt: skip
    return texts.get(key, (key, ""))
