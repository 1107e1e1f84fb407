"""`python -m bench`: measures what is asked for and prints a table. Exit codes: 0 every aim met, 1 some missed."""

from __future__ import annotations

import argparse
import os
import signal
import sys

# before chatbot is imported: a developer's .env and var/local.env are no part of this
os.environ["ENV_FILE"] = os.environ["VAR_DIR"] = os.devnull

from bench import ack, backlog, fairness, memory, panel, retrieval, turns
from bench.table import show_table, to_json

PARTS = {
    "ack": ack,
    "turns": turns,
    "backlog": backlog,
    "fairness": fairness,
    "memory": memory,
    "panel": panel,
    "retrieval": retrieval,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    parser.add_argument("--panel", action="store_true", help="the same as panel")
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement; backlogs are as large as fits")
    parser.add_argument("--rounds", type=int, default=3, help="ours and the bound alternate; medians are shown")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = []
    part = "panel" if given.panel else given.part
    for name in PARTS if part == "all" else [part]:
        print(f"{name} ...", file=sys.stderr, flush=True)  # noqa: T201
        measured = PARTS[name].measure(given.seconds, given.rounds)
        # as soon as it is known: a later part that breaks takes nothing away
        print(to_json(measured) if given.json else show_table(measured), flush=True)  # noqa: T201
        figures += measured
    return 0 if all(figure.is_met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
