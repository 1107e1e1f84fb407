"""Mails of the panel: invitations and new passwords, through the server that MAIL_SERVER names."""

from __future__ import annotations

import smtplib
import ssl
import threading
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import structlog

from chatbot.config import Config
from chatbot.errors import MailError

TIMEOUT_S = 10
TLS_PORT = 465  # encrypted from the first byte

log = structlog.get_logger(__name__)


def can_send(config: Config) -> bool:
    """Links in mails need an address of ours that no request can make up."""
    return bool(config.mail_server and config.public_url)


def send(config: Config, to: str, subject: str, text: str) -> None:
    """Plain text to one address. Raises MailError."""
    try:
        message = _write(config, to, subject, text)
        with _connect(config) as server:
            if config.mail_username:
                server.login(config.mail_username, config.mail_password.get_secret_value())
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as e:
        raise MailError(type(e).__name__) from e


def _write(config: Config, to: str, subject: str, text: str) -> EmailMessage:
    """Raises ValueError where something would break out of its line."""
    message = EmailMessage()
    message["From"] = config.mail_sender or config.mail_username
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=message["From"].rpartition("@")[2].strip(">") or None)
    message.set_content(text)
    return message


def send_soon(config: Config, to: str, subject: str, text: str) -> None:
    """In a thread of its own: nobody sees by the time that it takes whether there was something to send."""
    threading.Thread(target=_try, args=(config, to, subject, text), daemon=True, name="mail").start()


def _try(config: Config, to: str, subject: str, text: str) -> None:
    try:
        send(config, to, subject, text)
    except MailError as e:
        log.warning("mail_failed", error=str(e), cause=str(e.__cause__))


def _connect(config: Config) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if config.mail_use_tls and config.mail_port == TLS_PORT:
        return smtplib.SMTP_SSL(config.mail_server, config.mail_port, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(config.mail_server, config.mail_port, timeout=TIMEOUT_S)
    try:
        if config.mail_use_tls:
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server
