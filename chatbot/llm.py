"""The one door to the models: mask, reserve, call, settle, unmask, and the next model of the chain where one fails.

Every HTTP call has its row in llm_call, written before it, so that a message costs a bounded number whatever crashes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import regex
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine

from chatbot.clients.openai import Completion, Transcript, complete, limit_output, transcribe
from chatbot.config import Config, ModelEndpoint
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import fetch_value, run, sql, statements, together
from chatbot.errors import LLMError
from chatbot.media_kinds import Kind, estimate_seconds
from chatbot.privacy import Vault, mask, unmask
from chatbot.reply import TurnInput
from chatbot.settings import Settings
from chatbot.spending import cost_micros, transcription_micros

# The whole chain may take this many times the time-out of one call: a customer is waiting.
CHAIN_TIMEOUTS = 2
LEAST_TIME_S = 0.5
BYTES_PER_TOKEN = 3
# What the hungriest of the priced models counts for a picture of any size.
IMAGE_TOKENS = 50_000
OPENAI_HOST = "//api.openai.com/"
LONGEST_TRANSCRIPT = 20_000
# Nothing is charged for a call that was refused before a model saw it.
UNCHARGED = {"auth", "rate_limited", "bad_request", "unsupported"}
# Keywords that strict structured output doesn't take everywhere; pydantic checks them afterwards.
UNSENT = {"title", "default", "minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern"}
SCHEMA_RULE = "Answer with one JSON object, and nothing else, that fits this JSON schema:\n"
OBJECT = regex.compile(r"\{.*\}", regex.DOTALL)

LOCK = sql("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
RESERVE = sql("""
    INSERT INTO llm_call (turn_id, conversation_id, answered_seq, purpose, assistant, model, reserved_micros)
    SELECT cast(:turn_id AS bigint), cast(:conversation_id AS bigint), cast(:answered_seq AS bigint),
           cast(:purpose AS text), cast(:assistant AS text), cast(:model AS text), cast(:reserved_micros AS bigint)
     WHERE (SELECT count(*) FROM llm_call WHERE conversation_id = :conversation_id AND answered_seq = :answered_seq) < :limit
    RETURNING id
""")
SPENT = sql("""
    SELECT coalesce(sum(coalesce(cost_micros, reserved_micros)), 0)::bigint AS micros FROM llm_call
     WHERE assistant = :assistant AND conversation_id IS NOT NULL
       AND started_at >= date_trunc('day', now(), cast(:zone AS text))
""")
UNLIMITED = 1_000_000

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Means:
    """What the responders that ask models and read passages need. redis_url: empty where nothing is to be cached; config: for
    mails, None where none are to be sent."""

    engine: Engine
    settings: Settings
    redis_url: str = ""
    config: Config | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A checked answer with the customer's own words back in. cost_micros: None where the price isn't known."""

    value: T
    model: str
    call_id: int
    cost_micros: int | None


@dataclass(frozen=True, slots=True)
class _Question(Generic[T]):
    means: Means
    turn: TurnInput
    purpose: str
    messages: list[dict[str, str]]
    schema: type[T]
    max_output_tokens: int
    vault: Vault
    assistant: str
    budget_micros: int | None
    image: str = ""


class Heard(BaseModel):
    """What is said in a voice note."""

    text: str


def ask(  # noqa: PLR0913  one name per fact
    means: Means,
    turn: TurnInput,
    purpose: str,
    messages: list[dict[str, str]],
    schema: type[T],
    max_output_tokens: int,
    vault: Vault,
    model: str | None = None,
    *,
    assistant: str = "",
    budget_micros: int | None = None,
    image: str = "",
) -> Answer[T]:
    """One checked answer from the first model of the chain that gives one. model: replaces the first one's name; assistant: for
    which it is asked, by its key; budget_micros: what calls for that one may cost in a day; image: a data: URL, which goes out
    as it is behind the last message.

    messages: as they are, {"role", "content"}; they are masked here, all of them. Raises LLMError: kind "off" (no model,
    or none for this turn), "limit" (the message had its calls), "budget", else the kind of the last failure.
    """
    endpoints = _list_endpoints(means.settings, model)
    if not turn.llm_allowed or not endpoints:
        raise LLMError("no model may be asked", kind="off", permanent=True)
    masked = [{**message, "content": mask(message["content"], vault)} for message in messages]
    question = _Question(means, turn, purpose, masked, schema, max_output_tokens, vault, assistant, budget_micros, image)
    return _ask_chain(question, endpoints)


