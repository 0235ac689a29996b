"""Real clients deliver over all three ports: curl, smtplib, swaks, msmtp."""

import os
import shutil
import unittest

from harness import PASSWORD, USER, Authority, Provider, Sallyport, Scratch, message, outcome, run, smtp_upstream

SENDER, RECIPIENT = "invoices@example.com", "someone@example.net"


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.folder = cls.scratch.__enter__()
        cls.authority = Authority(cls.folder / "pki")
        cls.provider = Provider(cls.authority)
        cls.gateway = Sallyport(cls.folder, cls.authority, smtp_upstream("p", cls.provider, cls.authority))
        cls.gateway.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.gateway.__exit__(None, None, None)
        cls.provider.close()
        cls.scratch.__exit__(None, None, None)

    def each_port(self):
        gateway = self.gateway
        for port, implicit in ((gateway.implicit, True), (gateway.submission, False), (gateway.alternative, False)):
            with self.subTest(port=port, implicit=implicit):
                before = len(self.provider.messages)
                yield port, implicit
                self.assertEqual(len(self.provider.messages), before + 1)
                reverse_path, forward_paths, content = self.provider.messages[-1]
                self.assertEqual((reverse_path, forward_paths), (SENDER, [RECIPIENT]))
                self.assertIn(b"ESMTPSA", content)
                self.assertIn(b"Hello there.", content)

    def need(self, program):
        self.assertIsNotNone(shutil.which(program), f"{program} is missing: deploy/install-deps.sh test")

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


if __name__ == "__main__":
    unittest.main()
