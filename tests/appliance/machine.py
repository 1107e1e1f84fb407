"""What the outer machine must have to boot test hosts, and the bare Debian they all start from."""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "/var/cache")) / "mostrador-tests"
STATE = Path("/run/mostrador-tests")
SUITE = "trixie"
INCLUDED = "systemd,systemd-sysv,dbus,python3,openssh-server,sudo,ca-certificates"
# program -> Debian's package
PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "pebble": "pebble",
    "dnsmasq": "dnsmasq-base",
    "testssl": "testssl.sh",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "openssl": "openssl",
    "curl": "curl",
    "unshare": "util-linux",
}
# the outer machine's settings of apt that a host needs to reach the same archive
APT_SETTINGS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::http::Proxy", "Acquire::https::Proxy")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def run(*command: str | Path, timeout_s: float = 60, is_checked: bool = True, **options: object) -> str:
    """The output. Raises RuntimeError with what the command said where it fails."""
    done = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in command], capture_output=True, text=True, timeout=timeout_s, check=False, **options
    )
    if is_checked and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def refusal() -> str:
    """Why no host can be booted here; empty where one can."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        return "test hosts need root on Linux; type: sudo scripts/test --appliance"
    if not Path("/etc/debian_version").exists():
        return "test hosts are made by debootstrap: the outer machine must be a Debian or Ubuntu"
    missing = missing_packages()
    return f"missing here; type: apt-get install --no-install-recommends {' '.join(missing)}" if missing else ""


def missing_packages() -> list[str]:
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})


def must_run() -> bool:
    """root on Debian has no excuse: there a host that can't be booted is a failure, not a skip."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time on this machine."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def base_tree() -> Path:
    """A bare Debian as debootstrap leaves it, plus the way to the package archives. Made once and kept in the cache."""
    facts = (SUITE, INCLUDED, *_archives(), inspect.getsource(_open_to_archives), inspect.getsource(_make_anonymous))
    tree = CACHE / f"{SUITE}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:12]}"
    with locked("base"):
        if not tree.exists():
            making = tree.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            run("debootstrap", "--variant=minbase", f"--include={INCLUDED}", SUITE, making, _archives()[0], timeout_s=900)
            _open_to_archives(making)
            _make_anonymous(making)
            making.rename(tree)
    return tree


def _archives() -> tuple[str, str]:
    """Where the outer machine gets Debian and its security updates from."""
    found: list[str] = []
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.suffix not in (".list", ".sources") or not path.exists():
            continue
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["URIs:"] or words[:1] == ["deb"]:
                found += [word.rstrip("/") for word in words[1:] if "://" in word]
    security = [uri for uri in found if uri.endswith("debian-security")]
    main = [uri for uri in found if uri.endswith("/debian")]
    default = "http://deb.debian.org/debian"
    return (main or [default])[0], (security or [f"{default}-security"])[0]


def _open_to_archives(tree: Path) -> None:
    main, security = _archives()
    (tree / "etc/apt/sources.list").write_text(
        f"deb {main} {SUITE} main\ndeb {main} {SUITE}-updates main\ndeb {security} {SUITE}-security main\n"
    )
    lines = run("apt-config", "dump").splitlines()
    kept = [line for line in lines if line.startswith(APT_SETTINGS)]
    (tree / "etc/apt/apt.conf.d/90outer-machine").write_text("\n".join(kept) + "\n")
    for own in Path("/usr/local/share/ca-certificates").glob("*.crt"):
        shutil.copy(own, tree / "usr/local/share/ca-certificates")
    run("chroot", tree, "update-ca-certificates")
    (tree / "etc/pip.conf").write_text("\n".join(["[global]", *_pip_settings()]) + "\n")
    with (tree / "etc/environment").open("a") as file:
        file.writelines(f"{name}={os.environ[name]}\n" for name in PROXIES if os.environ.get(name))
        file.write("NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n")  # npm's Node.js knows none but its own


def _pip_settings() -> Iterator[str]:
    """Of the outer machine's, those that mean something elsewhere: an index, a proxy, a time-out."""
    yield "cert = /etc/ssl/certs/ca-certificates.crt"
    for line in run("python3", "-m", "pip", "config", "list", is_checked=False).splitlines():
        key, _, value = line.partition("=")
        name, value = key.rpartition(".")[2], value.strip("'\"")
        if name in {"index-url", "extra-index-url", "proxy", "trusted-host", "timeout"} and "file:" not in value:
            yield f"{name} = {value}"


def _make_anonymous(tree: Path) -> None:
    """Every host makes its own identity at its first start, as a provider's image does."""
    (tree / "etc/machine-id").write_text("")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (tree / "etc/hostname").unlink(missing_ok=True)
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    (tree / "root/.ssh").mkdir(mode=0o700, exist_ok=True)


if __name__ == "__main__":
    sys.stdout.write(" ".join(missing_packages()))
