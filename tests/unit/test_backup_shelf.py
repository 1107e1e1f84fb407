"""Which bundles stay, whether another one has room, and what a key file and an environment file say."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyrage import x25519

from chatbot.backup import shelf
from chatbot.backup.places import BackupError, Places, read_environment_file, read_key_file, read_keys
from chatbot.backup.shelf import (
    GB,
    KEPT_UNPROVED,
    Bundle,
    check_room,
    choose_kept,
    find_counted_before,
    list_bundles,
    locked,
    name_bundle,
    take_old_away,
)
from chatbot.errors import ConfigError

START = datetime(2026, 11, 1, 2, 40, tzinfo=UTC)  # a Sunday


def add(folder: Path, made_at: datetime, *, counts: bool = True, size: int = 10) -> Bundle:
    bundle = Bundle(folder / name_bundle(made_at))
    bundle.path.write_bytes(b"x" * size)
    if counts:
        bundle.note_proof({"bundle": bundle.name})
    return bundle


def names(folder: Path) -> list[str]:
    return [f"{b.made_at:%m-%d}" for b in list_bundles(folder)]


def test_after_sixty_nights_seven_days_and_four_weeks_stay(tmp_path: Path) -> None:
    for day in range(60):
        take_old_away(tmp_path, add(tmp_path, START + timedelta(days=day)))
    # 2026-12-30 is a Wednesday: its week and the days before, then the Sunday or the newest of each of four weeks
    assert names(tmp_path) == [
        *("12-30", "12-29", "12-28", "12-27", "12-26", "12-25", "12-24"),
        *("12-23", "12-20", "12-13", "12-06"),
    ]


def test_each_night_the_week_before_is_still_covered(tmp_path: Path) -> None:
    for day in range(60):
        take_old_away(tmp_path, add(tmp_path, START + timedelta(days=day)))
        ages = [(START + timedelta(days=day) - b.made_at).days for b in list_bundles(tmp_path)]
        assert ages[: min(day + 1, 7)] == list(range(min(day + 1, 7)))
        assert len(ages) <= 11
        gaps = [later - earlier for earlier, later in itertools.pairwise(ages)]
        assert max(gaps, default=0) <= 7, "no two of them are more than a week apart"
        assert day < 35 or ages[-1] >= 22, "the oldest is from more than three weeks ago"


def test_of_several_on_a_day_the_newest_stays() -> None:
    times = [START + timedelta(hours=hour) for hour in (0, 5, 9)]
    assert choose_kept(times) == {times[-1]}


def test_nights_without_a_backup_use_up_nothing() -> None:
    times = [START + timedelta(days=3 * n) for n in range(7)]
    assert choose_kept(times) == set(times)


def test_those_that_dont_count_never_push_out_one_that_does(tmp_path: Path) -> None:
    good = [add(tmp_path, START + timedelta(days=n)) for n in range(3)]
    bad = [add(tmp_path, START + timedelta(days=10 + n), counts=False) for n in range(20)]
    bad[-1].note_failure("damaged")
    gone = take_old_away(tmp_path, good[-1])
    left = list_bundles(tmp_path)
    assert [b.name for b in left if b.counts] == [b.name for b in reversed(good)]
    assert [b.name for b in left if not b.counts] == [b.name for b in reversed(bad[-KEPT_UNPROVED:])]
    assert len(gone) == 18


def test_nothing_else_in_the_folder_is_touched(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("notes.txt", "mostrador-old.tar.age", "mostrador-20260101T000000Z.tar.age.bak")]
    for path in others:
        path.write_text("mine")
    for day in range(30):
        newest = add(tmp_path, START + timedelta(days=day))
    take_old_away(tmp_path, newest)
    assert all(path.exists() for path in others)
    assert {p.suffix for p in tmp_path.iterdir()} == {".age", ".proved", ".txt", ".bak"}
    assert len([p for p in tmp_path.iterdir() if p.suffix == ".proved"]) == len(list_bundles(tmp_path)), "no proof is left over"


def test_the_newest_stays_even_where_the_clock_went_back(tmp_path: Path) -> None:
    add(tmp_path, START + timedelta(hours=9))
    made = add(tmp_path, START)
    take_old_away(tmp_path, made)
    assert made.counts
    assert made.path.exists()


def test_a_bundle_counts_while_its_proof_lies_beside_it(tmp_path: Path) -> None:
    bundle = add(tmp_path, START, counts=False)
    assert not bundle.counts
    bundle.note_proof({"rows": 3})
    assert bundle.counts
    bundle.note_failure("cut")
    assert not bundle.counts
    assert bundle.problem == "cut"
    (tmp_path / f"{bundle.name}.proved").write_text('{"rows": ')
    assert not bundle.counts, "half a proof is none"


def test_the_size_before_is_that_of_one_that_counts(tmp_path: Path) -> None:
    first = add(tmp_path, START)
    add(tmp_path, START + timedelta(days=1), counts=False)
    third = add(tmp_path, START + timedelta(days=2))
    found = find_counted_before(tmp_path, third.made_at)
    assert found == first
    assert find_counted_before(tmp_path, first.made_at) is None


@pytest.mark.parametrize(
    ("total_gb", "free_gb", "database_gb", "bundle_gb", "has_room"),
    [
        (25, 10, 1, 0.2, True),
        (25, 2.6, 1, 0.2, True),  # 1 + 2 x 0.25 for a while, 1 stays
        (25, 2.4, 1, 0.2, False),
        (4, 2.4, 1, 0.2, True),  # of a small disk a fifth must stay
        (4, 2.2, 1, 0.2, False),
        (25, 3.9, 1, None, False),  # without a last one its size is reckoned as the database's
        (25, 4.1, 1, None, True),
    ],
)
def test_a_backup_is_refused_where_it_could_fill_the_disk(
    total_gb: float, free_gb: float, database_gb: float, bundle_gb: float | None, has_room: bool, tmp_path: Path
) -> None:
    room = SimpleNamespace(total=int(total_gb * GB), free=int(free_gb * GB))
    bundle = int(bundle_gb * GB) if bundle_gb else None
    if has_room:
        check_room(room, int(database_gb * GB), bundle, tmp_path)
        return
    with pytest.raises(BackupError, match="could fill the disk"):
        check_room(room, int(database_gb * GB), bundle, tmp_path)


def test_a_key_file_may_hold_comments_and_older_keys() -> None:
    new, old = x25519.Identity.generate(), x25519.Identity.generate()
    assert [str(k) for k in read_keys(f"# made today\n\n{new}\n# the one before\n{old}\n", "x")] == [str(new), str(old)]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "AGE-SECRET-KEY-1ABC", "age1publickey", "hello"])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match=r"recovery key|is empty") as refused:
        read_keys(text, "backup.key")
    assert "ABC" not in str(refused.value)


def test_a_missing_key_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sudo scripts/install"):
        read_key_file(tmp_path / "backup.key")


def test_environment_files_are_read_as_the_play_writes_them() -> None:
    text = r"""
