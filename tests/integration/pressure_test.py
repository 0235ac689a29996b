"""Clients, monitoring and an operating system that take or give too little: everybody else is served on.

Everything here runs with one worker, so that whoever holds the loop holds all clients.
"""

import base64
import contextlib
import os
import pathlib
import resource
import select
import socket
import ssl
import threading
import unittest
import unittest.mock

from harness import (BINARY, PASSWORD, PATIENCE, USER, Authority, Provider, Sallyport, Scratch, capture_upstream, message,
                     outcome, read_reply, reset, smtp_upstream, wait_for)

LOGIN = b"AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()) + b"\r\n"
# What a quiet client asks while others flood. Before the loop was shared fairly, the first took as long as the flood.
QUESTIONS = 25
LISTEN = "0A"  # in /proc/net/tcp
MANY_COMMANDS = "max_idle_commands = 1000000000"


class OneWorker(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")

    def gateway(self, upstreams=None, **options):
        upstreams = upstreams or capture_upstream("c", self.folder / "mail")
        return self.enterContext(Sallyport(self.folder, self.authority, upstreams, workers=1, **options))

    def raw_client(self, gateway, *lines):
        """TLS at once, EHLO, and what else is to be said, each answered."""
        connection = socket.create_connection(("127.0.0.1", gateway.implicit), PATIENCE)
        tls = self.enterContext(gateway.trust().wrap_socket(connection, server_hostname="localhost"))
        read_reply(tls)
        for line in (b"EHLO client.example\r\n", *lines):
            tls.sendall(line)
            read_reply(tls)
        return tls


class Flood(contextlib.AbstractContextManager):
    """Sends `octets` again and again and reads what comes, until it is left or the peer ends it."""

    def __init__(self, stream, octets):
        self.stream, self.octets, self.over = stream, octets, threading.Event()
        self.sent = 0
        self.last = b""
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.stream, socket.SHUT_RDWR)
        self.thread.join(PATIENCE)

    def run(self):
        """In one thread: a TLS connection must not be read and written by two at once."""
        self.stream.setblocking(False)
        rest = memoryview(self.octets)
        with contextlib.suppress(OSError):
            while not self.over.is_set():
                heard, said = self.read(), self.send(rest)
                if heard == b"":
                    return
                self.last = heard or self.last
                rest = rest[said:] or memoryview(self.octets)
                self.sent += said
                if not heard and not said:
                    select.select([self.stream], [self.stream], [], 0.05)

    def read(self):
        """What has come; None: nothing yet."""
        try:
            return self.stream.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None

    def send(self, octets):
        """How many octets could be sent."""
        try:
            return self.stream.send(octets)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0


class Greedy(OneWorker):
    def answers_beside(self, gateway, stream, octets):
        """A client that is let in, and one that comes, are answered while `octets` flood in on `stream`."""
        with gateway.client() as quiet, Flood(stream, octets) as flood:
            wait_for("the flood", lambda: flood.sent > 1 << 20)
            for _ in range(QUESTIONS):
                before = flood.sent
                self.assertEqual(quiet.noop()[0], 250)
                wait_for("more of the flood", lambda: flood.sent > before)
            self.assertEqual(outcome(quiet)[0], 250)
            with gateway.client() as another:
                self.assertEqual(another.noop()[0], 250)

    def test_commands(self):
        gateway = self.gateway(extra=f"[session]\n{MANY_COMMANDS}\n")
        flooding = self.raw_client(gateway, LOGIN)
        self.answers_beside(gateway, flooding, b"NOOP\r\n" * 10_000)

    def test_an_endless_line(self):
        gateway = self.gateway()
        self.answers_beside(gateway, self.raw_client(gateway, LOGIN), b"x" * (1 << 18))

    def test_content_that_is_refused_and_read_to_its_end(self):
        gateway = self.gateway(extra="[message]\nmax_size = '100 KB'\n")
        flooding = self.raw_client(gateway, LOGIN, b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<b@example.net>\r\n",
                                   b"DATA\r\n")
        self.answers_beside(gateway, flooding, b"x" * 998 * 260)

    def test_a_chunk_that_is_refused_and_read_to_its_end(self):
        gateway = self.gateway()
        flooding = self.raw_client(gateway, LOGIN)
        flooding.sendall(b"BDAT 1000000000000 LAST\r\n")
        self.answers_beside(gateway, flooding, b"x" * (1 << 18))

    def test_a_provider_that_talks_without_end(self):
        over = threading.Event()

        def talk(session, _):
            with contextlib.suppress(OSError):
                while not over.is_set():
                    session.stream.sendall(b"250-x\r\n" * 30_000)
            return Provider.DROP

        provider = self.enterContext(Provider(self.authority, {"mail": talk}))
        upstreams = smtp_upstream("p", provider, self.authority)
        gateway = self.gateway(upstreams)
        self.addCleanup(over.set)
        with gateway.client() as sender, gateway.client() as quiet:
            answers = []
            sending = threading.Thread(target=lambda: answers.append(outcome(sender)), daemon=True)
            sending.start()
            for _ in range(QUESTIONS):
                self.assertEqual(quiet.noop()[0], 250)
            sending.join(PATIENCE)
            self.assertEqual(answers[0][0], 451)


