"""Has a file's text read by a process of its own (chatbot/extractor/): whatever a hostile file does there ends there.

That process has no environment, no network, no right to write or to start others, and the limits below. It gets the bytes
by a pipe and answers with JSON, capped; nothing in this process ever parses the file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from chatbot.errors import IngestError
from chatbot.reply import Language

MAX_FILE_BYTES: Final = 20 * 1024 * 1024
MAX_PAGES: Final = 500
MAX_CHARS: Final = 2_000_000
MAX_MEMORY_BYTES: Final = 512 * 1024 * 1024
MAX_SECONDS: Final = 60  # of processor time
DEADLINE_S: Final = 180.0  # by the clock: with a low priority on a busy machine, the same work takes longer
MAX_ANSWER_BYTES = MAX_CHARS * 4 + 1024 * 1024
PROGRAM = Path(__file__).parent.parent / "extractor" / "__main__.py"
# isolated: no folder of ours and no variable leads its imports; -B: it may write nothing, so it doesn't try
COMMAND = (sys.executable, "-I", "-B", "-X", "utf8", str(PROGRAM))
ENDED_BY = {
    signal.SIGXCPU: "too_slow",
    # how libraries in C++ and Rust give up where there is no memory, and what the kernel does then
    signal.SIGABRT: "too_much_memory",
    signal.SIGILL: "too_much_memory",
    signal.SIGTRAP: "too_much_memory",
    signal.SIGKILL: "too_much_memory",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document in Markdown. page_number: 1-based, of a PDF."""

    text: str
    page_number: int | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a file says. title: its own, perhaps empty; language: what it says of itself; notes: codes with their facts."""

    title: str
    language: Language | None
    sections: tuple[Section, ...]
    notes: tuple[dict[str, Any], ...]


def extract(content: bytes, name: str, media_type: str = "", *, deadline_s: float = DEADLINE_S) -> Extracted:
    """The text of a PDF, DOCX, XLSX, CSV, HTML, Markdown or plain text, known by its content. Raises IngestError.

    name, media_type: as whoever sent it calls it; only hints.
    """
    if not content:
        raise IngestError("empty")
    if len(content) > MAX_FILE_BYTES:
        raise IngestError("too_big", bytes=len(content), most=MAX_FILE_BYTES)
    head = json.dumps({"name": name[-500:], "media_type": media_type[:200]}).encode()
    return _read_answer(run_limited(head + b"\n" + content, deadline_s))


def run_limited(sent: bytes, deadline_s: float) -> bytes:
    """What the process answers to a line of JSON and a file's bytes. Raises IngestError."""
    with subprocess.Popen(  # noqa: S603  a command of constants
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={}, cwd="/", close_fds=True, start_new_session=True,
    ) as child:  # fmt: skip
        late = threading.Event()
        timer = threading.Timer(deadline_s, _end_late, (child, late))
        writer = threading.Thread(target=_send, args=(child, sent), daemon=True)
        timer.start()
        writer.start()
        try:
            answer: bytes = cast("Any", child.stdout).read(MAX_ANSWER_BYTES + 1)
            if len(answer) > MAX_ANSWER_BYTES:
                _kill(child)
            code = child.wait()
        finally:
            timer.cancel()
            if child.returncode is None:
                _kill(child)  # this process is being stopped
            writer.join()
    if late.is_set() or len(answer) > MAX_ANSWER_BYTES:
        raise IngestError("too_slow" if late.is_set() else "too_big")
    if code:
        raise IngestError(ENDED_BY.get(cast("Any", -code), "broken"))
    return answer


def _send(child: subprocess.Popen[bytes], sent: bytes) -> None:
    with suppress(OSError):  # it ended before it had read all
        cast("Any", child.stdin).write(sent)
    with suppress(OSError):
        cast("Any", child.stdin).close()


def _end_late(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _read_answer(answer: bytes) -> Extracted:
    """A process that read a hostile file may have become its: what it says is checked like any other input."""
    try:
        said = json.loads(answer)
        if "refused" in said:
            raise IngestError(str(said["refused"])[:40], **_plain(said.get("facts")))
        sections = tuple(Section(str(text), int(page) if page else None) for text, page in said["sections"])
        notes = tuple({"code": str(note["code"])[:40], **_plain(note)} for note in said["notes"][:20])
        language = said["language"] if said["language"] in ("es", "en") else None
        title = str(said["title"])[:300]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise IngestError("broken") from e
    if not any(section.text.strip() for section in sections):
        raise IngestError("empty")
    return Extracted(title, language, sections, notes)


def _plain(facts: Any) -> dict[str, Any]:
    """Short names, short texts, numbers and lists of them."""
    found = facts.items() if isinstance(facts, dict) else ()
    return {str(k)[:40]: _shorten(v) for k, v in list(found)[:10] if k != "code"}


def _shorten(value: Any) -> Any:
    if isinstance(value, list):
        return [_shorten(one) for one in value[:20] if not isinstance(one, list | dict)]
    return value if isinstance(value, int | float | bool) else str(value)[:200]
