"""Real clients deliver over all three ports: curl, smtplib, swaks, msmtp, and the libraries of applications."""

import os
import pathlib
import re
import unittest

from gateway_case import GatewayCase
from harness import PASSWORD, USER, message, outcome, run

SENDER, RECIPIENT = "invoices@example.com", "someone@example.net"


class Clients(GatewayCase):
    def each_port(self, messages=1):
        gateway = self.gateway
        for port, implicit in ((gateway.implicit, True), (gateway.submission, False), (gateway.alternative, False)):
            with self.subTest(port=port, implicit=implicit):
                before = len(self.provider.messages)
                yield port, implicit
                self.assertEqual(len(self.provider.messages), before + messages)
                for reverse_path, forward_paths, content in self.provider.messages[before:]:
                    self.assertEqual((reverse_path, forward_paths), (SENDER, [RECIPIENT]))
                    self.assertIn(b"ESMTPSA", content)
                    self.assertIn(b"Hello there.", content)

    def test_curl(self):
        self.need("curl")
        file = self.folder / "mail"
        file.write_text(message())
        for port, implicit in self.each_port():
            url = f"{'smtps' if implicit else 'smtp'}://localhost:{port}"
            run("curl", "-sS", "--ssl-reqd", "--cacert", self.authority.ca, "--url", url, "--user",
                f"{USER}:{PASSWORD}", "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "--upload-file", file)

    def test_smtplib(self):
        for port, _ in self.each_port():
            with self.gateway.client(port) as client:
                self.assertEqual(outcome(client)[0], 250)

    def test_swaks(self):
        self.need("swaks")
        for mechanism in ("PLAIN", "LOGIN"):
            for port, implicit in self.each_port():
                # -4: it tries one address only, and localhost may be ::1 first.
                run("swaks", "-4", "--server", f"localhost:{port}", "--tls-on-connect" if implicit else "--tls",
                    "--tls-verify", "--tls-ca-path", self.authority.ca, "--auth", mechanism, "--auth-user", USER,
                    "--auth-password", PASSWORD, "--from", SENDER, "--to", RECIPIENT, "--body", "Hello there.")

    def test_msmtp(self):
        self.need("msmtp")
        for port, implicit in self.each_port():
            config = self.folder / "msmtprc"
            config.write_text(
                f"defaults\nauth plain\ntls on\ntls_trust_file {self.authority.ca}\naccount default\n"
                f"host localhost\nport {port}\ntls_starttls {'off' if implicit else 'on'}\nfrom {SENDER}\n"
                f"user {USER}\npassword {PASSWORD}\n")
            os.chmod(config, 0o600)
            run("msmtp", "-C", config, RECIPIENT, input=message().replace("\r\n", "\n"))

    def test_nodemailers_pool(self):
        """50 messages at once over 5 connections, each once, whatever their order."""
        self.need("node")
        for port, implicit in self.each_port(messages=50):
            before = len(self.provider.messages)
            self.library("node", "nodemailer.js", port, implicit, 50)
            numbers = [int(re.search(rb"^Subject: =\?UTF-8\?Q\?Nummer_(\d+)_", content, re.MULTILINE)[1])
                       for _, _, content in self.provider.messages[before:]]
            self.assertEqual(sorted(numbers), list(range(50)))

    def test_phpmailer(self):
        self.need("php")
        for port, implicit in self.each_port(messages=2):
            self.library("php", "phpmailer.php", port, implicit)
            self.assertIn("\r\n.\r\nÜber alles.\r\n".encode(), self.provider.messages[-2][2])

    def library(self, interpreter, script, port, implicit, *more):
        run(interpreter, pathlib.Path(__file__).with_name(script), str(port), "implicit" if implicit else "starttls",
            self.authority.ca, USER, SENDER, RECIPIENT, *map(str, more), env={**os.environ, "SUBMISSION_PASSWORD": PASSWORD})


if __name__ == "__main__":
    unittest.main()
