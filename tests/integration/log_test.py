"""What the log and the metrics say of messages, refusals and floods, in both formats."""

import socket
import unittest

from harness import (USER, Authority, Provider, Sallyport, Scratch, message, outcome, parse_line, smtp_upstream,
                     wait_for)


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")

    def gateway(self, script=None, upstreams=1, **options):
        self.providers = [self.enterContext(Provider(self.authority, script if i == 0 else None))
                          for i in range(upstreams)]
        blocks = "".join(smtp_upstream(f"p{i}", each, self.authority) for i, each in enumerate(self.providers))
        return self.enterContext(Sallyport(self.folder / "run", self.authority, blocks, **options))

    def test_json_keeps_the_types_of_values(self):
        gateway = self.gateway(extra='[log]\nformat = "json"\n')
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
            self.assertEqual(client.docmd("EXPN", "list")[0], 502)
        line, = wait_for("the line", lambda: gateway.log_lines("transaction"))
        for key in ("recipients", "size", "code", "attempts"):
            self.assertIs(type(line[key]), int, key)
        for key in ("upstream_time", "receiving_time", "total_time"):
            self.assertIs(type(line[key]), float, key)
        self.assertIs(line["reused_connection"], False)
        self.assertEqual(line["listener"], f"127.0.0.1:{gateway.implicit}")
        self.assertEqual(line["message_id"], "<hello@example.com>")
        ready, = gateway.log_lines("ready")
        self.assertEqual(ready["workers"], 2)
        self.assertIn(f"127.0.0.1:{gateway.submission}", ready["listeners"])
        self.assertEqual((ready["admin"], ready["upstreams"]), (f"127.0.0.1:{gateway.admin}", "p0"))
        refused, = wait_for("the refusal's line", lambda: gateway.log_lines("refused"))
        self.assertEqual((refused["verb"], refused["user"]), ("EXPN", USER))

    def test_a_transaction_has_all_that_support_asks_for(self):
        gateway = self.gateway({"mail": "451 4.3.0 later"}, upstreams=2)
        with gateway.client() as client:
            to = [f"person{i}@example.net" for i in range(3)]
            self.assertEqual(outcome(client, to=to)[0], 250)
        line, = wait_for("the line", lambda: gateway.log_lines("transaction"))
        self.assertEqual(line["to"], ",".join(to))
        self.assertEqual(line["recipients"], "3")
        self.assertEqual(line["upstream"], "p1")
        self.assertEqual(line["attempts"], "2")
        self.assertEqual(line["attempt1"], "p0 MAIL: 451 4.3.0 later")
        self.assertTrue(line["ehlo"])
        # Each fact once.
        self.assertNotIn("reply", line)

    def test_long_lines_hold_nothing_but_their_fields(self):
        words = "refused " * 50
        gateway = self.gateway({"content": f"554-5.7.1 {words}\r\n554 5.7.1 {words}"}, workers=1)
        with gateway.client() as client:
            for i in range(20):
                to = [f"{'a' * 60}{i}.{j}@{'b' * 60}.example.net" for j in range(5)]
                self.assertEqual(outcome(client, message(body="private " * 500), to=to)[0], 554)
        lines = wait_for("the lines", lambda: len(gateway.log_lines("transaction")) == 20
                         and gateway.log_lines("transaction"))
        for line in lines:
            self.assertEqual(line["cause"], "upstream_refused_message")
            self.assertEqual(line["upstream_reply"].count("refused"), 100)
        self.assertNotIn("private", gateway.log())

    def test_a_flood_of_failed_handshakes_is_few_lines(self):
        gateway = self.gateway(workers=1)
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", gateway.implicit)) as raw:
                raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
                raw.recv(100)
        wait_for("the count", lambda: gateway.metric("sallyport_tls_handshake_failures_total") == 200)
        lines = gateway.log_lines("tls_handshake_failed")
        self.assertLessEqual(len(lines), 40)
        self.assertEqual(lines[0]["listener"], f"127.0.0.1:{gateway.implicit}")
        self.assertEqual(gateway.metric("sallyport_log_lines_dropped_total"), 0)

    def test_refusals_are_counted_by_verb_and_code(self):
        gateway = self.gateway(user_extra='senders = ["invoices@example.com"]\n',
                               extra="[session]\nmax_recipients = 1\n")
        with gateway.client(login=False) as client:
            self.assertEqual(client.docmd("MAIL", "FROM:<invoices@example.com>")[0], 503)
            client.ehlo()
            self.assertEqual(client.docmd("MAIL", "FROM:<invoices@example.com>")[0], 530)
        with gateway.client() as client:
            self.assertEqual(client.mail("other@example.com")[0], 550)
            client.mail("invoices@example.com")
            self.assertEqual(client.docmd("RCPT", "TO:<>")[0], 501)
            self.assertEqual(client.rcpt("one@example.net")[0], 250)
            self.assertEqual(client.rcpt("two@example.net")[0], 452)
        name = "sallyport_refused_commands_total"
        listener = f"127.0.0.1:{gateway.implicit}"
        for verb, code in (("MAIL", "530"), ("MAIL", "550"), ("RCPT", "501"), ("RCPT", "452")):
            self.assertEqual(gateway.metric(name, listener=listener, verb=verb, code=code), 1, verb + code)
        lines = wait_for("the lines", lambda: len(gateway.log_lines("refused")) == 4 and gateway.log_lines("refused"))
        self.assertEqual([line["verb"] for line in lines], ["MAIL", "MAIL", "RCPT", "RCPT"])

    def test_the_parser_of_the_tests_is_strict(self):
        for line in ("a", "a=1 a=2", 'a="x', 'a="x"y', "a=x\\", "a=b=c", '{"a": 1, "a": 2}', '{"a"'):
            with self.assertRaises((AssertionError, ValueError), msg=line):
                parse_line(line)


if __name__ == "__main__":
    unittest.main()