def hear(
    means: Means, turn: TurnInput, audio: bytes, kind: Kind, seconds: float | None, timeout_s: float, *,
    assistant: str = "", budget_micros: int | None = None,
) -> Answer[Heard]:  # fmt: skip
    """A voice note as text. It goes out as it is: nothing in it can be masked. seconds: its length as the file has it, None
    where it has none; for less than its size allows nothing is counted.

    Raises LLMError as ask() does; kind "off" where there is no model for it.
    """
    endpoint = find_listener(means.settings)
    if endpoint is None or not turn.llm_allowed:
        raise LLMError("no model may listen", kind="off", permanent=True)
    model = endpoint.model
    reserved = transcription_micros(model, estimate_seconds(audio, seconds))
    question = _Question(means, turn, "transcription", [], Heard, 0, Vault(), assistant, budget_micros)
    call_id = _reserve(question, model, reserved)
    crash_point("llm_reserved")
    try:
        found = transcribe(endpoint, audio, kind.extension, kind.media_type, timeout_s)
    except LLMError as e:
        free = e.kind in UNCHARGED or e.sent is False
        _settle(means.engine, call_id, "failed", cost_micros=0 if free else reserved, error=e.kind)
        raise
    crash_point("llm_answered")
    cost = _count_speech(model, found, reserved)
    tokens = {"input_tokens": found.input_tokens, "output_tokens": found.output_tokens}
    _settle(means.engine, call_id, "settled", cost_micros=cost, **tokens)
    text = found.text.replace("\x00", "").strip()[:LONGEST_TRANSCRIPT]
    return Answer(Heard(text=text), model, call_id, cost)


def _count_speech(model: str, found: Transcript, reserved: int | None) -> int | None:
    """By the server's count of seconds, else what was reserved."""
    return reserved if found.seconds is None else transcription_micros(model, found.seconds)


def find_listener(settings: Settings) -> ModelEndpoint | None:
    """Where voice notes go: to OpenAI's own server if a key for it is set, else to the first one."""
    endpoints = settings.endpoints
    if not settings.transcription_model or not endpoints:
        return None
    own = (e for e in endpoints if OPENAI_HOST in f"{e.base_url}/")
    return next(own, endpoints[0]).model_copy(update={"model": settings.transcription_model})


def _list_endpoints(settings: Settings, model: str | None) -> tuple[ModelEndpoint, ...]:
    endpoints = settings.endpoints
    if model and endpoints:
        return (endpoints[0].model_copy(update={"model": model}), *endpoints[1:])
    return endpoints


def _ask_chain(question: _Question[T], endpoints: tuple[ModelEndpoint, ...]) -> Answer[T]:
    timeout_s = question.means.settings.llm_timeout_s
    until = time.monotonic() + CHAIN_TIMEOUTS * timeout_s
    failure: LLMError | None = None
    for endpoint in endpoints:
        left = until - time.monotonic()
        if failure and left < min(LEAST_TIME_S, timeout_s):
            break
        try:
            return _ask_endpoint(question, endpoint, min(timeout_s, left))
        except LLMError as e:
            if e.kind in {"limit", "budget"}:
                raise
            failure = e
    assert failure is not None  # noqa: S101  # there was an endpoint, and it didn't answer
    raise failure


