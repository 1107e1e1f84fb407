"""Where the process starts. It locks itself in before it reads a byte: chatbot/__init__.py, the whole application, stays out.

stdin: a line of JSON with name and media_type, then the file's bytes. stdout: one JSON object, its sections or "refused".
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def main() -> None:
    package = ModuleType("chatbot")
    package.__path__ = [str(Path(__file__).parent.parent)]
    sys.modules["chatbot"] = package
    from chatbot.extractor import locking  # noqa: PLC0415  the package above must be there first

    locking.lock_in()
    # what a library prints must not get into the answer
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with answers:
        json.dump(_answer(), answers, ensure_ascii=False)
        answers.flush()
    os._exit(0)  # no tidying by libraries that have read a hostile file


def _answer() -> dict[str, Any]:
    from chatbot.extractor.outcome import Refused  # noqa: PLC0415
    from chatbot.extractor.reading import read  # noqa: PLC0415

    head = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    try:
        if head.get("links"):  # for the crawl: knowledge/page_links.py
            from chatbot.extractor.links import read_links  # noqa: PLC0415

            return read_links(content, head["media_type"])
        return read(content, head["name"], head["media_type"]).as_json()
    except Refused as e:
        return {"refused": e.code, "facts": e.facts}
    except (MemoryError, RecursionError) as e:
        return {"refused": "too_much_memory" if isinstance(e, MemoryError) else "broken", "facts": {}}
    except Exception as e:  # a library's own, over a file that isn't what it should be
        return {"refused": "broken", "facts": {"error": type(e).__name__}}


if __name__ == "__main__":
    main()
