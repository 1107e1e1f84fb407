"""What a box meets in the world: a name server, a certificate authority, a Chatwoot, and who gets its alerts and copies.

    with Outside("test") as outside, Host("box", dns=outside.address) as host:
        outside.point(host.address)      # the domain leads to it
        outside.befriend(host)           # it trusts the authority

All of it stands on one address of the outer machine that only test hosts reach. `outside.stranger` is another address of
the outer machine, for clients that nobody knows.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from appliance import groups, network
from appliance.host import Host, remove_orphans
from appliance.machine import ROOT, STATE, run
from chatbot.pretend.control import Remote

ZONE = "mostrador.test"
DOMAIN = f"bot.{ZONE}"
ACME_PORT, CHATWOOT_PORT, CONTROL_PORT, LLM_PORT, POST_PORT, COPIES_PORT = 14000, 3000, 3001, 9100, 8025, 8300
CERTIFICATE_DAYS = 90


class Outside:
    def __init__(self, name: str, *, certificate_s: int = CERTIFICATE_DAYS * 86_400, is_kept: bool = False) -> None:
        self.name = f"outside-{name}"
        self.certificate_s = certificate_s
        self.is_kept = is_kept
        self.folder = STATE / self.name

    @classmethod
    def find(cls, name: str) -> Outside:
        """What another process started."""
        found = cls(name)
        if not (found.folder / "number").exists():
            raise RuntimeError(f"nothing outside is named {name}; type: PYTHONPATH=tests python -m appliance up {name}")
        return found

    def __enter__(self) -> Outside:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    @property
    def address(self) -> str:
        return _address_of(self.name)

    @property
    def stranger(self) -> str:
        return _address_of(f"{self.name}-stranger")

    @property
    def scanner(self) -> str:
        """One more, for what looks at everything."""
        return _address_of(f"{self.name}-scanner")

    def _leases(self) -> list[str]:
        return [self.name, f"{self.name}-stranger", f"{self.name}-scanner"]

    @property
    def acme_directory_url(self) -> str:
        return f"https://acme.{ZONE}:{ACME_PORT}/dir"

    @property
    def authority(self) -> Path:
        """The certificates to trust: of the authority's own address, and of what it issues."""
        return self.folder / "authority.crt"

    @property
    def chatwoot(self) -> Remote:
        return Remote(f"http://{self.address}:{CONTROL_PORT}")

    def start(self) -> Outside:
        remove_orphans()
        self.unblock()  # what a killed process of this name left
        for name in self._leases():
            network.add_outside_address(network.lease(name, self.is_kept))
        try:
            self.point("")
            self._start_name_server()
            self._start_authority()
            self._start_chatwoot()
            self._start_post()
            self._start_llm()
            self._start_copies()
        except BaseException:
            self.remove()
            raise
        return self

    def remove(self) -> None:
        groups.end(self.name)
        self.unblock()
        for name in self._leases():
            if (STATE / name / "number").exists():
                network.drop_outside_address(int((STATE / name / "number").read_text()))
            network.release(name)

    def point(self, address: str, domain: str = DOMAIN) -> None:
        """The domain leads there from now on; to nowhere where it is empty."""
        names = {f"{name}.{ZONE}": self.address for name in ("acme", "chatwoot", "post", "llm", "copies")}
        kept = dict(line.split()[::-1] for line in self._names().splitlines())
        names = {**kept, **names, **({domain: address} if address else {})}
        (self.folder / "names").write_text("".join(f"{a} {n}\n" for n, a in names.items()))
        pid = self.folder / "dnsmasq.pid"
        if pid.exists():
            run("kill", "-HUP", pid.read_text().strip())

    def befriend(self, host: Host) -> None:
        """Makes a host trust the authority, as the world trusts Let's Encrypt."""
        host.copy(self.authority, "/usr/local/share/ca-certificates/authority-of-the-test.crt")
        host.copy(self.folder / "own.crt", "/usr/local/share/ca-certificates/address-of-the-test-authority.crt")
        host.ssh("update-ca-certificates")

    @property
    def _blocked(self) -> str:
        return f"mostrador_block_{self.name.replace('-', '_')}"

    def block(self, host: Host, port: int) -> None:
        """Between everything here and a host: what a provider's firewall does."""
        rules = f"""
            table inet {self._blocked} {{
                chain output {{ type filter hook output priority filter; ip daddr {host.address} tcp dport {port} drop; }}
            }}"""
        run("nft", "-f", "-", input=rules)

    def unblock(self) -> None:
        run("nft", "delete", "table", "inet", self._blocked, is_checked=False)

    def settings(self) -> dict[str, Any]:
        """What the box needs to know of Chatwoot and of the model."""
        access = self.chatwoot.read("access")
        names = ("account_id", "bot_token", "access_token", "webhook_secret")
        return {
            "CHATWOOT_URL": f"http://chatwoot.{ZONE}:{CHATWOOT_PORT}",
            **{f"CHATWOOT_{name.upper()}": str(access[f"chatwoot_{name}"]) for name in names},
            "OPENAI_API_KEY": "sk-test-only",
            "OPENAI_BASE_URL": f"http://llm.{ZONE}:{LLM_PORT}/v1",
        }

    @property
    def alert_url(self) -> str:
        """For apprise: what is sent there is in alerts()."""
        return f"json://post.{ZONE}:{POST_PORT}/alerts"

    @property
    def ping_url(self) -> str:
        return f"http://post.{ZONE}:{POST_PORT}/ping"

    @property
    def copies_url(self) -> str:
        """For restic."""
        return f"rest:http://copies.{ZONE}:{COPIES_PORT}/"

    def alerts(self) -> list[dict[str, Any]]:
        """Title and message of each, oldest first."""
        return [json.loads(p["body"]) for p in self.posted() if p["path"].startswith("/alerts")]

    def pings(self) -> list[str]:
        return [p["path"] for p in self.posted() if p["path"].startswith("/ping")]

    def posted(self) -> list[dict[str, Any]]:
        path = self.folder / "posted.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def _names(self) -> str:
        path = self.folder / "names"
        return path.read_text() if path.exists() else ""

    def _launch(self, name: str, *words: str | Path, environment: str = "", sees_names: bool = False) -> None:
        log = self.folder / f"{name}.log"
        if sees_names:
            resolver = self.folder / "resolv.conf"
            resolver.write_text(f"nameserver {self.address}\n")
            words = ("unshare", "--mount", "sh", "-c", f'mount --bind {resolver} /etc/resolv.conf && exec "$@"', "sh", *words)
        groups.launch(self.name, words, log, environment)

    def _start_name_server(self) -> None:
        words = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--bind-interfaces", "--no-hosts", "--user=root",
            f"--listen-address={self.address}", f"--addn-hosts={self.folder / 'names'}", "--except-interface=lo",
            f"--pid-file={self.folder / 'dnsmasq.pid'}", f"--local=/{ZONE}/", "--local-ttl=0", "--cache-size=0",
        ]  # fmt: skip
        self._launch("dnsmasq", *words)
        _wait((self.folder / "dnsmasq.pid").exists, "the name server runs")

    def start_short_lived_authority(self, certificate_s: int) -> str:
        """A second one, for as long as this lives. Its directory's URL."""
        self._start_pebble(ACME_PORT + 10, certificate_s)
        return f"https://acme.{ZONE}:{ACME_PORT + 10}/dir"

    def _start_authority(self) -> None:
        names = f"subjectAltName=DNS:acme.{ZONE},IP:{self.address}"
        made = ["-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=test", "-addext", names]
        run("openssl", "req", "-x509", *made, "-keyout", self.folder / "own.key", "-out", self.folder / "own.crt")
        self.authority.write_bytes(self._start_pebble(ACME_PORT, self.certificate_s))

    def _start_pebble(self, port: int, certificate_s: int) -> bytes:
        """The certificate of its root."""
        config = {
            "listenAddress": f"{self.address}:{port}",
            "managementListenAddress": f"{self.address}:{port + 1}",
            "certificate": str(self.folder / "own.crt"),
            "privateKey": str(self.folder / "own.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": certificate_s,
        }
        path = self.folder / f"pebble-{port}.json"
        path.write_text(json.dumps({"pebble": config}))
        quick = "PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0"
        self._launch("pebble", "pebble", "-config", path, "-dnsserver", f"{self.address}:53", environment=quick)
        trusted = ssl.create_default_context(cafile=str(self.folder / "own.crt"))
        root: list[bytes] = []

        def read_root() -> bool:
            url = f"https://{self.address}:{port + 1}/roots/0"
            with urllib.request.urlopen(url, timeout=2, context=trusted) as answer:
                root.append(answer.read())
            return True

        _wait(read_root, "the authority answers")
        return root[-1]

    def _start_chatwoot(self) -> None:
        """It delivers over TLS and by name, and trusts what the authority issues."""
        words = (
            "-m", "chatbot.pretend", "--host", self.address, "--port", str(CHATWOOT_PORT), "--control-port", str(CONTROL_PORT),
            "--history", str(self.folder / "history.jsonl"),
        )  # fmt: skip
        trusts = f"SSL_CERT_FILE={self.authority} PYTHONPATH={ROOT}"
        self._launch("chatwoot", sys.executable, *words, environment=trusts, sees_names=True)
        _wait(lambda: bool(self.chatwoot.read("access")), "the pretend Chatwoot answers")

    def _start_post(self) -> None:
        program = Path(__file__).with_name("post.py")
        self._launch("post", sys.executable, program, self.address, str(POST_PORT), self.folder / "posted.jsonl")

    def _start_llm(self) -> None:
        words = ("-m", "standins.llm", "--host", self.address, "--port", str(LLM_PORT))
        self._launch("llm", sys.executable, *words, environment=f"PYTHONPATH={ROOT / 'tests'}:{ROOT}")

    def _start_copies(self) -> None:
        program = Path(__file__).with_name("copies.py")
        self._launch("copies", sys.executable, program, self.address, str(COPIES_PORT), self.folder / "copies")


def _address_of(name: str) -> str:
    return network.address(int((STATE / name / "number").read_text()))


def _wait(is_done: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while True:
        try:
            if is_done():
                return
        except (OSError, urllib.error.URLError):
            pass
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.1)
