"""What happens to a gateway in its worst hour, all of it under traffic: nothing accepted is lost, nothing is sent twice, no client
hangs, no process crashes.

Each scenario runs for SALLYPORT_CHAOS_SECONDS (10 in CI, 60 by `tests/run.sh --chaos`).
"""

import contextlib
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import unittest

import harness
from harness import PATIENCE, Authority, Provider, Sallyport, Scratch, message, run, smtp_upstream, wait_for
from name_server import NameServer
from traffic import SECONDS, Books, Traffic, every, reset, run_on, subject

# A client's reset reaches the relay within a turn of its loop; on a busy machine that is late.
GONE_FOR_SURE = 2.0
SESSION = '[session]\nupstream_timeout = "20s"\n'


class Switchable:
    """A provider that a test stops as SIGSTOP would (its kernel still takes connections and octets) and lets go on."""

    def __init__(self):
        self._going = threading.Event()
        self._going.set()

    def hold(self, *_):
        self._going.wait(PATIENCE)

    def stop(self):
        self._going.clear()

    def go_on(self):
        self._going.set()

    def script(self):
        return {stage: self.hold for stage in ("greeting", "ehlo", "auth", "mail", "rcpt", "data", "content")}


class Sink:
    """A provider in a process of its own, which can be killed and comes back on its port. What it answers 250 to is in a file first."""

    SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink.py")

    def __init__(self, authority, taken):
        self.authority, self.taken = authority, taken
        self.port = harness.free_ports(1)[0]
        taken.touch()
        self.start()

    def start(self):
        self._process = subprocess.Popen([sys.executable, self.SCRIPT, str(self.authority.folder), str(self.port), self.taken])
        wait_for("a sink that listens", self._listens)

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE):
            return True
        return False

    def kill(self):
        self._process.kill()
        self._process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def messages(self):
        """As of a Provider, the content alone."""
        return [("", [], b"Subject: " + name + b"\r\n") for name in self.taken.read_bytes().split()]


