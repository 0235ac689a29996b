"""What waits for somebody else when the order to end comes is broken off: it is not waited for.

Every deadline here is an hour, so that whoever ends within PATIENCE was told to.
"""

import contextlib
import pathlib
import signal
import smtplib
import socket
import ssl
import threading
import types
import unittest

from harness import (PATIENCE, Authority, Provider, Sallyport, Scratch, capture_upstream, outcome, smtp_upstream,
                     wait_for)

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


if __name__ == "__main__":
    unittest.main()
