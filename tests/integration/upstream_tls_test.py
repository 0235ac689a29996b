"""What an upstream's TLS must be: name, pinned key, version, and the certificate that we show; over the wire, and when files change."""

import base64
import shutil
import unittest

from harness import Authority, Provider, Sallyport, Scratch, message, outcome, run, smtp_upstream, wait_for


def pin_of(certificate):
    """By the pipe that docs/security.md has."""
    public = run("openssl", "x509", "-in", certificate, "-pubkey", "-noout").stdout
    done = run("sh", "-c", "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64", input=public)
    assert len(base64.b64decode(done.stdout)) == 32
    return "sha256/" + done.stdout.strip()


class UpstreamTls(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")

    def gateway(self, provider, extra):
        return self.enterContext(Sallyport(self.folder / "gateway", self.authority,
                                           smtp_upstream("up", provider, self.authority, extra), workers=1))

    def send(self, gateway):
        with gateway.client() as client:
            return outcome(client, message())

    def test_pins_and_version(self):
        provider = self.enterContext(Provider(self.authority))
        other = "sha256/" + base64.b64encode(b"x" * 32).decode()
        pins = f'pin = ["{other}", "{pin_of(self.authority.certificate)}"]\nmin_tls = "1.3"\nmax_messages_per_connection = 1'
        gateway = self.gateway(provider, pins)
        for _ in range(3):      # the second and third handshake resume a session
            self.assertEqual(self.send(gateway)[0], 250)

    def test_another_key_gets_no_login(self):
        provider = self.enterContext(Provider(self.authority))
        gateway = self.gateway(provider, f'pin = ["sha256/{base64.b64encode(b"x" * 32).decode()}"]')
        code, text = self.send(gateway)
        self.assertIn("451 4.7.0", f"{code} {text}")
        line = wait_for("the log", lambda: gateway.log_lines("upstream_not_trusted"))[0]
        self.assertIn("its own is " + pin_of(self.authority.certificate), line["error"])
        self.assertEqual(provider.credentials, [])

    def test_server_name_in_place_of_the_host(self):
        certificate, key = self.authority.issue("relay", "DNS:relay.partner.example")
        self.authority.certificate, self.authority.key = certificate, key
        provider = self.enterContext(Provider(self.authority))
        self.authority.certificate, self.authority.key = self.authority.issue("own", "DNS:localhost")
        gateway = self.gateway(provider, 'server_name = "relay.partner.example"')
        self.assertEqual(self.send(gateway)[0], 250)

    def test_our_own_certificate_is_shown_and_followed_when_it_is_replaced(self):
        devices = Authority(self.folder / "devices", name="Devices")
        strangers = Authority(self.folder / "strangers", name="Strangers")
        provider = self.enterContext(Provider(self.authority, client_ca=devices.ca))
        certificate, key = self.folder / "own.crt", self.folder / "own.key"
        for source, target in zip(strangers.issue("own", "DNS:gateway"), (certificate, key)):
            shutil.copy(source, target)
        gateway = self.gateway(provider, f'certificate = "{certificate}"\nkey = "{key}"')
        code, text = self.send(gateway)
        self.assertEqual(code, 451, text)
        for source, target in zip(devices.issue("own", "DNS:gateway"), (certificate, key)):
            shutil.copy(source, target)
        wait_for("the new certificate", lambda: any("(certificate)" in line["changed"] for line in gateway.log_lines("reload")))
        wait_for("a message", lambda: self.send(gateway)[0] == 250)


if __name__ == "__main__":
    unittest.main()
