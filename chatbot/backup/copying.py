"""A counted bundle leaves the box with restic, where restic.env names a repository.

What is copied is encrypted already. restic's own password is the recovery key unless restic.env has one, so that one secret
opens everything.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import structlog

from chatbot.backup.places import RESTIC_FILE, BackupError, Places, read_environment_file, read_key_file
from chatbot.backup.postgres import SYSTEM_PATH
from chatbot.backup.shelf import KEPT_DAYS, KEPT_NEWEST, KEPT_WEEKS, Bundle

log = structlog.get_logger(__name__)
COPY_TIMEOUT_S = 2 * 3_600
ASK_TIMEOUT_S = 120
TAG = "mostrador"
CREDENTIALS = re.compile(r"://[^/@]*@")


class CopyError(BackupError):
    """The bundle counts, but it isn't away from the box."""


def copy_away(name: str, places: Places, installation: str, timeout_s: float = COPY_TIMEOUT_S) -> str | None:
    """Copies a bundle and notes it in its proof. None where no repository is set. Raises CopyError.

    installation: its id. Only its own copies are ever forgotten: a new box with the same repository, or an old one that still
    lives, must not push out the last good one of another.
    """
    environment = _read_environment(places)
    repository = environment.get("RESTIC_REPOSITORY")
    if not repository:
        return None
    bundle = Bundle(places.backup_folder / name)
    if not bundle.is_intact:
        raise CopyError(f"the copy off the box failed: {name} isn't what was proved; type: sudo mostrador backup make")
    tag = f"{TAG}-{installation}"
    _ensure_repository(environment)
    _restic(environment, timeout_s, "backup", "--quiet", "--tag", tag, str(bundle.path))
    shown = CREDENTIALS.sub("://", repository)
    bundle.note_proof({**(bundle.proof or {}), "copied_at": datetime.now(UTC).isoformat(), "copied_to": shown})
    # as on the box: of one day the one before the newest goes only when the next one has left
    kept = ["--keep-last", str(KEPT_NEWEST), "--keep-daily", str(KEPT_DAYS), "--keep-weekly", str(KEPT_WEEKS)]
    try:
        _restic(environment, timeout_s, "forget", "--quiet", "--prune", *kept, "--group-by", "tags", "--tag", tag)
    except CopyError as e:  # a repository that only takes in is a good one
        log.warning("old_copies_stay", problem=str(e))
    return shown


def _read_environment(places: Places) -> dict[str, str]:
    path = places.backup_settings_folder / RESTIC_FILE
    if not path.exists():
        return {}
    given = read_environment_file(path.read_text("utf-8"))
    common = {"PATH": SYSTEM_PATH, "HOME": str(Path.home()), "RESTIC_PROGRESS_FPS": "0"}
    has_password = {"RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"} & given.keys()
    return {**common, **({} if has_password else {"RESTIC_PASSWORD": str(read_key_file(places.key_file)[0])}), **given}


def _ensure_repository(environment: dict[str, str]) -> None:
    """One that can't be asked isn't made again: init refuses where there is one, and the first reason is told."""
    try:
        _restic(environment, ASK_TIMEOUT_S, "cat", "config", "--quiet")
    except CopyError as e:
        try:
            _restic(environment, ASK_TIMEOUT_S, "init", "--quiet")
        except CopyError:
            raise e from None


def _restic(environment: dict[str, str], timeout_s: float, *arguments: str) -> None:
    program = shutil.which("restic", path=environment["PATH"])
    if program is None:
        raise CopyError("the copy off the box failed: restic is missing; type: sudo apt-get install restic")
    command = [program, "--no-cache", *arguments]
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise CopyError(f"the copy off the box failed: restic {arguments[0]} took longer than {timeout_s:.0f} s") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CopyError(f"the copy off the box failed: restic {arguments[0]}: {CREDENTIALS.sub('://', reason)}")
