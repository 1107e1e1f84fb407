"""The difference of two runs: an alert and a recovery each once, flapping damped, consequences kept back, nothing forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_config

from chatbot.checks import Finding
from chatbot.checks.box import find_days_left
from chatbot.config import Config
from chatbot.errors import ConfigError
from chatbot.monitor import Memory, News, compare, list_due, read_memory, write_memory

OK = Finding("ok")


def bad(**values: object) -> Finding:
    return Finding("fail", "away", values)


class Runs:
    """Runs a minute apart; each run's news count as told unless told otherwise."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.now = 1_000_000.0

    def run(self, *, is_told: bool = True, **findings: Finding) -> list[str]:
        self.now += 60
        news: list[News] = compare(self.memory, findings, self.now)
        for item in news if is_told else []:
            self.memory.checks[item.check.id].note_told(item)
        return [f"{item.check.id} {item.level}" for item in news]


@pytest.fixture
def runs() -> Runs:
    return Runs()


def test_a_failure_is_told_once_when_it_is_seen_twice_in_a_row(runs: Runs) -> None:
    assert [runs.run(redis=bad()) for _ in range(4)] == [[], ["redis fail"], [], []]


def test_a_recovery_is_told_once(runs: Runs) -> None:
    runs.run(redis=bad())
    runs.run(redis=bad())
    assert [runs.run(redis=OK) for _ in range(4)] == [[], ["redis ok"], [], []]


def test_what_comes_and_goes_within_a_minute_is_never_told(runs: Runs) -> None:
    assert [runs.run(redis=finding) for finding in [bad(), OK] * 5] == [[]] * 10


def test_what_is_sure_needs_no_second_look(runs: Runs) -> None:
    assert runs.run(disk=replace(bad(), is_sure=True)) == ["disk fail"]


def test_a_unit_that_failed_and_its_mending_are_told_at_first_sight(runs: Runs) -> None:
    assert [runs.run(units=finding) for finding in (bad(), bad(), OK, OK)] == [["units fail"], [], ["units ok"], []]


def stopped(*names: str) -> Finding:
    return Finding("fail", "bad", {"names": ", ".join(names)}, parts=names)


def test_a_second_unit_that_fails_is_told_too_and_again_after_it_was_mended(runs: Runs) -> None:
    found = [stopped("a"), stopped("a", "b"), stopped("a", "b"), stopped("a"), stopped("a", "b"), stopped("b"), OK]
    assert [len(runs.run(units=finding)) for finding in found] == [1, 1, 0, 0, 1, 0, 1]


def test_a_second_unit_whose_alert_was_lost_is_told_in_the_next_run(runs: Runs) -> None:
    runs.run(units=stopped("a"))
    lost = [runs.run(units=stopped("a", "b"), is_told=told) for told in (False, True, True)]
    assert lost == [["units fail"], ["units fail"], []]


def test_an_alert_that_was_lost_is_tried_again_in_the_next_run(runs: Runs) -> None:
    runs.run(redis=bad())
    assert [runs.run(redis=bad(), is_told=told) for told in (False, False, True, True)] == [*[["redis fail"]] * 3, []]


def test_a_recovery_that_was_lost_is_tried_again_too(runs: Runs) -> None:
    runs.run(redis=bad())
    runs.run(redis=bad())
    runs.run(redis=OK)
    assert [runs.run(redis=OK, is_told=told) for told in (False, True, True)] == [["redis ok"], ["redis ok"], []]


def test_a_failure_that_ended_before_its_alert_could_be_sent_is_no_news(runs: Runs) -> None:
    runs.run(redis=bad())
    runs.run(redis=bad(), is_told=False)
    assert [runs.run(redis=OK) for _ in range(3)] == [[], [], []]


def test_a_stopped_worker_is_one_alert_though_queue_and_canary_fail_with_it(runs: Runs) -> None:
    down = {"worker": bad(), "queue": bad(), "canary": bad()}
    assert [runs.run(**down) for _ in range(4)] == [[], ["worker fail"], [], []]
    assert [runs.run(worker=OK, queue=bad(), canary=OK) for _ in range(2)] == [[], ["worker ok"]]
    assert [runs.run(worker=OK, queue=OK, canary=OK) for _ in range(3)] == [[], [], []]


def test_a_consequence_that_outlives_its_cause_is_told_then(runs: Runs) -> None:
    for _ in range(3):
        runs.run(worker=bad(), queue=bad())
    for _ in range(2):
        runs.run(worker=OK, queue=bad())
    assert [runs.run(worker=OK, queue=bad()) for _ in range(2)] == [[], ["queue fail"]]


