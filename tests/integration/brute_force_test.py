"""Guessing passwords: each wrong answer takes longer, then nobody is let in from there for a while but who was before."""

import contextlib
import re
import signal
import smtplib
import threading
import unittest

from harness import PASSWORD, PATIENCE, USER, Authority, Sallyport, Scratch, capture_upstream, free_ports, wait_for

GUESSER, OFFICE, ELSEWHERE = "198.51.100.7", "203.0.113.5", "192.0.2.9"


class From(smtplib.SMTP):
    """A client whose address a PROXY header tells."""

    def __init__(self, address, port, trust):
        self.address = address
        super().__init__("localhost", port, timeout=PATIENCE)
        self.starttls(context=trust)
        self.ehlo()

    def _get_socket(self, host, port, timeout):
        connection = super()._get_socket(host, port, timeout)
        connection.sendall(f"PROXY TCP4 {self.address} 127.0.0.1 4711 587\r\n".encode())
        return connection


class BruteForce(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.port, = free_ports(1)

    def gateway(self, brute_force):
        self.settings = f"""
[[listener]]
address = "127.0.0.1:{self.port}"
tls = "starttls"
proxy_protocol = ["127.0.0.0/8"]
[session]
max_auth_failures = 100
[auth.brute_force]
"""
        return self.enterContext(Sallyport(self.folder, Authority(self.folder / "pki"),
                                           capture_upstream("c", self.folder / "mail"),
                                           extra=self.settings + brute_force))

    @contextlib.contextmanager
    def client(self, gateway, address):
        client = From(address, self.port, gateway.trust())
        try:
            yield client
        finally:
            client.close()

    def login(self, gateway, address, name, password):
        """The reply to AUTH."""
        with self.client(gateway, address) as client:
            try:
                return client.login(name, password)
            except smtplib.SMTPResponseException as refusal:
                return refusal.smtp_code, refusal.smtp_error
            except smtplib.SMTPServerDisconnected as ended:
                return 421, str(ended).encode()

    def guess(self, gateway, address, times):
        return [self.auth(gateway, address, f"user{number}", f"guess{number}")[0] for number in range(times)]

    def auth(self, gateway, address, name, password):
        """The reply to one AUTH PLAIN: smtplib's login would go on with the next mechanism."""
        with self.client(gateway, address) as client:
            client.user, client.password = name, password
            try:
                return client.auth("PLAIN", client.auth_plain)
            except smtplib.SMTPResponseException as refusal:
                return refusal.smtp_code, refusal.smtp_error

    def test_a_guesser_is_barred_and_nobody_else(self):
        gateway = self.gateway('network_failures = 5\nmax_delay = "0s"\n')
        self.assertEqual(self.auth(gateway, OFFICE, USER, PASSWORD)[0], 235)
        self.assertEqual(self.guess(gateway, OFFICE, 5), [535] * 5)
        self.assertEqual(self.guess(gateway, GUESSER, 6), [535] * 5 + [421])
        # The right password tells a guesser nothing, and the words are the same.
        for name, password in ((USER, PASSWORD), (USER, "wrong"), ("nobody", "wrong")):
            code, text = self.auth(gateway, GUESSER, name, password)
            self.assertEqual(code, 421, text)
            self.assertRegex(text.decode(), r"^4\.7\.0 Too many failed authentications, closing connection; "
                                            r"try again in \d+ s$")
        # Where it was used before, the account works on; another one of that network does not.
        self.assertEqual(self.auth(gateway, OFFICE, USER, PASSWORD)[0], 235)
        self.assertEqual(self.auth(gateway, OFFICE, "nobody", "x")[0], 421)
        self.assertEqual(self.auth(gateway, ELSEWHERE, USER, PASSWORD)[0], 235)
        self.assertEqual(gateway.metric("sallyport_auth_bars_total", by="network"), 2)
        self.assertEqual(gateway.metric("sallyport_auth_total", mechanism="PLAIN", result="barred"), 5)
        bars = wait_for("the lines", lambda: gateway.log_lines("auth_barred")[1:] and gateway.log_lines("auth_barred"))
        self.assertEqual([(line["client"], line["by"]) for line in bars], [(OFFICE, "network"), (GUESSER, "network")])
        self.assertTrue(all(line["cause"] in ("unknown_user", "wrong_password", "barred")
                            for line in gateway.log_lines("auth") if line["client"] == GUESSER))
        self.assertNotIn("guess1", gateway.log())

    def test_a_program_with_an_old_password_bars_nobody(self):
        gateway = self.gateway('network_failures = 3\nmax_delay = "0s"\n')
        self.assertEqual([self.auth(gateway, OFFICE, USER, "the old one")[0] for _ in range(10)], [535] * 10)
        self.assertEqual(self.auth(gateway, OFFICE, USER, PASSWORD)[0], 235)

    def test_an_account_that_many_guess_at_works_where_it_is_used(self):
        gateway = self.gateway('account_failures = 4\nmax_delay = "0s"\n')
        self.assertEqual(self.auth(gateway, OFFICE, USER, PASSWORD)[0], 235)
        for number in range(4):
            self.assertEqual(self.auth(gateway, f"10.{number}.0.1", USER, f"guess{number}")[0], 535)
        self.assertEqual(self.auth(gateway, ELSEWHERE, USER, PASSWORD)[0], 421)
        self.assertEqual(self.auth(gateway, OFFICE, USER, PASSWORD)[0], 235)
        self.assertEqual(gateway.metric("sallyport_auth_bars_total", by="account"), 1)

    def test_a_reload_changes_it_and_keeps_the_bars(self):
        gateway = self.gateway('network_failures = 3\nmax_delay = "0s"\n')
        self.assertEqual(self.guess(gateway, GUESSER, 4), [535, 535, 535, 421])
        gateway.write_config(extra=self.settings + 'network_failures = 6\nmax_delay = "0s"\n')
        gateway.signal(signal.SIGHUP)
        wait_for("the reload", lambda: gateway.log_lines("reload"))
        self.assertEqual(self.guess(gateway, GUESSER, 1), [421])
        self.assertEqual(self.guess(gateway, ELSEWHERE, 7), [535] * 6 + [421])
        gateway.write_config(extra=self.settings + "network_failures = 0\n")
        gateway.signal(signal.SIGHUP)
        wait_for("the reload", lambda: len(gateway.log_lines("reload")) == 2)
        self.assertEqual(self.auth(gateway, GUESSER, USER, PASSWORD)[0], 235)

    def test_a_refusal_that_is_held_back_holds_no_shutdown_and_no_neighbour(self):
        gateway = self.gateway('max_delay = "1m"\nnetwork_failures = 1000\n')
        replies = {}

        def guess_on():
            # 1 s, 2 s, 4 s … : sooner or later one answer waits.
            for number in range(30):
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    replies[number] = self.auth(gateway, GUESSER, USER, f"guess{number}")

        failures = lambda: gateway.metric("sallyport_auth_total", result="rejected")
        guesser = threading.Thread(target=guess_on, daemon=True)
        guesser.start()
        wait_for("an answer that waits", lambda: failures() >= 7 and failures() > len(replies))
        with gateway.client() as client:
            self.assertEqual(client.noop()[0], 250)
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(PATIENCE), 0)
        guesser.join(PATIENCE)
        self.assertFalse(guesser.is_alive())
        self.assertTrue(all(code in (421, 535) for code, _ in replies.values()), replies)


if __name__ == "__main__":
    unittest.main()
