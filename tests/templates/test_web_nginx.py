"""nginx's site as each system gets it: what is said to the world, and what isn't."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates.render import ANSIBLE, evaluate, render

SITE = "nginx/mostrador.conf.j2"


def read_block(text: str, opening: str) -> str:
    """What stands between the braces of a block."""
    rest = text.split(f"{opening} {{", 1)[1]
    depth, end = 1, 0
    while depth:
        depth += {"{": 1, "}": -1}.get(rest[end], 0)
        end += 1
    return rest[: end - 1]


@pytest.fixture
def site(system: str) -> str:
    return render(SITE, os=system)


def test_http_2_is_written_as_the_systems_nginx_reads_it(system: str, site: str) -> None:
    is_old = system == "ubuntu-24.04"
    assert ("listen 443 ssl http2;" in site) == is_old
    assert ("http2 on;" in site) != is_old


def test_only_new_tls_with_forward_secrecy(site: str) -> None:
    assert re.findall(r"ssl_protocols (.+);", site) == ["TLSv1.2 TLSv1.3"]
    ciphers = re.findall(r"ssl_ciphers (.+);", site)[0].split(":")
    assert all(re.fullmatch(r"ECDHE-.+(GCM-SHA\d+|CHACHA20-POLY1305)", cipher) for cipher in ciphers)


def test_unknown_names_get_no_answer(site: str) -> None:
    block = read_block(site, "# names that aren't ours, and plain addresses\nserver")
    assert "listen 443 ssl default_server;" in block
    assert "listen 80 default_server;" in block
    assert {"ssl_reject_handshake on;", "return 444;"} <= {line.strip() for line in block.splitlines()}


def test_beside_other_sites_it_does_not_answer_for_unknown_names(system: str) -> None:
    assert "default_server" not in render(SITE, os=system, mostrador_coexist=True)


def test_plain_http_serves_challenges_and_nothing_else(site: str) -> None:
    block = read_block(site.rsplit("default_server;", maxsplit=1)[-1], "\nserver")
    assert "listen 80;" in block
    assert "return 301 https://bot.example.org$request_uri;" in read_block(block, "location /")
    assert "proxy_pass" not in block


@pytest.mark.parametrize("location", ["location = /webhooks/chatwoot", "location ^~ /webhooks/"])
def test_a_webhook_gets_429_where_the_web_is_away_and_is_never_limited(site: str, location: str) -> None:
    block = read_block(site, location)
    assert "error_page 502 503 504 =429 @try_again;" in block
    assert float(re.findall(r"proxy_read_timeout (\d+)s;", block)[0]) < 5, "Chatwoot waits 5 s"
    assert "client_max_body_size 1536k;" in block
    assert "limit_req" not in block
    assert "Retry-After" in read_block(site, "location @try_again")


def test_pages_are_limited_and_a_long_domain_is_taken(system: str, site: str) -> None:
    assert "limit_req zone=mostrador_pages" in read_block(site.rsplit("listen 443 ssl", maxsplit=1)[-1], "location /")
    assert "server_names_hash_bucket_size 128;" in site
    # beside other sites somebody else may have set it, and twice is an error
    assert "server_names_hash_bucket_size" not in render(SITE, os=system, mostrador_coexist=True)


def test_the_token_is_in_no_log(site: str) -> None:
    assert "error_log /dev/null emerg;" in read_block(site, "location ^~ /webhooks/")
    formats = re.findall(r"log_format \w+ (.+?);", site, re.DOTALL)
    assert all("$mostrador_logged_uri" in f and "$request_uri" not in f and "$request " not in f for f in formats)
    assert {"off", "/var/log/nginx/mostrador.log mostrador"} == set(re.findall(r"access_log (.+);", site))


def test_what_is_missing_is_told_only_on_the_box(site: str) -> None:
    block = read_block(site, "location = /readyz")
    assert [line.strip() for line in block.splitlines() if re.search(r"\b(allow|deny)\b", line)] == [
        "allow 127.0.0.0/8;",
        "allow ::1;",
        "deny all;",
    ]


def test_every_location_with_headers_of_its_own_says_hsts_too(site: str) -> None:
    """nginx inherits add_header only where a location has none."""
    for name in re.findall(r"location (.+?) \{", site):
        block = read_block(site, f"location {name}")
        assert ("add_header" in block) == ("Strict-Transport-Security" in block), name


def test_a_machine_without_ipv6_is_not_asked_to_listen_on_it(system: str) -> None:
    assert "[::]" not in render(SITE, os=system, facts={"all_ipv6_addresses": []})


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx isn't installed here; the appliance tests run it")
def test_nginx_itself_takes_it(tmp_path: Path) -> None:
    """This machine's nginx decides which of the two ways to write HTTP/2 it can judge."""
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    is_old = tuple(map(int, re.findall(r"/(\d+)\.(\d+)", version)[0])) < (1, 25)
    text = render(SITE, nginx_tls=str(tmp_path), nginx_has_http2_in_listen=is_old, nginx_has_ipv6=False)
    text = text.replace("/var/log/nginx", str(tmp_path))
    text = re.sub(r"listen (80|443)", r"listen 127.0.0.1:1\1", text)
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
    files = ["-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"]
    subprocess.run([*make, *files], check=True, capture_output=True)
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n")
    judged = subprocess.run(["nginx", "-t", "-q", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr


def test_only_the_upload_of_documents_takes_more_than_an_import(site: str) -> None:
    assert "client_max_body_size 64m;" in read_block(site, "location = /documents/upload")
    assert "client_max_body_size 6m;" in site.rsplit("location / {", maxsplit=1)[1]
    assert re.findall(r"client_max_body_size (\w+);", site).count("64m") == 1


def find_task(name: str) -> dict[str, Any]:
    tasks = yaml.safe_load((ANSIBLE / "roles/nginx/tasks/main.yml").read_text())
    task: dict[str, Any] = next(task for task in tasks if task["name"] == name)
    return task


@pytest.mark.parametrize(("addresses", "given"), [([], 101), (["2001:db8::7"], "left out")])
def test_without_ipv6_the_package_does_not_start_its_example_site(addresses: list[str], given: object) -> None:
    asked = find_task("Install nginx")["ansible.builtin.apt"]["policy_rc_d"].strip("{} ")
    assert evaluate(asked, facts={"all_ipv6_addresses": addresses}, omit="left out") == given
    starts = find_task("Start nginx, now and at every boot")["ansible.builtin.systemd_service"]
    assert (starts["enabled"], starts["state"]) == (True, "started")


def test_a_link_to_a_certificate_that_is_gone_counts_as_none() -> None:
    assert find_task("Look whether there is a certificate in use")["ansible.builtin.stat"]["follow"] is True
