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
                "faq_false_answers",
                _l("Wrong answers with FAQs at most"),
                _l("Of questions that aren't in them. “Sureness of the FAQs” shows what comes of it."),
                (("0.01", _l("1 of 100")), ("0.05", _l("5 of 100"))),
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
                "answer_cache_s",
                _l("Give an answer again for"),
                _l("The very same question then costs nothing. 0 for never; it needs Redis."),
                unit=_l("seconds"),
            ),
            Line(
                "transcription_model",
                _l("Voice notes as text"),
                _l("The model that writes them down; they leave for the provider as they are. Empty: people listen to them."),
            ),
            Line("voice_max_s", _l("Voice notes of at most"), _l("Longer ones: it asks for a text."), unit=_l("seconds")),
            Line(
                "vision",
                _l("Looks at pictures"),
                _l("They leave for the provider as they are. Only if your model sees."),
                YES_NO,
            ),
            Line(
                "media_max_mb",
                _l("Files of at most"),
                _l("Larger voice notes and pictures aren't read, nor any picture of more than 5 MB."),
                unit="MB",
            ),
            Line(
                "media_timeout_s",
                _l("Waiting for voice notes and pictures at most"),
                _l("Then it goes on without them."),
                unit=_l("seconds"),
            ),
            Line(
                "llm_timeout_s",
                _l("Waiting for the AI at most"),
                _l("Then it answers without, or hands over."),
                unit=_l("seconds"),
            ),
            Line(
                "embeddings_base_url",
                _l("Search by meaning"),
                _l("local: a small model on this machine. off: by words alone. Or the address of another server."),
            ),
            Line("embeddings_model", _l("Its model"), _l("Another one reads all passages again, in the background.")),
            Line("embeddings_api_key", _l("Its key"), _l("Only for another server.")),
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
            Line(
                "people_labels",
                _l("Labels that go to people"),
                _l("The bot answers no conversation, and nobody, that has one of them in Chatwoot. Separated by commas."),
            ),
            Line(
                "bot_labels",
                _l("Labels that give it back to the bot"),
                _l("Whoever puts one of them on a conversation in Chatwoot hands it to the bot. Separated by commas."),
            ),
            Line(
                "agent_silence_min",
                _l("Remind the team after"),
                _l("If nobody has written since then: once, and the customer is told. Only open hours count. 0 for never."),
                unit=_l("minutes"),
            ),
            Line(
                "auto_resolve_h",
                _l("Resolve after a silence of"),
                _l("Only what the bot has answered and nobody took over. 0 for never."),
                unit=_l("hours"),
            ),
            Line(
                "sensitive_text",
                _l("What is said about self-harm and violence"),
                _l("In Spanish, before a person takes over. Your own helpline, for instance. Empty: a general text."),
            ),
            Line("sensitive_text_en", _l("The same in English"), _l("Empty: a general text.")),
        ),
    ),
    (
        _l("Opening hours and holidays"),
        (
            Line(
                "closures",
                _l("Closed days"),
                _l("One a line, with a name if you like: 24/12 (every year), 24/12/2026, or 1/8/2026-15/8/2026."),
                is_list=True,
            ),
            Line(
                "holidays",
                _l("Public holidays of"),
                _l("A country or a part of it, such as ES or ES-MD. Empty: none."),
            ),
            Line(
                "holidays_open",
                _l("Holidays on which you open"),
                _l("One a line, as above."),
                is_list=True,
            ),
        ),
    ),
    (
        _l("Flows"),
        (
            Line(
                "flow_hosts",
                _l("Servers that flows may call"),
                _l("Their names, separated by commas, such as api.example.com. No other one is ever called."),
            ),
            Line(
                "flow_secrets",
                _l("Their keys"),
                _l("One a line, as name=value. A flow writes {{secret.name}} where the value goes."),
                is_list=True,
            ),
            Line(
                "flow_silence_min",
                _l("Reminder after"),
                _l("When a customer doesn't answer a flow's question: once, and the next time it ends. 0 for never."),
                unit=_l("minutes"),
            ),
            Line("flow_timeout_s", _l("Waiting for them at most"), _l("Then the flow goes its other way."), unit=_l("seconds")),
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
                _l("What was looked at, without the prompt, which isn't kept. The sentence that says why stays."),
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
