"""Certificates as an operator meets them: several names, Secrets that are swapped, files that are broken, clients that
show their own."""

import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import unittest

from harness import (BINARY, PATIENCE, Authority, Sallyport, Scratch, capture_upstream, outcome, run,
                     wait_for)


class Secret:
    """A folder as the kubelet mounts it: generations behind the symbolic link ..data."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(parents=True)
        self.generations = 0

    def swap(self, certificate, key):
        """The next generation, in one step."""
        self.generations += 1
        generation = self.folder / f"..2026_11_24_{self.generations}"
        generation.mkdir()
        for name, content in (("tls.crt", certificate), ("tls.key", key)):
            (generation / name).write_bytes(content)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..data_tmp").symlink_to(generation.name)
        os.replace(self.folder / "..data_tmp", self.folder / "..data")


class Certificates(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.certs = self.folder / "certs"
        self.certs.mkdir()
        self.issued = 0

    def gateway(self, tls="", **options):
        return Sallyport(self.folder, self.authority, capture_upstream("c", self.folder / "mail"), tls=tls, **options)

    def issue(self, name, **options):
        """The octets of a new certificate for a DNS name, and of its key."""
        self.issued += 1
        certificate, key = self.authority.issue(f"issued{self.issued}", f"DNS:{name}", **options)
        return certificate.read_bytes(), key.read_bytes()

    def shown(self, gateway, name, context=None):
        """The serial number and the names of the certificate that a client gets for a name."""
        context = context or self.authority_context()
        with socket.create_connection(("127.0.0.1", gateway.implicit), timeout=PATIENCE) as connection, \
                context.wrap_socket(connection, server_hostname=name) as tls:
            certificate = tls.getpeercert()
            return certificate["serialNumber"], [value for _, value in certificate["subjectAltName"]]

    def authority_context(self):
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        context.check_hostname = False
        return context

    def complaints(self, gateway, part):
        return [line["error"] for line in gateway.log_lines("certificate_failed") if part in line["error"]]

    def test_each_name_gets_its_certificate(self):
        one, two = self.issue("one.test"), self.issue("*.two.test")
        for name, (certificate, key) in (("one", one), ("two", two)):
            (self.certs / f"{name}.crt").write_bytes(certificate)
            (self.certs / f"{name}.key").write_bytes(key)
        pair = self.authority.issue("pair", "DNS:pair.test", algorithm="rsa")
        tls = f'directory = "{self.certs}"\n[[tls.pair]]\ncertificate = "{pair[0]}"\nkey = "{pair[1]}"\n'
        with self.gateway(tls) as gateway:
            for name, expected in (("one.test", "one.test"), ("mail.two.test", "*.two.test"), ("PAIR.test", "pair.test"),
                                   ("a.mail.two.test", "localhost"), ("unknown.test", "localhost"),
                                   ("127.0.0.1", "localhost")):
                self.assertEqual(self.shown(gateway, name)[1][0], expected, name)

    def test_a_swapped_secret_is_taken_and_a_broken_one_stays_as_it_was(self):
        good, broken = Secret(self.certs / "good"), Secret(self.certs / "broken")
        good.swap(*self.issue("good.test"))
        broken.swap(*self.issue("broken.test"))
        with self.gateway(f'directory = "{self.certs}"\n') as gateway:
            before = {name: self.shown(gateway, name)[0] for name in ("good.test", "broken.test")}
            certificate, _ = self.issue("broken.test")
            _, another_key = self.issue("broken.test")
            broken.swap(certificate, another_key)
            good.swap(*self.issue("good.test"))
            wait_for("the renewed one", lambda: self.shown(gateway, "good.test")[0] != before["good.test"])
            complaint = wait_for("the complaint", lambda: self.complaints(gateway, "broken/tls.crt"))[0]
            self.assertIn("the key does not belong to the first certificate", complaint)
            self.assertIn("stays in force", complaint)
            self.assertEqual(self.shown(gateway, "broken.test")[0], before["broken.test"])
            self.assertEqual(gateway.metric("sallyport_certificates_failed"), 1)
            # It is tried again when it changes again.
            broken.swap(*self.issue("broken.test"))
            wait_for("the mended one", lambda: self.shown(gateway, "broken.test")[0] != before["broken.test"])
            wait_for("no failure", lambda: gateway.metric("sallyport_certificates_failed") == 0)

    def test_pairs_come_and_go_without_a_signal(self):
        with self.gateway(f'directory = "{self.certs}"\n') as gateway:
            self.assertEqual(self.shown(gateway, "late.test")[1][0], "localhost")
            secret = Secret(self.certs / "late")
            secret.swap(*self.issue("late.test"))
            wait_for("the new pair", lambda: self.shown(gateway, "late.test")[1][0] == "late.test")
            shutil.rmtree(self.certs / "late")
            wait_for("its end", lambda: self.shown(gateway, "late.test")[1][0] == "localhost")

    def test_sighup_keeps_a_broken_pair_and_takes_the_rest_of_the_config(self):
        with self.gateway() as gateway:
            before = self.shown(gateway, "localhost")[0]
            good = self.authority.certificate.read_bytes()
            self.authority.certificate.write_bytes(good[:100])
            gateway.write_config(user_extra='senders = ["only@example.com"]')
            gateway.signal(signal.SIGHUP)
            # The watch may have seen the certificate first, and have said so.
            wait_for("the reload", lambda: any(line["cause"] == "signal" for line in gateway.log_lines("reload")))
            self.assertTrue(self.complaints(gateway, "server.crt"))
            self.assertEqual(self.shown(gateway, "localhost")[0], before)
            with gateway.client() as client:
                self.assertEqual(outcome(client)[0], 550)

    def test_a_bad_config_does_not_keep_certificates_from_being_renewed(self):
        with self.gateway() as gateway:
            before = self.shown(gateway, "localhost")[0]
            gateway.config.write_text(gateway.config.read_text() + "\n[nonsense]\n")
            gateway.signal(signal.SIGHUP)
            wait_for("the failure", lambda: gateway.log_lines("reload_failed"))
            certificate, key = self.issue("localhost")
            self.authority.key.write_bytes(key)
            self.authority.certificate.write_bytes(certificate)
            wait_for("the renewed one", lambda: self.shown(gateway, "localhost")[0] != before)

    def test_check_names_every_broken_pair(self):
        for name in ("a", "b"):
            certificate, key = self.issue(f"{name}.test")
            (self.certs / f"{name}.crt").write_bytes(certificate)
            (self.certs / f"{name}.key").write_bytes(key[:50])
        gateway = self.gateway(f'directory = "{self.certs}"\n')
        for command in ("check", "run"):
            ended = subprocess.run([BINARY, command, "--config", gateway.config], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 2)
            for name in ("a", "b"):
                self.assertRegex(ended.stderr, rf"(?m)^{re.escape(str(self.certs))}/{name}\.crt: key: ")

    def test_the_modern_policy_is_tls_13_alone(self):
        with self.gateway('policy = "modern"\n') as gateway:
            self.assertTrue(self.shown(gateway, "localhost"))
            old = self.authority_context()
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            with self.assertRaises(ssl.SSLError):
                self.shown(gateway, "localhost", old)


class Ocsp(Certificates):
    def respond(self, certificate, into, minutes=60):
        """What a responder of our authority says of a certificate, by openssl's own hand."""
        serial = run("openssl", "x509", "-in", certificate, "-noout", "-serial").stdout.split("=")[1].strip()
        index = self.folder / "index.txt"
        index.write_text(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=server\n")
        run("openssl", "ocsp", "-index", index, "-CA", self.authority.ca, "-issuer", self.authority.ca, "-rsigner",
            self.authority.ca, "-rkey", self.authority.ca_key, "-cert", certificate, "-nmin", str(minutes), "-respout",
            into, "-noverify")

    def stapled(self, gateway):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.implicit}", "-status", "-CAfile",
                               self.authority.ca], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout

    def test_a_response_is_stapled_once_it_is_there_and_good(self):
        response = self.folder / "server.ocsp"
        with self.gateway(f'ocsp_response = "{response}"\n') as gateway:
            self.assertIn("OCSP response: no response sent", self.stapled(gateway))
            wait_for("the complaint of the start", lambda: self.complaints(gateway, "server.ocsp"))
            self.respond(self.authority.certificate, response)
            stapled = wait_for("the staple", lambda: (text := self.stapled(gateway)) and "Cert Status: good" in text and text)
            self.assertIn("OCSP Response Status: successful", stapled)
            wait_for("no failure", lambda: gateway.metric("sallyport_certificates_failed") == 0)
            other, _ = self.authority.issue("other", "DNS:other.test")
            self.respond(other, response)
            wait_for("the complaint", lambda: self.complaints(gateway, "another certificate; the response before"))
            self.assertIn("Cert Status: good", self.stapled(gateway))


