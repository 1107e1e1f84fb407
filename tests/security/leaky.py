"""A web page with the holes that scanners look for, so that a scan that finds nothing is known to have looked.

python -m security.leaky PORT POSTGRESQL_URL
"""

from __future__ import annotations

import sys

import psycopg
from flask import Flask, request


def make_app(url: str) -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.get("/")
    def index() -> str:
        return '<html><body><form action="/search"><input name="q" value="hola"><button>Buscar</button></form></body></html>'

    @app.get("/search")
    def search() -> tuple[str, int]:
        asked = request.args.get("q", "")
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                rows = connection.execute(f"SELECT 'hola' WHERE 'hola' = '{asked}'").fetchall()  # type: ignore[call-overload]
        except psycopg.Error as error:
            return f"<html><body><p>PostgreSQL query failed: ERROR: {error}</p></body></html>", 200
        return f"<html><body><p>You searched {asked}: {len(rows)} found</p></body></html>", 200

    return app


if __name__ == "__main__":
    make_app(sys.argv[2]).run(port=int(sys.argv[1]))
