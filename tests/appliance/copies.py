"""Where copies of the backups go: restic's REST protocol (its documentation: REST backend) over a folder. Run by outside.py."""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[3])
TYPES = ("data", "keys", "locks", "snapshots", "index")
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self._path()
        if path == FOLDER:
            for name in TYPES:
                (FOLDER / name).mkdir(parents=True, exist_ok=True)
        elif path.exists():
            return self._answer(403)
        else:
            path.write_bytes(body)
        return self._answer(200)

    def do_GET(self) -> None:
        path = self._path()
        if path.is_dir():
            listed = [{"name": found.name, "size": found.stat().st_size} for found in sorted(path.iterdir())]
            return self._answer(200, json.dumps(listed).encode(), "application/vnd.x.restic.rest.v2")
        if not path.is_file():
            return self._answer(404)
        content = path.read_bytes()
        if wanted := RANGE.fullmatch(self.headers.get("Range", "")):
            first, last = int(wanted[1]), int(wanted[2] or len(content) - 1)
            return self._answer(206, content[first : last + 1])
        return self._answer(200, content)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        self._path().unlink(missing_ok=True)
        self._answer(200)

    def _path(self) -> Path:
        words = [word for word in self.path.split("?")[0].split("/") if word and word != ".."]
        return FOLDER.joinpath(*words)

    def _answer(self, status: int, content: bytes = b"", kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