class ClientCertificates(Certificates):
    def setUp(self):
        super().setUp()
        self.devices = Authority(self.folder / "devices", "Devices")

    def showing(self, authority):
        context = self.authority_context()
        context.load_cert_chain(*authority.issue("printer-7", "DNS:printer-7.test"))
        return context

    def client(self, gateway, context, port=None):
        if port:
            client = smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE)
            client.starttls(context=context)
        else:
            client = smtplib.SMTP_SSL("127.0.0.1", gateway.implicit, context=context, timeout=PATIENCE)
        self.addCleanup(client.close)
        client.login("billing", "correct horse")
        return client

    def reasons(self, gateway):
        return [line["error"] for line in gateway.log_lines("tls_handshake_failed")]

    def test_required_lets_in_only_who_shows_one_and_logs_who_it_was(self):
        with self.gateway(f'client_ca = "{self.devices.ca}"\n') as gateway:
            for port in (None, gateway.submission):
                with self.assertRaises((OSError, smtplib.SMTPException)):
                    self.client(gateway, self.authority_context(), port)
                with self.assertRaises((OSError, smtplib.SMTPException)):
                    self.client(gateway, self.showing(self.authority), port)
            wait_for("the reasons", lambda: len(self.reasons(gateway)) == 4)
            self.assertTrue(any("showed no certificate" in reason for reason in self.reasons(gateway)))
            self.assertTrue(any("client_ca" in reason for reason in self.reasons(gateway)))
            self.assertEqual(outcome(self.client(gateway, self.showing(self.devices)))[0], 250)
            line = wait_for("the log line", lambda: gateway.log_lines("transaction"))[0]
            self.assertEqual(line["client_certificate"], "CN=printer-7")
            kept = next((self.folder / "mail" / "new").iterdir()).read_text()
            self.assertNotIn("printer-7", kept)

    def test_requested_goes_on_without(self):
        with self.gateway(f'client_ca = "{self.devices.ca}"\nclient_certificate = "request"\n') as gateway:
            self.assertEqual(outcome(self.client(gateway, self.authority_context()))[0], 250)
            line = wait_for("the log line", lambda: gateway.log_lines("transaction"))[0]
            self.assertNotIn("client_certificate", line)
            self.assertEqual(outcome(self.client(gateway, self.showing(self.devices)))[0], 250)

    def test_a_listener_may_say_otherwise(self):
        tls = f'client_ca = "{self.devices.ca}"\nclient_certificate = "none"\n'
        with self.gateway(tls, submission_extra='client_certificate = "require"') as gateway:
            self.assertEqual(outcome(self.client(gateway, self.authority_context()))[0], 250)
            with self.assertRaises((OSError, smtplib.SMTPException)):
                self.client(gateway, self.authority_context(), gateway.submission)
            self.assertEqual(outcome(self.client(gateway, self.showing(self.devices), gateway.submission))[0], 250)

    def test_other_authorities_are_in_force_when_their_file_changes(self):
        with self.gateway(f'client_ca = "{self.devices.ca}"\n') as gateway:
            context = self.showing(self.devices)
            self.assertEqual(outcome(self.client(gateway, context))[0], 250)
            self.devices.ca.write_bytes(self.authority.ca.read_bytes())

            def is_shut_out():
                try:
                    self.client(gateway, context)
                except (OSError, smtplib.SMTPException):
                    return True
                return False

            wait_for("the change", is_shut_out)


def load_tests(loader, _, __):
    """Each class its own tests, not those of the class it builds on."""
    suite = unittest.TestSuite()
    for kind in (Certificates, Ocsp, ClientCertificates):
        suite.addTests(kind(name) for name in loader.getTestCaseNames(kind) if name in vars(kind))
    return suite


if __name__ == "__main__":
    unittest.main()