# a comment
PLAIN=one
QUOTED="two words"
ESCAPED="a \"b\" \\ \$HOME \`c\`"
SINGLE='as it is \"'
EMPTY=""
  SPACED = no name
JSON="[{\"model\": \"m\"}]"
"""
    assert read_environment_file(text) == {
        "PLAIN": "one",
        "QUOTED": "two words",
        "ESCAPED": 'a "b" \\ $HOME `c`',
        "SINGLE": 'as it is \\"',
        "EMPTY": "",
        "JSON": '[{"model": "m"}]',
    }


def make(folder: Path, made_at: datetime) -> Bundle:
    bundle = add(folder, made_at)
    bundle.note_proof({"bundle": bundle.name, "sha256": bundle.read_sha256()})
    take_old_away(folder, bundle)
    return bundle


def test_one_that_was_spoiled_since_its_proof_never_pushes_out_the_good_one_of_its_day(tmp_path: Path) -> None:
    good, spoiled = (make(tmp_path, START + timedelta(hours=hour)) for hour in (0, 5))
    spoiled.path.write_bytes(b"y" * 10)
    newest = make(tmp_path, START + timedelta(days=1))
    assert [b.name for b in list_bundles(tmp_path) if b.counts] == [newest.name, good.name]
    assert "changed since it was proved" in (spoiled.problem or "")


def test_one_that_is_still_good_the_next_day_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    made = [make(tmp_path, START + timedelta(hours=hour)) for hour in (0, 5, 29)]
    assert [b.name for b in list_bundles(tmp_path)] == [made[2].name, made[1].name]


class Clock:
    """Time that passes only by sleeping; then() is called after so many seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.then: dict[float, Callable[[], None]] = {}
        monkeypatch.setattr(shelf, "monotonic", lambda: self.now)
        monkeypatch.setattr(shelf, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.then.pop(self.now, lambda: None)()


def test_who_waits_gets_its_turn_once_the_other_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places, clock = Places(backup_folder=tmp_path), Clock(monkeypatch)
    told: list[float] = []
    other = ExitStack()
    other.enter_context(locked(places))
    clock.then[30.0] = other.close
    with locked(places, lambda: told.append(clock.now)):
        assert (clock.now, told) == (30.0, [0.0])


def test_who_waited_for_ten_minutes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places, clock = Places(backup_folder=tmp_path), Clock(monkeypatch)
    told: list[float] = []
    with locked(places), pytest.raises(BackupError, match="is running"), locked(places, lambda: told.append(clock.now)):
        pass
    assert (clock.now, told) == (600.0, [0.0])


def test_who_does_not_wait_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places, clock = Places(backup_folder=tmp_path), Clock(monkeypatch)
    with locked(places), pytest.raises(BackupError, match="is running"), locked(places):
        pass
    assert clock.now == 0.0
