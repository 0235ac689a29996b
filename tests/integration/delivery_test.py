"""What the client hears for each thing that can happen at a provider, through the real binary."""

import smtplib
import socket
import threading
import types
import unittest

from harness import (Authority, Provider, Sallyport, Scratch, capture_upstream, message, outcome,
                     smtp_upstream, wait_for)

DROP = Provider.DROP


class Delivery(unittest.TestCase):
    def gateway(self, *scripts, extra="", workers=2, **provider_options):
        """A gateway with a scripted provider for each script, in order of preference."""
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        self.providers = [self.enterContext(Provider(authority, script, **provider_options)) for script in scripts]
        upstreams = "".join(smtp_upstream(f"provider{i}", provider, authority)
                            for i, provider in enumerate(self.providers))
        return self.enterContext(Sallyport(folder, authority, upstreams, extra=extra, workers=workers))

    def send(self, gateway, **options):
        with gateway.client() as client:
            return outcome(client, **options)

    def assert_counts(self, *counts):
        self.assertEqual([len(provider.messages) for provider in self.providers], list(counts))

    # -- a provider that takes the message ---------------------------------------------------------

    def test_a_message_arrives_as_it_was_sent(self):
        gateway = self.gateway({})
        content = message("whole", "A line.\n.A line with a dot\n..two\n" + "x" * 900 + "\n")
        code, text = self.send(gateway, content=content, to=("a@example.net", "b@example.net"))
        self.assertEqual(code, 250, text)
        self.assertRegex(text, r"^2\.0\.0 Ok: queued as P1$")
        reverse_path, forward_paths, got = self.providers[0].messages[0]
        self.assertEqual((reverse_path, forward_paths),
                         ("invoices@example.com", ["a@example.net", "b@example.net"]))
        trace, _, rest = got.partition(b"From: invoices")
        self.assertTrue(trace.startswith(b"Received: from "), trace)
        self.assertIn(b"ESMTPSA", trace)
        self.assertEqual(b"From: invoices" + rest, content.encode())
        self.assertEqual(self.providers[0].credentials, [["", "gateway", "upstream secret"]])

    def test_without_pipelining_too(self):
        gateway = self.gateway({}, pipelining=False)
        self.assertEqual(self.send(gateway)[0], 250)
        self.assert_counts(1)

    def test_messages_of_several_clients_share_warm_connections(self):
        gateway = self.gateway({})
        for number in range(10):
            self.assertEqual(self.send(gateway, content=message(f"n{number}"))[0], 250)
        self.assert_counts(10)
        self.assertLessEqual(self.providers[0].connections, 2, "one for each worker")
        self.assertGreaterEqual(gateway.metric("sallyport_upstream_connections_reused_total"), 8)

    def test_a_large_message_passes_through_a_temporary_file(self):
        gateway = self.gateway({}, extra='[message]\nmemory_threshold = "64 KiB"\n')
        body = "".join(f"line {number} of a large message\n" for number in range(150_000))
        content = message("large", body)
        self.assertEqual(self.send(gateway, content=content)[0], 250)
        got = self.providers[0].messages[0][2]
        self.assertEqual(got[got.index(b"From: "):], content.encode())

    # -- refusals ----------------------------------------------------------------------------------

    def test_a_refusal_for_good_reaches_the_client_and_no_other_upstream(self):
        for stage in ("mail", "rcpt", "data", "content"):
            with self.subTest(stage=stage):
                gateway = self.gateway({stage: "554 5.7.1 We do not want this"}, {})
                code, text = self.send(gateway)
                self.assertEqual(code, 554)
                self.assertIn("5.7.1", text)
                self.assertIn("We do not want this", text)
                self.assert_counts(0, 0)

    def test_a_refusal_for_now_moves_on_to_the_next_upstream(self):
        for stage in ("greeting", "ehlo", "mail", "rcpt", "data", "content"):
            with self.subTest(stage=stage):
                gateway = self.gateway({stage: "451 4.3.2 Busy"}, {})
                self.assertEqual(self.send(gateway)[0], 250)
                self.assert_counts(0, 1)

    def test_a_refusal_for_now_by_all_upstreams_is_451_with_the_last_reason(self):
        gateway = self.gateway({"mail": "451 4.3.2 Busy"}, {"mail": "452 4.3.1 Disk full"})
        code, text = self.send(gateway)
        self.assertEqual(code, 451)
        self.assertIn("Disk full", text)

    def test_one_refused_recipient_stops_the_message_by_default(self):
        def refuse(_, line):
            return "550 5.1.1 No such user" if "nobody" in line else None

        gateway = self.gateway({"rcpt": refuse}, {})
        code, text = self.send(gateway, to=("a@example.net", "nobody@example.net"))
        self.assertEqual(code, 550)
        self.assertIn("nobody@example.net", text)
        self.assertEqual(self.providers[0].handed_over, 0)
        self.assert_counts(0, 0)

    def test_one_refused_recipient_is_left_out_if_the_config_says_so(self):
        def refuse(_, line):
            return "550 5.1.1 No such user" if "nobody" in line else None

        gateway = self.gateway({"rcpt": refuse}, extra='partial_rejection = "deliver"\n')
        code, text = self.send(gateway, to=("a@example.net", "nobody@example.net"))
        self.assertEqual(code, 250)
        self.assertIn("nobody@example.net", text)
        self.assertEqual(self.providers[0].messages[0][1], ["a@example.net"])

    def test_a_library_hears_of_recipients_beyond_the_limit(self):
        # smtplib sends to those that were accepted and keeps quiet about the others, as Django, PHPMailer and
        # nodemailer do.
        gateway = self.gateway({}, extra="session = { max_recipients = 2 }\n")
        everybody = [f"r{number}@example.net" for number in range(5)]
        with gateway.client() as client, self.assertRaises(smtplib.SMTPDataError) as refused:
            client.sendmail("invoices@example.com", everybody, message("many"))
        self.assertEqual(refused.exception.smtp_code, 554)
        self.assertIn(b"at most 2", refused.exception.smtp_error)
        self.assert_counts(0)
        self.assertEqual(gateway.metric("sallyport_recipients_refused_total"), 3)

    def test_a_message_to_many_goes_in_parts(self):
        gateway = self.gateway({}, extra='session = { max_recipients = 2, overflow = "split" }\n')
        everybody = [f"r{number}@example.net" for number in range(5)]
        with gateway.client() as client:
            self.assertEqual(client.sendmail("invoices@example.com", everybody, message("many")), {})
        self.assertEqual([forward_paths for _, forward_paths, _ in self.providers[0].messages],
                         [everybody[:2], everybody[2:4], everybody[4:]])

    def test_a_provider_that_takes_fewer_recipients_is_learned_from(self):
        taken = []

        def refuse(_, line):
            taken.append(line)
            return "452 4.5.3 Error: too many recipients" if len(taken) > 2 else None

        gateway = self.gateway({"mail": lambda *_: taken.clear(), "rcpt": refuse}, extra='session = { overflow = "split" }\n')
        with gateway.client() as client:
            code, text = outcome(client, to=("r0@example.net", "r1@example.net", "r2@example.net"))
        self.assertEqual(code, 250, text)
        self.assert_counts(2)

    # -- faults ------------------------------------------------------------------------------------

    def test_a_connection_lost_before_the_final_dot_moves_on(self):
        # More than the kernel's buffers hold: the provider is gone before the dot could be written.
        content = message("lost", ("x" * 70 + "\n") * 200_000)
        for stage in ("connect", "greeting", "ehlo", "auth", "mail", "rcpt", "data", "body"):
            with self.subTest(stage=stage):
                gateway = self.gateway({stage: DROP}, {})
                code, text = self.send(gateway, content=content if stage == "body" else message("lost"))
                self.assertEqual(code, 250, text)
                self.assertEqual(self.providers[0].handed_over, 0)
                self.assert_counts(0, 1)

    def test_a_connection_lost_after_the_final_dot_is_tried_nowhere_else(self):
        gateway = self.gateway({"content": DROP}, {})
        code, text = self.send(gateway)
        self.assertEqual(code, 451)
        self.assertTrue(text.startswith("4.4.2"), text)
        self.assertEqual(self.providers[0].handed_over, 1)
        self.assert_counts(0, 0)

    def test_a_refused_login_is_the_operators_fault(self):
        gateway = self.gateway({"auth": "535 5.7.8 Bad credentials"})
        code, text = self.send(gateway)
        self.assertEqual(code, 451)
        self.assertTrue(text.startswith("4.7.0"), text)
        self.assertNotIn("Bad credentials", text)
        self.assertEqual(gateway.metric("sallyport_upstream_auth_failures_total", upstream="provider0"), 1)
        wait_for("the error in the log", lambda: "level=error" in gateway.log())

    def test_an_untrusted_certificate_is_the_operators_fault(self):
        folder = self.enterContext(Scratch())
        ours, theirs = Authority(folder / "ours"), Authority(folder / "theirs", name="Other CA")
        provider = self.enterContext(Provider(theirs))
        gateway = self.enterContext(Sallyport(folder, ours, smtp_upstream("p", provider, ours)))
        code, text = self.send(gateway)
        self.assertEqual(code, 451)
        self.assertTrue(text.startswith("4.7.0"), text)
        self.assertEqual(provider.messages, [])
        self.assertEqual(provider.credentials, [])

    def test_a_dead_pooled_connection_is_not_a_failed_message(self):
        state = {"mails": 0}

        def drop_the_second(_, __):
            state["mails"] += 1
            return DROP if state["mails"] == 2 else None

        gateway = self.gateway({"mail": drop_the_second}, workers=1)
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
            self.assertEqual(outcome(client)[0], 250)
        self.assert_counts(2)
        self.assertEqual(self.providers[0].connections, 2)

    def test_nobody_listens_at_the_upstream(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        with socket.socket() as silent:  # bound, so that nobody else gets the port, but not listening
            silent.bind(("127.0.0.1", 0))
            upstream = smtp_upstream("p", types.SimpleNamespace(port=silent.getsockname()[1]), authority)
            gateway = self.enterContext(Sallyport(folder, authority, upstream))
            code, text = self.send(gateway)
        self.assertEqual(code, 451)
        self.assertTrue(text.startswith("4.4."), text)

    # -- many at once ------------------------------------------------------------------------------

    def test_every_accepted_message_is_at_the_provider_once(self):
        gateway = self.gateway({})
        accepted = []
        lock = threading.Lock()

        def send_some(worker):
            with gateway.client() as client:
                for number in range(20):
                    name = f"w{worker}n{number}"
                    if outcome(client, content=message(name, f"body of {name}\n" * 50))[0] == 250:
                        with lock:
                            accepted.append(name)

        threads = [threading.Thread(target=send_some, args=(worker,)) for worker in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        got = sorted(content.split(b"Subject: ")[1].split(b"\r\n")[0].decode()
                     for _, _, content in self.providers[0].messages)
        self.assertEqual(len(accepted), 400)
        self.assertEqual(got, sorted(accepted))

    # -- capture -----------------------------------------------------------------------------------

    def test_captured_mail_lies_in_a_maildir(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        gateway = self.enterContext(Sallyport(folder, authority, capture_upstream("c", folder / "mail")))
        content = message("kept")
        self.assertEqual(self.send(gateway, content=content)[0], 250)
        files = wait_for("the captured message", lambda: list((folder / "mail" / "new").iterdir()))
        self.assertEqual(len(files), 1)
        self.assertTrue(files[0].read_bytes().replace(b"\r\n", b"\n")
                        .endswith(content.encode().replace(b"\r\n", b"\n")))
        self.assertEqual(list((folder / "mail" / "tmp").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
