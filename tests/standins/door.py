"""A door like nginx's on loopback: TLS with a certificate made to order, in front of a function that answers."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = tuple[int, dict[str, str], bytes]


class Door:
    """answer(method, path, headers, body). days: how long the certificate lasted and still lasts; None: plain http."""

    def __init__(
        self,
        answer: Callable[[str, str, dict[str, str], bytes], Answer],
        *,
        name: str = "bot.example",
        days: tuple[float, float] | None = (10, 80),
        is_self_signed: bool = False,
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def answer_it(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = answer(self.command, self.path, dict(self.headers), body)
                self.send_response_only(status)
                always = {"Server": "nginx", "Date": self.date_time_string(), "Content-Length": str(len(content))}
                for key, value in {**always, **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer_it

            def log_message(self, *_: object) -> None:
                """Tests read what was answered, not a log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if days is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "both.pem"
                path.write_bytes(make_certificate(name, *days, is_self_signed=is_self_signed))
                context.load_cert_chain(path)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Door:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def make_certificate(name: str, days_before: float, days_after: float, *, is_self_signed: bool) -> bytes:
    """Key and certificate as PEM, issued by nobody real."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = subject if is_self_signed else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=days_before))
        .not_valid_after(now + timedelta(days=days_after))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(
        serialization.Encoding.PEM
    )
