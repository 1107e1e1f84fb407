"""PostgreSQL goes away and comes back; and one of each duration at its full length."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import migrate, thorough
from postgres import Postgres

from acceptance.box import FAST, Box
from acceptance.conftest import Maker

FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.mark.thorough
@pytest.mark.parametrize("away_s", [3, *thorough(20)])
def test_postgresql_stopped_under_load(own_postgres: Postgres, tmp_path: Path, away_s: float) -> None:
    own_postgres.create_database("shop")
    migrate(own_postgres.url("shop"))
    box = Box(own_postgres.url("shop"), tmp_path).start()
    try:
        begin = time.monotonic()
        is_away = False
        while time.monotonic() - begin < away_s + 6:
            if not is_away and time.monotonic() - begin > 2:
                own_postgres.kill()
                is_away = True
            if is_away and own_postgres._server is None and time.monotonic() - begin > away_s + 2:
                own_postgres.start()
            box.pretend.customer(FAQ)
            time.sleep(0.4)
        box.wait(lambda: box.pretend.hooks.waiting == 0, 20, "all webhooks had their answer")
        time.sleep(4)  # two readings
        box.settle(60)
        box.check(reconciled=True)
        answered = sum(ANSWER in box.texts(c) for c in box.pretend.world.conversations)
        handed_off = sum(box.pretend.status(c) == "open" for c in box.pretend.world.conversations)
        assert answered + handed_off >= len(box.pretend.world.conversations)
    finally:
        box.stop()
        box.engine.dispose()


@pytest.mark.torture
def test_each_duration_at_its_full_length(make_box: Maker) -> None:
    """Debounce 6 s, quiet 20 s, lease 90 s, reading every 60 s."""
    fast = dict(FAST)
    FAST.clear()
    try:
        box = make_box(workers=2)
    finally:
        FAST.update(fast)
    begin = time.monotonic()
    box.pretend.fault("echo", "drop")
    box.pretend.fault("post_message", "reset", times=1)
    unknown = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: any(line["act"] == "post_stored" for line in box.pretend.history.lines()), 15, "stored, answer lost")
    assert time.monotonic() - begin > 6, "the debounce"
    box.wait(box.is_settled, 60, "it is proved after its time of quiet")
    assert time.monotonic() - begin > 26
    assert box.texts(unknown) == [ANSWER]
    box.pretend.clear_faults()

    box.crash_at("after_freeze", "stop")
    frozen = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.has_crashed("after_freeze"), 15, "a worker is frozen")
    begin = time.monotonic()
    box.pretend.fault("webhook", "drop")
    missed = box.pretend.customer(FAQ)["conversation"]
    time.sleep(1)
    box.pretend.clear_faults()
    box.wait(lambda: box.texts(missed) == [ANSWER], 90, "what no webhook told is read within a minute")
    box.wait(lambda: box.texts(frozen) == [ANSWER], 150, "another worker takes the lease when it has ended")
    assert time.monotonic() - begin > 80
    for name in box.processes:
        box.kill(name, signal.SIGCONT)
    time.sleep(3)
    box.settle(30)
    box.check()
