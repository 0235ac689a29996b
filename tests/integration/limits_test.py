"""`[[limit]]`: exact over all workers and connections, given back unless delivered, shown by `sallyport limits`."""

import json
import subprocess
import threading
import unittest

from harness import (BINARY, PATIENCE, USER, Authority, Provider, Sallyport, Scratch, message, outcome, smtp_upstream,
                     wait_for)

CONNECTIONS = 16
BUDGET = 40


def limit(name, key, more):
    return f'[[limit]]\nname = "{name}"\nkey = "{key}"\n{more}\n'


class Limits(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.socket = self.folder / "admin.sock"

    def gateway(self, provider, limits, **options):
        return self.enterContext(Sallyport(self.folder, self.authority, smtp_upstream("out", provider, self.authority),
                                           extra=limits, admin=f'socket = "{self.socket}"', **options))

    def limits(self, *arguments):
        done = subprocess.run([BINARY, "limits", "--socket", str(self.socket), *arguments], capture_output=True,
                              text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def send_until_refused(self, gateway, replies):
        """Each connection sends until the budget is used up."""
        def run():
            with gateway.client() as client:
                while True:
                    code, text = outcome(client, message("one"))
                    replies.append((code, text))
                    if code != 250:
                        client.rset()
                        return
        threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        return threads

    def test_many_connections_share_a_budget_exactly(self):
        provider = self.enterContext(Provider(self.authority))
        limits = limit("tenant", "user", f'messages = ["1000/second", "{BUDGET}/day"]')
        gateway = self.gateway(provider, limits, workers=4)
        replies = []
        threads = self.send_until_refused(gateway, replies)
        # Nothing is forgotten or counted twice by a reload under way.
        wait_for("the first message", lambda: any(code == 250 for code, _ in replies))
        gateway.write_config(extra=limits + limit("other", "process", 'messages = "100000/day"'))
        gateway.signal(1)
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(sum(code == 250 for code, _ in replies), BUDGET)
        for code, text in replies:
            self.assertIn(code, (250, 450), text)
        refused = [text for code, text in replies if code == 450]
        self.assertEqual(len(refused), CONNECTIONS)
        self.assertIn(f"4.7.1 limit tenant: {BUDGET} messages per day used up for {USER}: try again in ", refused[0])
        self.assertGreaterEqual(gateway.metric("sallyport_limit_exceeded_total", limit="tenant", result="refused"),
                                CONNECTIONS)

    def test_what_the_provider_refuses_costs_nothing(self):
        provider = self.enterContext(Provider(self.authority, {"rcpt": "550 5.1.1 No such user"}))
        gateway = self.gateway(provider, limit("tenant", "user", 'messages = "1/day"'))
        with gateway.client() as client:
            for _ in range(3):
                self.assertEqual(outcome(client)[0], 550)
                client.rset()
        self.assertEqual(self.limits()[1].splitlines()[1:], [])

    def test_the_command_shows_and_resets(self):
        provider = self.enterContext(Provider(self.authority))
        gateway = self.gateway(provider, limit("all", "process", 'messages = ["1/day UTC", "5/hour burst 3"]') +
                               limit("watched", "recipient_domain", 'recipients = "9/day"\nmode = "observe"'))
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
            self.assertEqual(outcome(client)[0], 450)
        code, out, _ = self.limits("--json")
        self.assertEqual(code, 0)
        shown = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([(each["limit"], each["subject"], each["window"], each["used"], each["left"]) for each in shown],
                         [("all", "all mail", "5/hour burst 3", 1, 2), ("all", "all mail", "1/day UTC", 1, 0),
                          ("watched", "example.net", "9/day", 1, 8)])
        self.assertIn("SUBJECT", self.limits("--user", "example.net")[1])
        self.assertEqual(len(self.limits("--user", "example.net")[1].splitlines()), 2)
        code, _, complaint = self.limits("--reset", "nobody")
        self.assertEqual((code, complaint),
                         (1, "sallyport: nothing was used of such a limit by such a subject\n"))
        self.assertEqual(self.limits("--reset", "all mail", "--limit", "all")[0], 0)
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
        line, = wait_for("the line in the log", lambda: gateway.log_lines("limits_reset"))
        self.assertEqual((line["subject"], line["limit"], line["counts"]), ("all mail", "all", "1"))


if __name__ == "__main__":
    unittest.main()
