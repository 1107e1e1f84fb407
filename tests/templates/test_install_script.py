"""scripts/install up to the play: what it refuses before it fetches anything, and how it keeps what it was told."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates.render import ROOT

MIB_KB = 1_024


class Server:
    """A folder in which the script finds a whole server, with a release and an Ansible that only notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "etc/inventory.yml"
        text = (ROOT / "scripts/install").read_text()
        for place, own in (
            ("/etc/mostrador/inventory.yml", "etc/inventory.yml"),
            ("/opt/mostrador/ansible", "venv"),
            ("/opt/mostrador/restoring", "restoring"),
            ("/etc/os-release", "os-release"),
            ("/proc/meminfo", "meminfo"),
            ("/run/mostrador-install.lock", "lock"),
        ):
            assert place in text
            text = text.replace(place, str(folder / own))
        self.write("scripts/install", text, is_program=True)
        self.write("bin/id", "#!/bin/sh\necho 0\n", is_program=True)
        self.write("os-release", "ID=debian\nVERSION_ID=13\n")
        self.write("venv/bin/ansible-playbook", f"#!/bin/sh\necho $* >> {folder}/called\n", is_program=True)
        self.write("requirements-ansible.txt", "ansible\n")
        digest = hashlib.sha256(b"ansible\n").hexdigest()
        self.write("venv/installed", f"{digest}  {folder}/requirements-ansible.txt\n")
        self.write("dist/mostrador-1.2.3.tar.gz", "")
        for play in ("site", "restore", "doctor"):
            self.write(f"ansible/{play}.yml", "")
        defaults = "ansible/roles/preflight/defaults/main.yml"
        self.write(defaults, (ROOT / defaults).read_text())
        self.has_memory(961)
        self.sees(addresses=["203.0.113.7"], elsewhere=[])

    def write(self, name: str, text: str, *, is_program: bool = False) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if is_program else 0o644)

    def has_memory(self, mb: int) -> None:
        self.write("meminfo", f"MemTotal:        {mb * MIB_KB + 7} kB\nMemFree:          1024 kB\n")

    def sees(self, **found: Any) -> None:
        seen = json.dumps({"own_address": "203.0.113.7", "is_local_name": False, **found})
        self.write("ansible/roles/preflight/files/look.py", f"print({seen!r})\n")

    def install(self, *words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "LANG": language, "MOSTRADOR_INSTALL_PAUSE": "0"}
        command = [shutil.which("bash") or "bash", str(self.folder / "scripts/install"), *words]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False, timeout=60
        )

    def is_played(self) -> bool:
        return (self.folder / "called").exists()

    def variables(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.inventory.read_text())["mostrador"]["vars"]
        return found


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


TOLD = ("--domain", "bot.example.org", "--email", "owner@example.org")


@pytest.mark.parametrize(("mb", "is_enough"), [(512, False), (899, False), (900, True), (961, True)])
def test_too_little_memory_is_refused_before_anything_is_written(server: Server, mb: int, is_enough: bool) -> None:
    server.has_memory(mb)
    done = server.install(*TOLD)
    assert (done.returncode == 0) == is_enough, done.stderr
    assert server.is_played() == server.inventory.exists() == is_enough
    if not is_enough:
        assert f"This server has {mb} MB of memory" in done.stderr
        assert f"Este servidor tiene {mb} MB de memoria" in server.install(*TOLD, language="es_ES.UTF-8").stderr
    assert server.install("--play", "doctor", *TOLD).returncode == 0, "it only looks"


def test_its_words_are_the_plays(server: Server) -> None:
    server.has_memory(512)
    task = next(t for t in read_preflight("machine") if t["name"] == "There is memory enough")
    words = task["ansible.builtin.assert"]["fail_msg"].replace("{{ ansible_facts['memtotal_mb'] }}", "512")
    assert words.replace("{{ preflight_memory_mb }}", "900").strip() == server.install(*TOLD).stderr.strip()


