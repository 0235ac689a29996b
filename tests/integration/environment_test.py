"""A gateway whose whole configuration is in environment variables."""

import os
import signal
import smtplib
import ssl
import subprocess
import unittest
import urllib.request

from harness import BINARY, Scratch, free_ports, wait_for

MESSAGE = "From: a@example.com\r\nSubject: x\r\n\r\nx\r\n"


class Environment(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.ports = free_ports(4)
        listeners = {f"SALLYPORT__LISTENER__{i}__ADDRESS": f"127.0.0.1:{port}"
                     for i, port in enumerate(self.ports[:3], 1)}
        self.variables = {
            "PATH": os.environ["PATH"], "SALLYPORT_PROVIDER": "capture", "SALLYPORT_USERS": "app:secret printer:x",
            "SALLYPORT_SENDERS": "*@example.com", "SALLYPORT_HOSTNAME": "mail.example.com",
            "SALLYPORT_ADMIN": f"127.0.0.1:{self.ports[3]}", "SALLYPORT__WORKERS": "2",
            "SALLYPORT__UPSTREAM__1__PATH": str(self.folder / "mail"), "SALLYPORT__LISTENER__1__TLS": "implicit",
            **listeners, **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}

    def sallyport(self, command, **more):
        return [BINARY, command, "--config", self.folder / "none.toml"], {**self.variables, **more}

    def check(self, **more):
        words, variables = self.sallyport("check", **more)
        return subprocess.run(words, env=variables, capture_output=True, text=True, timeout=60)

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.ports[3]}/readyz", timeout=5).status == 200
        except OSError:
            return False

    def log(self):
        return (self.folder / "log").read_text()

    def test_relays_and_reloads(self):
        words, variables = self.sallyport("run")
        with open(self.folder / "log", "w") as log:
            process = subprocess.Popen(words, env=variables, stderr=log)
        try:
            wait_for("readiness", self.ready)
            certificate = ssl.get_server_certificate(("127.0.0.1", self.ports[0]))
            trusting = ssl.create_default_context(cadata=certificate)
            with smtplib.SMTP_SSL("127.0.0.1", self.ports[0], context=trusting, timeout=30) as client:
                client.login("app", "secret")
                client.sendmail("a@example.com", ["b@there.example"], MESSAGE)
                process.send_signal(signal.SIGHUP)
                wait_for("the reload", lambda: "event=reload " in self.log())
                # The password was hashed once: it is still the one that this session has proved.
                client.sendmail("a@example.com", ["b@there.example"], MESSAGE)
                with self.assertRaises(smtplib.SMTPSenderRefused):
                    client.sendmail("a@elsewhere.example", ["b@there.example"], MESSAGE)
            self.assertEqual(ssl.get_server_certificate(("127.0.0.1", self.ports[0])), certificate)
            self.assertEqual(len(list((self.folder / "mail" / "new").iterdir())), 2)
        finally:
            process.terminate()
            process.wait(30)
        self.assertEqual(process.returncode, 0, self.log())
        self.assertIn("event=self_signed hostname=mail.example.com", self.log())
        self.assertIn("config=environment", self.log())
        self.assertNotIn("secret", self.log())

    def test_check_names_the_variable(self):
        self.assertEqual(self.check().returncode, 0, self.check().stderr)
        done = self.check(SALLYPORT__WORKERS="many", SALLYPORT_LIMITS_MESSAGES="fast")
        self.assertEqual(done.returncode, 2)
        self.assertIn("SALLYPORT__WORKERS: workers is \"many\"", done.stderr)
        self.assertIn("SALLYPORT_LIMITS_MESSAGES: limits.messages is \"fast\"", done.stderr)
        done = self.check(SALLYPORT_USERS="")
        self.assertIn("SALLYPORT_USERS: is not set", done.stderr)

    def test_beside_a_file_it_is_one_or_the_other(self):
        (self.folder / "none.toml").write_text("workers = 1\n")
        done = self.check()
        self.assertEqual(done.returncode, 2)
        self.assertIn("SALLYPORT_PROVIDER: means nothing where there is a configuration file", done.stderr)


if __name__ == "__main__":
    unittest.main()
