"""An installed box, seen from outside: what its owner types, what customers get, what a stranger on the network sees."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.host import Host
from appliance.outside import DOMAIN, Outside
from appliance.playbook import Played, play
from chatbot.pretend.hooks import sign

CONTENT = Path(__file__).with_name("content.yaml")
WEBHOOK = "/webhooks/chatwoot"
# has root's reader look anew: to start it while it runs would only wait for what it saw before
LOOK = (
    '{ while [ "$(systemctl is-active mostrador-facts.service)" = activating ]; do sleep 0.2; done;'
    " systemctl start mostrador-facts.service; }"
)
# what is asked of a machine that is just starting, or is very busy, ends with one of these
UNANSWERED = (OSError, RuntimeError, subprocess.SubprocessError, http.client.HTTPException)
# question -> answer, as content.yaml has them
ANSWERS = {
    "horario": "Abrimos de 9 a 14.",
    "¿Hacéis envíos a Canarias?": "Sí, enviamos a Canarias en 5 días.",
    "¿Cómo devuelvo un pedido?": "Puede devolverlo en 30 días desde su cuenta.",
    "¿Dónde descargo mi factura?": "La factura está en su cuenta, apartado Compras.",
    "¿Puedo pagar con tarjeta?": "Sí, aceptamos tarjeta de crédito y de débito.",
    "¿Tenéis tienda física en Valencia?": "La tienda está en la calle de la Paz, 12, de Valencia.",
    "¿Las sábanas son de algodón?": "Todas nuestras sábanas son de algodón peinado.",
    "¿Envolvéis para regalo?": "Envolvemos para regalo sin coste.",
    "¿Qué garantía tienen las lámparas?": "Tres años de garantía en todo.",
    "¿Vendéis a mayoristas?": "Sí, escriba a mayoristas arroba tienda punto example.",
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Box:
    """host: the machine; variables: what its owner filled in."""

    def __init__(self, host: Host, outside: Outside, release: Path) -> None:
        self.host = host
        self.outside = outside
        self.variables: dict[str, Any] = {
            "mostrador_domain": DOMAIN,
            "mostrador_email": "owner@mostrador.test",
            "mostrador_acme_directory_url": outside.acme_directory_url,
            "mostrador_settings": {**outside.settings(), "MODE": "live"},
            "mostrador_alert_urls": [outside.alert_url],
            "mostrador_ping_url": outside.ping_url,
            "mostrador_restic_repository": outside.copies_url,
            "mostrador_release": str(release),
        }

    def play(self, playbook: str = "site.yml", *words: str, user: str = "root", **changed: Any) -> Played:
        return play(self.host, playbook, *words, variables={**self.variables, **changed}, user=user)

    def fill(self) -> None:
        """What its owner does after the install: content, and telling Chatwoot where the bot is."""
        self.mostrador("content import -", stdin=CONTENT.read_text())
        self.outside.chatwoot.act("configure", outgoing_url=f"https://{DOMAIN}{WEBHOOK}")

    def tell_settings(self) -> None:
        """What its owner types where the inventory doesn't say it."""
        for name, value in self.variables["mostrador_settings"].items():
            self.mostrador(f"settings set {name.lower()} -", stdin=value)

    # --- on the box -----------------------------------------------------------------------------------------------

    def mostrador(self, words: str, stdin: str | None = None, timeout_s: float = 300) -> str:
        return self.host.ssh(f"/usr/local/bin/mostrador {words}", timeout_s, stdin)

    def sql(self, statement: str) -> str:
        """The rows, one a line, columns with | between them."""
        return self.host.ssh("runuser -u postgres -- psql -qAtX -d mostrador", stdin=statement).strip()

    def doctor(self) -> dict[str, dict[str, Any]]:
        """check id -> its line."""
        done = self.host.try_ssh("/usr/local/bin/mostrador doctor --json --language en", 240)
        assert done.returncode in (0, 1, 2), done.stdout + done.stderr
        return {line["id"]: line for line in json.loads(done.stdout)["checks"]}

    def doctor_name(self, check: str) -> str:
        """What alerts call a check: in the owner's language, Spanish unless said otherwise."""
        done = self.host.try_ssh(f"/usr/local/bin/mostrador doctor --json --only {check}", 240)
        return str(json.loads(done.stdout)["checks"][0]["name"])

    def is_active(self, unit: str) -> bool:
        return self.host.try_ssh(f"systemctl is-active --quiet {unit}").returncode == 0

    @contextmanager
    def without_checks(self) -> Iterator[None]:
        """None runs, and none sends a customer's message of its own."""
        self.host.ssh("systemctl stop mostrador-check.timer")
        try:
            asked = "systemctl is-active mostrador-check.service; true"
            wait(lambda: self.host.ssh(asked).strip() in {"inactive", "failed"}, 300, "the last check has ended")
            yield
        finally:
            self.host.ssh("systemctl start mostrador-check.timer")

    def pid_of(self, unit: str) -> int:
        return int(self.host.ssh(f"systemctl show --property=MainPID --value {unit}"))

    # --- from outside ---------------------------------------------------------------------------------------------

    def request(
        self, path: str = "/", method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None,
        *, name: str = DOMAIN, port: int = 443, trust: ssl.SSLContext | None = None, timeout_s: float = 10,
    ) -> Reply:  # fmt: skip
        """One request to this very host, under any name; 443 with a certificate that is checked, 80 without TLS."""
        connection: socket.socket = socket.create_connection((self.host.address, port), timeout=timeout_s)
        try:
            if port == 443:
                connection = (trust or self.outside.trust()).wrap_socket(connection, server_hostname=name)
            caller = http.client.HTTPConnection(name)
            caller.sock = connection
            caller.request(method, path, body or None, dict(headers or {}))
            answer = caller.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post_webhook(self, body: Mapping[str, Any], secret: str = "", timeout_s: float = 10) -> int:
        """The status of a webhook signed as Chatwoot signs it; 0 where no answer came."""
        raw, stamp = json.dumps(body).encode(), str(int(time.time()))
        secret = secret or self.outside.settings()["CHATWOOT_WEBHOOK_SECRET"]
        headers = {
            "Content-Type": "application/json",
            "X-Chatwoot-Timestamp": stamp,
            "X-Chatwoot-Signature": sign(secret, stamp, raw),
        }
        try:
            return self.request(WEBHOOK, "POST", raw, headers, timeout_s=timeout_s).status
        except (OSError, http.client.HTTPException):
            return 0

    def is_well(self) -> bool:
        try:
            return self.request("/healthz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def certificate(self) -> dict[str, Any]:
        """Of the one that nginx shows, checked against the authority."""
        with (
            socket.create_connection((self.host.address, 443), timeout=5) as plain,
            self.outside.trust().wrap_socket(plain, server_hostname=DOMAIN) as secure,
        ):
            return dict(secure.getpeercert() or {})

    # --- as customers -----------------------------------------------------------------------------------------------

    def write(self, text: str) -> int:
        """A new customer writes; the conversation."""
        return int(self.outside.chatwoot.act("customer", text=text)["conversation"])

    def said(self, conversation: int) -> list[str]:
        """What the bot said there in public, as Chatwoot has it."""
        messages = self.outside.chatwoot.read("messages", conversation=conversation)
        return [m["content"] for m in messages if m["mark"] and not m["private"]]

    def ask(self, text: str, timeout_s: float = 60) -> str:
        """The first reply to a new customer."""
        conversation = self.write(text)
        wait(lambda: bool(self.said(conversation)), timeout_s, f"an answer to {text}")
        return self.said(conversation)[0]

    def unanswered(self, conversations: list[int]) -> list[int]:
        return [c for c in conversations if not self.said(c)]


class Load:
    """Customers who keep writing: half of the statuses that Chatwoot gets are in statuses, by conversation."""

    def __init__(self, box: Box, every_s: float) -> None:
        self._box = box
        self._every_s = every_s
        self._is_over = threading.Event()
        self._after = len(box.outside.chatwoot.read("history"))
        self.conversations: list[int] = []

    def run(self) -> None:
        while not self._is_over.wait(self._every_s):
            self.conversations.append(self._box.write("horario"))

    def end(self) -> None:
        self._is_over.set()

    def answers(self) -> list[tuple[float, int]]:
        """When and with what status each webhook was answered since the load began; 0 where no answer came."""
        lines = self._box.outside.chatwoot.read("history", after=self._after)
        return [(line["t"], line.get("status", 0)) for line in lines if line["act"] in ("webhook_acked", "webhook_failed")]


@contextmanager
def under_load(box: Box, every_s: float = 0.2) -> Iterator[Load]:
    """Customers write all the time; afterwards every webhook is delivered or given up."""
    load = Load(box, every_s)
    thread = threading.Thread(target=load.run, daemon=True)
    thread.start()
    try:
        yield load
    finally:
        load.end()
        thread.join(60)
    wait(lambda: box.outside.chatwoot.read("stats")["hooks_waiting"] == 0, 120, "Chatwoot has delivered its webhooks")


def wait(is_done: Callable[[], bool], timeout_s: float, what: str, every_s: float = 0.3) -> float:
    """How many seconds it took; what can't be asked yet isn't so yet. Raises AssertionError where it takes too long."""
    start, problem = time.monotonic(), ""
    while True:
        try:
            if is_done():
                return time.monotonic() - start
            problem = ""
        except UNANSWERED as e:
            problem = f"\n{e}"
        if time.monotonic() - start > timeout_s:
            raise AssertionError(f"not within {timeout_s} s: {what}{problem}")
        time.sleep(every_s)
