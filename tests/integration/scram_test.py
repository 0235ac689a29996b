"""Logins by SCRAM: with GNU SASL's own client, and bound to the TLS connection."""

import base64
import hashlib
import hmac
import os
import re
import subprocess
import unittest

from harness import (BINARY, PASSWORD, USER, Authority, Sallyport, Scratch, capture_upstream, free_ports, outcome, run,
                     wait_for)

PLAIN, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"


def encoded(octets):
    return base64.b64encode(octets).decode()


def digest(key, octets):
    return hmac.digest(key, octets, "sha256")


class Exchange:
    """The client's side of RFC 5802 section 3, by the letter; `header` is the GS2 header."""

    def __init__(self, header, name, password, binding=b""):
        self.header, self.password, self.binding = header.encode(), password, binding
        self.bare = f"n={name},r={os.urandom(12).hex()}".encode()

    def first(self):
        return encoded(self.header + self.bare)

    def final(self, challenge):
        said = base64.b64decode(challenge)
        nonce, salt, iterations = re.fullmatch(rb"(r=[^,]+),s=([^,]+),i=(\d+)", said).groups()
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(salt), int(iterations))
        bare = b"c=" + base64.b64encode(self.header + self.binding) + b"," + nonce
        signed = self.bare + b"," + said + b"," + bare
        key = digest(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, digest(hashlib.sha256(key).digest(), signed)))
        self.verifier = b"v=" + base64.b64encode(digest(digest(salted, b"Server Key"), signed))
        return encoded(bare + b",p=" + base64.b64encode(proof))


def log_in(say, mechanism, exchange):
    """Runs the exchange with `say`, which gives code and text of the reply to a line. The last code."""
    code, text = say(f"AUTH {mechanism} {exchange.first()}")
    if code == 334:
        code, text = say(exchange.final(text))
    if code == 334:
        assert base64.b64decode(text) == exchange.verifier, "the gateway does not know the password"
        code, text = say("")
    return code


class Bound:
    """A client over TLS that knows the connection's channel binding, which Python's ssl does not tell."""

    def __init__(self, gateway, authority):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.implicit}", "-CAfile", authority.ca, "-ign_eof",
             "-tls1_3", "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while not (line := self.process.stdout.readline()).startswith("    Keying material:"):
            assert line, "openssl has ended"
        self.binding = bytes.fromhex(line.split(":")[1])
        self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def reply(self):
        while line := self.process.stdout.readline():  # between them stands what openssl says
            if match := re.fullmatch(r"(\d{3}) (.*)\n", line):
                return int(match[1]), match[2].rstrip()
        raise AssertionError("the connection has ended")

    def say(self, line):
        self.process.stdin.write(line + "\r\n")
        self.process.stdin.flush()
        return self.reply()


class Scram(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        verifier = run(BINARY, "hash-password", "--scram", input=PASSWORD + "\n").stdout.strip()
        self.assertRegex(verifier, r"^\{SCRAM-SHA-256\}16384,[^,]+,[^,]+,[^,]+$")
        self.clear, = free_ports(1)
        self.gateway = self.enterContext(Sallyport(
            self.folder, self.authority, capture_upstream("c", self.folder / "mail"),
            user_extra=f'[[auth.user]]\nname = "reports"\npassword = "{verifier}"\n',
            extra=f'[auth]\nmechanisms = ["PLAIN", "{PLUS}", "{PLAIN}"]\n'
                  f'[[listener]]\naddress = "127.0.0.1:{self.clear}"\ntls = "none"\nmechanisms = ["{PLAIN}"]\n'))

    def causes(self):
        return {(line["authcid"], line["cause"]) for line in self.gateway.log_lines("auth")}

    def test_the_client_of_gnu_sasl(self):
        def gsasl(name, password):
            return subprocess.run(
                ["gsasl", "--smtp", "--client", "--no-starttls", f"--mechanism={PLAIN}", f"--authentication-id={name}",
                 f"--password={password}", "127.0.0.1", str(self.clear)],
                input="QUIT\r\n", capture_output=True, text=True, timeout=30).stdout

        self.assertIn("235 2.7.0", gsasl("reports", PASSWORD))
        for name, password in (("reports", "wrong"), ("nobody", PASSWORD), (USER, PASSWORD)):
            with self.subTest(name=name):
                said = gsasl(name, password)
                self.assertIn("535 5.7.8", said)
                self.assertNotIn("235", said)
        wait_for("the causes", lambda: self.causes() == {
            ("reports", "wrong_password"), ("nobody", "unknown_user"), (USER, "wrong_password")})

    def test_the_login_is_bound_to_the_connection(self):
        header = "p=tls-exporter,,"
        for password, binding, code in ((PASSWORD, None, 235), ("wrong", None, 535), (PASSWORD, bytes(32), 535)):
            with self.subTest(code=code), Bound(self.gateway, self.authority) as client:
                client.say("EHLO client.example")
                exchange = Exchange(header, "reports", password, client.binding if binding is None else binding)
                self.assertEqual(log_in(client.say, PLUS, exchange), code)

    def test_who_was_told_that_it_cannot_be_bound_is_refused(self):
        for header, name, code in (("n,,", "reports", 235), ("y,,", "reports", 535), ("n,,", "nobody", 535)):
            with self.subTest(header=header, name=name):
                client = self.enterContext(self.gateway.client(login=False))
                client.ehlo()

                def say(line):
                    got, text = client.docmd(line)
                    return got, text.decode()

                self.assertEqual(log_in(say, PLAIN, Exchange(header, name, PASSWORD)), code)

    def test_the_same_password_by_plain(self):
        client = self.enterContext(self.gateway.client(login=False))
        client.login("reports", PASSWORD)
        self.assertEqual(outcome(client)[0], 250)


if __name__ == "__main__":
    unittest.main()