def read_preflight(name: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = yaml.safe_load((ROOT / f"ansible/roles/preflight/tasks/{name}.yml").read_text())
    return tasks


def test_another_limit_is_the_plays_to_judge(server: Server) -> None:
    server.has_memory(512)
    assert server.install(*TOLD, "-e", "preflight_memory_mb=400").returncode == 0
    with server.inventory.open("a") as file:
        file.write("    preflight_memory_mb: 500  # a try\n")
    assert server.install().returncode == 0


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"addresses": [], "elsewhere": []}, "No DNS server knows the name."),
        ({"addresses": ["192.0.2.5", "192.0.2.6"], "elsewhere": ["192.0.2.5", "192.0.2.6"]}, "leads to 192.0.2.5, 192.0.2.6."),
    ],
)
def test_a_domain_that_leads_elsewhere_is_told_before_anything_is_fetched(
    server: Server, seen: dict[str, Any], reason: str
) -> None:
    server.sees(**seen)
    done = server.install(*TOLD)
    assert done.returncode == 2
    assert "bot.example.org must lead to this server (203.0.113.7)" in done.stderr
    assert reason in done.stderr
    assert not server.is_played()
    # what was told is kept, and so is where to say that it doesn't matter
    assert server.variables()["mostrador_domain"] == "bot.example.org"
    with server.inventory.open("a") as file:
        file.write("    mostrador_check_dns: false\n")
    assert server.install().returncode == 0


def test_a_server_that_is_named_like_the_domain_is_not_refused_for_it(server: Server) -> None:
    server.sees(addresses=[], elsewhere=[], is_local_name=True)
    done = server.install(*TOLD)
    assert done.returncode == 0, done.stderr


def test_a_second_one_waits_for_nobody_and_takes_nothing_away(server: Server) -> None:
    with (server.folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = server.install(*TOLD)
        assert done.returncode == 2
        assert "Another scripts/install is at work" in done.stderr
        assert "Ya hay otro scripts/install" in server.install(*TOLD, language="es_ES.UTF-8").stderr
        assert not server.is_played()
        assert not server.inventory.exists()
    assert server.install(*TOLD).returncode == 0


@pytest.mark.parametrize("refusals", [2, 1000])
def test_lists_that_the_system_itself_is_reading_are_waited_for(server: Server, refusals: int) -> None:
    # a Python that lacks what Ubuntu's lacks, until apt brought it
    server.write("bin/python3", f"""#!/bin/sh
[ "$2" != "import ensurepip, venv" ] || exec test -e {server.folder}/brought
exec {sys.executable} "$@"
""", is_program=True)  # fmt: skip
    server.write("bin/apt-get", f"""#!/bin/sh
cd {server.folder}
case "$*" in *update) echo x >>tries ;; *) touch brought; exit ;; esac
[ $(wc -l <tries) -gt {refusals} ] || {{ echo "E: Could not get lock" >&2; exit 100; }}
""", is_program=True)  # fmt: skip
    done = server.install(*TOLD)
    if refusals == 2:
        assert done.returncode == 0, done.stderr
        assert (server.folder / "brought").exists()
    else:
        assert done.returncode == 2
        assert "still updating itself" in done.stderr
        assert not server.is_played()


def test_where_it_cannot_look_or_is_told_not_to_the_play_does(server: Server) -> None:
    server.sees(addresses=[], elsewhere=[])
    assert server.install(*TOLD, "-e", "mostrador_check_dns=false").returncode == 0
    server.write("ansible/roles/preflight/files/look.py", "raise SystemExit(1)\n")
    assert server.install().returncode == 0
    assert server.is_played()


def test_a_restore_that_was_cut_off_is_finished_without_a_look(server: Server) -> None:
    server.sees(addresses=[], elsewhere=[])
    assert server.install("--play", "restore", *TOLD).returncode == 2
    server.write("restoring", "")
    assert server.install("--play", "restore", *TOLD).returncode == 0


@pytest.mark.parametrize("email", ["a&b@example.org", "a|b@example.org", "a/b@example.org", "a.*b@example.org"])
def test_an_e_mail_is_written_as_it_was_given(server: Server, email: str) -> None:
    assert server.install(*TOLD).returncode == 0
    assert server.install("--email", email).returncode == 0
    assert server.variables() == {"mostrador_domain": "bot.example.org", "mostrador_email": email}
    assert server.install().returncode == 0, "asked for nothing"
    assert server.variables()["mostrador_email"] == email


def test_an_e_mail_that_no_inventory_could_hold_is_refused(server: Server) -> None:
    assert "can't be right" in server.install("--domain", "bot.example.org", "--email", "a\\b@example.org").stderr


@pytest.mark.parametrize("quote", ['"', "'", ""])
@pytest.mark.parametrize("comment", ["", "  ", " # of the shop", '\t# "quoted"'])
def test_what_is_known_is_read_with_a_comment_behind_it(server: Server, quote: str, comment: str) -> None:
    lines = f"mostrador_domain: {quote}bot.example.org{quote}{comment}\n    mostrador_email: {quote}a#b@x.org{quote}{comment}\n"
    text = f"mostrador:\n  hosts:\n    box:\n  vars:\n    {lines}"
    server.write("etc/inventory.yml", text)
    done = server.install()
    assert done.returncode == 0, done.stderr
    assert server.inventory.read_text() == text
