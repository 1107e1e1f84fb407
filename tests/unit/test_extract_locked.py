"""The process that reads files is locked in: whatever a hostile file makes of it can do nothing."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import files
import pytest
from conftest import ROOT

from chatbot.errors import IngestError
from chatbot.extractor import locking
from chatbot.knowledge import extract as extracting

# as chatbot/extractor/__main__.py begins, and then what a hijacked process would try
ATTEMPTS = f"""
import ctypes, json, os, signal, socket, sys, types
package = types.ModuleType("chatbot")
package.__path__ = ["{ROOT}/chatbot"]
sys.modules["chatbot"] = package
from chatbot.extractor.locking import lock_in
parent = os.getppid()
lock_in()
def attempt(act):
    try:
        act()
    except (OSError, MemoryError) as e:
        return type(e).__name__
    return "done"
print(json.dumps({{
    "connect": attempt(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "fork": attempt(os.fork),
    "exec": attempt(lambda: os.execv("/bin/true", ["true"])),
    "kill": attempt(lambda: os.kill(parent, signal.SIGTERM)),
    "write": attempt(lambda: open(os.environ.get("TARGET", "/tmp/extractor-wrote"), "w").write("x" * 10000)),
    "memory": attempt(lambda: bytearray(600 * 1024 * 1024)),
    "passwords": attempt(lambda: open("/etc/passwd").read()),
    "parent": attempt(lambda: open(f"/proc/{{parent}}/environ").read()),
    "environment": sorted(os.environ),
}}))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ATTEMPTS], env={}, cwd="/", capture_output=True, text=True, check=True, timeout=60
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("what", ["connect", "unix", "fork", "exec", "kill", "write"])
def test_no_network_no_other_processes_nothing_written(found: dict[str, object], what: str) -> None:
    assert found[what] == "PermissionError"


def test_its_memory_is_limited(found: dict[str, object]) -> None:
    assert found["memory"] == "MemoryError"


@pytest.mark.skipif(
    ctypes.CDLL(None).syscall(locking.LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1) < 1, reason="this kernel has no Landlock"
)
@pytest.mark.parametrize("what", ["passwords", "parent"])
def test_no_files_but_the_programs_own(found: dict[str, object], what: str) -> None:
    assert found[what] == "PermissionError"


def test_it_has_no_environment(found: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "very-secret")
    assert "SECRET_KEY" not in found["environment"]  # type: ignore[operator]


def run_instead(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> IngestError:
    """What extract() makes of a process that behaves in some way of its own."""
    program = folder / "program.py"
    program.write_text(code)
    monkeypatch.setattr(extracting, "COMMAND", (sys.executable, "-I", str(program)))
    with pytest.raises(IngestError) as refused:
        extracting.extract(b"hola" * 1_000_000, "a.txt", deadline_s=5)
    return refused.value


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("import time\ntime.sleep(600)", "too_slow"),
        ("import os, time\nos.close(1)\ntime.sleep(600)", "too_slow"),
        ("import os\nwhile True: os.write(1, b'x' * 1_000_000)", "too_big"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)", "too_slow"),
        ("import os\nos.abort()", "too_much_memory"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "broken"),
        ("print('<html>')", "broken"),
        ("print('[1, 2]')", "broken"),
        ('print(\'{"sections": [["a", "b"]], "notes": [], "title": "", "language": ""}\')', "broken"),
        ('print(\'{"sections": [], "notes": [], "title": "", "language": ""}\')', "empty"),
    ],
)
def test_whatever_it_does_has_a_name_and_an_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, outcome: str
) -> None:  # fmt: skip
    assert run_instead(monkeypatch, tmp_path, code).code == outcome


def test_nothing_heavy_is_imported_by_who_asks() -> None:
    """The web and the worker import chunk.py and extract.py; the formats' libraries are the process's alone."""
    code = "import sys, chatbot.indexer, chatbot.worker, chatbot.web.panel; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    for library in ("pypdfium2", "pdfplumber", "mammoth", "trafilatura", "lxml", "markdownify", "bs4"):
        assert f"'{library}'" not in done.stdout


def test_a_file_that_needs_more_memory_than_there_is(tmp_path: Path) -> None:
    """A table of a million cells that each are a reference to one long text: small on disk, huge when it is read."""
    long = "palabra " * 4_000
    with pytest.raises(IngestError) as refused:
        extracting.extract(files.make_xlsx({"Hoja1": [[long] * 50] * 400}), "a.xlsx")
    assert refused.value.code in {"too_much_memory", "too_big"}