class Impolite(OneWorker):
    def test_a_client_that_never_logs_in_hears_421(self):
        gateway = self.gateway()
        client = self.raw_client(gateway)
        client.sendall(b"NOOP\r\n" * 200)
        heard = b""
        while octets := client.recv(65536):
            heard += octets
        self.assertIn(b"\r\n421 4.7.0 ", heard)
        self.assertEqual(heard.count(b"250 2.0.0"), 49)  # and EHLO
        self.assertEqual(gateway.metric("sallyport_sessions_broken_off_total", reason="no_login"), 1)

    def test_clients_that_read_nothing_hold_little_memory_of_the_kernel(self):
        gateway = self.gateway(extra=f"[session]\n{MANY_COMMANDS}\n")
        count = 20
        stuck = []
        for _ in range(count):
            connection = socket.socket()
            self.addCleanup(connection.close)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(PATIENCE)
            connection.connect(("127.0.0.1", gateway.implicit))
            tls = gateway.trust().wrap_socket(connection, server_hostname="localhost")
            self.addCleanup(tls.close)
            read_reply(tls)
            tls.sendall(b"EHLO client.example\r\n" + LOGIN)
            while b"235" not in read_reply(tls):
                pass
            tls.settimeout(0.2)
            # Until the gateway stops reading since it can't write.
            with contextlib.suppress(TimeoutError, ssl.SSLError):
                while True:
                    tls.sendall(b"NOOP\r\n" * 10_000)
            stuck.append(tls)
        queued = self.untaken(gateway.implicit)
        self.assertEqual(len(queued), count)
        self.assertGreater(min(queued), 0)
        self.assertLess(max(queued), 64 * 1024)

    @staticmethod
    def untaken(port):
        """Octets that the kernel holds for clients of `port`, connection by connection."""
        queues = []
        with open("/proc/net/tcp", encoding="ascii") as table:
            for row in list(table)[1:]:
                _, local, _, state, queue, *_ = row.split()
                if int(local.split(":")[1], 16) == port and state == "01":
                    queues.append(int(queue.split(":")[0], 16))
        return queues

    def test_a_probe_that_says_nothing_is_no_news(self):
        gateway = self.gateway()
        for port in (gateway.implicit, gateway.submission):
            for way in (socket.socket.close, reset):
                for _ in range(3):
                    way(socket.create_connection(("127.0.0.1", port), PATIENCE))
        wait_for("all of them", lambda: gateway.metric("sallyport_connections_total") == 12)
        wait_for("their end", lambda: gateway.metric("sallyport_open_sessions") == 0)
        self.assertEqual(gateway.metric("sallyport_tls_handshake_failures_total"), 0)
        self.assertNotIn("client=", gateway.log())
        # A client that has begun a handshake is something else.
        with socket.create_connection(("127.0.0.1", gateway.implicit), PATIENCE) as connection:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        wait_for("the failure", lambda: gateway.metric("sallyport_tls_handshake_failures_total") == 1)
        wait_for("its line", lambda: len(gateway.log_lines("tls_handshake_failed")) == 1)


class Monitoring(OneWorker):
    def test_half_requests_keep_no_probe_out(self):
        gateway = self.gateway()
        with contextlib.ExitStack() as stack:
            for _ in range(40):
                half = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.admin), PATIENCE))
                half.sendall(b"GET /met")
            for _ in range(5):
                self.assertEqual(gateway.get("/livez"), "ok\n")

    def test_a_flood_of_requests_keeps_no_probe_out(self):
        gateway = self.gateway()
        connection = self.enterContext(socket.create_connection(("127.0.0.1", gateway.admin), PATIENCE))
        with Flood(connection, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 1000) as flood:
            wait_for("the flood", lambda: flood.sent > 0)
            for _ in range(5):
                self.assertEqual(gateway.get("/livez"), "ok\n")


