"""Invitations and new passwords by mail, through a real SMTP server on loopback, and without one."""

from __future__ import annotations

import email
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default

import pytest
from conftest import SECRET_KEY
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.clients import mail
from chatbot.config import Config, load_config
from chatbot.db import db
from chatbot.errors import MailError
from tests.web.conftest import PASSWORD, add_account

NEW = "otra-palabra-larga-43"


class Post:
    """Speaks as much SMTP as a mail needs, and keeps what it got. silent: takes the connection and says nothing."""

    def __init__(self, *, silent: bool = False, refuses: bool = False) -> None:
        self.silent, self.refuses = silent, refuses
        self.mails: list[EmailMessage] = []
        self.is_awake = threading.Event()
        self.is_awake.set()
        self.logins: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(caller,), daemon=True).start()

    def serve(self, caller: socket.socket) -> None:
        with caller, caller.makefile("rwb", buffering=0) as stream:
            if self.silent:
                stream.read()
                return
            self.is_awake.wait(20)  # longer than a mail waits for it
            stream.write(b"220 here\r\n")
            while line := stream.readline():
                word = line.split()[0].upper() if line.split() else b""
                if word == b"DATA":
                    stream.write(b"354 go on\r\n")
                    self.mails.append(self.read_mail(stream))
                elif word == b"AUTH":
                    self.logins.append(line.decode())
                answer = {b"EHLO": b"250-here\r\n250 AUTH PLAIN", b"AUTH": b"235 in", b"QUIT": b"221 bye"}.get(word, b"250 ok")
                stream.write((b"550 no" if self.refuses and word == b"RCPT" else answer) + b"\r\n")

    def read_mail(self, stream: socket.SocketIO) -> EmailMessage:
        lines = []
        while (line := stream.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return email.message_from_bytes(b"".join(lines), policy=default)  # type: ignore[return-value]

    def wait(self, timeout_s: float = 5) -> EmailMessage:
        until = time.monotonic() + timeout_s
        while not self.mails and time.monotonic() < until:
            time.sleep(0.02)
        assert self.mails, "no mail came"
        return self.mails.pop()


@pytest.fixture
def post() -> Iterator[Post]:
    found = Post()
    yield found
    found.listener.close()


def make_config(url: str, port: int, **values: object) -> Config:
    given = {"mail_server": "127.0.0.1", "mail_port": port, "mail_use_tls": False, "mail_sender": "Mostrador <bot@example.com>"}
    given |= {"database_url": url, "secret_key": SECRET_KEY, "public_url": "https://bot.example.com/"}
    return load_config(environment="test", **given, **values)


@pytest.fixture
def mailing(make_app: Callable[[Config], Flask], make_database: Callable[[], str], post: Post) -> Flask:
    app = make_app(make_config(make_database(), post.port, mail_username="bot", mail_password="a-mail-password"))
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def log_in(app: Flask, role: str = "owner", password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    assert client.post("/login", data={"email": f"{role}@example.com", "password": password}).status_code == 302
    return client


def read_link(text: str) -> str:
    found = re.search(r"https://bot\.example\.com(/welcome/\S+)", text)
    assert found, text
    return found[1]


def test_an_invitation_goes_by_mail_and_can_be_copied_all_the_same(mailing: Flask, post: Post) -> None:
    add_account(mailing, "owner@example.com", "owner")
    owner = log_in(mailing)
    page = owner.post("/users/invite", data={"email": "Nueva@Example.com", "role": "editor"})
    sent = post.wait()
    assert (sent["To"], sent["From"]) == ("nueva@example.com", "Mostrador <bot@example.com>")
    assert "Invitación" in str(sent["Subject"])
    assert post.logins
    link = read_link(sent.get_content())
    assert link in page.text
    assert "va de camino" in page.text
    form = {"name": "Nueva", "password": NEW, "again": NEW}
    assert mailing.test_client().post(link, data=form).status_code == 303
    assert mailing.test_client().post("/login", data={"email": "nueva@example.com", "password": NEW}).status_code == 302


@pytest.mark.parametrize("fault", ["refuses", "nobody there"])
def test_where_the_mail_fails_the_link_is_still_there(
    make_app: Callable[[Config], Flask], make_database: Callable[[], str], fault: str
) -> None:
    post = Post(refuses=True)
    if fault == "nobody there":
        post.listener.close()
    app = make_app(make_config(make_database(), post.port))
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "owner@example.com", "owner")
    page = log_in(app).post("/users/invite", data={"email": "new@example.com", "role": "agent"})
    assert page.status_code == 200
    assert "no se ha podido enviar" in page.text
    assert read_link(page.text)
    post.listener.close()


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.3)
    post = Post(silent=True)
    start = time.monotonic()
    with pytest.raises(MailError):
        mail.send(make_config("postgresql://x/y", post.port), "a@example.com", "s", "t")
    assert time.monotonic() - start < 5
    post.listener.close()


