"""Messages that wait for a connection to the provider: whose client goes, and where the provider allows few."""

import contextlib
import socket
import struct
import threading
import time
import unittest

from harness import Authority, Provider, Sallyport, Scratch, message, outcome, smtp_upstream, wait_for

CONTENT = b"From: invoices@example.com\r\nSubject: %s\r\n\r\nHello.\r\n.\r\n"


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Departed(unittest.TestCase):
    """The only connection is busy with a first message while others wait, and their clients go."""

    def setUp(self):
        self.may_end = threading.Event()
        self.addCleanup(self.may_end.set)

        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        self.provider = self.enterContext(Provider(authority, {}))
        self.seen = []

        def remember(_session, octets):
            self.seen.append(octets)
            if b"Subject: first" in octets:
                self.may_end.wait(30)
        self.provider.script["content"] = remember
        upstream = smtp_upstream("provider", self.provider, authority, extra="max_connections = 1\n")
        self.gateway = self.enterContext(Sallyport(folder, authority, upstream, workers=1))

    def begin(self, subject, clients):
        """A client that has sent a message and waits for its reply."""
        client = clients.enter_context(self.gateway.client())
        for command in ("MAIL FROM:<invoices@example.com>", "RCPT TO:<someone@example.net>", "DATA"):
            client.docmd(command)
        client.sock.sendall(CONTENT % subject.encode())
        return client

    def waiting(self):
        return self.gateway.metric("sallyport_upstream_pool_waiting")

    def assert_not_sent(self, depart):
        with contextlib.ExitStack() as clients:
            first = self.begin("first", clients)
            wait_for("the first message to be at the provider", lambda: self.seen)
            second = self.begin("second", clients)
            wait_for("the second message to wait", lambda: self.waiting() == 1)
            depart(second)
            wait_for("the second message to be given up", lambda: self.waiting() == 0)
            self.may_end.set()
            self.assertEqual(first.getreply()[0], 250)
            self.assertEqual(outcome(first, content=message("third"))[0], 250)
        subjects = b"".join(self.seen)
        self.assertNotIn(b"Subject: second", subjects)
        self.assertIn(b"Subject: third", subjects)
        abandoned = wait_for("the line", lambda: [line for line in self.gateway.log_lines("transaction")
                                                  if line["result"] == "abandoned"])
        self.assertEqual([line["cause"] for line in abandoned], ["client_gone"])

    def test_after_a_reset_nothing_is_sent(self):
        def depart(client):
            client.file.close()
            reset(client.sock)
        self.assert_not_sent(depart)

    def test_nor_after_a_close_under_tls(self):
        def depart(client):
            client.file.close()
            client.sock.close()
        self.assert_not_sent(depart)

    def test_nor_after_a_goodbye_under_tls_and_a_close(self):
        def depart(client):
            client.file.close()
            client.sock.setblocking(False)
            with contextlib.suppress(OSError):
                client.sock.unwrap()  # close_notify; there is no answer yet
            client.sock.close()
        self.assert_not_sent(depart)

    def test_a_message_under_way_goes_on(self):
        with contextlib.ExitStack() as clients:
            first = self.begin("first", clients)
            wait_for("the first message to be at the provider", lambda: self.seen)
            first.file.close()
            reset(first.sock)
            self.may_end.set()
            wait_for("the log", lambda: self.gateway.log_lines("transaction"))
        self.assertEqual(self.gateway.log_lines("transaction")[0]["result"], "delivered")


class FewConnections(unittest.TestCase):
    def crowd(self, stage, words, allowed=3):
        """Twenty messages at once to a provider that allows few connections."""
        held, lock = set(), threading.Lock()

        def admit(session, _said):
            with lock:
                held.intersection_update(id(each) for each in sessions if each.stream.fileno() >= 0)
                if id(session) in held or len(held) < allowed:
                    sessions.append(session)
                    held.add(id(session))
                    return None
                return words
        sessions = []
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        provider = self.enterContext(Provider(authority, {stage: admit, "content": lambda *_: time.sleep(0.05)}))
        gateway = self.enterContext(Sallyport(folder, authority, smtp_upstream("provider", provider, authority)))
        codes = []
        def send():
            with gateway.client() as client:
                codes.append(outcome(client)[0])
        threads = [threading.Thread(target=send) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes, [250] * 20, gateway.log())
        self.assertLessEqual(gateway.metric("sallyport_upstream_pool_allowed_connections"), allowed)

    def test_said_in_the_greeting(self):
        self.crowd("greeting", "421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing")

    def test_said_at_auth(self):
        self.crowd("auth", "454 4.7.0 Too many concurrent sessions for this account")

    def test_said_at_auth_as_if_the_password_was_wrong(self):
        self.crowd("auth", "535 5.7.0 Authentication failed: too many connections")

    def test_said_at_mail(self):
        self.crowd("mail", "421 4.7.0 Too many connections")


if __name__ == "__main__":
    unittest.main()
