"""Publishing and rolling back while turns run: each ends with the release it began with, the next begins with the new one."""

from __future__ import annotations

import pytest
from conftest import thorough

from acceptance.conftest import Maker
from chatbot.bodies import Article
from chatbot.content import publish, roll_back, save_drafts

QUESTION = "¿Qué jabón me recomendáis para las colchas que os compré?"
NEW = Article(
    key="lavado", title="Cuidado de las colchas", language="es",
    text="# Cuidado de las colchas\n\nLas colchas de algodón se lavan con jabón de Marsella. No use lejía en las colchas.",
)  # fmt: skip


@pytest.mark.parametrize("turns", [10, *thorough(50)])
def test_publishing_changes_no_turn_in_the_middle(make_box: Maker, turns: int) -> None:
    box = make_box(workers=1, threads=turns, use_llm=True, LEASE_S="40", LLM_TIMEOUT_S="30", DEBOUNCE_SECONDS="0.1")
    assert box.llm is not None
    old = box.rows("SELECT live_release_id FROM instance")[0]["live_release_id"]
    box.llm.plan(delay_s=15)
    conversations = [box.pretend.customer(QUESTION)["conversation"] for _ in range(turns)]
    box.wait(lambda: len(box.llm.requests) == turns, 20, "all turns are waiting for the model")  # type: ignore[union-attr]
    with box.engine.begin() as connection:
        save_drafts(connection, [NEW], "test")
        new = publish(connection, "test")
    assert box.rows("SELECT count(*) FROM turn WHERE finished_at IS NULL")[0]["count"] == turns
    box.settle(40)
    assert {r["release_id"] for r in box.rows("SELECT release_id FROM turn")} == {old}
    said = [box.texts(conversation) for conversation in conversations]
    assert all(len(texts) == 1 and "jabón neutro" in texts[0] for texts in said), said

    box.llm.plan()
    later = box.pretend.customer(QUESTION)["conversation"]
    box.settle()
    assert "Marsella" in box.texts(later)[0]
    with box.engine.begin() as connection:
        roll_back(connection, old)
    last = box.pretend.customer(QUESTION)["conversation"]
    box.settle()
    assert "jabón neutro" in box.texts(last)[0]
    assert [r["release_id"] for r in box.rows("SELECT release_id FROM turn ORDER BY id DESC LIMIT 2")] == [old, new]
    box.check()
