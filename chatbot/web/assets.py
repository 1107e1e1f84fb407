"""The panel's files under names with their content's hash: kept by browsers for a year. On a box nginx serves them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, current_app, request, send_from_directory
from flask.typing import ResponseReturnValue

from chatbot.errors import ConfigError

STATIC = Path(__file__).parent.parent / "static"
YEAR_S = 31_536_000
bp = Blueprint("assets", __name__)


@bp.get("/static/<name>")
def file(name: str) -> ResponseReturnValue:
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "") and (STATIC / f"{name}.gz").is_file()
    mimetype = "font/woff2" if name.endswith(".woff2") else None
    response = send_from_directory(STATIC, f"{name}.gz" if is_packed else name, max_age=YEAR_S, mimetype=mimetype)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
        response.mimetype = "text/css" if name.endswith(".css") else "text/javascript"
        response.vary.add("Accept-Encoding")
    response.cache_control.immutable = True
    return response


@cache
def read_manifest() -> dict[str, str]:
    """Plain names to hashed ones."""
    try:
        files: dict[str, str] = json.loads((STATIC / "manifest.json").read_text())["files"]
    except FileNotFoundError:
        raise ConfigError("chatbot/static", "the panel's files are missing; run: scripts/build-assets") from None
    return files


def asset_url(name: str) -> str:
    """`panel.css` -> its address. ASSET_URL may name another host for them."""
    base = current_app.config["CONFIG"].asset_url or "/static"
    return f"{base}/{read_manifest()[name]}"


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals["asset_url"] = asset_url
