"""The copy off the box: after the proof, told where it fails, and never in the way of what counts here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from postgres import GivenPostgres, Postgres

from chatbot.backup.copying import CopyError, copy_away
from chatbot.backup.shelf import Bundle, list_bundles
from integration.backups import Shop, fill, open_shop

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ID = "11111111-2222-3333-4444-555555555555"
# restic as a stand-in: a folder that is a repository once `init` was called, and a line for each call
RESTIC = """#!/bin/sh
echo "$2 $RESTIC_PASSWORD $*" >> {folder}/calls
if [ "$2" = "$(cat {folder}/refuses 2>/dev/null)" ]; then echo "Fatal: {repository} says no" >&2; exit 1; fi
if [ "$2" = "$(cat {folder}/hangs 2>/dev/null)" ]; then exec sleep 60; fi
case $2 in
    cat) [ -e {folder}/config ] || {{ echo "Fatal: no repository" >&2; exit 10; }} ;;
    init) [ ! -e {folder}/config ] || exit 1; touch {folder}/config ;;
esac
"""
REPOSITORY = "rest:https://user:hidden@backup.example.org/shop"


@pytest.fixture
def shop(make_database: Callable[[], str], tmp_path: Path, postgres: Postgres | GivenPostgres) -> Shop:
    return fill(open_shop(make_database(), tmp_path, postgres))


@pytest.fixture
def restic(shop: Shop, tmp_path: Path) -> Path:
    """The stand-in's folder: calls, refuses, hangs."""
    folder = tmp_path / "restic"
    folder.mkdir()
    program = folder / "restic"
    program.write_text(RESTIC.format(folder=folder, repository=REPOSITORY))
    program.chmod(0o755)
    settings = shop.places.backup_settings_folder / "restic.env"
    settings.write_text(f'RESTIC_REPOSITORY="{REPOSITORY}"\nPATH="{folder}:/usr/bin:/bin"\n')
    return folder


def calls(restic: Path) -> list[str]:
    return [line.split()[0] for line in (restic / "calls").read_text().splitlines()]


def test_without_a_place_nothing_is_copied(shop: Shop) -> None:
    assert copy_away(shop.make(NOW).name, shop.places, ID) is None


def test_the_proved_bundle_is_copied_into_a_repository_made_on_the_first_night(shop: Shop, restic: Path) -> None:
    bundle = shop.make(NOW)
    assert copy_away(bundle.name, shop.places, ID) == "rest:https://backup.example.org/shop"
    assert calls(restic) == ["cat", "init", "backup", "forget"]
    lines = (restic / "calls").read_text()
    assert str(bundle.path) in lines
    assert "--keep-last 2 --keep-daily 7 --keep-weekly 4" in lines
    tags = [re.findall(r"--tag (\S+)", line) for line in lines.splitlines() if "--tag" in line]
    assert tags == [[f"mostrador-{ID}"]] * 2, "another installation's copies are never forgotten"
    assert all(line.split()[1] == str(shop.key) for line in lines.splitlines()), "the recovery key opens it"
    proof = bundle.proof
    assert proof is not None
    assert proof["copied_at"]
    assert "hidden" not in json.dumps(proof)
    copy_away(bundle.name, shop.places, ID)
    assert calls(restic)[4:] == ["cat", "backup", "forget"]


def test_what_is_no_longer_what_was_proved_is_not_copied(shop: Shop, restic: Path) -> None:
    bundle = shop.make(NOW)
    with bundle.path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(CopyError, match="isn't what was proved"):
        copy_away(bundle.name, shop.places, ID)
    assert not (restic / "calls").exists()


@pytest.mark.thorough
def test_a_password_of_its_own_is_used(shop: Shop, restic: Path) -> None:
    with (shop.places.backup_settings_folder / "restic.env").open("a") as file:
        file.write('RESTIC_PASSWORD="own"\n')
    copy_away(shop.make(NOW).name, shop.places, ID)
    assert {line.split()[1] for line in (restic / "calls").read_text().splitlines()} == {"own"}


@pytest.mark.thorough
def test_a_copy_that_fails_is_told_and_the_backup_counts_all_the_same(shop: Shop, restic: Path) -> None:
    (restic / "refuses").write_text("backup")
    code, _, err = shop.command("make")
    assert code == 3
    assert "the copy off the box failed" in err
    assert "hidden" not in err
    (bundle,) = list_bundles(shop.folder)
    assert bundle.proof is not None
    assert bundle.proof["copied_at"] is None


@pytest.mark.thorough
def test_a_copy_that_hangs_is_ended(shop: Shop, restic: Path) -> None:
    (restic / "hangs").write_text("backup")
    bundle = shop.make(NOW)
    with pytest.raises(CopyError, match="restic backup took longer"):
        copy_away(bundle.name, shop.places, ID, timeout_s=0.5)
    assert bundle.counts


@pytest.mark.thorough
def test_a_repository_that_only_takes_in_is_a_good_one(shop: Shop, restic: Path) -> None:
    (restic / "refuses").write_text("forget")
    code, out, err = shop.command("make")
    assert code == 0, err
    assert "copied to" in out


def test_a_repository_that_cant_be_asked_is_told_by_its_first_reason(shop: Shop, restic: Path) -> None:
    (restic / "config").touch()
    (restic / "refuses").write_text("cat")
    with pytest.raises(CopyError, match=r"restic cat: .*says no"):
        copy_away(shop.make(NOW).name, shop.places, ID)


def test_a_missing_restic_names_the_command(shop: Shop, restic: Path) -> None:
    (restic / "restic").unlink()
    settings = shop.places.backup_settings_folder / "restic.env"
    settings.write_text(f'RESTIC_REPOSITORY="{REPOSITORY}"\nPATH="{restic}"\n')
    with pytest.raises(CopyError, match="sudo apt-get install restic"):
        copy_away(Bundle(shop.make(NOW).path).name, shop.places, ID)