# Servers that don't take a JSON schema, as learned by this process.
_without_schema: set[tuple[str, str]] = set()


def _ask_endpoint(question: _Question[T], endpoint: ModelEndpoint, timeout_s: float) -> Answer[T]:
    """At most two calls: the second without a schema, for servers that don't know it."""
    name, until = (endpoint.base_url, endpoint.model), time.monotonic() + timeout_s
    if name not in _without_schema:
        try:
            return _call(question, endpoint, question.messages, _strict(question.schema), timeout_s)
        except LLMError as e:
            if e.kind != "unsupported":
                raise
    wanted = to_json(_describe(question.schema)).decode()
    rule = {"role": "system", "content": SCHEMA_RULE + wanted}
    left = max(until - time.monotonic(), LEAST_TIME_S)
    answer = _call(question, endpoint, [*question.messages, rule], None, left)
    _without_schema.add(name)
    return answer


def _call(
    question: _Question[T],
    endpoint: ModelEndpoint,
    messages: list[dict[str, str]],
    schema: dict[str, Any] | None,
    timeout_s: float,
) -> Answer[T]:
    """One HTTP call between its two rows' states."""
    engine, limit = question.means.engine, question.max_output_tokens
    reserved = _estimate(endpoint.model, messages, schema, limit, has_image=bool(question.image))
    call_id = _reserve(question, endpoint.model, reserved)
    crash_point("llm_reserved")
    try:
        completion = complete(endpoint, _add_image(messages, question.image), schema, limit, timeout_s)
    except LLMError as e:
        free = e.kind in UNCHARGED or e.sent is False
        _settle(engine, call_id, "failed", cost_micros=0 if free else reserved, error=e.kind)
        raise
    crash_point("llm_answered")
    used = _count(endpoint.model, completion, reserved)
    try:
        value = _read(completion, question.schema, question.vault)
    except LLMError as e:
        _settle(engine, call_id, "failed", **used, error=e.kind)
        raise
    _settle(engine, call_id, "settled", **used)
    return Answer(value, endpoint.model, call_id, used["cost_micros"])


def _add_image(messages: list[dict[str, str]], image: str) -> list[Any]:
    """The customer's part of the prompt with the picture behind it."""
    if not image:
        return list(messages)
    last = max(at for at, message in enumerate(messages) if message["role"] == "user")
    pieces = [{"type": "text", "text": messages[last]["content"]}, {"type": "image_url", "image_url": {"url": image}}]
    return [*messages[:last], {"role": "user", "content": pieces}, *messages[last + 1 :]]


def _estimate(
    model: str, messages: list[dict[str, str]], schema: dict[str, Any] | None, max_output_tokens: int, *, has_image: bool
) -> int | None:
    """The most that a call may cost: bytes count for more tokens than any text has."""
    size = sum(len(m["content"].encode(errors="replace")) + 16 for m in messages) + len(to_json(schema))
    tokens = size // BYTES_PER_TOKEN + 1 + IMAGE_TOKENS * has_image
    return cost_micros(model, tokens, limit_output(model, max_output_tokens))


def _reserve(question: _Question[T], model: str, reserved_micros: int | None) -> int:
    """The call's row, committed before the call, unless the conversation's unanswered messages have had theirs."""
    turn, limit = question.turn, question.means.settings.llm_calls_per_message
    row = {
        "turn_id": turn.turn_id,
        "conversation_id": turn.conversation_id,
        "answered_seq": turn.answered_seq,
        "purpose": question.purpose,
        "assistant": question.assistant,
        "model": model,
        "reserved_micros": reserved_micros,
    }
    limit = limit if turn.conversation_id is not None and is_protected("reservation") else UNLIMITED
    with statements(question.means.engine) as connection:
        _check_budget(connection, question, reserved_micros)
        with together(connection):  # which makes it one transaction
            if turn.conversation_id is not None:
                # one statement alone doesn't do: two at once wouldn't see each other's row
                run(connection, LOCK, {"name": f"llm_call {turn.conversation_id}"})
            reserved = run(connection, RESERVE, {**row, "limit": limit})
        call_id: int | None = (reserved.fetchone() or {}).get("id")
    if call_id is None:
        raise LLMError(f"this message has had its {limit} calls", kind="limit", permanent=True)
    return call_id


