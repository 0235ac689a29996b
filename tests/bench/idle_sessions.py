#!/usr/bin/env python3
"""Memory of an idle, authenticated TLS session: no more than 12 KiB.

5,000 sessions that have logged in and are silent: Pss of the process with them, less Pss before, by their number.
On the release build: sanitizers would measure themselves. Exit code 77: can't be measured here.
"""

import argparse
import pathlib
import resource
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import run  # noqa: E402
from peers import PEERS, Sallyport  # noqa: E402
from processes import memory_kib  # noqa: E402

SESSIONS = 5000
MOST_KIB = 12.0
SKIPPED = 77


def skip(why):
    print(f"idle_sessions: skipped: {why}")
    sys.exit(SKIPPED)


def measure(bench):
    Sallyport.binary = run.BUILD / "sallyport"
    with run.Lane(bench, Sallyport) as lane:
        lane.send(50, "--connections", 20)  # what is made once is there after these
        before = memory_kib(lane.peer.pid)
        with bench.idlers(lane, SESSIONS):
            return (memory_kib(lane.peer.pid) - before) / SESSIONS


def main():
    for program in ("sallyport", "bench_load", "bench_sink"):
        if not (run.BUILD / program).exists():
            skip(f"{run.BUILD}/{program} is not built (cmake --preset bench; cmake --build --preset bench)")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 3 * SESSIONS:
        skip(f"{SESSIONS} sessions need more open files than {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="sallyport-idle.", ignore_cleanup_errors=True) as folder:
        each = measure(run.Bench(folder, argparse.Namespace(rounds=1, peer=list(PEERS))))
    print(f"idle_sessions: {each:.2f} KiB a session, at most {MOST_KIB:.0f} are allowed")
    return 0 if each <= MOST_KIB else 1


if __name__ == "__main__":
    sys.exit(main())
