"""Behind scripts/migration: autogenerates against a throw-away PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from local_postgres import LocalPostgres

VERSIONS = Path("chatbot/migrations/versions")
INITIAL = VERSIONS / "0001_initial.py"
# SQLAlchemy leaves such a constraint out of CREATE TABLE, so it is added at the end
LATE_KEY = re.compile(
    r"\n *sa\.ForeignKeyConstraint\(\['(\w+)'\], \['(\w+)\.id'\], name=op\.f\('(fk_(\w+)_\1)'\)"
    r", ondelete='SET NULL', use_alter=True\),"
)
THE_ROW = '    op.execute("INSERT INTO instance (id) VALUES (1)")\n'


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: scripts/migration 'what changes' | --initial", file=sys.stderr)
        return 2
    is_initial = arguments[0] == "--initial"
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        server = LocalPostgres(Path(folder) / "pg", {"fsync": "off"})
        server.start()
        try:
            server.create_database("draft")
            return write_initial(server.url("draft")) if is_initial else write_next(server.url("draft"), arguments[0])
        finally:
            server.stop()


def write_initial(url: str) -> int:
    former = INITIAL.read_text() if INITIAL.exists() else None
    INITIAL.unlink(missing_ok=True)
    if run_flask(url, "revision", "--autogenerate", "-m", "initial", "--rev-id", "0001"):
        if former:
            INITIAL.write_text(former)
        return 1
    text = INITIAL.read_text().replace('"""initial"""', '"""The tables of 0.1.0 and the one row of `instance`."""')
    text = "".join(line for line in text.splitlines(keepends=True) if "### " not in line)
    extra = "".join(
        f"    op.create_foreign_key('{m[3]}', '{m[4]}', '{m[2]}', ['{m[1]}'], ['id'], ondelete='SET NULL')\n"
        for m in LATE_KEY.finditer(text)
    )
    text = LATE_KEY.sub("", text)
    upgrade, mark, downgrade = text.partition("\n\n\ndef downgrade")
    dropped = "".join(
        f"    op.drop_constraint('{name}', '{table}', type_='foreignkey')\n"
        for name, table in re.findall(r"create_foreign_key\('(\w+)', '(\w+)'", extra)
    )
    downgrade = downgrade.replace("None:\n", "None:\n" + dropped, 1)
    INITIAL.write_text(f"{upgrade}\n{extra}{THE_ROW}".rstrip("\n") + mark + downgrade)
    tidy(INITIAL)
    return 0


def write_next(url: str, message: str) -> int:
    number = f"{len(list(VERSIONS.glob('[0-9]*.py'))) + 1:04}"
    if run_flask(url, "upgrade") or run_flask(url, "revision", "--autogenerate", "-m", message, "--rev-id", number):
        return 1
    for path in VERSIONS.glob(f"{number}_*.py"):
        tidy(path)
    return 0


def run_flask(url: str, *words: str) -> int:
    environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": "only-for-a-draft-of-a-migration", "ENVIRONMENT": "test"}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", *words]
    return subprocess.run(command, env=environment, check=False).returncode


def tidy(path: Path) -> None:
    for command in (["format", "--quiet"], ["check", "--fix", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, path], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
