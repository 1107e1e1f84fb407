"""When the certificate is renewed: by the fraction of its life. certbot is a stand-in, the rest is real."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from templates.render import ANSIBLE, evaluate, render

DIRECTORY = "https://acme.example/dir"
CERTBOT = """#!/bin/sh
echo "$*" >> {box}/asked
[ ! -e {box}/broken ] || {{ cat {box}/broken >&2; exit 1; }}
case "$*" in *--dry-run*) exit 0 ;; esac
mkdir -p {box}/letsencrypt/live/mostrador
cp {box}/next.pem {box}/letsencrypt/live/mostrador/cert.pem
"""


class Box:
    """A folder in which the script finds everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live = folder / "letsencrypt/live/mostrador"
        self.tls = folder / "tls"
        for path in (self.tls, folder / "bin", folder / "letsencrypt/renewal", self.live):
            path.mkdir(parents=True)
        (folder / "letsencrypt/renewal/mostrador.conf").write_text(f"[renewalparams]\nserver = {DIRECTORY}\n")
        self.write_program("bin/certbot", CERTBOT.format(box=folder))
        self.write_program("bin/systemctl", f"#!/bin/sh\necho $* >> {folder}/reloaded\n")
        text = render(
            "ansible/roles/certbot/templates/mostrador-renew.j2",
            nginx_tls=str(self.tls),
            mostrador_acme_directory_url=DIRECTORY,
        )
        self.write_program("renew", text.replace("/etc/letsencrypt", str(folder / "letsencrypt")))
        (folder / "next.pem").write_bytes(make_certificate(used_days=0, left_days=90))

    def write_program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def has(self, **dates: float) -> None:
        (self.live / "cert.pem").write_bytes(make_certificate(**dates))

    def renew(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "LC_ALL": "C"}
        command = [str(self.folder / "renew"), *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=30)

    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []


def make_certificate(*, used_days: float, left_days: float, name: str = "bot.example.org") -> bytes:
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(1).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    built = built.not_valid_before(now - timedelta(days=used_days)).not_valid_after(now + timedelta(days=left_days))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.mark.parametrize(
    ("used_days", "left_days", "is_due"),
    [(59, 31, False), (61, 29, True), (29, 16, False), (31, 14, True), (3.9, 2.1, False), (4.1, 1.9, True), (95, -5, True)],
)
def test_it_is_due_when_less_than_a_third_of_its_life_is_left(
    box: Box, used_days: float, left_days: float, is_due: bool
) -> None:
    box.has(used_days=used_days, left_days=left_days)
    done = box.renew()
    assert done.returncode == 0, done.stderr
    assert len(box.asked()) == int(is_due)
    assert ("nothing to do" in done.stdout) != is_due
    assert ("there is a new certificate" in done.stdout) == is_due


def test_the_first_one_is_rehearsed_and_then_used(box: Box) -> None:
    done = box.renew()
    assert done.returncode == 0, done.stderr
    assert ["--dry-run" in words for words in box.asked()] == [True, False]
    assert (box.tls / "fullchain.pem").readlink() == box.live / "fullchain.pem"
    assert (box.folder / "reloaded").read_text() == "reload nginx.service\n"


@pytest.mark.parametrize("served", ["fullchain.pem privkey.pem", "privkey.pem", ""])
def test_one_that_was_got_and_never_served_is_served_by_the_next_run(box: Box, served: str) -> None:
    box.has(used_days=1, left_days=89)
    for name in ("fullchain.pem", "privkey.pem"):
        (box.live / name).write_text(name)
        (box.tls / name).symlink_to(box.live / name if name in served.split() else "self-signed")
    done = box.renew()
    assert done.returncode == 0, done.stderr
    assert box.asked() == []
    is_new = served.count(".pem") < 2
    assert ("nginx serves the present one from now on" in done.stdout) == is_new
    assert (box.folder / "reloaded").exists() == is_new
    assert {(box.tls / name).readlink().parent for name in ("fullchain.pem", "privkey.pem")} == {box.live}
    assert "nothing to do" in box.renew().stdout
    changed = yaml.safe_load((ANSIBLE / "roles/certbot/tasks/main.yml").read_text())[-1]["changed_when"]
    assert evaluate(changed, certbot_result={"stdout": done.stdout}) == is_new


def test_what_is_not_there_takes_no_self_signed_ones_place(box: Box) -> None:
    box.has(used_days=1, left_days=89)
    (box.tls / "fullchain.pem").symlink_to("self-signed.pem")
    assert box.renew().returncode == 0
    assert str((box.tls / "fullchain.pem").readlink()) == "self-signed.pem"


def test_another_name_or_another_authority_makes_a_new_one(box: Box) -> None:
    (box.live / "cert.pem").write_bytes(make_certificate(used_days=1, left_days=89, name="old.example.org"))
    assert "for another name" in box.renew().stdout
    (box.folder / "letsencrypt/renewal/mostrador.conf").write_text("server = https://staging.example/dir\n")
    assert "of another authority" in box.renew().stdout


def test_a_good_one_is_renewed_where_somebody_asks_for_it(box: Box) -> None:
    box.has(used_days=1, left_days=89)
    assert "because asked for" in box.renew("--now").stdout
    assert len(box.asked()) == 1


def test_a_failure_keeps_what_is_there_and_says_what_to_type(box: Box) -> None:
    box.has(used_days=80, left_days=10)
    (box.folder / "broken").touch()
    done = box.renew()
    assert done.returncode == 1
    assert "sudo mostrador-renew" in done.stderr
    assert "getent ahosts bot.example.org" in done.stderr
    assert (box.live / "cert.pem").exists()
    assert not (box.folder / "reloaded").exists()


def test_a_refused_e_mail_is_not_told_as_a_fault_of_the_name(box: Box) -> None:
    (box.folder / "broken").write_text("The ACME server believes owner@example.org is an invalid email address.\n")
    done = box.renew()
    assert done.returncode == 1
    assert 'refuses the e-mail address "owner@example.org"' in done.stderr
    assert "DNS" not in done.stderr
    (box.folder / "broken").write_text("Some challenges have failed.\n")
    done = box.renew()
    assert "Some challenges have failed." in done.stderr
    assert "DNS" in done.stderr


def test_the_directory_is_lets_encrypts_unless_another_is_named() -> None:
    assert evaluate("certbot_directory_url").strip() == "https://acme-v02.api.letsencrypt.org/directory"
    assert "staging" in evaluate("certbot_directory_url", mostrador_acme_staging=True)
    assert evaluate("certbot_directory_url", mostrador_acme_directory_url=DIRECTORY).strip() == DIRECTORY
