"""Behind scripts/build-release: the same commit gives the same archive, byte for byte, on the same Python and setuptools."""

from __future__ import annotations

import configparser
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# what the wheel is made from, and what lies beside it in the archive
SOURCES = ("chatbot", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
BESIDE = ("requirements.txt", "wsgi.py", "systemd", "nginx", "CHANGELOG.md", "LICENSE")
MIN_SETUPTOOLS = 77
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def main(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(read_version())
        return 0
    if arguments:
        print("usage: scripts/build-release [--version]", file=sys.stderr)
        return 2
    missing = [name for name in (*SOURCES, *BESIDE) if not (ROOT / name).exists()]
    if missing:
        print(f"scripts/build-release: {', '.join(missing)} missing; type: git status", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        print(build(Path(folder)))
    return 0


def build(folder: Path) -> Path:
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or ask_git("log", "-1", "--format=%ct") or 315_532_800)
    content = folder / "content"
    content.mkdir()
    build_wheel(folder / "source", content, epoch)
    for name in BESIDE:
        copy(ROOT / name, content / name)
    sums = "".join(f"{digest(path)}  {path.relative_to(content)}\n" for path in list_files(content))
    version = read_version()
    if version.endswith(".dirty"):  # two different builds never share a name
        version += f".{hashlib.sha256(sums.encode()).hexdigest()[:8]}"
    (content / "VERSION").write_text(f"{version}\n")
    (content / "SHA256SUMS").write_text(sums + f"{digest(content / 'VERSION')}  VERSION\n")
    archive = ROOT / "dist" / f"mostrador-{version}.tar.gz"
    archive.parent.mkdir(exist_ok=True)
    unfinished = archive.with_suffix(".partial")
    unfinished.write_bytes(pack(content, epoch))
    unfinished.replace(archive)
    return archive


def build_wheel(source: Path, target: Path, epoch: int) -> None:
    """From a copy: a build/ left by an earlier one would get into the wheel."""
    source.mkdir()
    for name in SOURCES:
        copy(ROOT / name, source / name)
    for path in source.rglob("*"):  # a wheel keeps the modes, which follow the umask of whoever checked out
        path.chmod(0o755 if path.is_dir() else 0o644)
    isolation = ["--no-build-isolation"] if has_setuptools() else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *isolation]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run([*command, "--wheel-dir", str(target), str(source)], check=True, env=environment)


def has_setuptools() -> bool:
    """Whether the installed one can build us, so that no index is asked. bdist_wheel is part of it since 70."""
    try:
        import setuptools  # noqa: PLC0415
    except ImportError:
        return False
    return int(setuptools.__version__.split(".")[0]) >= MIN_SETUPTOOLS


def read_version() -> str:
    """setup.cfg's, with the commit where HEAD isn't tagged with it, and .dirty where what is packed was changed since."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    commit = ask_git("rev-parse", "--short=9", "HEAD")
    if not commit:
        return version
    is_tagged = f"v{version}" in ask_git("tag", "--points-at", "HEAD").split()
    is_dirty = bool(ask_git("status", "--porcelain", "--", *SOURCES, *BESIDE))
    parts = [part for part, is_wanted in ((f"g{commit}", not is_tagged), ("dirty", is_dirty)) if is_wanted]
    return "+".join(filter(None, (version, ".".join(parts))))


def ask_git(*words: str) -> str:
    """Empty where this isn't a git checkout: a downloaded archive of the source can be built too."""
    if not (ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30).stdout.strip()


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=UNWANTED)
    else:
        shutil.copy(source, target)


def list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pack(folder: Path, epoch: int) -> bytes:
    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = epoch
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=epoch) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=plain)
    return packed.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
