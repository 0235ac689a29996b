"""What waits for somebody else when the order to end comes is broken off: it is not waited for.

Every deadline here is an hour, so that whoever ends within PATIENCE was told to.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import smtplib
import socket
import ssl
import threading
import types
import unittest
import unittest.mock

from harness import (PATIENCE, Authority, Provider, Sallyport, Scratch, capture_upstream, outcome, run,
                     smtp_upstream, wait_for)

LONG = "1h"
SESSION = f'[session]\ngreeting_timeout = "{LONG}"\nupstream_timeout = "{LONG}"\n'
SYN_SENT = "02"  # in /proc/net/tcp


def half_a_hello():
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    return hello[:len(hello) // 2]


def ended(connection):
    """Waits for the end of a connection, by a goodbye of TCP's or a reset."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def connects_to(port):
    """Whether somebody on this machine waits for an answer of 127.0.0.1:port."""
    rows = (row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines())
    return any(row[2] == f"0100007F:{port:04X}" and row[3] == SYN_SENT for row in rows)


class AtTheGate(unittest.TestCase):
    def test_handshakes_are_broken_off_at_the_first_sigterm(self):
        folder = self.enterContext(Scratch())
        gateway = self.enterContext(Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"),
                                              drain_timeout=LONG, extra=SESSION))
        implicit = self.enterContext(socket.create_connection(("127.0.0.1", gateway.implicit), PATIENCE))
        client = smtplib.SMTP("localhost", gateway.submission, timeout=PATIENCE)
        self.addCleanup(client.close)
        self.assertEqual(client.ehlo()[0], 250)
        self.assertEqual(client.docmd("STARTTLS")[0], 220)
        for connection in (implicit, client.sock):
            connection.sendall(half_a_hello())
        wait_for("both sessions", lambda: gateway.metric("sallyport_open_sessions") == 2)
        gateway.signal(signal.SIGTERM)
        self.assertTrue(ended(implicit))
        self.assertTrue(ended(client.sock))
        self.assertEqual(gateway.process.wait(PATIENCE), 0)
        self.assertEqual(gateway.log_lines("tls_handshake_failed"), [])


class Files(unittest.TestCase):
    def test_a_file_system_that_hangs_stops_neither_probes_nor_signals(self):
        folder = self.enterContext(Scratch())
        library = folder / "hanging_stat.so"
        compiler = next(filter(shutil.which, ("clang-19", "cc", "gcc", "clang")), None)
        if compiler is None:
            self.skipTest("no C compiler")
        run(compiler, "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("hanging_stat.c"), "-ldl")
        users = folder / "users.toml"
        users.write_text("")
        self.enterContext(unittest.mock.patch.dict(os.environ, LD_PRELOAD=str(library), HANGING_FILE=str(users)))
        gateway = Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"), drain_timeout=LONG,
                            extra=f'[auth]\nfile = "{users}"\n').start()
        self.addCleanup(gateway.process.kill)  # for when this test fails
        (folder / "users.toml.hangs").touch()
        wait_for("the watch to hang", (folder / "users.toml.reached").exists)
        self.assertIn("ok", gateway.get("/livez"))
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
        gateway.signal(signal.SIGHUP)
        self.assertIn("ok", gateway.get("/readyz"))
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(PATIENCE), 0)
        self.assertEqual(len(gateway.log_lines("end_forced")), 1)


class Upstream(unittest.TestCase):
    """At the second SIGTERM a delivery is cut off, whatever it waits for."""

    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.provider = self.enterContext(socket.create_server(("127.0.0.1", 0), backlog=0))
        self.provider.settimeout(PATIENCE)
        self.port = self.provider.getsockname()[1]

    @contextlib.contextmanager
    def delivery(self, tls="implicit", port=None):
        """A gateway that delivers a message to `port` (else to us), and must end, whatever it is made to wait for."""
        upstream = smtp_upstream("p", types.SimpleNamespace(port=port or self.port), self.authority,
                                 extra=f'connect_timeout = "{LONG}"', tls=tls)
        gateway = Sallyport(self.folder, self.authority, upstream, drain_timeout=LONG, extra=SESSION).start()
        self.addCleanup(gateway.process.kill)  # for when this test fails
        with gateway.client() as client:
            sender = threading.Thread(target=outcome, args=(client,))
            sender.start()
            yield
            gateway.signal(signal.SIGTERM)
            wait_for("the drain", lambda: gateway.log_lines("drain"))
            gateway.signal(signal.SIGTERM)
            self.assertEqual(gateway.process.wait(PATIENCE), 1)
            sender.join()

    def accept(self):
        connection, _ = self.provider.accept()
        connection.settimeout(PATIENCE)
        return self.enterContext(connection)

    def test_a_handshake_is_broken_off(self):
        with self.delivery():
            self.assertEqual(self.accept().recv(1), b"\x16")

    def test_a_handshake_after_starttls_is_broken_off(self):
        with self.delivery("starttls"):
            connection = self.accept()
            connection.sendall(b"220 provider.test\r\n")
            self.assertIn(b"EHLO", connection.recv(1000))
            connection.sendall(b"250-provider.test\r\n250 STARTTLS\r\n")
            self.assertIn(b"STARTTLS", connection.recv(1000))
            connection.sendall(b"220 Go ahead\r\n")
            self.assertEqual(connection.recv(1), b"\x16")

    def test_connecting_is_broken_off(self):
        # Whoever is in the queue fills it: the kernel answers nobody else.
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE), self.delivery():
            wait_for("the gateway to connect", lambda: connects_to(self.port))

    def test_waiting_for_the_verdict_is_broken_off(self):
        reached, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def hold(_, __):
            reached.set()
            go_on.wait(PATIENCE)

        provider = self.enterContext(Provider(self.authority, {"content": hold}))
        with self.delivery(port=provider.port):
            self.assertTrue(reached.wait(PATIENCE))


