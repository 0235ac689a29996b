"""Has `sallyport check` read a config that was written for another machine.

The config's absolute paths are moved under a scratch folder, and the files it names are put there.
"""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SALLYPORT", str(ROOT / "build/dev/sallyport"))
MOVED = re.compile(r'"(/(?:etc/sallyport|run/secrets|var/lib/sallyport)(?:/[^"]*)?)"')


class Installation:
    """A machine's /etc/sallyport and /run/secrets, under `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / "certificate.pem"
        self.key = self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "2", "-subj", "/CN=mail.example.com", "-keyout", self.key,
                        "-out", self.certificate], check=True, capture_output=True)

    def contents(self, path, users):
        if path.endswith(".crt") or path.endswith(".pem"):
            return self.certificate.read_text()
        if path.endswith(".key"):
            return self.key.read_text()
        if path.endswith("users.toml"):
            return users
        return "a-password\n"

    def check(self, text, users):
        """The exit code and the output of `sallyport check` on this config and this users file."""
        for path in MOVED.findall(text):
            target = self.folder / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.endswith("/certs"):
                target.mkdir()
            elif not path.startswith("/var/"):
                target.write_text(self.contents(path, users))
        config = self.folder / "sallyport.toml"
        config.write_text(MOVED.sub(lambda match: f'"{self.folder}{match.group(1)}"', text))
        environment = {**os.environ, "SENDGRID_API_KEY": "SG.key", "MAILGUN_PASSWORD": "secret"}
        run = subprocess.run([BINARY, "check", "--config", config], capture_output=True, text=True,
                             env=environment, timeout=60)
        return run.returncode, run.stdout + run.stderr