class Chaos(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.books = Books()

    def provider(self, script=None):
        return self.enterContext(Provider(self.authority, script))

    def upstreams(self, *providers, extra=""):
        return "".join(smtp_upstream(f"p{number}", provider, self.authority, extra)
                       for number, provider in enumerate(providers))

    def gateway(self, upstreams, **options):
        options.setdefault("extra", SESSION)
        return Sallyport(self.folder / "gateway", self.authority, upstreams, **options)

    def test_reloads_with_a_changing_config(self):
        """SIGHUP every 200 ms; upstreams, listeners' rules and users change, messages are under way at both providers."""
        slow = self.provider()
        slow.script["content"] = self.slowly(slow, 0.05)
        second = self.provider()
        gateway = self.enterContext(self.gateway(self.upstreams(slow, second)))

        def change(number):
            extra = f'max_connections = {5 + number % 3}\nidle_timeout = "{1 + number % 2}s"'
            gateway.write_config(upstreams=self.upstreams(slow, second, extra=extra),
                                 user_extra=f'limits = {{ messages = "{100000 + number}/minute" }}')
            gateway.signal(signal.SIGHUP)

        with Traffic(gateway, self.books), every(0.2, change):
            run_on()
        self.books.check(self, [slow, second])
        self.assertEqual(self.books.count("unheard"), 0)

    def slowly(self, provider, seconds):
        """Answers the final dot late, and counts the message as taken then."""
        def answer(session, content):
            threading.Event().wait(seconds)
            with provider._lock:
                provider.messages.append((session.reverse_path, session.forward_paths, content))
        return answer

    def test_users_and_certificates_are_rotated(self):
        provider = self.provider()
        provider.script["content"] = self.slowly(provider, 0.02)
        users = self.folder / "users.toml"
        pairs = [self.authority.issue(f"renewed{number}", "DNS:localhost,IP:127.0.0.1") for number in range(4)]
        certificate, key = self.folder / "tls.crt", self.folder / "tls.key"

        def publish(source, to):
            new = to.with_name(to.name + ".new")
            shutil.copy(source, new)
            os.rename(new, to)

        def write_users(number):
            text = self.folder / "users.new"
            text.write_text("".join(f'[[user]]\nname = "u{each}"\npassword = "{Sallyport.hash_password()}"\n'
                                    for each in range(1 + number % 5)))
            os.rename(text, users)

        def rotate(number):
            publish(pairs[number % 4][0], certificate)
            publish(pairs[number % 4][1], key)
            write_users(number)
            if number % 3 == 0:
                gateway.signal(signal.SIGHUP)

        publish(pairs[0][0], certificate)
        publish(pairs[0][1], key)
        write_users(0)
        self.authority.certificate, self.authority.key = certificate, key
        gateway = self.enterContext(self.gateway(self.upstreams(provider), extra=f'[auth]\nfile = "{users}"\n' + SESSION))
        with Traffic(gateway, self.books), every(0.3, rotate):
            run_on()
        self.books.check(self, [provider])
        self.assertEqual(self.books.count("unheard"), 0)

    def test_sigterm_with_a_successor(self):
        """A new process takes the ports while the old one drains; each ends with 0, and every client hears its reply."""
        provider = self.provider()
        provider.script["content"] = self.slowly(provider, 0.05)
        gateway = self.gateway(self.upstreams(provider))
        gateway.start()
        codes = []

        def succeed(_):
            old = gateway.process
            old.send_signal(signal.SIGTERM)
            gateway.start()     # while the old one still answers its clients
            codes.append(old.wait(PATIENCE))

        try:
            with Traffic(gateway, self.books), every(1.0, succeed):
                run_on()
        finally:
            gateway.__exit__(None)
        self.books.check(self, [provider])
        self.assertEqual(set(codes), {0})
        self.assertEqual(self.books.count("unheard"), 0)

    def test_sigkill(self):
        provider = self.provider()
        provider.script["content"] = self.slowly(provider, 0.02)
        gateway = self.gateway(self.upstreams(provider))
        gateway.start()

        def kill(_):
            gateway.process.kill()
            gateway.process.wait(PATIENCE)
            gateway.start()

        try:
            with Traffic(gateway, self.books), every(1.0, kill):
                run_on()
        finally:
            gateway.__exit__(None)
        self.books.check(self, [provider])

    def test_a_sink_that_is_killed_thrice(self):
        self.kill_thrice()

    def test_a_sink_that_is_killed_thrice_while_the_config_is_reloaded(self):
        self.kill_thrice(reloads=True)

    def kill_thrice(self, reloads=False):
        """One of two sinks is killed and restarted: clients notice nothing, but for messages whose content it had to the end."""
        first, second = (self.enterContext(Sink(self.authority, self.folder / f"taken{number}")) for number in range(2))
        gateway = self.enterContext(self.gateway(self.upstreams(first, second)))

        def reload(number):
            gateway.write_config(user_extra=f'limits = {{ messages = "{100000 + number}/minute" }}',
                                 upstreams=self.upstreams(first, second, extra=f"max_connections = {20 + number % 2}"))
            gateway.signal(signal.SIGHUP)

        with Traffic(gateway, self.books, messages_each=100), every(0.2, reload) if reloads else contextlib.nullcontext():
            for _ in range(3):
                run_on(SECONDS / 12)
                first.kill()
                run_on(SECONDS / 24)
                first.start()
            run_on(SECONDS / 12)
        self.books.check(self, [first, second])
        self.assertEqual(self.books.count("unheard") + self.books.count("broken"), 0)
        in_flight = sum(count for reply, count in self.books.replies.items() if "did not confirm" in reply)
        self.assertEqual(self.books.count("refused"), in_flight, self.books.replies)
        # At most what the clients had under way at each of the kills.
        self.assertLessEqual(in_flight, 3 * 8)

    def test_upstreams_that_drop_and_reset(self):
        """The first provider fails at random stages; what it can't take before the final dot goes to the second."""
        chance = random.Random(7)
        fail = lambda *_: Provider.DROP if chance.random() < 0.05 else None
        first = self.provider({stage: fail for stage in ("greeting", "ehlo", "auth", "mail", "rcpt", "data")})
        second = self.provider()
        gateway = self.enterContext(self.gateway(self.upstreams(first, second)))
        with Traffic(gateway, self.books):
            run_on()
        self.books.check(self, [first, second])
        self.assertEqual(self.books.count("refused"), 0, self.books.replies)
        self.assertEqual(self.books.count("unheard"), 0)

    def test_an_upstream_that_stops(self):
        """The preferred provider stops on warm connections for seconds at a time; messages go by the second one."""
        switch = Switchable()
        first = self.provider()
        first.script.update({stage: switch.hold for stage in ("greeting", "ehlo", "auth", "mail", "rcpt", "data")})
        second = self.provider()
        gateway = self.enterContext(self.gateway(self.upstreams(first, second)))
        with Traffic(gateway, self.books), every(1.5, lambda number: (switch.go_on if number % 2 else switch.stop)()):
            run_on()
            switch.go_on()
        self.books.check(self, [first, second])
        self.assertEqual(self.books.count("refused"), 0, self.books.replies)

    def test_impatient_clients(self):
        """Clients that reset their connection while the message waits; patient ones beside them are served, and what nobody
        waits for any more is not sent."""
        provider = self.provider()
        arrived, gone = {}, {}

        def take(session, content):
            arrived[subject(content)] = time.monotonic()
            return slowly(session, content)

        slowly = self.slowly(provider, 0.3)
        provider.script["content"] = take
        gateway = self.enterContext(self.gateway(self.upstreams(provider, extra="max_connections = 2\n")))

        def leave(number):
            with contextlib.suppress(OSError), gateway.client() as client:
                client.mail("invoices@example.com")
                client.rcpt("someone@example.net")
                client.docmd("DATA")
                client.send(message(f"gone{number}").encode() + b".\r\n")
                threading.Event().wait(0.05)
                reset(client)
                gone[f"gone{number}"] = time.monotonic()

        with Traffic(gateway, self.books, clients=2), every(0.05, leave):
            run_on()
        self.books.check(self, [provider])
        self.assertEqual(self.books.count("refused"), 0, self.books.replies)
        # What was under way when its client went is sent to its end; what waited is not.
        late = [name for name, when in gone.items() if arrived.get(name, 0) > when + GONE_FOR_SURE]
        self.assertEqual(late, [], f"sent for nobody; {len(gone)} clients went")
        self.assertGreater(len(gone), 0)
        print(f"{self.id()}: {len(gone)} clients went, {len(gone.keys() & arrived.keys())} of their messages were sent",
              flush=True)

    def test_silent_dns(self):
        """The name server of the preferred provider is silent for seconds at a time; messages go by the second one, and the
        process ends on SIGTERM while it is silent."""
        try:
            names = self.enterContext(NameServer("127.0.0.53"))
            run("unshare", "-m", "true")
        except (OSError, AssertionError) as error:
            self.skipTest(f"needs root: {error}")
        resolv = self.folder / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.53\noptions timeout:1 attempts:2\n")
        certificate, key = self.authority.issue("first", "DNS:first.test")
        first = self.enterContext(Provider(types.SimpleNamespace(certificate=certificate, key=key)))
        second = self.provider()
        upstreams = (smtp_upstream("p0", first, self.authority, 'idle_timeout = "1s"').replace('"localhost"', '"first.test"')
                     + smtp_upstream("p1", second, self.authority))
        gateway = self.enterContext(self.gateway(upstreams, prefix=(
            "unshare", "-m", "--propagation", "private", "sh", "-c",
            f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "x")))
        with Traffic(gateway, self.books), \
                every(1.5, lambda number: (names.be_silent if number % 2 else names.answer)()):
            run_on()
        names.be_silent()
        self.books.check(self, [first, second])
        self.assertEqual(self.books.count("refused"), 0, self.books.replies)
        self.assertEqual(self.books.count("unheard"), 0)
        self.assertGreater(names.questions, 0)
        self.assertGreater(len(first.messages), 0, "it was reached while its name was known")

    def test_few_descriptors(self):
        """More clients than descriptors: /livez answers, and clients that are in are served."""
        provider = self.provider()
        gateway = self.gateway(self.upstreams(provider, extra="max_connections = 5\n"))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with self.limited(gateway, 400), contextlib.ExitStack() as crowd:
            with Traffic(gateway, self.books, clients=4):
                wait_for("a message", lambda: self.books.count("accepted") > 0)
                for _ in range(600):
                    with contextlib.suppress(OSError):
                        crowd.enter_context(socket.create_connection(("127.0.0.1", gateway.submission), PATIENCE))
                with every(0.2, lambda _: gateway.get("/livez")):
                    run_on()
        self.books.check(self, [provider])

    @contextlib.contextmanager
    def limited(self, gateway, descriptors):
        """The gateway with a hard limit on open files."""
        binary = harness.BINARY
        script = self.folder / "limited"
        script.write_text(f'#!/bin/sh\nulimit -n {descriptors}\nexec "{os.path.abspath(binary)}" "$@"\n')
        script.chmod(0o755)
        harness.BINARY = str(script)
        try:
            gateway.hash_password()
            with gateway:
                yield
        finally:
            harness.BINARY = binary

    def test_a_log_that_is_not_read(self):
        """Standard error is a pipe that is full; traffic goes on and SIGTERM ends the process."""
        provider = self.provider()
        gateway = self.gateway(self.upstreams(provider), extra='[log]\nlevel = "debug"\n' + SESSION)
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        gateway.process = subprocess.Popen([harness.BINARY, "run", "--config", gateway.config], stderr=write_end)
        os.close(write_end)
        self.addCleanup(gateway.process.kill)
        wait_for("readiness", lambda: self.answers(gateway))
        with Traffic(gateway, self.books):
            run_on()
        self.books.check(self, [provider])
        gateway.signal(signal.SIGTERM)
        gateway.process.wait(PATIENCE)
        self.assertIn(gateway.process.returncode, (0, 1))

    @staticmethod
    def answers(gateway):
        with contextlib.suppress(OSError):
            return gateway.get("/readyz") is not None
        return False


if __name__ == "__main__":
    unittest.main()
