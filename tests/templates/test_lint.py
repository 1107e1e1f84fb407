"""The playbooks keep to the rules of ansible-lint's production profile, which `.ansible-lint` sets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from templates.render import ROOT


@pytest.mark.thorough
def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "ansible-lint"
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "ANSIBLE_HOME": str(tmp_path)}
    done = subprocess.run(
        [program, "--nocolor", "-q"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
