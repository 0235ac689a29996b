"""Processes of a benchmark and what they cost: CPU seconds and memory of whole process trees."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def wait_for(what, condition, patience=60.0):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return
        threading.Event().wait(0.02)
    raise SystemExit(f"bench: waited {patience:.0f} s in vain for {what}")


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_ports(count):
    """Ports nobody listens on now. All are held open together, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def tree(pid):
    """A process and all its descendants that still run."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        each = todo.pop()
        found.append(each)
        todo += children.get(each, [])
    return found


def cpu_seconds(pid):
    """User and system time of a tree, with that of children that have ended and were waited for."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def memory_kib(pid, key="Pss"):
    """Memory of a tree: shared pages are counted once (Pss)."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith(key + ":"):
                    total += int(line.split()[1])
    return total


def peak_memory_kib(pid):
    """The sum of each process's highest resident size."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{each}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1])
    return total


def is_traced(pid, tracer):
    """Whether `tracer` has every thread of a process: none makes a system call any more that it doesn't see."""
    with contextlib.suppress(OSError):
        return all(f"TracerPid:\t{tracer}\n" in (task / "status").read_text()
                   for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
    return False


class Process:
    """A program that runs until `stop`; only this one and its children are ended."""

    def __init__(self, command, log, environment=None, cwd=None):
        self.log = log
        self._file = open(log, "ab")
        self.popen = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self._file,
                                      stderr=self._file, env={**os.environ, **(environment or {})}, cwd=cwd)
        self.pid = self.popen.pid

    def interrupt(self, patience=20):
        """As ^C does; a tracer detaches and writes what it counted."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
            self.popen.wait(patience)
        self._file.close()

    def stop(self, patience=20):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(patience)
            except subprocess.TimeoutExpired:
                for each in tree(self.pid):
                    with contextlib.suppress(OSError):
                        os.kill(each, signal.SIGKILL)
                self.popen.wait()
        self._file.close()
