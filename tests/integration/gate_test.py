"""The gate under clients that mean no good or know no better: who vanishes, who floods, who is behind a proxy."""

import base64
import contextlib
import os
import resource
import socket
import ssl
import subprocess
import threading
import unittest

from harness import (BINARY, PASSWORD, PATIENCE, USER, Authority, Sallyport, Scratch, capture_upstream, free_ports,
                     read_reply, reset, wait_for)

LOGIN = b"AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()) + b"\r\n"
VANISHING = 500
# Of each client's content so much comes before it is gone: more than memory_threshold, so that there is a file.
CONTENT = b"From: a@example.com\r\n\r\n" + b"x" * 76 * 1000 + b"\r\n"


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


class Vanishing(unittest.TestCase):
    def vanish(self, number):
        """A client that is gone at one of six stages, by a reset or by an orderly end."""
        stage = number % 6
        port = self.proxied if stage == 5 else self.gateway.implicit
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        leave = reset if number % 4 < 2 else socket.socket.close
        if stage == 0:
            leave(connection)
            return
        if stage == 1:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            leave(connection)
            return
        if stage == 5:
            connection.sendall(b"PROXY TCP4 198.51.100.7 127.")
            leave(connection)
            return
        tls = self.trust.wrap_socket(connection, server_hostname="localhost")
        read_reply(tls)
        tls.sendall(b"EHLO client.example\r\n")
        read_reply(tls)
        if stage == 2:
            tls.sendall(b"AUTH PLAIN\r\n")
            read_reply(tls)
        else:
            tls.sendall(LOGIN)
            self.assertIn(b"235", read_reply(tls))
            tls.sendall(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n")
            if stage == 4:
                tls.sendall(b"DATA\r\n" + CONTENT)
        leave(tls)

    def crowd(self, count):
        faults = []

        def some(first):
            for number in range(first, count, 8):
                try:
                    self.vanish(number)
                except (OSError, AssertionError) as error:
                    faults.append((number, repr(error)))

        threads = [threading.Thread(target=some, args=(first,)) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        wait_for("every session to end", lambda: self.gateway.metric("sallyport_open_sessions") == 0)
        wait_for("all content to be let go", lambda: self.gateway.metric("sallyport_content_bytes") == 0)

    def test_nothing_is_left_of_clients_that_vanish(self):
        # Sanitizers keep freed memory for a while; what is asked here is whether it grows without end.
        options = os.environ.get("ASAN_OPTIONS", "")
        os.environ["ASAN_OPTIONS"] = options + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        self.addCleanup(os.environ.__setitem__, "ASAN_OPTIONS", options)
        folder = self.enterContext(Scratch())
        (folder / "spill").mkdir()
        self.proxied, = free_ports(1)
        self.gateway = self.enterContext(Sallyport(
            folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"), extra=f"""
[message]
memory_threshold = "16 KiB"
directory = "{folder / 'spill'}"
[[listener]]
address = "127.0.0.1:{self.proxied}"
tls = "implicit"
proxy_protocol = ["127.0.0.0/8"]
"""))
        self.trust = self.gateway.trust()
        pid = self.gateway.process.pid
        self.crowd(120)  # whatever is made once is there after these
        before, memory = wait_for("descriptors", lambda: descriptors(pid)), resident_kib(pid)
        self.crowd(VANISHING)
        wait_for(f"{before} descriptors again", lambda: descriptors(pid) <= before)
        self.assertLess(resident_kib(pid) - memory, 24 * 1024)
        self.assertEqual(os.listdir(folder / "spill"), [])
        with self.gateway.client() as client:
            self.assertEqual(client.noop()[0], 250)


class Descriptors(unittest.TestCase):
    def gateway(self, **options):
        folder = self.enterContext(Scratch())
        return Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"), **options)

    def test_without_descriptors_it_says_so_and_goes_on(self):
        gateway = self.enterContext(self.gateway())
        with gateway.client() as client:
            client.noop()
        # UBSan looks at an object of a type it has not met yet through a pipe, and takes a pipe that it cannot make
        # for a broken object: it must have met all that a connection is made of before descriptors run out.
        with socket.create_connection(("127.0.0.1", gateway.submission), PATIENCE) as connection:
            self.assertEqual(self.first_word(connection), b"220")
        pid = gateway.process.pid
        wait_for("the session's end", lambda: gateway.metric("sallyport_open_sessions") == 0)
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        few = descriptors(pid) + 4
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, usual[1]))
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", gateway.submission), PATIENCE))
                     for _ in range(12)]
            wait_for("the complaint", lambda: gateway.log_lines("accept"))
            heard = [self.first_word(each) for each in crowd]
            self.assertEqual(set(heard), {b"220", b"421"})
            self.assertEqual(gateway.get("/livez"), "ok\n")
        wait_for("the crowd's end", lambda: gateway.metric("sallyport_open_sessions") == 0)
        with socket.create_connection(("127.0.0.1", gateway.submission), PATIENCE) as connection:
            self.assertEqual(self.first_word(connection), b"220")
        self.assertGreater(gateway.metric("sallyport_connections_refused_total", reason="descriptors"), 0)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        self.assertIsNone(gateway.process.poll())
        self.assertIn("Too many open files", gateway.log_lines("accept")[0]["error"])
        # Each ten seconds it may say so: once for each listening socket.
        self.assertLessEqual(len(gateway.log_lines("accept")), 8)
        with gateway.client() as client:
            self.assertEqual(client.noop()[0], 250)

    @staticmethod
    def first_word(connection):
        return connection.recv(3)

    def start_with(self, limit, **options):
        """The log lines about descriptors of a process that may have so many."""
        gateway = self.gateway(**options)
        with open(gateway.log_file, "ab") as log:
            process = subprocess.Popen(["prlimit", f"--nofile={limit}:{limit}", BINARY, "run", "--config",
                                        gateway.config], stderr=log)
        try:
            wait_for("the start", lambda: gateway.log_lines("ready"))
            return gateway.log_lines("descriptors")
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def test_a_limit_that_is_too_low_is_told_at_start(self):
        line, = self.start_with(1024)
        self.assertEqual(line["limit"], "1024")
        self.assertGreater(int(line["wanted"]), 10_000)
        self.assertEqual(self.start_with(1024, extra="[session]\nmax_connections = 100\n"), [])


class Proxied(unittest.TestCase):
    def test_a_header_before_tls_tells_who_the_client_is(self):
        folder = self.enterContext(Scratch())
        proxied, = free_ports(1)
        gateway = self.enterContext(Sallyport(
            folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"), extra=f"""
[session]
max_connections_per_network = 2
[[listener]]
address = "127.0.0.1:{proxied}"
tls = "implicit"
proxy_protocol = ["127.0.0.0/8"]
"""))

        def connect(client):
            raw = self.enterContext(socket.create_connection(("127.0.0.1", proxied), PATIENCE))
            # Header and hello in one segment, as a proxy sends them that has waited for the hello.
            context, incoming, outgoing = gateway.trust(), ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            raw.sendall(f"PROXY TCP4 {client} 127.0.0.1 4711 465\r\n".encode() + outgoing.read())
            return self.handshaken(raw, tls, incoming, outgoing)

        self.assertIn(b"220 gateway.test", connect("198.51.100.7"))
        self.assertIn(b"220 gateway.test", connect("198.51.100.7"))
        self.assertEqual(connect("198.51.100.7"), b"")
        self.assertIn(b"220 gateway.test", connect("198.51.100.8"))
        self.assertEqual(gateway.metric("sallyport_connections_refused_total", reason="network"), 1)
        refused, = wait_for("the line", lambda: gateway.log_lines("connection_refused"))
        self.assertEqual(refused["client"], "198.51.100.7")

    def handshaken(self, raw, tls, incoming, outgoing):
        """Goes on until the greeting has come, or the end."""
        while True:
            try:
                tls.do_handshake()
                raw.sendall(outgoing.read())
                return tls.read(1000)
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                octets = raw.recv(65536)
                if not octets:
                    return b""
                incoming.write(octets)


if __name__ == "__main__":
    unittest.main()
