"""What a reload takes from a user reaches connections that are open, on every worker."""

import os
import signal
import unittest

from harness import (BINARY, PASSWORD, Authority, Provider, Sallyport, Scratch, message, outcome, run,
                     smtp_upstream, wait_for)

OTHER = "another password"


class Revocation(unittest.TestCase):
    USERS = ("removed", "changed", "narrowed", "limited", "Same")

    def setUp(self):
        self.folder = self.enterContext(Scratch())
        authority = Authority(self.folder / "pki")
        self.provider = self.enterContext(Provider(authority))
        self.users = self.folder / "users.toml"
        self.other_hash = run(BINARY, "hash-password", input=OTHER + "\n").stdout.strip()
        self.write(*(self.user(name) for name in self.USERS), replace=False)
        self.gateway = self.enterContext(Sallyport(
            self.folder, authority, smtp_upstream("p", self.provider, authority),
            extra=f'[auth]\nfile = "{self.users}"\n', workers=2))

    def user(self, name, password=None, more=""):
        password = password or Sallyport.hash_password()
        return f'[[user]]\nname = "{name}"\npassword = "{password}"\n{more}\n'

    def write(self, *users, replace=True):
        """The new users file, and waits until it is in force."""
        new = self.folder / "new"
        new.write_text("".join(users))
        before = self.gateway.metric("sallyport_config_reloads_total", result="success") if replace else 0
        os.replace(new, self.users)
        if replace:
            wait_for("the reload", lambda: self.gateway.metric(
                "sallyport_config_reloads_total", result="success") > before)

    def log_in(self, name, count):
        """So many open connections; the kernel spreads them over both workers."""
        clients = []
        for _ in range(count):
            client = self.enterContext(self.gateway.client(login=False))
            client.login(name, PASSWORD)
            clients.append(client)
        return clients

    def test_reaches_open_connections(self):
        clients = {name: self.log_in(name, 8) for name in self.USERS}
        for each in clients.values():
            self.assertEqual(outcome(each[0])[0], 250)
        # Both have a transaction open when the file changes: one will end it, one will give it up.
        begun = [self.log_in("removed", 1)[0], self.log_in("removed", 1)[0]]
        for client in begun:
            self.assertEqual(client.mail("invoices@example.com")[0], 250)
            self.assertEqual(client.rcpt("someone@example.net")[0], 250)
        self.write(self.user("changed", self.other_hash), self.user("narrowed", more='senders = ["x@example.com"]'),
                   self.user("limited", more='limits = { messages = "1/hour" }'), self.user("Same"))

        self.assertEqual(begun[0].data(message())[0], 250)
        self.assertEqual(begun[1].rset()[0], 250)
        for client in begun:
            self.assert_ended(client, "421", "removed")
        # Those that are idle hear it unasked.
        for client in clients["removed"]:
            self.assert_told(client, "removed")
        for client in clients["changed"]:
            self.assert_told(client, "password")
        for client in clients["narrowed"]:
            self.assertEqual(outcome(client)[0], 550)
            self.assertEqual(outcome(client, message(sender="x@example.com"), sender="x@example.com")[0], 250)
        self.assertEqual(sorted(outcome(client)[0] for client in clients["limited"]), [250] + 7 * [450])
        for client in clients["Same"]:
            self.assertEqual(outcome(client)[0], 250)
        self.assertEqual(self.gateway.metric("sallyport_sessions_broken_off_total", reason="revoked"), 18)

    def assert_told(self, client, word):
        """The client says nothing, and hears 421 and the end."""
        line = client.file.readline().decode()
        self.assertTrue(line.startswith("421 4.7.0 ") and word in line, line)
        self.assertEqual(client.file.readline(), b"", "the connection is closed")

    def assert_ended(self, client, code, word):
        reply = client.docmd("MAIL", "FROM:<invoices@example.com>")
        self.assertEqual(str(reply[0]), code)
        self.assertIn(word, reply[1].decode())
        self.assertEqual(client.file.readline(), b"", "the connection is closed")

    def test_a_reload_while_messages_flow_ends_nobody_who_may_stay(self):
        clients = self.log_in("Same", 8)
        for number in range(5):
            self.write(self.user("Same"), self.user(f"newcomer{number}"))
            for client in clients:
                self.assertEqual(outcome(client)[0], 250)
        self.gateway.signal(signal.SIGHUP)
        for client in clients:
            self.assertEqual(outcome(client)[0], 250)

    def test_the_configured_spelling_is_what_is_shown(self):
        with self.gateway.client(login=False) as client:
            client.login("sAmE", PASSWORD)
            self.assertEqual(outcome(client)[0], 250)
        self.assertEqual(self.gateway.metric("sallyport_messages_total", user="Same", result="accepted"), 1)
        lines = wait_for("the line", lambda: self.gateway.log_lines("transaction"))
        self.assertEqual({line["user"] for line in lines}, {"Same"})


if __name__ == "__main__":
    unittest.main()