def _check_budget(connection: Connection, question: _Question[Any], reserved_micros: int | None) -> None:
    """Of customers alone: what is tried in the panel neither counts nor stops. A call whose price nobody knows costs nothing
    here. Calls at the same moment may go over it by what they cost."""
    if question.budget_micros is None or question.turn.conversation_id is None:
        return
    values = {"assistant": question.assistant, "zone": question.means.settings.time_zone}
    spent: int = fetch_value(connection, SPENT, values)
    if spent + (reserved_micros or 0) > question.budget_micros:
        raise LLMError(f"{question.assistant} has spent what it may today", kind="budget", permanent=True)


SETTLE = sql("""
UPDATE llm_call SET state = :state, finished_at = now(), cost_micros = :cost_micros, input_tokens = :input_tokens,
  output_tokens = :output_tokens, error = :error
WHERE id = :id
""")


def _settle(engine: Engine, call_id: int, state: str, **values: Any) -> None:
    row = {"id": call_id, "state": state, "input_tokens": None, "output_tokens": None, "error": None, **values}
    with statements(engine) as connection:
        run(connection, SETTLE, row)


def _count(model: str, completion: Completion, reserved: int | None) -> dict[str, Any]:
    """Tokens and their cost. A server that doesn't count leaves the reservation as the cost."""
    tokens = {"input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens}
    if completion.input_tokens is None or completion.output_tokens is None:
        return {**tokens, "cost_micros": reserved}
    return {**tokens, "cost_micros": cost_micros(model, completion.input_tokens, completion.output_tokens)}


def _read(completion: Completion, schema: type[T], vault: Vault) -> T:
    if completion.refusal or completion.finish_reason == "content_filter":
        raise LLMError("the model refused to answer", kind="refused", permanent=True)
    if completion.finish_reason == "length":
        raise LLMError("the answer was cut", kind="cut")
    found = OBJECT.search(completion.text)
    try:
        return schema.model_validate(_restore(from_json(found[0] if found else completion.text), vault))
    except (ValidationError, ValueError, RecursionError):
        raise LLMError("the answer isn't the JSON that was asked for", kind="malformed") from None


def _restore(value: Any, vault: Vault) -> Any:
    """Placeholders back to their originals in every text of the JSON. PostgreSQL can't store NUL, so none comes in."""
    if isinstance(value, str):
        return unmask(value, vault).replace("\x00", "")
    if isinstance(value, list):
        return [_restore(item, vault) for item in value]
    if isinstance(value, dict):
        return {key: _restore(item, vault) for key, item in value.items()}
    return value


@lru_cache(maxsize=64)
def _strict(schema: type[BaseModel]) -> dict[str, Any]:
    """The schema as strict structured output wants it: every property required, no others, no unsupported keywords."""
    return {"name": schema.__name__, "schema": _tighten(_describe(schema))}


def _describe(schema: type[BaseModel]) -> dict[str, Any]:
    """Without the classes' docstrings: they are for us, and a server runs without them."""
    told = schema.model_json_schema()
    for node in (told, *told.get("$defs", {}).values()):
        node.pop("description", None)
    return told


def _tighten(node: Any) -> Any:
    if isinstance(node, list):
        return [_tighten(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    tight = {key: _tighten(value) for key, value in node.items() if key not in UNSENT}
    if isinstance(properties := node.get("properties"), Mapping):
        # the names of properties aren't keywords
        tight["properties"] = {name: _tighten(value) for name, value in properties.items()}
        tight |= {"required": list(properties), "additionalProperties": False}
    return tight