def open_connections(pid, port):
    """The connections of a process whose own port is this, until it closes their descriptors."""
    rows = (row.split() for row in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines())
    inodes = {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] != LISTEN}
    targets = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return [target for target in targets if target.removeprefix("socket:[").removesuffix("]") in inodes]


def lowest_free_descriptor(pid):
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


class FewDescriptors(OneWorker):
    def test_clients_give_way_and_those_who_are_in_are_served(self):
        provider = self.enterContext(Provider(self.authority))
        gateway = self.gateway(smtp_upstream("p", provider, self.authority), prefix=("prlimit", "--nofile=80:80"))
        line, = wait_for("the warning", lambda: gateway.log_lines("descriptors"))
        self.assertEqual((line["limit"], line["max_connections"]), ("80", "10000"))
        room = int(line["clients"])
        self.assertGreater(room, 4)
        self.assertLess(room, 60)
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", gateway.submission), PATIENCE))
                     for _ in range(100)]
            self.assertEqual([each.recv(3) for each in crowd], [b"220"] * room + [b"421"] * (100 - room))
            self.assertEqual(gateway.get("/livez"), "ok\n")
            # One leaves, one comes in and sends.
            crowd[0].close()
            wait_for("a place", lambda: gateway.metric("sallyport_open_sessions") == room - 1)
            with gateway.client() as client:
                self.assertEqual(outcome(client)[0], 250)
        self.assertEqual(len(provider.messages), 1)

    def test_our_own_lack_is_not_the_upstreams(self):
        provider = self.enterContext(Provider(self.authority))
        for host in ("127.0.0.1", "localhost"):
            with self.subTest(host):
                upstream = smtp_upstream("p", provider, self.authority).replace('"localhost"', f'"{host}"')
                self.lacks_descriptors(self.gateway(upstream))

    def lacks_descriptors(self, gateway):
        pid = gateway.process.pid
        with gateway.client() as client:
            # The probes of readiness are gone: a descriptor that is closed later would be room.
            wait_for("the probes to be closed", lambda: not open_connections(pid, gateway.admin))
            usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free_descriptor(pid), usual[1]))
            for _ in range(3):
                code, text = outcome(client)
                self.assertEqual((code, text[:5]), (451, "4.3.1"), text)
            self.assertEqual(gateway.get("/livez"), "ok\n")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
            # At once: the upstream was never in trouble.
            self.assertEqual(outcome(client)[0], 250)


class Storage(OneWorker):
    def test_a_full_disk_is_452_and_passes(self):
        extra = "[message]\nmemory_threshold = '64 KiB'\n"
        gateway = self.gateway(extra=extra)
        pid = gateway.process.pid
        large = message("large", "x" * 70 + "\n" * 1 + ("y" * 70 + "\n") * 60_000)
        with gateway.client() as client:
            usual = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 20, usual[1]))
            code, text = outcome(client, large)
            self.assertEqual((code, text[:5]), (452, "4.3.1"), text)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)
            self.assertEqual(outcome(client, large)[0], 250)


class Memory(OneWorker):
    @unittest.skipIf(b"__tsan_init" in pathlib.Path(BINARY).read_bytes(), "ThreadSanitizer's allocator keeps what was freed")
    def test_it_is_given_back_after_a_burst(self):
        # AddressSanitizer keeps what was freed, and gives it back by rules of its own.
        options = os.environ.get("ASAN_OPTIONS", "")
        quick = "quarantine_size_mb=1:thread_local_quarantine_size_kb=16:allocator_release_to_os_interval_ms=100"
        self.enterContext(unittest.mock.patch.dict(os.environ, ASAN_OPTIONS=f"{options}:{quick}".lstrip(":")))
        gateway = self.gateway()
        pid = gateway.process.pid

        def resident():
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

        with gateway.client() as client:
            client.noop()
        before = resident()
        content = b"From: a@example.com\r\n\r\n" + (b"x" * 76 + b"\r\n") * 50_000
        clients = []
        for _ in range(20):
            client = self.raw_client(gateway, LOGIN, b"MAIL FROM:<a@example.com>\r\n",
                                     b"RCPT TO:<b@example.net>\r\n", b"DATA\r\n")
            client.sendall(content)
            clients.append(client)
        wait_for("the burst", lambda: resident() - before > 40 * 1024)
        for client in clients:
            client.sendall(b".\r\n")
        for client in clients:
            self.assertIn(b"250 2.0.0", read_reply(client))
            client.close()
        # At most every 30 s memory is given back, and only once all has been quiet for a while.
        wait_for("the memory", lambda: resident() - before < 20 * 1024, patience=3 * PATIENCE)


if __name__ == "__main__":
    unittest.main()
