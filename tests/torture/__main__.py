"""`python -m torture`: plans, runs, waits and judges. Exit codes: 0 no violation, 1 violations, kept in a folder."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

# before chatbot is imported: a developer's .env and var/local.env are no part of this
os.environ["ENV_FILE"] = os.environ["VAR_DIR"] = os.devnull

from acceptance.box import FAST
from checker import Options, check

from chatbot.sending import LOOK_AGE_S
from torture.installation import Installation
from torture.plan import Plan, make_plan
from torture.report import Result, explain, find_forgotten, make_table, show_table, to_json
from torture.run import Run, end_faults, wait_until_settled

SETTLE_LIMIT_S = 60.0  # the promise is 5 minutes, 15 s at a twentieth; slow machines get more, and the table says how long
# a look counts for so long when a part is marked, and the post leaves so long after the mark at most
MAX_LOOK_S = LOOK_AGE_S + float(FAST["POST_TIMEOUT_S"])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the plan and the faults")
    parser.add_argument("--messages", type=int, default=2000, help="that customers send")
    parser.add_argument("--minutes", type=float, help="how long they take to send them (default: 20 a second)")
    parser.add_argument("--keep", action="store_true", help="keep the folder without violations too")
    return parser.parse_args()


def main() -> int:
    given = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    plan = make_plan(given.seed, given.messages, given.minutes * 60 if given.minutes else None)
    folder = Path(tempfile.mkdtemp(prefix=f"mostrador-torture-{given.seed}-", dir="/tmp"))
    say(f"seed {plan.seed}: {given.messages} messages in {plan.seconds:.0f} s, {sum(plan.kills().values())} kills planned")
    say(f"logs: {folder}")
    box = Installation(folder, given.seed)
    try:
        result = carry_out(plan, box)
        table = make_table(result)
        story = "" if result.is_good else explain(result)
    finally:
        box.stop()
    (folder / "table.json").write_text(to_json(table))
    say("\n" + show_table(table))
    if not result.is_good:
        (folder / "violations.txt").write_text(story)
        say(f"\n{story}\n\nVIOLATED: the logs, history.jsonl and violations.txt are in {folder}")
        return 1
    if not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    say("every promise held")
    return 0


def carry_out(plan: Plan, box: Installation) -> Result:
    begun = time.monotonic()
    box.start()
    say(f"started after {time.monotonic() - begun:.0f} s")
    run = Run(plan, box)
    run.do()
    since = end_faults(box)
    run.outcome.settled_s = wait_until_settled(box, since, SETTLE_LIMIT_S)
    history = box.history()
    options = Options(reconciled=True, within_s=SETTLE_LIMIT_S, max_look_s=MAX_LOOK_S)
    found = check(history, box.bot_view(), llm_calls=box.llm_calls(), options=options)
    return Result(plan, box, run.outcome, history, [*found, *find_forgotten(history, box.inputs())])


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