def test_nobody_writes_headers_into_a_mail() -> None:
    post = Post()
    with pytest.raises(MailError):
        mail.send(make_config("postgresql://x/y", post.port), "a@example.com\r\nBcc: b@evil.example", "s", "t")
    assert post.mails == []
    post.listener.close()


def test_a_forgotten_password_is_set_anew_by_mail(mailing: Flask, post: Post) -> None:
    add_account(mailing, "agent@example.com", "agent")
    inside = log_in(mailing, "agent")
    page = mailing.test_client().post("/forgot", data={"email": " Agent@example.com "}, headers={"Host": "evil.example"})
    assert page.status_code == 200
    link = read_link(post.wait().get_content())
    stranger = mailing.test_client()
    assert "agent@example.com" in stranger.get(link).text
    assert stranger.post(link, data={"password": NEW, "again": NEW}).status_code == 303
    assert stranger.get(link).status_code == 404
    assert inside.get("/account").status_code == 302  # whoever was in is out
    log_in(mailing, "agent", NEW)


def test_nobody_learns_by_a_forgotten_password_who_has_an_account(mailing: Flask, post: Post) -> None:
    add_account(mailing, "agent@example.com", "agent")
    client = mailing.test_client()
    mailing.test_cli_runner().invoke(args=["user", "create", "invited@example.com"])
    told = set()
    post.is_awake.clear()  # whoever waited for the mail would wait in vain, and there would be none
    for address in ("agent@example.com", "nobody@example.com", "invited@example.com"):
        page = client.post("/forgot", data={"email": address})
        told.add((page.status_code, re.sub(r'value="[^"]{30,}"', "", page.text.replace(address, "ADDRESS"))))
    assert len(told) == 1
    post.is_awake.set()
    assert post.wait()["To"] == "agent@example.com"
    assert post.mails == []


def test_one_address_is_not_flooded_with_mails(mailing: Flask) -> None:
    client = mailing.test_client()
    answers = [client.post("/forgot", data={"email": "agent@example.com"}).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]


def test_without_a_mail_server_the_page_says_what_to_do(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    page = client.get("/forgot")
    assert "mostrador user reset" in page.text
    assert "<form" not in page.text
    assert client.post("/forgot", data={"email": "a@example.com"}).status_code == 200


def test_an_owner_makes_a_link_for_who_forgot(make_client: Callable[[str], FlaskClient]) -> None:
    owner, _agent = make_client("owner"), make_client("agent")
    offered = re.findall(r"/users/\d+/link", owner.get("/users").text)
    for address in offered:
        page = owner.post(address)
        found = re.search(r"/welcome/[^\"]+", page.text)
        assert found
        if "agent@example.com" in owner.application.test_client().get(found[0]).text:
            break
    answer = owner.application.test_client().post(found[0], data={"password": NEW, "again": NEW})
    assert answer.status_code == 303
    assert (
        owner.application.test_client().post("/login", data={"email": "agent@example.com", "password": NEW}).status_code == 302
    )
    with owner.application.app_context():
        assert db.session.execute(text("SELECT count(*) FROM audit_line WHERE act = 'account.link'")).scalar_one()
