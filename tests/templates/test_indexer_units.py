"""The indexer's unit and the worker's wish for it, as the box would get them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from chatbot.config import Config
from chatbot.indexing import WISH
from templates.render import evaluate, render


def read(unit: str, system: str) -> list[str]:
    return render(f"systemd/{unit}.j2", os=system).splitlines()


def test_the_workers_wish_is_heard_and_taken_away(system: str) -> None:
    folder = Path(Config.model_fields["worker_runtime_dir"].default)
    assert f"PathExists={folder / WISH}" in read("mostrador-indexer.path", system)
    service = read("mostrador-indexer.service", system)
    assert f"ExecStartPre=/usr/bin/rm -f {folder / WISH}" in service, "else it would begin again and again"
    assert f"ReadWritePaths=-{folder}" in service
    assert f"RuntimeDirectory={folder.name}" in read("mostrador-worker.service", system)
    assert folder.parent == Path("/run")


def test_it_runs_beside_and_after_everything_else(system: str) -> None:
    service = read("mostrador-indexer.service", system)
    assert "Nice=10" in service
    assert "ExecStart=/usr/bin/env venv/bin/python -m flask --app wsgi index --quiet" in service
    assert f"MemoryMax={evaluate('units_indexer_memory_mb', os=system)}M" in service
    assert "OOMPolicy=continue" in service, "what reads a file may be killed for its memory; the indexer says so and goes on"
    for unit in ("mostrador-indexer.service", "mostrador-indexer.path"):
        assert "PartOf=mostrador.target" in read(unit, system)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze isn't installed here")
def test_its_sandbox_is_tight(tmp_path: Path, system: str) -> None:
    unit = tmp_path / "mostrador-indexer.service"
    unit.write_text("\n".join(read(unit.name, system)))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", unit]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-200:] + judged.stderr