class UnderTraffic(unittest.TestCase):
    """Cold, and warm: after messages that were delivered, with idle connections."""

    VARIANTS = ((False, 1), (True, 1), (True, 2))  # warm, workers

    @contextlib.contextmanager
    def gateway(self, workers, script=None, **options):
        with Scratch() as folder:
            authority = Authority(folder / "pki")
            with Provider(authority, script) as self.provider, Provider(authority) as self.other:
                upstreams = smtp_upstream("p", self.provider, authority) + smtp_upstream("q", self.other, authority)
                gateway = Sallyport(folder, authority, upstreams, workers=workers, **options).start()
                try:
                    yield gateway
                finally:
                    gateway.process.kill()
                    gateway.process.wait()

    def cut_off(self, warm, workers, cut, reload=False, **options):
        """Cuts a delivery off that waits for its verdict; what its client hears."""
        seen, reached, go_on = [], threading.Event(), threading.Event()

        def hold(*_):
            seen.append(1)
            if len(seen) > warm:
                reached.set()
                go_on.wait(PATIENCE)

        with self.gateway(workers, {"content": hold}, **options) as gateway:
            try:
                with gateway.client() as client, gateway.client() as before:
                    if warm:
                        self.assertEqual(outcome(before)[0], 250)
                    result = {}
                    sender = threading.Thread(target=lambda: result.update(reply=outcome(client)))
                    sender.start()
                    self.assertTrue(reached.wait(PATIENCE))
                    if reload:  # the delivery is one of a relay that was replaced
                        gateway.write_config(upstreams=gateway._parts["upstreams"].replace("gateway", "renamed"))
                        gateway.signal(signal.SIGHUP)
                        wait_for("the reload", lambda: gateway.log_lines("reload"))
                    gateway.signal(signal.SIGTERM)
                    cut(gateway)
                    self.assertEqual(gateway.process.wait(PATIENCE), 1, gateway.log()[-2000:])
                    sender.join()
                    self.assertEqual(self.other.handed_over, 0)
                    code, text = result["reply"]
                    self.assertEqual(code, 451)
                    self.assertRegex(text, "^4.4.2 .*did not confirm")
            finally:
                go_on.set()

    def test_a_second_sigterm_answers_who_waits_for_a_verdict(self):
        def cut(gateway):
            wait_for("the drain", lambda: gateway.log_lines("drain"))
            gateway.signal(signal.SIGTERM)

        for warm, workers in self.VARIANTS:
            for reload in (False, True):
                with self.subTest(warm=warm, workers=workers, reload=reload):
                    self.cut_off(warm, workers, cut, reload, drain_timeout=LONG)

    def test_the_end_of_drain_timeout_answers_who_waits_for_a_verdict(self):
        for warm, workers in self.VARIANTS:
            with self.subTest(warm=warm, workers=workers):
                self.cut_off(warm, workers, lambda _: None, drain_timeout="200ms")

    def test_two_sigterms_in_quick_succession_cut_nothing_off_where_nothing_is_open(self):
        for warm, workers in self.VARIANTS:
            with self.subTest(warm=warm, workers=workers), self.gateway(workers) as gateway:
                if warm:
                    with gateway.client() as client:
                        self.assertEqual(outcome(client)[0], 250)
                    wait_for("the session's end", lambda: gateway.metric("sallyport_open_sessions") == 0)
                gateway.signal(signal.SIGTERM)
                gateway.signal(signal.SIGTERM)
                self.assertEqual(gateway.process.wait(PATIENCE), 0, gateway.log())


class Hangs(unittest.TestCase):
    """What hangs does not keep the process."""

    def gateway(self, **options):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        provider = self.enterContext(Provider(authority))
        gateway = Sallyport(folder, authority, smtp_upstream("p", provider, authority), drain_timeout=LONG, **options)
        self.addCleanup(lambda: gateway.process and gateway.process.kill())
        return gateway

    def test_standard_error_that_is_full(self):
        gateway = self.gateway(extra='[log]\nlevel = "debug"\n')
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        gateway.start(stderr=writer)
        os.close(writer)
        with gateway.client() as client:
            for _ in range(40):
                self.assertEqual(outcome(client)[0], 250)
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(PATIENCE), 0)

    def test_a_reload_that_reads_a_file_without_end(self):
        gateway = self.gateway()
        gateway.start()
        users = gateway.folder / "users.toml"
        os.mkfifo(users)  # opening it waits for a writer
        gateway.write_config(extra=f'[auth]\nfile = "{users}"\n')
        gateway.signal(signal.SIGHUP)
        with open(users, "wb"):  # opens as soon as the gateway reads
            with gateway.client() as client:
                self.assertEqual(outcome(client)[0], 250)
            self.assertIn("ok", gateway.get("/livez"))
            gateway.signal(signal.SIGTERM)
            self.assertEqual(gateway.process.wait(PATIENCE), 0)
        self.assertTrue(gateway.log_lines("end_forced"))


if __name__ == "__main__":
    unittest.main()
