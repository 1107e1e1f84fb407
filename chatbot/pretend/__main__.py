"""`python -m chatbot.pretend`: the pretend Chatwoot as a process. Its first line of output says how to reach it, as JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from chatbot.pretend.chatwoot import PretendChatwoot


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chatbot.pretend", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="of the API (0: any free one)")
    parser.add_argument("--control-port", type=int, default=0, help="of the control API, which stays up while the API is down")
    parser.add_argument("--outgoing-url", default="", help="where the agent bot's webhooks go; none sends none")
    parser.add_argument("--account-webhook", default="", help="URL of an account webhook with every message and status")
    parser.add_argument("--version", default="4.15.1", help="the Chatwoot release to be: 4.11 to 4.15")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--history", help="a file to which every act is appended as a JSON line")
    parser.add_argument("--no-memory", action="store_true", help="keep the history in the file only")
    parser.add_argument("--keeps-pending", action="store_true", help="a failed webhook leaves the conversation pending")
    parser.add_argument("--threads", type=int, default=8, help="that deliver webhooks")
    parser.add_argument("--timeout", type=float, default=5, help="seconds to wait for a webhook's answer")
    parser.add_argument("--retry", type=float, default=3, help="seconds between the tries of a webhook")
    return parser.parse_args()


def main() -> None:
    given = read_arguments()
    pretend = PretendChatwoot(
        given.outgoing_url,
        host=given.host,
        port=given.port,
        control_port=given.control_port,
        version=given.version,
        seed=given.seed,
        history_path=given.history,
        is_kept=not given.no_memory,
        keeps_pending=given.keeps_pending,
        timeout_s=given.timeout,
        retry_s=given.retry,
    )
    if given.account_webhook:
        pretend.add_webhook(given.account_webhook)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with pretend:
        sys.stdout.write(json.dumps(pretend.access()) + "\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