def test_a_warning_is_told_only_where_it_is_worth_it_and_getting_worse_is_news(runs: Runs) -> None:
    warning = Finding("warn", "soon")
    assert [runs.run(memory=warning, disk=warning) for _ in range(3)] == [[], ["disk warn"], []]
    assert [runs.run(disk=bad()) for _ in range(3)] == [[], ["disk fail"], []]
    assert [runs.run(disk=warning) for _ in range(3)] == [[], [], []]
    assert [runs.run(disk=OK) for _ in range(3)] == [[], ["disk ok"], []]


def test_what_could_not_be_looked_at_neither_fails_nor_recovers(runs: Runs) -> None:
    runs.run(queue=bad())
    runs.run(queue=bad())
    assert runs.run() == []
    assert runs.memory.checks["queue"].told == "fail"


def test_slow_checks_are_looked_at_in_their_time_and_every_minute_while_they_fail(runs: Runs) -> None:
    def is_due() -> bool:
        return "canary" in {c.id for c in list_due(runs.memory, runs.now)}

    assert is_due()
    runs.run(canary=OK)
    runs.now += 60
    assert not is_due()
    runs.now += 540
    assert is_due()
    runs.run(canary=bad())
    runs.now += 60
    assert is_due()


def test_what_asks_others_is_not_looked_at_while_its_cause_is_told(runs: Runs) -> None:
    def is_due(name: str) -> bool:
        return name in {c.id for c in list_due(runs.memory, runs.now + 60)}

    runs.run(worker=bad(), queue=bad(), canary=bad())
    assert is_due("canary"), "its cause isn't told yet"
    runs.run(worker=bad(), queue=bad(), canary=bad())
    assert not is_due("canary")
    assert is_due("queue"), "it asks nobody"
    assert is_due("worker")
    runs.run(worker=OK, queue=OK)
    runs.run(worker=OK, queue=OK)
    assert is_due("canary")


def test_only_what_is_watched_is_due(runs: Runs) -> None:
    due = {c.id for c in list_due(runs.memory, runs.now)}
    assert "disk" in due
    assert "secret_key" not in due


@pytest.fixture
def box(tmp_path: Path) -> Config:
    for name in ("state", "run"):
        (tmp_path / name).mkdir()
    return make_config("postgresql:///x", state_dir=str(tmp_path / "state"), runtime_dir=str(tmp_path / "run"))


def remembering(runs: Runs) -> Memory:
    runs.run(redis=bad())
    return replace(runs.memory, at=runs.now, disk=[(1.0, 2.0)], disk_path="/", spare="x")


def test_memory_is_read_back_as_it_was_written(box: Config, runs: Runs) -> None:
    memory = remembering(runs)
    write_memory(box, memory)
    assert read_memory(box) == memory


def test_where_the_disk_takes_nothing_the_newer_memory_counts(box: Config, runs: Runs) -> None:
    write_memory(box, Memory(at=1.0))
    state = Path(box.state_dir)
    (state / "checks.json").rename(state / "old")
    state.rename(state.with_name("gone"))  # as root, a folder without rights would still be writable
    memory = remembering(runs)
    write_memory(box, memory)
    assert read_memory(box) == memory
    state.with_name("gone").rename(state)
    (state / "old").rename(state / "checks.json")
    assert read_memory(box) == memory


def test_a_spoiled_memory_is_an_empty_one(box: Config) -> None:
    (Path(box.state_dir) / "checks.json").write_text('{"at": 1, "checks": {"redis": {"colour": 1}}}')
    assert read_memory(box) == Memory()


def test_where_nothing_can_be_remembered_it_says_so(tmp_path: Path) -> None:
    nowhere = make_config("postgresql:///x", state_dir=str(tmp_path / "a"), runtime_dir=str(tmp_path / "b"))
    with pytest.raises(ConfigError, match="nothing can be remembered"):
        write_memory(nowhere, Memory())


def test_a_disk_that_loses_a_gigabyte_a_day_is_full_when_they_are_gone() -> None:
    gigabyte, day = 1e9, 86_400
    filling = tuple((hour * 3_600.0, 10 * gigabyte - hour * 3_600 / day * gigabyte) for hour in range(49))
    assert find_days_left(filling) == pytest.approx(8.0)


@pytest.mark.parametrize("readings", [(), ((0.0, 5.0),), ((0.0, 9.0), (600.0, 1.0)), ((0.0, 1.0), (90_000.0, 9.0))])
def test_no_end_is_foretold_from_few_readings_or_where_room_is_gained(readings: tuple[tuple[float, float], ...]) -> None:
    assert find_days_left(readings) is None
