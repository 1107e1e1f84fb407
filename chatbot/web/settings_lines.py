"""The settings that a shop's owner changes, in groups, each with its effect in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class Line:
    """options: (value, label) where only some values are taken; is_list: one phrase a line; unit: said behind the field."""

    name: str
    label: Any
    about: Any
    options: tuple[tuple[str, Any], ...] = ()
    is_list: bool = False
    unit: Any = ""


YES_NO = (("true", _l("yes")), ("false", _l("no")))
MODES = (
    ("live", _l("live: answers")),
    ("suggest", _l("suggest: writes a note for the team")),
    ("watch", _l("watch: only looks on")),
    ("off", _l("off")),
)
GROUPS: tuple[tuple[Any, tuple[Line, ...]], ...] = (
    (
        _l("The business"),
        (
            Line("business_name", _l("Name"), _l("As it is shown in the panel.")),
            Line("time_zone", _l("Time zone"), _l("Days and hours in the panel, such as Europe/Madrid.")),
            Line(
                "language",
                _l("Language of notes"),
                _l("What the team reads in Chatwoot."),
                (("es", "Español"), ("en", "English")),
            ),
            Line(
                "spanish_address",
                _l("The panel in Spanish says"),
                _l("How it speaks to whoever reads it."),
                (("tu", "tú"), ("usted", "usted")),
            ),
        ),
    ),
    (
        _l("How it answers"),
        (
            Line("mode", _l("Mode"), _l("What the bot does with an answer. An inbox may have a mode of its own."), MODES),
            Line(
                "debounce_seconds",
                _l("Waiting before it answers"),
                _l("So that several quick messages get one reply."),
                unit=_l("seconds"),
            ),
            Line("debounce_max_s", _l("Waiting at most"), _l("However long somebody goes on writing."), unit=_l("seconds")),
            Line(
                "fresh_s",
                _l("Older messages go to people"),
                _l("After a long fault the bot doesn't answer what was asked before."),
                unit=_l("seconds"),
            ),
            Line(
                "max_replies_per_10_min",
                _l("Replies in ten minutes at most"),
                _l("More in one conversation, and a person gets it."),
            ),
            Line(
                "take_back_after_fault",
                _l("Take conversations back after a fault"),
                _l("Those that Chatwoot opened because the bot could not be reached."),
                YES_NO,
            ),
        ),
    ),
    (
        _l("AI"),
        (
            Line("openai_api_key", _l("OpenAI key"), _l("Empty: the bot answers from templates, FAQs and articles.")),
            Line("openai_model", _l("Model"), _l("Its name at the provider.")),
            Line("openai_base_url", _l("Address of the provider"), _l("Any server that speaks OpenAI's protocol.")),
            Line("llm_calls_per_message", _l("Calls for a message at most"), _l("A limit on cost, whatever happens.")),
            Line(
                "llm_timeout_s",
                _l("Waiting for the AI at most"),
                _l("Then it answers without, or hands over."),
                unit=_l("seconds"),
            ),
        ),
    ),
    (
        _l("Limits on what it says"),
        (
            Line(
                "never_say",
                _l("Never say"),
                _l("One word or phrase a line, whatever its form. What the AI writes with one of them isn't sent."),
                is_list=True,
            ),
            Line(
                "handoff_topics",
                _l("Topics for people"),
                _l("One word or phrase a line. A customer who writes one gets a person at once."),
                is_list=True,
            ),
        ),
    ),
    (
        "Chatwoot",
        (
            Line("chatwoot_url", _l("Address"), _l("Such as https://app.chatwoot.com.")),
            Line("chatwoot_account_id", _l("Account number"), _l("The number in Chatwoot's addresses, after /accounts/.")),
            Line("chatwoot_bot_token", _l("The bot's token"), _l("With it the bot writes. Chatwoot shows it with the bot.")),
            Line("chatwoot_access_token", _l("An administrator's or agent's token"), _l("With it missed messages are found.")),
            Line("chatwoot_webhook_secret", _l("The bot's secret"), _l("Proves that messages come from your Chatwoot.")),
        ),
    ),
    (
        _l("Handing over"),
        (
            Line("handoff_team_id", _l("Team"), _l("The team's number in Chatwoot that gets what the bot can't answer.")),
            Line("handoff_labels", _l("Labels"), _l("Put on it, separated by commas.")),
            Line(
                "handoff_priority",
                _l("Priority"),
                _l("Set on it."),
                (
                    ("", _l("none")),
                    ("low", _l("low")),
                    ("medium", _l("middle")),
                    ("high", _l("high")),
                    ("urgent", _l("urgent")),
                ),
            ),
        ),
    ),
    (
        _l("How long things are kept"),
        (
            Line(
                "messages_kept_days",
                _l("Conversations"),
                _l("Older ones are deleted here, every night. Chatwoot keeps its own; the figures stay."),
                unit=_l("days"),
            ),
            Line(
                "traces_kept_days",
                _l("The steps behind each reply"),
                _l("What was looked at, and the prompt. The sentence that says why stays."),
                unit=_l("days"),
            ),
        ),
    ),
    (
        _l("Alerts"),
        (
            Line(
                "alert_urls",
                _l("Where alerts go"),
                _l("Addresses in apprise's form, such as mailto:// or tgram://, separated by blanks."),
            ),
            Line("ping_url", _l("Sign of life to"), _l("An outside monitor's address, such as one of Healthchecks.")),
        ),
    ),
)
LINES = {line.name: line for _title, lines in GROUPS for line in lines}
