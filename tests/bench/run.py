#!/usr/bin/env python3
"""Measures sallyport beside its peers and writes docs/performance.md between its markers.

Every figure that counts is CPU seconds of a whole process tree for 1,000 messages: other work on the machine
disturbs it least. Peers run at the same time and are measured in turn, so that a noisy minute hits all of them;
each figure is the median of the rounds. Everything stays on 127.0.0.1, and what was started here is ended here.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
os.chdir(ROOT)

from peers import PASSWORD, PEERS, USER, Sallyport  # noqa: E402
from processes import (Process, accepts, cpu_seconds, free_ports, is_traced, memory_kib,  # noqa: E402
                       peak_memory_kib, wait_for)

# The sink waits before each of its four replies (MAIL, RCPT, DATA, the final dot), also to a pipelined group: a
# message can't take less than four of these waits, in two round trips.
SLOW_REPLY_MS = 100
SLOW_CONNECTIONS = 200
SLOW_MESSAGE_MS = 4 * SLOW_REPLY_MS
ROUND_TRIP_MS = 50
CAPPED_REPLY_MS = 25
CAPPED_MESSAGE_MS = 4 * CAPPED_REPLY_MS
CAPPED_CLIENTS = 200

BUILD = pathlib.Path(os.environ.get("BENCH_BUILD", "build/bench"))
DOCUMENT = ROOT / "docs/performance.md"


def make_certificates(folder):
    """A throw-away authority and a certificate for localhost."""
    folder.mkdir()

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=Bench CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", "server.crt")
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dhparams.pem")
    return folder


@dataclasses.dataclass
class Figures:
    """One round of one peer."""
    cpu_per_1000: float
    load: dict
    peak_kib: int
    seconds: float


class Lane:
    """A sink, a gateway before it, and what was sent through it."""

    def __init__(self, bench, peer, sink_options=(), **options):
        self.bench, self.peer_class, self.sink_options, self.options = bench, peer, sink_options, options
        self.sent = self.refused = self.lost = self.duplicates = 0
        self.rounds = []

    def __enter__(self):
        sink_port, port = free_ports(2)
        folder = self.bench.folder
        self.report = folder / f"report-{sink_port}"
        with contextlib.ExitStack() as stack:
            self.sink = Process([BUILD / "bench_sink", "--port", sink_port, "--certificate",
                                 self.bench.pki / "server.crt", "--key", self.bench.pki / "server.key", "--tls",
                                 self.peer_class.sink_tls, "--report", self.report, *self.sink_options],
                                folder / f"sink-{sink_port}.log")
            stack.callback(self.sink.stop)
            wait_for("the sink", lambda: accepts(sink_port))
            self.peer = stack.enter_context(self.peer_class(folder, self.bench.pki, sink_port, port, **self.options))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        self._stack.close()
        self.tally = json.loads(self.report.read_text()) if self.report.exists() else {}
        # Whether a message whose connection broke counts as sent is not ours to decide: such runs fail.
        lost = self.sent - (self.tally.get("messages", 0) - self.tally.get("duplicates", 0))
        self.lost, self.duplicates = lost, self.tally.get("duplicates", 0) + self.tally.get("without_id", 0)
        if failure[0] is None and (self.lost or self.duplicates):
            print(f"bench: {self.peer_class.name}: lost {self.lost}, double {self.duplicates}", file=sys.stderr)

    def load_command(self, *words):
        return [str(word) for word in (BUILD / "bench_load", "--port", self.peer.port, "--ca",
                                       self.bench.pki / "ca.pem", "--tls",
                                       self.peer_class.sink_tls if self.peer_class.name == "direct" else "implicit",
                                       "--first-id", self.bench.next_id, *words)]

    def send(self, messages, *words):
        """Sends `messages` and waits until the gateway handed all of them on; what the load generator said."""
        began = time.monotonic()
        done = subprocess.run(self.load_command("--messages", messages, *words), capture_output=True, text=True,
                              timeout=600)
        self.bench.next_id += messages
        if not done.stdout.startswith("{"):
            raise SystemExit(f"bench: the load on {self.peer_class.name} failed: {done.stdout}{done.stderr[-500:]}")
        said = json.loads(done.stdout)
        said["errors"] = done.stderr.strip().splitlines()[-1:]
        self.sent += said["accepted"]
        self.refused += said["refused"]
        wait_for(f"{self.peer_class.name}'s queue to run dry", lambda: self.peer.waiting() == 0, 300)
        said["all_seconds"] = time.monotonic() - began
        if said["failed"]:
            print(f"bench: {self.peer_class.name}: {said['failed']} failed: {said['errors']}", file=sys.stderr)
        return said

    def measure(self, messages, *words):
        pid = self.peer.pid
        before = cpu_seconds(pid) if pid else 0
        said = self.send(messages, *words)
        used = (cpu_seconds(pid) if pid else 0) - before
        figures = Figures(used / messages * 1000, said, peak_memory_kib(pid) if pid else 0, said["all_seconds"])
        self.rounds.append(figures)
        return figures

    def progress(self, what, number, rounds):
        cpu = f", {self.rounds[-1].cpu_per_1000:.3f} CPU s a thousand" if self.peer.pid else ""
        print(f"   {time.strftime('%H:%M:%S')} {what}: round {number + 1} of {rounds}: "
              f"{self.rounds[-1].load['messages_per_second']:.0f} messages/s{cpu}", file=sys.stderr, flush=True)

    # Medians over the rounds.
    def median(self, of):
        return statistics.median(of(each) for each in self.rounds)

    @property
    def cpu(self):
        return self.median(lambda each: each.cpu_per_1000)

    def said(self, key):
        return self.median(lambda each: each.load[key])

    def row(self, scenario, **more):
        rate = self.median(lambda each: each.load["accepted"] / max(each.seconds, 0.001)
                           if self.peer_class.name == "postfix" else each.load["messages_per_second"])
        return {"scenario": scenario, "peer": self.peer_class.name, "cpu": self.cpu if self.peer.pid else None,
                "rate": rate, "p50": self.said("p50_ms"), "p99": self.said("p99_ms"), "p999": self.said("p999_ms"),
                "peak_mib": self.median(lambda each: each.peak_kib) / 1024 if self.peer.pid else None,
                "lost": self.lost, "duplicates": self.duplicates,
                "failed": sum(each.load["failed"] for each in self.rounds), **more}


class Bench:
    def __init__(self, folder, arguments):
        self.folder = pathlib.Path(folder)
        self.pki = make_certificates(self.folder / "pki")
        self.next_id = 1
        self.rounds = arguments.rounds
        self.scale = getattr(arguments, "scale", 1)
        self.chosen = arguments.peer
        self.rows = []
        self.facts = {}
        self.failures = []

    def peers(self, *names):
        return [PEERS[name] for name in names if name in self.chosen and PEERS[name].available()]

    @contextlib.contextmanager
    def lanes(self, peers, **options):
        with contextlib.ExitStack() as stack:
            lanes = {}
            for peer in peers:
                try:
                    lanes[peer.name] = stack.enter_context(Lane(self, peer, **options))
                except SystemExit as failure:
                    if peer is Sallyport:
                        raise
                    print(f"bench: {peer.name} is left out: {failure}", file=sys.stderr)
            yield lanes

    def compare(self, scenario, count, slow_count, *words, names=("direct", "sallyport", "haproxy", "postfix", "haraka"),
                sink_options=(), least=10, rounds=None):
        """The same load through each peer, in turn, `rounds` times; before them, `least` messages that are not measured."""
        count, slow_count = (max(int(each * self.scale), least) for each in (count, slow_count))
        with self.lanes(self.peers(*names), sink_options=sink_options) as lanes:
            for name, lane in list(lanes.items()):
                if lane.send(max(slow_count // 5, least), *words)["accepted"] == 0:
                    print(f"bench: {name} took nothing; it is left out of {scenario}", file=sys.stderr)
                    del lanes[name]
            rounds = rounds or self.rounds
            for number in range(rounds):
                for name, lane in lanes.items():
                    lane.measure(slow_count if lane.peer_class.slow else count, *words)
                    lane.progress(f"{scenario}, {name}", number, rounds)
        self.rows += [show(lane.row(scenario)) for lane in lanes.values()]

    def ratio(self, scenario, peer="haproxy", key="cpu"):
        values = {row["peer"]: row[key] for row in self.rows if row["scenario"] == scenario}
        if not values.get(peer) or "sallyport" not in values:
            return None
        return values["sallyport"] / values[peer]

    # Scenarios

    def steady(self):
        self.compare("steady", 40_000, 1500, "--size", 10240, "--connections", 50)

    def oneshot(self):
        self.compare("oneshot", 1500, 150, "--size", 4096, "--per-connection", 1, "--connections", 20)

    def large(self):
        self.compare("large", 240, 20, "--size", 2 << 20, "--connections", 4)

    def rcpt(self):
        self.compare("rcpt", 2000, 60, "--size", 10240, "--recipients", 100, "--connections", 20)

    def slow_provider(self):
        least = 2 * SLOW_CONNECTIONS  # the first of them open the upstream connections
        self.compare("slow-provider", 2000, 2000, "--size", 10240, "--connections", SLOW_CONNECTIONS,
                     "--spread-ms", SLOW_MESSAGE_MS, names=("direct", "sallyport"),
                     sink_options=("--delay-ms", SLOW_REPLY_MS), least=least)
        # Connections divided by the time of their waits, for as long as all of them are at work.
        each = max(int(2000 * self.scale), least) / SLOW_CONNECTIONS
        self.facts["slow_ceiling"] = each * SLOW_CONNECTIONS / ((each + 1) * SLOW_MESSAGE_MS / 1000)

    def far_provider(self):
        """A provider at a distance: two round trips a message, and with CHUNKING one."""
        for scenario, offered in (("far-provider", ()), ("far, CHUNKING", ("--chunking",))):
            self.compare(scenario, 2000, 2000, "--size", 10240, "--connections", SLOW_CONNECTIONS, "--spread-ms", 2 * ROUND_TRIP_MS,
                         names=("sallyport",),
                         sink_options=("--round-trip-ms", ROUND_TRIP_MS, *offered), least=2 * SLOW_CONNECTIONS)

    def capped(self):
        """Many clients, few connections to the provider: all of them at work, and none moved about."""
        for cap in (5, 50):
            for workers in (1, 2):
                name = f"{cap} connections, {workers} worker{'s' if workers > 1 else ''}"
                count = max(int(cap * 400 * self.scale), cap * 40)
                words = ("--size", 10240, "--connections", CAPPED_CLIENTS)
                with Lane(self, Sallyport, ("--delay-ms", CAPPED_REPLY_MS), workers=workers,
                          max_connections=cap) as lane:
                    lane.send(cap * 40, *words)  # four seconds: workers find their shares
                    for number in range(self.rounds):
                        lane.measure(count, *words)
                        lane.progress(f"capped, {name}", number, self.rounds)
                rate = lane.said("messages_per_second")
                self.rows.append(show(lane.row("capped", peer=f"sallyport, {name}")))
                self.facts.setdefault("capped", []).append({
                    "name": name, "of_ideal": rate * CAPPED_MESSAGE_MS / 1000 / cap,
                    "new": (lane.tally["connections"] - cap) / lane.sent})

    def open(self):
        """Messages come at 30 % of what sallyport can take, whoever is measured."""
        capacity = next((row["rate"] for row in self.rows if row["scenario"] == "steady"
                         and row["peer"] == "sallyport"), None)
        if capacity is None:
            with self.lanes([Sallyport]) as lanes:
                capacity = lanes["sallyport"].measure(5000).load["messages_per_second"]
        rate = max(50, int(0.3 * capacity))
        self.facts["open_rate"] = rate
        # A tail of milliseconds is the scheduler's as much as anybody's: its median wants more rounds than others.
        self.compare("open", rate * 5, 50, "--size", 10240, "--connections", 50, "--rate", rate,
                     names=("direct", "sallyport", "haproxy"), least=rate, rounds=3 * self.rounds)

    def idle(self):
        count = 5000
        # Postfix has a process a session: 5,000 of them are no configuration anyone has.
        for peer in self.peers("sallyport", "haproxy", "haraka"):
            with self.lanes([peer]) as lanes:
                if peer.name not in lanes:
                    continue
                lane = lanes[peer.name]
                lane.send(50, "--connections", 20)
                before = memory_kib(lane.peer.pid)
                with self.idlers(lane, count):
                    after = memory_kib(lane.peer.pid)
                row = {"scenario": "idle", "peer": peer.name, "kib": (after - before) / count, "peak_mib": after / 1024}
                self.rows.append(show(row))

    @contextlib.contextmanager
    def idlers(self, lane, count):
        """`count` sessions, logged in and silent, for as long as the block lasts."""
        ready = self.folder / f"ready-{lane.peer.port}-{count}"
        load = Process(lane.load_command("--idle", "--connections", count, "--hold", 600, "--ready-file", ready),
                       self.folder / f"idle-{lane.peer.port}.log")
        try:
            wait_for(f"{count} idle sessions (log: {load.log})",
                     lambda: ready.exists() or load.popen.poll() is not None, 180)
            if load.popen.poll() is not None:
                raise SystemExit(f"bench: idle load ended: {pathlib.Path(load.log).read_text()[-400:]}")
            yield
        finally:
            load.stop()

    def limits(self):
        """One user at its limit hammers; what do the others pay?"""
        with self.lanes([Sallyport], limited='{ messages = "10/hour" }') as lanes:
            lane = lanes["sallyport"]
            lane.send(100)
            if lane.send(20, "--user", "limited", "--connections", 1)["accepted"] != 10:
                raise SystemExit("bench: the limited user was not held to 10 messages")
            words = ("--size", 10240, "--connections", 20)
            for _ in range(self.rounds):
                lane.measure(int(6000 * self.scale), *words)
            alone = lane.row("limits", peer="sallyport, others alone")
            lane.rounds = []
            for number in range(self.rounds):
                ready = self.folder / f"hammer-{number}"
                hammer = Process(lane.load_command("--user", "limited", "--connections", 5, "--messages", 10 ** 7,
                                                   "--size", 1024, "--ready-file", ready), self.folder / "hammer.log")
                try:
                    wait_for("the hammer", ready.exists)
                    lane.measure(int(6000 * self.scale), *words)
                finally:
                    hammer.stop()
            beside = lane.row("limits", peer="sallyport, others beside one at its limit")
        self.facts["limits"] = {"alone": alone, "beside": beside}
        self.rows += [show(alone), show({**beside, "lost": lane.lost, "duplicates": lane.duplicates})]

    def flat(self, name, small, large, count=6000, words=("--size", 10240, "--connections", 50)):
        """The cost of a message with two sizes of something, measured in turn."""
        lanes = {}
        count = int(count * self.scale)
        with contextlib.ExitStack() as stack:
            for size, options in (small, large):
                lanes[size] = stack.enter_context(Lane(self, Sallyport, **options))
                lanes[size].send(200, *words)
            for number in range(self.rounds + 2):
                for size, lane in lanes.items():
                    lane.measure(count, *words)
                    lane.progress(f"{name}, {size}", number, self.rounds + 2)
        for size, lane in lanes.items():
            self.rows.append(show(lane.row(name, peer=f"sallyport, {size}")))
        a, b = lanes.values()
        self.facts[name] = b.cpu / a.cpu
        self.facts[f"{name}-rate"] = b.said("messages_per_second") / a.said("messages_per_second")

    def users(self):
        self.flat("users", ("10 users", {"users": 10}), ("100,000 users", {"users": 100_000}), 1500,
                  ("--size", 4096, "--per-connection", 1, "--connections", 20))

    def routes(self):
        self.flat("routes", ("1 route", {"routes": 1}), ("1,000 routes", {"routes": 1000}))

    def workers(self):
        self.flat("workers", ("1 worker", {"workers": 1}), ("2 workers", {"workers": 2}), 10_000)

    def idle_cost(self):
        with Lane(self, Sallyport) as quiet, Lane(self, Sallyport) as crowded:
            words = ("--size", 10240, "--connections", 50)
            for lane in (quiet, crowded):
                lane.send(200, *words)
            with self.idlers(crowded, 5000):
                for number in range(self.rounds + 2):
                    for idle, lane in (("nobody", quiet), ("5,000", crowded)):
                        lane.measure(int(6000 * self.scale), *words)
                        lane.progress(f"idle-cost, {idle} idle", number, self.rounds + 2)
        self.rows += [show(quiet.row("idle-cost", peer="sallyport, 0 idle")),
                      show(crowded.row("idle-cost", peer="sallyport, 5,000 idle"))]
        self.facts["idle-cost"] = crowded.cpu / quiet.cpu

    def syscalls(self):
        """System calls of the whole process while messages pass, counted by strace."""
        if not shutil.which("strace"):
            return
        found = {}
        scenarios = (("steady", 1000, ("--size", 10240, "--connections", 10)),
                     ("oneshot", 200, ("--size", 4096, "--per-connection", 1, "--connections", 5)),
                     ("large", 30, ("--size", 2 << 20, "--connections", 4)))
        with contextlib.ExitStack() as stack:
            lanes = {peer.name: stack.enter_context(Lane(self, peer)) for peer in self.peers("sallyport", "haproxy")}
            # Workers that waited for each other would show in futex.
            lanes["sallyport, 2 workers"] = stack.enter_context(Lane(self, Sallyport, workers=2))
            for name, lane in lanes.items():
                lane.send(200, "--connections", 10)
                for scenario, count, words in scenarios[:1] if name.endswith("workers") else scenarios:
                    out = self.folder / f"strace-{name[-1]}-{scenario}"
                    tracer = Process(["strace", "-f", "-c", "-U", "calls,name", "-o", out, "-p", lane.peer.pid],
                                     self.folder / f"strace-{name[-1]}.log")
                    try:
                        wait_for("strace", lambda: is_traced(lane.peer.pid, tracer.pid))
                        lane.send(count, *words)
                    finally:
                        tracer.interrupt()
                    calls = {}
                    for line in out.read_text().splitlines():
                        fields = line.split()
                        if len(fields) == 2 and fields[0].isdigit():
                            calls[fields[1]] = int(fields[0]) / count
                    calls.pop("total", None)
                    found[f"{scenario} {name}"] = calls
        self.facts["syscalls"] = found
        for key, calls in found.items():
            top = sorted(calls.items(), key=lambda item: -item[1])[:8]
            print(f"{key:20} {sum(calls.values()):7.1f}  " + ", ".join(f"{name} {n:.2f}" for name, n in top), flush=True)


SCENARIOS = ["steady", "oneshot", "large", "rcpt", "slow_provider", "far_provider", "capped", "open", "idle", "limits", "workers", "users",
             "routes", "idle_cost", "syscalls"]


def number(value, form):
    return "–" if value is None else format(value, form)


def show(row):
    print(f"{row['scenario']:14} {row['peer']:32} " + "  ".join(
        f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
        for key, value in row.items() if key not in ("scenario", "peer")), flush=True)
    return row


def verdicts(bench):
    """The goals of issue 3: what, goal, measured, met."""
    out = []

    def goal(what, limit, value, above=False):
        if value is not None:
            met = value >= limit if above else value <= limit
            out.append((what, f"{'≥' if above else '≤'} {limit:g}", f"{value:.3g}", "met" if met else "**not met**"))

    goal("steady, CPU against HAProxy", 1.5, bench.ratio("steady"))
    for peer in ("postfix", "haraka"):
        value = bench.ratio("steady", peer)
        goal(f"steady, {peer.capitalize()}'s CPU against ours", 45, 1 / value if value else None, True)
    goal("oneshot, CPU against HAProxy", 0.65, bench.ratio("oneshot"))
    goal("large, CPU against HAProxy", 1.3, bench.ratio("large"))
    goal("100 recipients, CPU against HAProxy", 2, bench.ratio("rcpt"))
    idle = next((row["kib"] for row in bench.rows if row["scenario"] == "idle" and row["peer"] == "sallyport"), None)
    goal("idle TLS session, KiB", 12, idle)

    def of(scenario, peer, key):
        return next((row[key] for row in bench.rows if (row["scenario"], row["peer"]) == (scenario, peer)), None)

    slow, direct = of("slow-provider", "sallyport", "p50"), of("slow-provider", "direct", "p50")
    if slow and direct:
        goal("slow provider, median latency added, ms", 1, slow - direct)
        ceiling = bench.facts["slow_ceiling"]
        goal(f"slow provider, messages/s by connections / waits ({ceiling:.0f})", 0.95,
             of("slow-provider", "sallyport", "rate") / ceiling, True)
    far, at_once = of("far-provider", "sallyport", "p50"), of("far, CHUNKING", "sallyport", "p50")
    if far and at_once:
        goal("far provider, median latency in one flight / in two", 0.55, at_once / far)
    for each in bench.facts.get("capped", []):
        goal(f"capped, {each['name']}: messages/s by connections / waits", 0.95, each["of_ideal"], True)
        goal(f"capped, {each['name']}: connections beyond these for each message", 0.01, each["new"])
    for key in ("p50", "p99"):
        ours, theirs, base = (of("open", peer, key) for peer in ("sallyport", "haproxy", "direct"))
        if None not in (ours, theirs, base):
            out.append((f"open loop, {key} added, ms", f"< HAProxy's {theirs - base:.2f}", f"{ours - base:.2f}",
                        "met" if ours < theirs else "**not met**"))
    if "workers" in bench.facts:
        goal("two workers against one: capacity (2 × CPU per message of one / of two)", 1.8,
             2 / bench.facts["workers"], True)
    for name, what in (("users", "10 → 100,000 users"), ("routes", "1 → 1,000 routes"),
                       ("idle-cost", "0 → 5,000 idle sessions")):
        if name in bench.facts:
            goal(f"{what}: CPU per message", 1.1, bench.facts[name])
    return out


def markdown(bench):
    lines = [f"Measured {time.strftime('%Y-%m-%d')} on {cpu_name()}, {os.cpu_count()} CPUs, "
             f"Linux {platform.release()}, median of {bench.rounds} rounds, messages × {bench.scale:g} (load average at the end "
             f"{os.getloadavg()[0]:.1f}).", ""]
    goals = verdicts(bench)
    if goals:
        lines += ["| goal | wanted | measured | |", "| --- | --- | --- | --- |"]
        lines += ["| " + " | ".join(row) + " |" for row in goals] + [""]
    lines += ["| scenario | who | CPU s / 1,000 | × HAProxy | messages/s | p50 ms | p99 ms | p99.9 ms | peak MiB | lost | double |",
              "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in bench.rows:
        if row["scenario"] == "idle":
            continue
        floor = next((r["cpu"] for r in bench.rows if r["scenario"] == row["scenario"] and r["peer"] == "haproxy"), None)
        lines.append(f"| {row['scenario']} | {row['peer']} | {number(row['cpu'], '.3f')} | "
                     f"{number(row['cpu'] / floor if floor and row['cpu'] else None, '.2f')} | {row['rate']:.0f} | "
                     f"{row['p50']:.2f} | {row['p99']:.2f} | {row['p999']:.2f} | {number(row['peak_mib'], '.0f')} | "
                     f"{row['lost']} | {row['duplicates']} |")
    if bench.failures:
        lines += ["", f"Without figures, because they failed in this run: {', '.join(bench.failures)}."]
    idle = [row for row in bench.rows if row["scenario"] == "idle"]
    if idle:
        lines += ["", "| 5,000 idle sessions | KiB a session | all MiB |", "| --- | --- | --- |"]
        lines += [f"| {row['peer']} | {row['kib']:.1f} | {row['peak_mib']:.0f} |" for row in idle]
    if bench.facts.get("syscalls"):
        lines += ["", "| system calls a message | all | the most frequent |", "| --- | --- | --- |"]
        for key, calls in bench.facts["syscalls"].items():
            top = sorted(calls.items(), key=lambda item: -item[1])[:7]
            lines.append(f"| {key} | {sum(calls.values()):.1f} | " + ", ".join(f"{n} {c:.1f}" for n, c in top) + " |")
    return "\n".join(lines) + "\n"


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write_document(name, text):
    begin, end = f"<!-- {name}: written by tests/bench, do not edit -->", f"<!-- {name}: end -->"
    document = DOCUMENT.read_text()
    head, _, rest = document.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise SystemExit(f"bench: {DOCUMENT} has no markers for {name}")
    DOCUMENT.write_text(f"{head}{begin}\n{text}{end}{tail}")


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="sallyport and HAProxy only, one round")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this; may be given again")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this; may be given again")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument("--scale", type=float, default=1, help="of the messages, where a machine is busy (default: 1)")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md alone")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    arguments = parser.parse_args()
    whole = not (arguments.quick or arguments.scenario or arguments.peer)
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.peer = arguments.peer or (["direct", "sallyport", "haproxy"] if arguments.quick else list(PEERS))
    # However we are ended, what we started is ended too (a shell's background jobs ignore SIGINT).
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    # Postfix's own user must get at its files.
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="sallyport-bench.", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        Sallyport.binary = BUILD / "sallyport"
        bench = Bench(folder, arguments)
        for name in SCENARIOS:
            if arguments.scenario and name not in arguments.scenario:
                continue
            print(f"== {name}, {time.strftime('%H:%M:%S')}", file=sys.stderr, flush=True)
            try:
                getattr(bench, name)()
            except (SystemExit, OSError, subprocess.SubprocessError) as failure:
                if isinstance(failure, SystemExit) and isinstance(failure.code, int):
                    raise
                print(f"bench: {name} failed: {failure}", file=sys.stderr)
                bench.failures.append(name)
            text = markdown(bench)
            if arguments.json:
                arguments.json.write_text(json.dumps({"rows": bench.rows, "facts": bench.facts}, indent=1))
            if whole and not arguments.no_write:
                write_document("figures", text)
    print(text)
    bad = [row for row in bench.rows if row.get("lost") or row.get("duplicates")]
    return 1 if bad or bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
