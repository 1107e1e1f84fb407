"""Behind scripts/build-release: the same commit gives the same archive, byte for byte, on the same Python and setuptools."""

from __future__ import annotations

import configparser
import gzip
import hashlib
import importlib.metadata
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
BESIDE = ("requirements.txt", "wsgi.py", "embedder.py", "systemd", "nginx", "CHANGELOG.md", "LICENSE")
PINNED = "requirements-ansible.txt"
# published without a wheel, and nothing is built on a box
SOURCE_ONLY = ("flask-principal",)
STATIC = ROOT / "chatbot" / "static"
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def main(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(read_version())
        return 0
    if arguments:
        print("usage: scripts/build-release [--version]", file=sys.stderr)
        return 2
    missing = [name for name in (*SOURCES, *BESIDE, PINNED) if not (ROOT / name).exists()]
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
    copy(STATIC, content / "static")  # nginx serves them
    sums = "".join(f"{digest(path)}  {path.relative_to(content)}\n" for path in list_files(content))
    version = read_version()
    # two different builds never share a name
    content_digest = hashlib.sha256(sums.encode()).hexdigest()[:8]
    if not ask_git("rev-parse", "HEAD"):
        version += f"+src.{content_digest}"
    elif version.endswith(".dirty"):
        version += f".{content_digest}"
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
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    lines = read_pinned(PINNED, "setuptools")
    if not has_setuptools(lines[0]):
        tools, pinned = source.with_name("tools"), source.with_name("setuptools.txt")
        pinned.write_text("".join(lines))
        hashed = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(pinned)]
        subprocess.run([*pip, "install", "--target", str(tools), *hashed], check=True)
        environment["PYTHONPATH"] = str(tools)
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target)]
    subprocess.run([*wheel, str(source)], check=True, env=environment)
    unbuilt = source.with_name("unbuilt.txt")
    unbuilt.write_text("".join(line for name in SOURCE_ONLY for line in read_pinned("requirements.txt", name)))
    subprocess.run([*wheel, "--require-hashes", "--requirement", str(unbuilt)], check=True, env=environment)


def read_pinned(file: str, name: str) -> list[str]:
    """A package's lines of pinned requirements, with the hashes: what builds us as root isn't whatever an index has today."""
    lines = (ROOT / file).read_text("utf-8").splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].rstrip().endswith("\\"))
    return lines[start : end + 1]


def has_setuptools(pinned: str) -> bool:
    """Whether the pinned one is installed, so that no index is asked."""
    try:
        installed = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        return False
    return installed == pinned.removeprefix("setuptools==").split()[0]


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
    """Empty where git can't say: no checkout, no git, or somebody else's checkout. The source can be built all the same."""
    git = shutil.which("git")
    if not git or not (ROOT / ".git").exists():
        return ""
    command = [git, "-C", str(ROOT), *words]
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
