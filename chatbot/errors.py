"""Every error that the product raises on purpose, as one tree.

ChatbotError
├── ConfigError            names the variable; the process exits with 2
├── WebhookRejected        the sender isn't who it says: 401
├── ClientError            a neighbour failed; `permanent` says whether trying again helps
│   ├── ChatwootError
│   │   └── SetupError      connecting it failed; names what a person must mend
│   ├── LLMError
│   ├── EmbeddingError
│   ├── PageError          an address on the web couldn't be read; `kind` says why
│   └── MailError
├── ContentError           bad content; names the line
├── IngestError            a document can't be read; `code` says why
├── Interrupted            this turn can't go on in this process: put the conversation back
└── LostLease              the conversation is another worker's now
"""

from __future__ import annotations

from typing import Any


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


class EmbeddingError(ClientError):
    """`kind`: away, timeout, auth, rate_limited, text (this text fails again), busy, bad_request, server or malformed."""

    service = "embeddings"

    def __init__(self, message: str, *, kind: str = "server", permanent: bool = False, status: int | None = None) -> None:
        super().__init__(message, permanent=permanent, status=status)
        self.kind = kind


class PageError(ClientError):
    """`kind`: bad_address, private_address, dns, unreachable, timeout, tls, downgrade, too_many_redirects, moved, robots,
    noindex, forbidden, refused, not_found, gone, elsewhere, too_many_requests, server_error, wrong_type, too_big, bomb, empty,
    broken, not_connected or no_help_center. facts: what its text names.

    is_gone: the page is no more, and what was read of it must not answer either; retry_after_s: as the server asks.
    """

    service = "page"

    def __init__(
        self, kind: str, message: str = "", *, permanent: bool = False, status: int | None = None, is_gone: bool = False,
        retry_after_s: float | None = None, **facts: Any,
    ) -> None:  # fmt: skip
        super().__init__(f"{kind}: {message}" if message else kind, permanent=permanent, sent=None, status=status)
        self.kind = kind
        self.is_gone = is_gone
        self.retry_after_s = retry_after_s
        self.facts = facts


class MailError(ClientError):
    service = "mail"


class ContentError(ChatbotError):
    """Content that can't be taken. `line` is 1-based, None where there is no file."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class IngestError(ChatbotError):
    """A file or page that can't be read, for good.

    code: unknown_type, wrong_extension, broken, encrypted, scanned, empty, missing, bomb, too_big, too_many_pages,
    too_many_cells, too_slow, too_much_memory or not_yet. facts: what its text names.
    """

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(f"{code} {facts}" if facts else code)
        self.code = code
        self.facts = facts


class Interrupted(ChatbotError):
    """The turn stops here without an outcome and its conversation is rung again after `delay_s`."""

    def __init__(self, reason: str, *, delay_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay_s = delay_s


class LostLease(ChatbotError):
    """Another worker has the conversation now: nothing more may be written for it here."""
