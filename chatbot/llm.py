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
from sqlalchemy import Engine

from chatbot.clients.openai import Completion, complete, limit_output
from chatbot.config import ModelEndpoint
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import run, sql, statements, together
from chatbot.errors import LLMError
from chatbot.privacy import Vault, mask, unmask
from chatbot.reply import TurnInput
from chatbot.settings import Settings
from chatbot.spending import cost_micros

# The whole chain may take this many times the time-out of one call: a customer is waiting.
CHAIN_TIMEOUTS = 2
LEAST_TIME_S = 0.5
BYTES_PER_TOKEN = 3
# Nothing is charged for a call that was refused before a model saw it.
UNCHARGED = {"auth", "rate_limited", "bad_request", "unsupported"}
# Keywords that strict structured output doesn't take everywhere; pydantic checks them afterwards.
UNSENT = {"title", "default", "minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern"}
SCHEMA_RULE = "Answer with one JSON object, and nothing else, that fits this JSON schema:\n"
OBJECT = regex.compile(r"\{.*\}", regex.DOTALL)

LOCK = sql("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
RESERVE = sql("""
    INSERT INTO llm_call (turn_id, conversation_id, answered_seq, purpose, model, reserved_micros)
    SELECT cast(:turn_id AS bigint), cast(:conversation_id AS bigint), cast(:answered_seq AS bigint),
           cast(:purpose AS text), cast(:model AS text), cast(:reserved_micros AS bigint)
     WHERE (SELECT count(*) FROM llm_call WHERE conversation_id = :conversation_id AND answered_seq = :answered_seq) < :limit
    RETURNING id
""")
UNLIMITED = 1_000_000

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Means:
    """What the responders that ask models and read passages need."""

    engine: Engine
    settings: Settings


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


def ask(
    means: Means,
    turn: TurnInput,
    purpose: str,
    messages: list[dict[str, str]],
    schema: type[T],
    max_output_tokens: int,
    vault: Vault,
    model: str | None = None,
) -> Answer[T]:
    """One checked answer from the first model of the chain that gives one. model: replaces the first one's name.

    messages: as they are, {"role", "content"}; they are masked here, all of them. Raises LLMError: kind "off" (no model,
    or none for this turn), "limit" (the message had its calls), else the kind of the last failure.
    """
    endpoints = _list_endpoints(means.settings, model)
    if not turn.llm_allowed or not endpoints:
        raise LLMError("no model may be asked", kind="off", permanent=True)
    masked = [{**message, "content": mask(message["content"], vault)} for message in messages]
    question = _Question(means, turn, purpose, masked, schema, max_output_tokens, vault)
    return _ask_chain(question, endpoints)


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
            if e.kind == "limit":
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
    wanted = to_json(question.schema.model_json_schema()).decode()
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
    reserved = _estimate(endpoint.model, messages, schema, limit)
    call_id = _reserve(question, endpoint.model, reserved)
    crash_point("llm_reserved")
    try:
        completion = complete(endpoint, messages, schema, limit, timeout_s)
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


def _estimate(model: str, messages: list[dict[str, str]], schema: dict[str, Any] | None, max_output_tokens: int) -> int | None:
    """The most that a call may cost: bytes count for more tokens than any text has."""
    size = sum(len(m["content"].encode(errors="replace")) + 16 for m in messages) + len(to_json(schema))
    return cost_micros(model, size // BYTES_PER_TOKEN + 1, limit_output(model, max_output_tokens))


def _reserve(question: _Question[T], model: str, reserved_micros: int | None) -> int:
    """The call's row, committed before the call, unless the conversation's unanswered messages have had theirs."""
    turn, limit = question.turn, question.means.settings.llm_calls_per_message
    row = {
        "turn_id": turn.turn_id,
        "conversation_id": turn.conversation_id,
        "answered_seq": turn.answered_seq,
        "purpose": question.purpose,
        "model": model,
        "reserved_micros": reserved_micros,
    }
    limit = limit if turn.conversation_id is not None and is_protected("reservation") else UNLIMITED
    with statements(question.means.engine) as connection:
        with together(connection):  # which makes it one transaction
            if turn.conversation_id is not None:
                # one statement alone doesn't do: two at once wouldn't see each other's row
                run(connection, LOCK, {"name": f"llm_call {turn.conversation_id}"})
            reserved = run(connection, RESERVE, {**row, "limit": limit})
        call_id: int | None = (reserved.fetchone() or {}).get("id")
    if call_id is None:
        raise LLMError(f"this message has had its {limit} calls", kind="limit", permanent=True)
    return call_id


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
    return {"name": schema.__name__, "schema": _tighten(schema.model_json_schema())}


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
