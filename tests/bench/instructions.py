#!/usr/bin/env python3
"""Instructions a relayed 10 KB message costs, held against tests/bench/instructions.json.

Counted by callgrind on the release build, one worker, one client that keeps its connection: N messages and then
2N, and the difference by N, so that start-up, logging in and ending are left out. Time is noisy; this isn't.
With --table the same is counted for each of SCENARIOS, for HAProxy as well, and docs/performance.md gets the table.
Valgrind shows the program a CPU of its own with AES and AVX2 at most, so BoringSSL takes the same ways on every
machine that has both; where they are missing, or compiler, libraries or valgrind are others, the figure can't be
compared and the test is skipped (exit code 77).
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
os.chdir(HERE.parent.parent)

import run  # noqa: E402
from peers import PEERS, Haproxy, Sallyport  # noqa: E402

BASELINE = HERE / "instructions.json"
TOLERANCE = 0.03
SKIPPED = 77
# What run.py has under these names, with one client: N, and what to send.
SCENARIOS = {
    "steady, 10 KB": (300, ("--size", 10240)),
    "oneshot, 4 KB": (100, ("--size", 4096, "--per-connection", 1)),
    "large, 2 MB": (20, ("--size", 2 << 20)),
}
STEADY = SCENARIOS["steady, 10 KB"]


def skip(why):
    print(f"instructions: skipped: {why}")
    sys.exit(SKIPPED)


def made_with():
    """What decides which instructions run: what the CPU has (for BoringSSL and libc), and what built and counted."""
    flags = set(re.findall(r"\w+", pathlib.Path("/proc/cpuinfo").read_text()))
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    tools = [re.search(r"[\d.]+\d", subprocess.run([tool, "--version"], capture_output=True, text=True,
                                                   check=True).stdout)[0] for tool in ("clang-19", "valgrind")]
    return ", ".join([" ".join([platform.machine(), *(each for each in ("aes", "pclmulqdq", "avx2", "bmi2")
                                                      if each in flags)]),
                      system[1] if system else "", f"clang {tools[0]}", f"valgrind {tools[1]}"])


def count(bench, peer, messages, words, keep=None):
    """Instructions of a run of `peer` from its start to its end, with so many messages between."""
    out = bench.folder / f"callgrind.{peer.name}.{messages}"
    wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"]
    with run.Lane(bench, peer, wrapper=wrapper) as lane:
        if lane.send(messages, *words, "--connections", 1)["accepted"] != messages:
            raise SystemExit(f"instructions: {peer.name}: not every message was accepted")
    if keep:
        shutil.copy(out, keep)
    totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)
    return int(totals[1])


def each_message(bench, peer, n, words, keep=None):
    """Instructions a message: `keep` is a folder for the two profiles."""
    less, more = (count(bench, peer, times * n, words, keep and keep / f"callgrind.{times}n") for times in (1, 2))
    return round((more - less) / n)


def table(bench):
    """What docs/performance.md shows: sallyport and HAProxy in each scenario."""
    versions = subprocess.run(["haproxy", "-vv"], capture_output=True, text=True, check=True).stdout
    haproxy = re.search(r"^HAProxy version (\d[\d.]*\d)", versions, re.MULTILINE)[1]
    openssl = re.search(r"^Running on OpenSSL version : (OpenSSL [\d.]+)", versions, re.MULTILINE)[1]
    lines = [f"Counted {time.strftime('%Y-%m-%d')} ({made_with()}; HAProxy {haproxy} with {openssl}).", "",
             "| instructions a message | sallyport | HAProxy | × HAProxy |", "| --- | --- | --- | --- |"]
    for name, (n, words) in SCENARIOS.items():
        ours, theirs = (each_message(bench, peer, n, words) for peer in (Sallyport, Haproxy))
        lines.append(f"| {name} | {ours:,} | {theirs:,} | {ours / theirs:.2f} |")
        print(f"instructions: {name}: sallyport {ours:,}, HAProxy {theirs:,}", flush=True)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=STEADY[0], help="N (default: %(default)s)")
    parser.add_argument("--update", action="store_true", help="make what is measured the baseline")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the two profiles (callgrind_annotate reads them)")
    parser.add_argument("--table", action="store_true",
                        help="count each scenario, for HAProxy too (tests/bench/install.sh), and write docs/performance.md")
    arguments = parser.parse_args()
    for program in ("valgrind", "openssl", "objcopy", "clang-19", *(["haproxy"] if arguments.table else [])):
        if not shutil.which(program):
            skip(f"no {program} here")
    for program in ("sallyport", "bench_load", "bench_sink"):
        if not (run.BUILD / program).exists():
            skip(f"{run.BUILD}/{program} is not built (cmake --preset bench; cmake --build --preset bench)")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sallyport-instructions.", ignore_cleanup_errors=True) as folder:
        # Debian 12's valgrind can't read clang 19's debug information; names of functions are enough.
        Sallyport.binary = pathlib.Path(folder) / "sallyport"
        subprocess.run(["objcopy", "--strip-debug", run.BUILD / "sallyport", Sallyport.binary], check=True)
        bench = run.Bench(folder, argparse.Namespace(rounds=1, peer=list(PEERS)))
        if arguments.table:
            run.write_document("instructions", table(bench))
            return 0
        each = each_message(bench, Sallyport, arguments.messages, STEADY[1], arguments.keep)
    if arguments.update:
        BASELINE.write_text(json.dumps({"instructions_per_message": each, "made_with": made_with()}, indent=2) + "\n")
        print(f"instructions: {each:,} a message; this is the baseline now")
        return 0
    baseline = json.loads(BASELINE.read_text())
    wanted = baseline["instructions_per_message"]
    if baseline["made_with"] != made_with():
        skip(f"{each:,} a message, but the baseline was made with {baseline['made_with']}, and this is {made_with()}")
    change = each / wanted - 1
    print(f"instructions: {each:,} a message, baseline {wanted:,}, {change:+.1%}")
    if change > TOLERANCE:
        print("instructions: a message became dearer. Find out why (--keep FOLDER, callgrind_annotate); if it is worth "
              "it, run with --update and say so in the commit")
        return 1
    if change < -TOLERANCE:
        print("instructions: a message became cheaper: run with --update, so that it stays so")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
