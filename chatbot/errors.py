"""Every error that the product raises on purpose, as one tree.

ChatbotError
├── ConfigError            names the variable; the process exits with 2
├── WebhookRejected        the sender isn't who it says: 401
├── ClientError            a neighbour failed; `permanent` says whether trying again helps
│   ├── ChatwootError
│   │   └── SetupError      connecting it failed; names what a person must mend
│   ├── LLMError
│   └── MailError
├── ContentError           bad content; names the line
├── Interrupted            this turn can't go on in this process: put the conversation back
└── LostLease              the conversation is another worker's now
"""

from __future__ import annotations


class ChatbotError(Exception):
    """Base of all of them."""


class ConfigError(ChatbotError):
    """A setting is missing or wrong. `variable` is its name in the environment."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem


class WebhookRejected(ChatbotError):
    """A webhook without a valid signature or token."""


class ClientError(ChatbotError):
    """A call to another service failed.

    permanent: the same call will fail again however often it is tried.
    sent: None when it can't be known whether the other side acted on it, False when it surely didn't.
    """

    service = "service"

    def __init__(self, message: str, *, permanent: bool = False, sent: bool | None = None, status: int | None = None) -> None:
        super().__init__(f"{self.service}: {message}")
        self.permanent = permanent
        self.sent = sent
        self.status = status


class ChatwootError(ClientError):
    service = "chatwoot"


class SetupError(ChatwootError):
    """`kind` is what a person must mend: address, unreachable, timeout, tls, redirect, not_chatwoot, token, rights, ..."""

    def __init__(self, kind: str, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message or kind, status=status)
        self.kind = kind
        self.detail = message


class LLMError(ClientError):
    service = "llm"

    def __init__(self, message: str, *, kind: str = "failed", permanent: bool = False, status: int | None = None) -> None:
        super().__init__(message, permanent=permanent, status=status)
        self.kind = kind


class MailError(ClientError):
    service = "mail"


class ContentError(ChatbotError):
    """Content that can't be taken. `line` is 1-based, None where there is no file."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class Interrupted(ChatbotError):
    """The turn stops here without an outcome and its conversation is rung again after `delay_s`."""

    def __init__(self, reason: str, *, delay_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay_s = delay_s


class LostLease(ChatbotError):
    """Another worker has the conversation now: nothing more may be written for it here."""
