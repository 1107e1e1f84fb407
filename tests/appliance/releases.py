"""Releases that differ from this tree's: one that is good and adds to the schema, and some that can't start."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from appliance.machine import ROOT, run

PACKED = ("chatbot", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "requirements.txt",
          "requirements-ansible.txt", "wsgi.py", "embedder.py", "systemd", "nginx", "scripts")  # fmt: skip
MIGRATION = '''"""Adds what the release before doesn't know."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("contact", sa.Column("of_the_next_release", sa.Text(), nullable=True))
'''


def build_changed(folder: Path, version: str, *, breaks: str = "", grows: bool = False) -> Path:
    """The artefact of a release. breaks: a module that raises when it is imported; grows: the schema has a column more."""
    folder.mkdir(parents=True)
    for name in PACKED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / name, ignore=ignored) if source.is_dir() else shutil.copy(source, folder / name)
    setup = folder / "setup.cfg"
    setup.write_text(re.sub(r"^version = .*$", f"version = {version}", setup.read_text(), count=1, flags=re.MULTILINE))
    if breaks:
        (folder / breaks).write_text('raise RuntimeError("this release is broken on purpose")\n')
    if grows:
        versions = folder / "chatbot/migrations/versions"
        head = max(re.findall(r'^revision = "(\w+)"', "\n".join(p.read_text() for p in versions.glob("*.py")), re.MULTILINE))
        (versions / "9001_next.py").write_text(MIGRATION.format(head=head))
    run(sys.executable, folder / "scripts/build_release.py", timeout_s=600, cwd=folder)
    return next((folder / "dist").glob("mostrador-*.tar.gz"))
