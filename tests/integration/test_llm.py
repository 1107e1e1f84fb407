"""The one door to the models against a real server and a real database: rows, faults, the chain, the limit, masking."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, Field
from sqlalchemy import Engine, create_engine, insert, select
from standins.llm import LlmStandIn

from chatbot import llm as door
from chatbot.bodies import Content
from chatbot.errors import LLMError
from chatbot.llm import Answer, Means, ask
from chatbot.models import Conversation, Inbox, LlmCall
from chatbot.privacy import Vault
from chatbot.reply import CustomerMessage, TurnInput
from chatbot.settings import Settings

KEY = "sk-very-secret-key"


class Said(BaseModel):
    """For us, and for no model."""

    text: str = Field(min_length=1)
    knows: bool


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session(), pool_size=30)
    yield engine
    engine.dispose()


@pytest.fixture
def server() -> Iterator[LlmStandIn]:
    door._without_schema.clear()
    with LlmStandIn() as server:
        yield server


@pytest.fixture
def conversation_id(own_engine: Engine) -> int:
    with own_engine.begin() as connection:
        number = time.time_ns()
        inbox = connection.execute(insert(Inbox).values(chatwoot_id=number).returning(Inbox.id)).scalar_one()
        values = {"chatwoot_id": number, "inbox_id": inbox}
        return connection.execute(insert(Conversation).values(values).returning(Conversation.id)).scalar_one()


def make_settings(server: LlmStandIn, models: tuple[str, ...] = (), **more: Any) -> Settings:
    chain = tuple({"model": model, "base_url": server.url, "api_key": KEY} for model in models)
    first = {"openai_api_key": KEY, "openai_base_url": server.url, "openai_model": "gpt-4o-mini", "llm_timeout_s": 5}
    return Settings.model_validate({**first, "model_chain": chain, **more})


def make_turn(conversation_id: int | None = None, text: str = "hola", **more: Any) -> TurnInput:
    message = CustomerMessage(seq=1, chatwoot_id=1, text=text)
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    return TurnInput((message,), Content(), "es", now, conversation_id=conversation_id, answered_seq=7, **more)


def ask_once(engine: Engine, settings: Settings, turn: TurnInput, text: str = "hola", **more: Any) -> Answer[Said]:
    messages = [{"role": "system", "content": "Sé breve."}, {"role": "user", "content": text}]
    return ask(Means(engine, settings), turn, "test", messages, Said, 100, Vault(), **more)


def read_calls(engine: Engine, conversation_id: int) -> list[Any]:
    rows = select(LlmCall.__table__).where(LlmCall.conversation_id == conversation_id).order_by(LlmCall.id)
    with engine.connect() as connection:
        return list(connection.execute(rows))


def test_an_answer_comes_checked_and_its_row_is_settled(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    server.plan(answer={"text": "Abrimos a las 10.", "knows": True})
    answer = ask_once(own_engine, make_settings(server), make_turn(conversation_id))
    assert answer.value == Said(text="Abrimos a las 10.", knows=True)
    (call,) = read_calls(own_engine, conversation_id)
    assert (call.state, call.purpose, call.model, call.answered_seq) == ("settled", "test", "gpt-4o-mini", 7)
    assert call.input_tokens > 0
    assert call.output_tokens == 40
    assert 0 < call.cost_micros <= call.reserved_micros
    assert call.finished_at >= call.started_at
    assert answer.cost_micros == call.cost_micros


def test_the_request_asks_for_strict_structured_output(own_engine: Engine, server: LlmStandIn) -> None:
    ask_once(own_engine, make_settings(server), make_turn())
    (request,) = server.requests
    wanted = request["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted["schema"]["additionalProperties"] is False
    assert wanted["schema"]["required"] == ["text", "knows"]
    assert "minLength" not in json.dumps(wanted)
    assert "For us" not in json.dumps(request)
    assert request["max_tokens"] == 100


def wait_for_request(server: LlmStandIn) -> None:
    deadline = time.monotonic() + 20
    while not server.requests:
        assert time.monotonic() < deadline, "the model was never asked"
        time.sleep(0.01)


def test_the_row_is_there_before_the_call(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    server.plan(delay_s=1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask_once, own_engine, make_settings(server), make_turn(conversation_id))
        wait_for_request(server)
        (call,) = read_calls(own_engine, conversation_id)
        assert (call.state, call.cost_micros) == ("reserved", None)
        assert call.reserved_micros > 0
        asked.result()


def test_no_transaction_is_open_during_the_call(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    server.plan(delay_s=1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask_once, own_engine, make_settings(server), make_turn(conversation_id))
        wait_for_request(server)
        assert own_engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        asked.result()


def test_personal_data_never_leaves_and_comes_back(own_engine: Engine, server: LlmStandIn) -> None:
    server.plan(answer={"text": "Le escribo a [email_1] o a [ PHONE_1 ]."})
    answer = ask_once(own_engine, make_settings(server), make_turn(), "Soy ana@correo.es, 600 123 456, DNI 12345678Z")
    assert answer.value.text == "Le escribo a ana@correo.es o a 600 123 456."
    sent = json.dumps(server.requests)
    assert "[ID_1]" in sent
    assert not any(secret in sent for secret in ("ana@correo.es", "600 123 456", "12345678Z"))


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        ({"mode": "status", "status": 500}, "server"),
        ({"mode": "status", "status": 429}, "rate_limited"),
        ({"mode": "status", "status": 401, "code": "invalid_api_key"}, "auth"),
        ({"mode": "status", "status": 404, "code": "model_not_found"}, "bad_request"),
        ({"mode": "status", "status": 302}, "bad_request"),
        ({"mode": "refuse"}, "refused"),
        ({"mode": "filtered"}, "refused"),
        ({"mode": "cut"}, "cut"),
        ({"mode": "half_json"}, "malformed"),
        ({"mode": "not_json"}, "malformed"),
        ({"mode": "wrong_schema"}, "malformed"),
        ({"mode": "empty"}, "malformed"),
        ({"mode": "no_choices"}, "malformed"),
        ({"mode": "html"}, "malformed"),
        ({"raw": "null"}, "malformed"),
        ({"raw": "[" * 100_000}, "malformed"),
        ({"raw": '{"text": "\\ud800", "knows": true}'}, "malformed"),
        ({"answer": {"text": ""}}, "malformed"),
        ({"mode": "huge"}, "connection"),
        ({"mode": "close"}, "connection"),
        ({"mode": "close_in_body"}, "connection"),
        ({"mode": "silent"}, "timeout"),
        ({"mode": "drip"}, "timeout"),
        ({"mode": "drip_headers"}, "timeout"),
    ],
    ids=str,
)
def test_each_fault_has_its_kind_and_the_next_model_answers(
    own_engine: Engine, server: LlmStandIn, conversation_id: int, plan: dict[str, Any], kind: str
) -> None:
    server.plan(model="gpt-4o-mini", **plan)
    begun = time.monotonic()
    settings = make_settings(server, ("gpt-4o",), llm_timeout_s=2)
    answer = ask_once(own_engine, settings, make_turn(conversation_id))
    assert time.monotonic() - begun < 8
    assert answer.model == "gpt-4o"
    first, second = read_calls(own_engine, conversation_id)
    assert (first.state, first.error) == ("failed", kind)
    assert (second.state, second.error) == ("settled", None)


def test_the_last_failure_is_raised_without_secrets(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    server.plan(mode="status", status=500, code=f"bad key {KEY}")
    with pytest.raises(LLMError) as caught:
        ask_once(own_engine, make_settings(server), make_turn(conversation_id), "soy ana@correo.es")
    assert caught.value.kind == "server"
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_chain_never_takes_longer_than_twice_the_timeout(own_engine: Engine, server: LlmStandIn) -> None:
    server.plan(mode="silent")
    begun = time.monotonic()
    with pytest.raises(LLMError, match="in time"):
        ask_once(own_engine, make_settings(server, ("b", "c", "d", "e"), llm_timeout_s=2), make_turn())
    assert time.monotonic() - begun < 7, "all five would take ten seconds"


def test_a_message_has_its_number_of_calls_whatever_crashes(
    own_engine: Engine, server: LlmStandIn, conversation_id: int
) -> None:
    settings = make_settings(server, llm_calls_per_message=2)
    with own_engine.begin() as connection:
        row = {"conversation_id": conversation_id, "answered_seq": 7, "purpose": "test", "model": "gpt-4o-mini"}
        connection.execute(insert(LlmCall).values(row))  # what a killed process leaves behind
    ask_once(own_engine, settings, make_turn(conversation_id))
    with pytest.raises(LLMError) as caught:
        ask_once(own_engine, settings, make_turn(conversation_id))
    assert (caught.value.kind, caught.value.permanent) == ("limit", True)
    assert len(server.requests) == 1
    assert len(read_calls(own_engine, conversation_id)) == 2


def test_twenty_at_once_get_no_more_than_the_limit(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    settings = make_settings(server, llm_calls_per_message=3)

    def try_it(_: int) -> str:
        try:
            return ask_once(own_engine, settings, make_turn(conversation_id)).model
        except LLMError as e:
            return e.kind

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(try_it, range(20)))
    assert sorted(outcomes) == ["gpt-4o-mini"] * 3 + ["limit"] * 17
    assert len(server.requests) == 3


def test_the_chain_stops_at_the_limit(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    server.plan(mode="status", status=500)
    with pytest.raises(LLMError) as caught:
        ask_once(own_engine, make_settings(server, ("b", "c"), llm_calls_per_message=2), make_turn(conversation_id))
    assert caught.value.kind == "limit"
    assert len(server.requests) == 2


def test_a_rehearsal_has_rows_and_no_limit(own_engine: Engine, server: LlmStandIn) -> None:
    settings = make_settings(server, llm_calls_per_message=1)
    ids = [ask_once(own_engine, settings, make_turn()).call_id for _ in range(3)]
    with own_engine.connect() as connection:
        rows = connection.execute(select(LlmCall.conversation_id, LlmCall.turn_id).where(LlmCall.id.in_(ids))).all()
    assert [tuple(row) for row in rows] == [(None, None)] * 3


def test_a_server_without_schemas_is_asked_again_once_and_remembered(own_engine: Engine, server: LlmStandIn) -> None:
    server.plan(mode="no_schema")
    assert ask_once(own_engine, make_settings(server), make_turn()).value.knows is True
    ask_once(own_engine, make_settings(server), make_turn())
    formats = [request["response_format"]["type"] for request in server.requests]
    assert formats == ["json_schema", "json_object", "json_object"]
    assert '"knows"' in server.requests[1]["messages"][-1]["content"]


def test_what_a_failed_call_costs(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    """Nothing where the model never saw it, its tokens where they are known, else all that was reserved."""
    for plan in ({"mode": "status", "status": 429}, {"mode": "cut"}, {"mode": "close"}):
        server.plan(**plan)
        with pytest.raises(LLMError):
            ask_once(own_engine, make_settings(server), make_turn(conversation_id))
    refused, cut, broken = read_calls(own_engine, conversation_id)
    assert refused.cost_micros == 0
    assert 0 < cut.cost_micros < cut.reserved_micros
    assert broken.cost_micros == broken.reserved_micros


def test_an_unknown_price_is_null(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    answer = ask_once(own_engine, make_settings(server), make_turn(conversation_id), model="llama-9")
    assert (answer.model, answer.cost_micros) == ("llama-9", None)
    (call,) = read_calls(own_engine, conversation_id)
    assert (call.reserved_micros, call.cost_micros) == (None, None)
    assert call.input_tokens > 0


@pytest.mark.parametrize(
    "settings", [{}, {"openai_api_key": "k", "openai_base_url": "http://127.0.0.1:9/v1"}], ids=["no key", "key"]
)
def test_no_model_is_asked_where_none_may_be(own_engine: Engine, settings: dict[str, Any]) -> None:
    turn = make_turn(llm_allowed=not settings)
    with pytest.raises(LLMError) as caught:
        ask_once(own_engine, Settings.model_validate(settings), turn)
    assert caught.value.kind == "off"


def test_a_server_that_is_away_was_surely_sent_nothing(own_engine: Engine, server: LlmStandIn, conversation_id: int) -> None:
    settings = make_settings(server)
    server.close()
    with pytest.raises(LLMError) as caught:
        ask_once(own_engine, settings, make_turn(conversation_id))
    assert (caught.value.kind, caught.value.sent) == ("connection", False)
    (call,) = read_calls(own_engine, conversation_id)
    assert call.cost_micros == 0


def test_many_turns_ask_at_once(own_engine: Engine, server: LlmStandIn) -> None:
    server.plan(delay_s=0.2)
    begun = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda _: ask_once(own_engine, make_settings(server, llm_timeout_s=60), make_turn()), range(128)))
    assert time.monotonic() - begun < 128 * 0.2, "one after the other"
    assert len(server.requests) == 128
