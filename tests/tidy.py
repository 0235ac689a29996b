#!/usr/bin/env python3
"""Runs clang-tidy on the files named on stdin, except those that passed before in the same state.

A file's state is its preprocessed text (comments kept: NOLINT is one), the checks and clang-tidy's
version, so a change in a header counts for all who include it. Only passes are remembered.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="folder with compile_commands.json")
    parser.add_argument("--cache", required=True, help="folder that remembers passes")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def state(command, fixed):
    """The hash of all that clang-tidy's verdict on this file depends on; None if unknown."""
    words = shlex.split(command["command"])
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    output = words.index("-o")
    del words[output:output + 2]
    run = subprocess.run(words + ["-E", "-C", "-P"], cwd=command["directory"], capture_output=True)
    return hashlib.sha256(fixed + run.stdout).hexdigest() if run.returncode == 0 else None


def check(file, command, fixed, options):
    key = state(command, fixed)
    mark = pathlib.Path(options.cache, key) if key else None
    if mark and mark.exists():
        return "known", ""
    run = subprocess.run(["clang-tidy-19", "--quiet", "-p", options.build, file],
                         capture_output=True, text=True)
    if run.returncode == 0:
        if mark:
            mark.touch()
        return "passed", ""
    return "failed", run.stdout + run.stderr


def main():
    options = arguments()
    pathlib.Path(options.cache).mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy-19", "--version"], capture_output=True, check=True).stdout
    fixed = version + pathlib.Path(".clang-tidy").read_bytes()
    commands = {
        str(pathlib.Path(entry["directory"], entry["file"]).resolve()): entry
        for entry in json.loads(pathlib.Path(options.build, "compile_commands.json").read_text())
    }
    files = [line.strip() for line in sys.stdin if line.strip()]
    # A file that no target compiles is not checked by anybody: that is a fault of the build.
    stray = [file for file in files if str(pathlib.Path(file).resolve()) not in commands]
    for file in stray:
        print(f"{file}: in no target of {options.build}")
    tally = {"known": 0, "passed": 0, "failed": len(stray)}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = {
            pool.submit(check, file, commands[str(pathlib.Path(file).resolve())], fixed, options): file
            for file in files if file not in stray
        }
        for job in concurrent.futures.as_completed(jobs):
            verdict, output = job.result()
            tally[verdict] += 1
            if output:
                print(output, flush=True)
    print(f"clang-tidy: {tally['passed']} passed, {tally['known']} unchanged since they passed, "
          f"{tally['failed']} failed")
    return 1 if tally["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
