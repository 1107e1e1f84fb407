"""What nginx writes into its log of what was asked: never what opens a door."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from templates.render import render
from templates.test_web_nginx import SITE, read_block

TOKEN = "c2VjcmV0.aB-c_D.eFg"
HTTP = """
daemon off; pid {folder}/pid; error_log stderr crit;
events {{}}
http {{
client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
uwsgi_temp_path {folder}; scgi_temp_path {folder};
{rules}
server {{ listen 127.0.0.1:{port}; access_log {folder}/asked.log mostrador; location / {{ return 204; }} }}
}}
"""


def read_rules() -> str:
    """The map and the format of the real site."""
    text = render(SITE)
    found = re.findall(r"^map .+?^}$|^log_format .+?;$", text, re.DOTALL | re.MULTILINE)
    assert len(found) >= 2
    return "\n".join(found)


def ask(port: int, *paths: str) -> None:
    for path in paths:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == 204
        connection.close()


def is_up(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx isn't installed here; type: apt-get install nginx-light")
def test_neither_a_webhooks_token_nor_an_invitations_is_written_down(tmp_path: Path) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(HTTP.format(folder=tmp_path, rules=read_rules(), port=port))
    nginx = subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf", "-e", "stderr"])
    try:
        end = time.monotonic() + 30
        while not is_up(port) and time.monotonic() < end:
            time.sleep(0.05)
        closed = [f"/webhooks/chatwoot/{TOKEN}", f"/welcome/{TOKEN}", f"/welcome/{TOKEN}?x=1", f"//welcome//{TOKEN}"]
        ask(port, *closed, f"/%77elcome/{TOKEN}", "/welcome", "/conversations?q=hola")
    finally:
        nginx.terminate()
        nginx.wait(10)
    log = (tmp_path / "asked.log").read_text()
    assert TOKEN not in log
    asked = re.findall(r'"GET (\S+) HTTP', log)
    assert asked == ["/webhooks/chatwoot/***", *["/welcome/***"] * 4, "/welcome", "/conversations?q=hola"]


@pytest.mark.parametrize("location", ["location ^~ /welcome/", "location ^~ /webhooks/"])
def test_the_error_log_which_masks_nothing_is_off_there(location: str) -> None:
    assert "error_log /dev/null emerg;" in read_block(render(SITE), location)
