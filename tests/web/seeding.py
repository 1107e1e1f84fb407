"""Conversations as rows, for the pages that count them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text


def add_turn(
    connection: Connection,
    number: int,
    question: str,
    at: datetime,
    reason: str | None = None,
    state: str = "",
    answer_of_a_person: str = "",
) -> int:
    """A conversation of one question at `at`, its turn 7 s later, and one call of 100 micro-dollars. Returns the turn's id."""

    def put(statement: str, **values: object) -> int:
        return int(connection.execute(text(f"{statement} RETURNING id"), values).scalar_one())

    inbox = put("INSERT INTO inbox (chatwoot_id, name) VALUES (1, 'Web') ON CONFLICT (chatwoot_id) DO UPDATE SET name = 'Web'")
    conversation = put(
        "INSERT INTO conversation (chatwoot_id, inbox_id, in_seq, answered_seq) VALUES (:n, :i, 1, 1)", n=number, i=inbox
    )
    turn = put(
        "INSERT INTO turn (conversation_id, epoch, from_seq, to_seq, mode, state, language, responder, handoff_reason,"
        " started_at, finished_at) VALUES (:c, 1, 0, 1, 'live', :s, 'es', :r, :h, :a, :f)",
        c=conversation,
        s=state or ("handed_off" if reason else "answered"),
        r="fallback" if reason else "faq",
        h=reason,
        a=at,
        f=at + timedelta(seconds=7),
    )
    message = "INSERT INTO message (conversation_id, chatwoot_id, seq, author, text, arrived_at, turn_id)"
    put(f"{message} VALUES (:c, :m, 1, 'customer', :x, :a, :t)", c=conversation, m=number * 10, x=question, a=at, t=turn)
    if answer_of_a_person:
        values = {"c": conversation, "m": number * 10 + 1, "x": answer_of_a_person, "a": at + timedelta(minutes=1)}
        put(f"{message} VALUES (:c, :m, NULL, 'agent', :x, :a, NULL)", **values)
    put(
        "INSERT INTO part (turn_id, conversation_id, ordinal, mark, text, state, sent_at)"
        " VALUES (:t, :c, 1, :k, 'hola', 'sent', :f)",
        t=turn,
        c=conversation,
        k=f"m{number}",
        f=at + timedelta(seconds=7),
    )
    put(
        "INSERT INTO llm_call (turn_id, conversation_id, purpose, model, state, cost_micros, input_tokens, output_tokens)"
        " VALUES (:t, :c, 'assistant', 'gpt-4o-mini', 'settled', 100, 20, 5)",
        t=turn,
        c=conversation,
    )
    return turn
