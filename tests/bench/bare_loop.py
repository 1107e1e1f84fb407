"""The bound of the worker, in a process of its own: claim, ask the model where there is one, post, settle, with no care taken.

Ends when nothing is owed any more. The last line of output is JSON: conversation -> when it was claimed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import psycopg

CLAIM = """
UPDATE conversation c SET epoch = c.epoch + 1, lease_by = 1, lease_until = now() + interval '90 seconds'
FROM (SELECT id FROM conversation WHERE answer_due_at <= now() AND (lease_until IS NULL OR lease_until < now())
      ORDER BY answer_due_at FOR UPDATE SKIP LOCKED LIMIT 1) due
WHERE c.id = due.id RETURNING c.id, c.chatwoot_id, extract(epoch FROM now())::float
"""
SETTLE = (
    "UPDATE conversation SET answered_seq = in_seq, answer_due_at = NULL, lease_by = NULL, lease_until = NULL WHERE id = %s"
)
NEXT_DUE = """
SELECT extract(epoch FROM min(answer_due_at) - now())::float FROM conversation
WHERE answer_due_at IS NOT NULL AND (lease_until IS NULL OR lease_until < now())
"""
POLL_S = 0.25
QUESTION = {"model": "bench", "messages": [{"role": "user", "content": "¿Con qué se lavan las colchas?"}], "temperature": 0.2}


class Loop:
    """claimed: of all threads."""

    def __init__(self, llm_url: str) -> None:
        self._database = os.environ["DATABASE_URL"].replace("+psycopg", "")
        self._account = os.environ["CHATWOOT_ACCOUNT_ID"]
        self._headers = {"Api-Access-Token": os.environ["CHATWOOT_BOT_TOKEN"], "Content-Type": "application/json"}
        self._llm_url = llm_url
        self.claimed: dict[int, float] = {}

    def run(self) -> None:
        """One thread's life."""
        chatwoot = _connect(os.environ["CHATWOOT_URL"])
        llm = _connect(self._llm_url) if self._llm_url else None
        with psycopg.connect(self._database, autocommit=True, prepare_threshold=1) as database:
            while True:
                claimed = database.execute(CLAIM).fetchone()
                if claimed is None:
                    due_s = database.execute(NEXT_DUE).fetchone()[0]
                    if due_s is None:
                        return
                    time.sleep(min(max(due_s, 0), POLL_S))
                    continue
                number, conversation, at = claimed
                self.claimed[conversation] = at
                if llm is not None:
                    _post(llm, "/v1/chat/completions", QUESTION, {"Content-Type": "application/json"})
                self._say(chatwoot, conversation)
                database.execute(SETTLE, [number])

    def _say(self, chatwoot: http.client.HTTPConnection, conversation: int) -> None:
        attributes = {"mostrador": f"{conversation}-0-1"}
        body = {"content": "Abrimos de 9 a 14.", "message_type": "outgoing", "content_attributes": attributes}
        _post(chatwoot, f"/api/v1/accounts/{self._account}/conversations/{conversation}/messages", body, self._headers)


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)


def _post(server: http.client.HTTPConnection, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    server.request("POST", path, json.dumps(body).encode(), headers)
    answer = server.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return json.loads(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--llm", default="", help="URL of the model; without it none is asked")
    given = parser.parse_args()
    loop = Loop(given.llm)
    threads = [threading.Thread(target=loop.run) for _ in range(given.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(loop.claimed))  # noqa: T201


if __name__ == "__main__":
    main()
