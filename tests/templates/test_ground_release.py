"""How a release is named: two different builds never share a name, also where git can't say which commit it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import build_release
import pytest

from templates.render import ROOT

NEEDED = ("chatbot", "scripts", "systemd", "nginx", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md",
          "requirements.txt", "requirements-ansible.txt", "wsgi.py", "embedder.py")  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copied folder, as somebody brings it to a server."""
    for name in NEEDED:
        path = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, tmp_path / name, ignore=ignored) if path.is_dir() else shutil.copy(path, tmp_path / name)
    return tmp_path


def build(source: Path) -> str:
    words = [sys.executable, str(source / "scripts/build_release.py")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    return Path(done.stdout.strip().splitlines()[-1]).name


@pytest.mark.thorough
def test_what_git_knows_nothing_of_is_named_by_its_content(source: Path) -> None:
    first = build(source)
    assert "+src." in first
    assert build(source) == first
    with (source / "wsgi.py").open("a") as file:
        file.write("\n# changed\n")
    assert build(source) != first


def test_a_checkout_on_a_server_without_git_can_be_built(source: Path) -> None:
    (source / ".git").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(build_release, "ROOT", source)
        patched.setenv("PATH", str(source / "empty"))
        assert build_release.ask_git("rev-parse", "HEAD") == ""
        assert build_release.read_version().count("+") == 0


def test_what_builds_the_wheel_is_pinned_with_hashes() -> None:
    lines = build_release.read_pinned(build_release.PINNED, "setuptools")
    assert lines[0].startswith("setuptools==")
    assert len(lines) > 1
    assert all("--hash=sha256:" in line for line in lines[1:])
