"""The OpenAI protocol (chat completions) on any server that speaks it. The only module that imports `openai`.

One request is one HTTP call: nothing is tried again here. Only llm.py asks models anything; the doctor asks whether they exist.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import regex
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chatbot.config import ModelEndpoint
from chatbot.deadline import deadline, limit
from chatbot.errors import LLMError

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

CONNECT_TIMEOUT_S = 5.0
# Models that think in tokens of the same limit need room for it, or every answer is cut.
THINKING_MODELS = regex.compile(r"^(?:gpt-5|o[134])(?![0-9])")
THINKING_TOKENS = 2_000
UNSUPPORTED = regex.compile(r"response_format|json_schema|json_object|structured output|strict", regex.IGNORECASE)
CODE = regex.compile(r"[A-Za-z0-9_.\-]{1,60}")


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. Tokens are None where the server doesn't count them; refusal: the model's own words for no."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str
    refusal: str


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(default=0, ge=0, le=100_000_000)
    completion_tokens: int = Field(default=0, ge=0, le=100_000_000)


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def complete(
    endpoint: ModelEndpoint,
    messages: Sequence[Mapping[str, Any]],
    schema: dict[str, Any] | None,
    max_output_tokens: int,
    timeout_s: float,
) -> Completion:
    """One answer of a model, all within timeout_s. messages: content is a text, or texts and pictures; schema: {"name",
    "schema"} of the JSON wanted, None for any JSON object.

    Raises LLMError of kind timeout, connection, rate_limited, auth, refused, bad_request, unsupported, server or malformed.
    https://platform.openai.com/docs/api-reference/chat/create
    """
    with map_errors(), deadline(timeout_s):
        import httpx2  # noqa: PLC0415

        client = _get_client(endpoint.base_url, endpoint.api_key.get_secret_value())
        body = {
            "model": endpoint.model,
            "messages": list(messages),
            "response_format": _format(schema),
            **_limits(endpoint, max_output_tokens),
        }
        # not chat.completions.create(): it looks through all that is sent for what it might turn into JSON, for milliseconds
        answer = client.post("/chat/completions", cast_to=httpx2.Response, body=body, options={"timeout": _timeout(timeout_s)})
        return _read(answer.content)


@dataclass(frozen=True, slots=True)
class Transcript:
    """seconds: as the server counts them, None where it counts tokens or nothing."""

    text: str
    seconds: float | None
    input_tokens: int | None
    output_tokens: int | None


class _TranscriptUsage(BaseModel):
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    input_tokens: int | None = Field(default=None, ge=0, le=100_000_000)
    output_tokens: int | None = Field(default=None, ge=0, le=100_000_000)


class _TranscriptBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: str
    usage: _TranscriptUsage | None = None


def transcribe(endpoint: ModelEndpoint, audio: bytes, extension: str, media_type: str, timeout_s: float) -> Transcript:
    """What is said in a recording. extension: by which the server knows its format. Raises LLMError as complete() does.

    https://platform.openai.com/docs/api-reference/audio/createTranscription
    """
    with map_errors(), deadline(timeout_s):
        import httpx2  # noqa: PLC0415

        client = _get_client(endpoint.base_url, endpoint.api_key.get_secret_value())
        answer = client.post(
            "/audio/transcriptions",
            cast_to=httpx2.Response,
            body={"model": endpoint.model, "response_format": "json"},
            files={"file": (f"voice.{extension}", audio, media_type)},
            options={"timeout": _timeout(timeout_s), "headers": {"Content-Type": "multipart/form-data"}},
        )
        found = _TranscriptBody.model_validate_json(answer.content)
        usage = found.usage or _TranscriptUsage()
        return Transcript(found.text, usage.seconds, usage.input_tokens, usage.output_tokens)


def check_model(endpoint: ModelEndpoint, timeout_s: float) -> None:
    """Whether the key may use the model; costs nothing. Raises LLMError, with status 404 where there is no such model.

    https://platform.openai.com/docs/api-reference/models/retrieve
    """
    with map_errors(), deadline(timeout_s):
        client = _get_client(endpoint.base_url, endpoint.api_key.get_secret_value())
        client.models.with_raw_response.retrieve(endpoint.model, timeout=_timeout(timeout_s))


def limit_output(model: str, max_output_tokens: int) -> int:
    """The most tokens that a model may write and think for an answer of max_output_tokens."""
    return max_output_tokens + (THINKING_TOKENS if THINKING_MODELS.match(model) else 0)


def _limits(endpoint: ModelEndpoint, max_output_tokens: int) -> dict[str, Any]:
    limit = limit_output(endpoint.model, max_output_tokens)
    host = urlsplit(endpoint.base_url).hostname or ""
    # OpenAI's newer models refuse max_tokens; most other servers know nothing else.
    name = "max_completion_tokens" if host.endswith(("openai.com", "openai.azure.com")) else "max_tokens"
    if THINKING_MODELS.match(endpoint.model):
        return {name: limit, "reasoning_effort": "low"}
    return {name: limit, "temperature": 0.2}


def _format(schema: dict[str, Any] | None) -> Any:
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {**schema, "strict": True}}


def _read(content: bytes) -> Completion:
    body = _Body.model_validate_json(content)
    choice, usage = body.choices[0], body.usage
    return Completion(
        text=choice.message.content or "",
        input_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.completion_tokens if usage else None,
        finish_reason=choice.finish_reason or "",
        refusal=choice.message.refusal or "",
    )


@contextmanager
def map_errors() -> Iterator[None]:
    """Foreign exceptions become LLMError. Their texts are left behind: servers quote keys and customers in them."""
    import httpx2  # noqa: PLC0415  # heavy, and needed only where a model is asked
    import openai  # noqa: PLC0415

    try:
        yield
    except openai.APIStatusError as e:
        raise _refusal(e) from None
    except (openai.APITimeoutError, httpx2.TimeoutException):
        raise LLMError("no answer in time", kind="timeout") from None
    except (openai.APIConnectionError, httpx2.TransportError, OSError) as e:
        error = LLMError("no connection, or it broke", kind="connection")
        error.sent = False if isinstance(e.__cause__ or e, httpx2.ConnectError) else None
        raise error from None
    except (ValidationError, openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as e:
        raise LLMError(f"an answer that can't be read ({type(e).__name__})", kind="malformed") from None


def _refusal(error: Any) -> LLMError:
    status: int = error.status_code
    code = error.code if isinstance(error.code, str) and CODE.fullmatch(error.code) else ""
    text = f"HTTP {status} {code}".rstrip()
    if status in (401, 403):
        return LLMError(f"{text}: check the key", kind="auth", permanent=True, status=status)
    if status == 429:
        return LLMError(text, kind="rate_limited", permanent=code == "insufficient_quota", status=status)
    if status in (400, 422) and UNSUPPORTED.search(f"{error.param} {error.message[:300]}"):
        return LLMError(text, kind="unsupported", permanent=True, status=status)
    if status in (400, 422) and code in ("content_filter", "content_policy_violation"):
        return LLMError(text, kind="refused", permanent=True, status=status)
    if status in (408, 504):
        return LLMError(text, kind="timeout", status=status)
    if status >= 500 or status == 409:
        return LLMError(text, kind="server", status=status)
    return LLMError(text, kind="bad_request", permanent=True, status=status)


def _timeout(timeout_s: float) -> httpx2.Timeout:
    import httpx2  # noqa: PLC0415

    return httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))


_clients: dict[tuple[str, str], OpenAI] = {}
_clients_lock = threading.Lock()


def _get_client(base_url: str, api_key: str) -> OpenAI:
    """One client, and so one pool of connections, per server and key, for as long as the process lives."""
    with _clients_lock:
        if (base_url, api_key) not in _clients:
            _clients[base_url, api_key] = _make_client(base_url, api_key)
        return _clients[base_url, api_key]


@atexit.register
def close_clients() -> None:
    with _clients_lock:
        while _clients:
            _clients.popitem()[1].close()


def _make_client(base_url: str, api_key: str) -> OpenAI:
    import httpx2  # noqa: PLC0415
    from openai import OpenAI  # noqa: PLC0415

    limits = httpx2.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=60)
    http = httpx2.Client(limits=limits, follow_redirects=False)
    return OpenAI(api_key=api_key, base_url=base_url, max_retries=0, http_client=limit(http))
