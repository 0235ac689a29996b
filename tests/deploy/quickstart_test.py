"""deploy/quickstart.sh does what the README says of it, with the binary of this build."""

import pathlib
import random
import socket
import subprocess
import tempfile
import unittest

from installation import BINARY, ROOT

PORTS = (2465, 2587, 2525, 2466, 9465, 9466)


def free_offset():
    """An offset that moves every port of the quickstart to one that nobody has."""
    while True:
        offset = random.randrange(10000, 50000, 100)
        try:
            for port in PORTS:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
            return offset
        except OSError:
            continue


class Quickstart(unittest.TestCase):
    def quickstart(self, *arguments, folder):
        return subprocess.run([ROOT / "deploy/quickstart.sh", "--binary", BINARY, *arguments],
                              capture_output=True, text=True, timeout=200, env={
                                  "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "TMPDIR": folder})

    def test_mail_goes_through_every_port_and_nothing_is_left(self):
        offset = free_offset()
        with tempfile.TemporaryDirectory() as folder:
            run = self.quickstart("--offset", str(offset), folder=folder)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            for port in (2465, 2587, 2525):
                self.assertRegex(run.stdout, rf"://127\.0\.0\.1:{port + offset} .*accepted")
            self.assertIn("Subject: Invoice 4711", run.stdout)
            self.assertRegex(run.stdout, r"Received: from [\s\S]* with ESMTPSA")
            self.assertIn('sallyport_messages_total{', run.stdout)
            for name in ("ses", "sendgrid", "mailgun"):
                self.assertIn(f'provider = "{name}"', run.stdout)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])
        for port in PORTS:
            with socket.socket() as probe:
                self.assertNotEqual(probe.connect_ex(("127.0.0.1", port + offset)), 0)

    def test_a_taken_port_is_named(self):
        offset = free_offset()
        with socket.socket() as holder, tempfile.TemporaryDirectory() as folder:
            holder.bind(("127.0.0.1", 2587 + offset))
            holder.listen()
            run = self.quickstart("--offset", str(offset), folder=folder)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn(f"127.0.0.1:{2587 + offset}", run.stderr)


if __name__ == "__main__":
    unittest.main()
