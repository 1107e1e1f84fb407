"""nginx with the real site file and a certificate of its own, before a real installation; and a visitor who logs in."""

from __future__ import annotations

import http.client
import re
import shutil
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from acceptance.box import ROOT, Box, free_port
from templates.render import render

DOMAIN = "bot.example.org"
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
# a scanner that sends X-Scanner may not do this: it ends its own session, locks its account, takes away what it should
# attack, or calls another machine. By wapiti's own -x it can't be said: on Python 3.11 Debian's wapiti 3.0.4 breaks
REFUSED = (
    "logout|account/(sessions|second-factor|password|recovery-codes)|users/|conversations/contact|pause|resume|system/"
    "|first-steps|settings/|.*/(remove|undo|discard|roll-back)$"
)
CERTIFICATE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]


class Front:
    """Changed from what a customer's box has: ports, paths, and that scanners may ask faster than people."""

    def __init__(self, box: Box, folder: Path) -> None:
        self.box, self.folder = box, folder
        self.http_port, self.https_port = free_port(), free_port()
        self._nginx: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    @property
    def certificate(self) -> Path:
        return self.folder / "fullchain.pem"

    def start(self) -> Front:
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not Path(program).exists():
            raise RuntimeError("nginx is missing; type: apt-get install nginx-light")
        names = f"subjectAltName=DNS:{DOMAIN},DNS:localhost"
        files = ["-keyout", self.folder / "privkey.pem", "-out", self.certificate]
        subprocess.run(
            [*CERTIFICATE, "-subj", f"/CN={DOMAIN}", "-addext", names, *files], check=True, capture_output=True, timeout=30
        )
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        mime = "include /etc/nginx/mime.types;"
        refuse = f'map "$http_x_scanner:$request_method:$uri" $is_refused {{ default 0; "~^1:POST:/({REFUSED})" 1; }}'
        (self.folder / "nginx.conf").write_text(
            f"user root;\npid {self.folder}/pid;\nerror_log {self.folder}/error.log;\nevents {{}}\n"
            f"http {{\n{mime}\n{refuse}\n{temporary}{self._make_site(program)}\n}}\n"
        )
        self._nginx = subprocess.Popen([program, "-c", self.folder / "nginx.conf", "-g", "daemon off;"])
        self.box.wait(self._is_answering, 10, "nginx answers")
        return self

    def _make_site(self, program: str) -> str:
        told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
        is_old = tuple(map(int, re.findall(r"/(\d+)\.(\d+)", told)[0])) < (1, 25)
        site = render(
            "nginx/mostrador.conf.j2",
            mostrador_domain=DOMAIN,
            nginx_tls=str(self.folder),
            nginx_has_http2_in_listen=is_old,
            nginx_has_ipv6=False,
        )
        changes = {
            "/var/log/nginx": str(self.folder),
            "listen 80": f"listen 127.0.0.1:{self.http_port}",
            "listen 443": f"listen 127.0.0.1:{self.https_port}",
            f"server_name {DOMAIN};": f"server_name {DOMAIN} localhost;",
            "http://unix:/run/mostrador-web.sock": f"http://127.0.0.1:{self.box.port}",
            "/opt/mostrador/current/static/": f"{ROOT}/chatbot/static/",
            "client_max_body_size 64k;": "client_max_body_size 64k;\n    if ($is_refused) { return 403; }",
            "rate=10r/s": "rate=10000r/s",
            "burst=50": "burst=5000",
            # a browser leaves the port away where it is 443; the check of the referrer compares it
            "Host $host;": "Host $http_host;",
        }
        for before, after in changes.items():
            if before not in site:
                raise RuntimeError(f"nginx/mostrador.conf.j2 has no {before!r} any more")
            site = site.replace(before, after)
        return site

    def _is_answering(self) -> bool:
        with suppress(OSError):
            return Visitor(self).get("/login")[0] == 200
        return False

    def stop(self) -> None:
        if self._nginx is not None:
            self._nginx.terminate()
            self._nginx.wait(10)


class Visitor:
    """A browser without a screen: one connection, its cookies, and the referrer that a browser would send."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self._context = ssl.create_default_context(cafile=str(front.certificate))
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> tuple[int, str, http.client.HTTPMessage]:
        return self.ask("GET", path)

    def post(self, path: str, form: dict[str, Any], page: str = "") -> tuple[int, str, http.client.HTTPMessage]:
        """page: where the form is, if elsewhere."""
        found = CSRF.search(self.get(page or path)[1])
        return self.ask("POST", path, urlencode({**form, "csrf_token": found[1] if found else ""}))

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str, http.client.HTTPMessage]:
        headers = {"Accept": "text/html", "Accept-Language": "es", "Referer": f"{self.front.url}/"}
        if self.cookies:
            headers["Cookie"] = self.cookie
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPSConnection("localhost", self.front.https_port, timeout=30, context=self._context)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";", 1)[0].partition("=")
            self.cookies[name] = value
        return answer.status, text, answer.headers

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())
