"""A bare server to install onto: a whole Debian under systemd-nspawn with a network, a disk and a memory of its own.

    with Host("box") as host:
        host.ssh("systemctl is-system-running")
        host.reboot()

A host has 1 GB of memory to read about (/proc/meminfo; its limits aren't enforced) and a real file system of 8 GB. It is
torn down also after a failure; what a killed process left is cleaned by the next start. `python -m appliance` boots one
by hand.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from appliance import groups, network
from appliance.machine import CACHE, STATE, base_tree, locked, run

DISKS = CACHE / "hosts"
NSPAWN_ENVIRONMENT = "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"
MEMORY = ".meminfo"
CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF"
# whom many a provider's image has beside root, or in its place
SUDOER = "ubuntu"
BOOTS_WITHIN_S = 180


class Host:
    """Named in DNS by whoever needs that (outside.py). dns: the address of its name server."""

    def __init__(self, name: str, *, dns: str = "", memory_mb: int = 1024, disk_gb: int = 8, is_kept: bool = False) -> None:
        self.name = name
        self.dns = dns
        self.memory_mb = memory_mb
        self.disk_gb = disk_gb
        self.is_kept = is_kept
        self.folder = STATE / name
        self.disk = DISKS / name
        self.root = self.disk / "root"
        self.key = self.folder / "key"

    @classmethod
    def find(cls, name: str) -> Host:
        """One that another process booted."""
        host = cls(name)
        if not (host.folder / "number").exists():
            raise RuntimeError(f"there is no host {name}; type: PYTHONPATH=tests python -m appliance up {name}")
        return host

    @property
    def number(self) -> int:
        return int((self.folder / "number").read_text())

    @property
    def address(self) -> str:
        return network.address(self.number)

    @property
    def address_6(self) -> str:
        return network.address_6(self.number)

    def __enter__(self) -> Host:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    def start(self) -> Host:
        """From nothing to a machine that answers ssh."""
        tree = base_tree()
        remove_orphans()
        network.lease(self.name, self.is_kept)
        try:
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
            self._lay_disk(tree)
            self._furnish()
            self.boot()
        except BaseException:
            self.remove()
            raise
        return self

    def boot(self) -> None:
        """Switches it on; returns once it answers ssh and has started all that it starts."""
        namespace = network.plug_in(self.name, self.number)
        words = [
            "systemd-nspawn", "--boot", "--register=no", "--keep-unit", "--quiet", f"--machine={self.name}",
            f"--network-namespace-path={namespace}", f"--capability={CAPABILITIES}", "--system-call-filter=bpf",
            "--resolv-conf=off", "--timezone=off", f"--hostname={self.name}",
            f"--bind-ro=/{MEMORY}:/proc/meminfo", f"--directory={self.root}",
        ]  # fmt: skip
        groups.launch(self.name, words, self.folder / "console.log", NSPAWN_ENVIRONMENT)
        self.wait(self.has_started, BOOTS_WITHIN_S, "it answers ssh and has started")

    def has_started(self) -> bool:
        """It answers ssh, and systemd has nothing left to start, whether or not all of it went well."""
        asked = "timeout 15 systemctl is-system-running --wait 2>/dev/null; true"
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.try_ssh(asked, 40).stdout.strip() in {"running", "degraded"}
        return False

    def try_ssh(self, command: str, timeout_s: float = 120, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        words = [*self.ssh_words(), "--", command]
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, input=stdin or "", check=False)

    def ssh(self, command: str, timeout_s: float = 120, stdin: str | None = None) -> str:
        """What the command wrote to its output. Raises RuntimeError where it fails."""
        done = self.try_ssh(command, timeout_s, stdin)
        if done.returncode != 0:
            raise RuntimeError(f"on {self.name}: {command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def type(self, command: str, answers: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """At a terminal, where programs ask."""
        words = [*self.ssh_words()[:-1], "-tt", self.ssh_words()[-1], "--", command]
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, input=answers, check=False)

    def ssh_words(self) -> list[str]:
        return ["ssh", *self.ssh_options(), f"root@{self.address}"]

    def ssh_options(self) -> list[str]:
        options = {
            "IdentityFile": self.key,
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": 3,
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "LogLevel": "ERROR",
        }
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def copy(self, source: Path, target: str) -> None:
        """A file or a folder onto the host."""
        run("scp", "-q", "-r", *self.ssh_options(), source, f"root@{self.address}:{target}", timeout_s=120)

    def fetch(self, source: str, target: Path) -> None:
        run("scp", "-q", "-r", *self.ssh_options(), f"root@{self.address}:{source}", target, timeout_s=120)

    def reboot(self) -> None:
        """As its owner would; nspawn ends with it, and what lived only in memory (the firewall's too) is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # where it was gone before it could say goodbye
            self.try_ssh("systemctl reboot", 40)
        self.wait(lambda: not self.is_on(), 180, "it went down")
        self.boot()

    def cut_power(self) -> None:
        """Everything on it dies at once."""
        groups.end(self.name)

    def is_on(self) -> bool:
        return groups.is_alive(self.name)

    def set_memory(self, total_mb: int, available_mb: int) -> None:
        """What /proc/meminfo tells."""
        lines = {
            "MemTotal": total_mb - 18, "MemFree": available_mb // 2, "MemAvailable": available_mb, "Buffers": 16,
            "Cached": available_mb // 2, "SwapCached": 0, "Active": 200, "Inactive": 100, "SwapTotal": 0, "SwapFree": 0,
            "Dirty": 0, "Shmem": 8, "Slab": 40, "SReclaimable": 20, "CommitLimit": total_mb, "Committed_AS": 300,
        }  # fmt: skip
        text = "".join(f"{name + ':':<16}{mb * 1024:>8} kB\n" for name, mb in lines.items())
        with (self.root / MEMORY).open("w") as file:  # in place: it is mounted
            file.write(text)

    def wait(self, is_done: Callable[[], bool], timeout_s: float, what: str) -> None:
        end = time.monotonic() + timeout_s
        while not is_done():
            if time.monotonic() > end:
                console = (self.folder / "console.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"{self.name}: not within {timeout_s} s: {what}\n{console}")
            time.sleep(0.2)

    def remove(self) -> None:
        """Nothing of it stays, whatever state it was in."""
        groups.end(self.name)
        for mount in (self.root, self.disk / "device"):
            run("umount", "--recursive", "--lazy", mount, is_checked=False)
        shutil.rmtree(self.disk, ignore_errors=True)
        if (self.folder / "number").exists():
            network.unplug(self.name, self.number)
            network.drop_outside_address(self.number)
        network.release(self.name)

    def _lay_disk(self, tree: Path) -> None:
        """A file system of its own size over the base tree, which stays as it is."""
        shutil.rmtree(self.disk, ignore_errors=True)
        device = self.disk / "device"
        device.mkdir(parents=True)
        image = self.disk / "disk.img"
        run("truncate", "--size", f"{self.disk_gb}G", image)
        run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", image)
        run("mount", "-o", "loop,noatime", image, device)
        for name in ("upper", "work"):
            (device / name).mkdir()
        self.root.mkdir()
        options = f"lowerdir={tree},upperdir={device / 'upper'},workdir={device / 'work'}"
        run("mount", "-t", "overlay", "-o", options, "overlay", self.root)

    def _furnish(self) -> None:
        self.set_memory(self.memory_mb, self.memory_mb * 6 // 10)
        shutil.copy(self.key.with_suffix(".pub"), self.root / "root/.ssh/authorized_keys")
        run("chroot", self.root, "ssh-keygen", "-A")
        self._add_sudoer()
        self._put_night_off()
        resolver = f"nameserver {self.dns}\n" if self.dns else Path("/etc/resolv.conf").read_text()
        (self.root / "etc/resolv.conf").write_text(resolver)

    def _add_sudoer(self) -> None:
        """A user who may become root without a password, with root's key."""
        run("chroot", self.root, "useradd", "--create-home", "--shell", "/bin/bash", SUDOER)
        owned, home = ("--owner", SUDOER, "--group", SUDOER), f"/home/{SUDOER}/.ssh"
        run("chroot", self.root, "install", *owned, "--mode", "0700", "--directory", home)
        run("chroot", self.root, "install", *owned, "--mode", "0600", "/root/.ssh/authorized_keys", home)
        rule = self.root / "etc/sudoers.d/90-cloud-init-users"
        rule.write_text(f"{SUDOER} ALL=(ALL) NOPASSWD:ALL\n")
        rule.chmod(0o440)

    def _put_night_off(self) -> None:
        """The nightly backup comes half a day from now: none falls into the tests, at whatever hour they run."""
        at = (datetime.now(UTC) + timedelta(hours=12)).strftime("%H:%M")
        folder = self.root / "usr/local/lib/systemd/system/mostrador-backup.timer.d"
        folder.mkdir(parents=True)
        (folder / "later.conf").write_text(f"[Timer]\nOnCalendar=\nOnCalendar=*-*-* {at}:00 UTC\nRandomizedDelaySec=0\n")


def remove_orphans() -> None:
    """What killed processes left; by one process at a time, as the next one may already be using their names again."""
    with locked("orphans"):
        for name in network.orphans():
            Host(name).remove()
