"""Traffic that keeps its own books: every message has a name of its own, and what the client heard of it is held against what the
providers have.

A message is sent once and never again, so any name that a provider has twice was sent twice by the gateway.
"""

import collections
import contextlib
import itertools
import os
import re
import smtplib
import socket
import ssl
import struct
import threading
import time

import harness

SECONDS = float(os.environ.get("SALLYPORT_CHAOS_SECONDS", "10"))
# A client that waits longer for one reply counts as hung.
PATIENCE = harness.PATIENCE


def subject(content):
    """The name of a message, in what a provider received of it."""
    return re.search(rb"Subject: (\S+)\r\n", content)[1].decode()


class Books:
    """What became of each message, as the clients heard it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._names = itertools.count()
        self.heard = {}                         # name -> "accepted", "refused", "broken" (before DATA), "unheard"
        self.hung = []
        self.replies = collections.Counter()    # of messages that were not accepted

    def name(self):
        return f"m{next(self._names)}"

    def note(self, name, what, text=""):
        with self._lock:
            self.heard[name] = what
            if what != "accepted":
                self.replies[text[:100]] += 1

    def note_hung(self, name):
        with self._lock:
            self.hung.append(name)

    def count(self, what):
        with self._lock:
            return sum(each == what for each in self.heard.values())

    def check(self, test, providers):
        """Nothing accepted is lost, nothing is at the providers twice, no client waited in vain."""
        arrived = collections.Counter()
        for provider in providers:
            for _, _, content in provider.messages:
                arrived[subject(content)] += 1
        lost = [name for name, what in self.heard.items() if what == "accepted" and not arrived[name]]
        double = [name for name, times in arrived.items() if times > 1]
        test.assertEqual((lost, double, self.hung), ([], [], []), f"lost, double, hung; {dict(self.replies)}")
        test.assertGreater(self.count("accepted"), 0, dict(self.replies))
        print(f"{test.id()}: {len(self.heard)} messages, {self.count('accepted')} accepted, "
              f"{self.count('unheard')} unheard, lost 0, double 0, hung 0", flush=True)


def reset(client):
    """Closes the connection of a client by RST: nobody reads its reply any more."""
    sock = client.sock
    if isinstance(sock, ssl.SSLSocket):
        sock = sock.detach()
        sock = socket.socket(fileno=sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    client.file = None
    client.sock = None


class Traffic:
    """`clients` threads that send until stopped; each connects again whenever its connection has ended."""

    def __init__(self, gateway, books, clients=8, messages_each=10):
        self.gateway, self.books, self.messages_each = gateway, books, messages_each
        self._stop = threading.Event()
        self.faults = []
        self._threads = [threading.Thread(target=self._guarded, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for each in self._threads:
            each.start()
        # A scenario in which nothing was sent shows nothing: a login alone may take seconds on a busy machine.
        try:
            harness.wait_for("a message accepted", lambda: self.books.count("accepted") or self.faults)
        except AssertionError:
            self._stop.set()
            raise
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        for each in self._threads:
            each.join(4 * PATIENCE)
        if kind is None and (self.faults or any(each.is_alive() for each in self._threads)):
            raise AssertionError(f"clients failed: {self.faults[:3]}")

    def _guarded(self):
        try:
            while not self._stop.is_set():
                self._session()
        except Exception as error:      # a thread's exception would be lost
            self.faults.append(repr(error))

    def _session(self):
        name = None
        try:
            with self.gateway.client() as client:
                for _ in range(self.messages_each):
                    if self._stop.is_set():
                        return
                    name = self.books.name()
                    if not self._send(client, name):
                        return
        except TimeoutError:
            self.books.note_hung(name)
        except (OSError, smtplib.SMTPException):
            # Between two processes nobody listens; a login may meet a drain.
            self._stop.wait(0.02)

    def _send(self, client, name):
        """One message; False when the connection has ended."""
        ended = "broken"    # before DATA: no message was begun, and a 421 may be lost to a reset
        try:
            for code, text in (client.mail("invoices@example.com"), client.rcpt("someone@example.net")):
                if code != 250:
                    self.books.note(name, "broken" if code == 421 else "refused", text.decode())
                    if code == 421:
                        return False
                    client.rset()
                    return True
            ended = "unheard"
            code, text = client.data(harness.message(name))
            self.books.note(name, "accepted" if code == 250 else "refused", text.decode())
            return True
        except smtplib.SMTPDataError as error:
            self.books.note(name, "refused", error.smtp_error.decode())
            return True
        except TimeoutError:
            self.books.note_hung(name)
            return False
        except (OSError, smtplib.SMTPException) as error:
            self.books.note(name, ended, repr(error))
            return False


@contextlib.contextmanager
def every(seconds, action):
    """Calls `action(number)` again and again, with this pause, as long as the body runs; faults are raised at its end."""
    stop, faults = threading.Event(), []

    def repeat():
        try:
            for number in itertools.count():
                if stop.wait(seconds):
                    return
                action(number)
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(4 * PATIENCE)
    if faults:
        raise faults[0]


def run_on(seconds=None):
    """Lets what was begun go on for the time a scenario has."""
    end = time.monotonic() + (SECONDS if seconds is None else seconds)
    while time.monotonic() < end:
        threading.Event().wait(0.05)
