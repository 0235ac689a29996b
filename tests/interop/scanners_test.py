"""What scanners find: testssl.sh on both ways into TLS, and nmap's smtp-* scripts. Nothing above LOW, no open
relay, no AUTH in clear, nobody to enumerate, no weak TLS; and what was scanned still serves."""

import json
import re
import subprocess
import unittest
import xml.etree.ElementTree

from gateway_case import GatewayCase
from harness import outcome

# testssl.sh's findings above LOW that a throw-away CA on loopback cannot avoid, by id, each with its reason.
UNAVOIDABLE = {
    "cert_revocation": "the test CA publishes neither a CRL nor an OCSP responder",
}
# Its own troubles, which say nothing of us (severity WARN), likewise.
NOT_TESTED = {
    "engine_problem": "Debian's openssl has no GOST engine",
    "sessionresumption_ticket": "its s_client session at times ends before the ticket is written; the unit tests "
                                "of proxy/net show resumption",
}
# What must be said, and how it must begin. An id that is absent was not tested.
EXPECTED = {
    "SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
    "TLS1_2": "offered", "TLS1_3": "offered",
    "cipherlist_NULL": "not offered", "cipherlist_aNULL": "not offered", "cipherlist_EXPORT": "not offered",
    "cipherlist_LOW": "not offered", "cipherlist_3DES_IDEA": "not offered", "cipherlist_AVERAGE": "not offered",
    "PFS": "offered", "cert_trust": "Ok via SAN", "cert_chain_of_trust": "passed",
    "heartbleed": "not vulnerable", "CCS": "not vulnerable", "ROBOT": "not vulnerable",
    "secure_renego": "supported", "secure_client_renego": "not vulnerable", "CRIME_TLS": "not vulnerable",
    "POODLE_SSL": "not vulnerable", "SWEET32": "not vulnerable", "FREAK": "not vulnerable",
    "DROWN": "not vulnerable", "LOGJAM": "not vulnerable", "BEAST": "not vulnerable",
    "LUCKY13": "not vulnerable", "RC4": "not vulnerable",
}
SCRIPTS = ("smtp-commands", "smtp-open-relay", "smtp-enum-users", "smtp-ntlm-info", "smtp-strangeport",
           "smtp-vuln-cve2010-4344", "smtp-vuln-cve2011-1720", "smtp-vuln-cve2011-1764", "ssl-enum-ciphers")
PATIENCE = 400  # seconds: testssl.sh makes some hundred connections


class Scanners(GatewayCase):
    # Longer than what testssl.sh thinks too short, shorter than what it thinks too long.
    CERTIFICATE_DAYS = "90"

    def setUp(self):
        for program in ("testssl", "nmap"):
            self.need(program)

    def tearDown(self):
        """Whatever was tried on it, the gateway still takes mail."""
        with self.gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)

    # ---- testssl.sh

    def scan_tls(self, port, *options):
        report = self.folder / f"testssl-{port}.json"
        done = subprocess.run(
            ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--connect-timeout", "20",
             "--openssl-timeout", "40", "--add-ca", self.authority.ca, "--jsonfile", report, "-p", "-s", "-P", "-S",
             "-f", "-U", *options, f"localhost:{port}"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertTrue(report.exists(), done.stdout + done.stderr)
        findings = json.loads(report.read_text())
        for finding in findings:
            with self.subTest(port=port, id=finding["id"]):
                allowed = {"OK", "INFO", "LOW", "DEBUG"}
                if finding["id"] in UNAVOIDABLE:
                    continue
                if finding["id"] in NOT_TESTED:
                    allowed.add("WARN")
                self.assertIn(finding["severity"], allowed, finding["finding"])
        found = {finding["id"].split(" ")[0]: finding["finding"] for finding in findings}
        for name, beginning in EXPECTED.items():
            with self.subTest(port=port, id=name):
                self.assertIn(name, found)
                self.assertTrue(found[name].startswith(beginning), found[name])

    def test_implicit_tls_has_no_finding_above_low(self):
        self.scan_tls(self.gateway.implicit)

    def test_starttls_has_no_finding_above_low(self):
        self.scan_tls(self.gateway.submission, "-t", "smtp")

    # ---- nmap

    def nmap(self, *options):
        """What each script says of each port: {port: {script: output}}."""
        ports = f"{self.gateway.implicit},{self.gateway.submission}"
        # The plus sign: on whatever port, they are about SMTP.
        scripts = ",".join("+" + name for name in SCRIPTS)
        done = subprocess.run(
            ["nmap", "-Pn", "-n", "-sT", "-oX", "-", "-p", ports, "--script", scripts, *options, "127.0.0.1"],
            capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        tree = xml.etree.ElementTree.fromstring(done.stdout)
        said = {}
        for port in tree.iter("port"):
            self.assertEqual(port.find("state").get("state"), "open")
            said[int(port.get("portid"))] = {each.get("id"): each.get("output") for each in port.iter("script")}
        self.assertEqual(set(said), {self.gateway.implicit, self.gateway.submission})
        return said

    def test_nmap_finds_nothing(self):
        # smtp-enum-users tries VRFY, EXPN and RCPT of its own accord.
        said = self.nmap("--script-args", "smtp-enum-users.methods={VRFY,EXPN,RCPT}")
        for port, scripts in said.items():
            with self.subTest(port=port):
                self.assertIn("isn't an open relay", scripts["smtp-open-relay"])
                self.assertRegex(scripts["smtp-enum-users"], "authentication needed")
                # NTLM would tell the names of host and domain; it is not offered, so nothing is said.
                self.assertNotIn("smtp-ntlm-info", scripts)
                for name, output in scripts.items():
                    self.assertFalse(name.startswith("smtp-vuln") and "State: VULNERABLE" in output, output)
        in_clear = said[self.gateway.submission]["smtp-commands"]
        self.assertRegex(in_clear, r"\bSTARTTLS\b")
        self.assertNotRegex(in_clear.splitlines()[0], r"\bAUTH\b")
        in_tls = said[self.gateway.implicit]
        self.assertRegex(in_tls["smtp-commands"], r"\bAUTH PLAIN LOGIN\b")
        ciphers = in_tls["ssl-enum-ciphers"]
        self.assertIn("least strength: A", ciphers)
        self.assertEqual(set(re.findall(r"(SSLv\d|TLSv1\.\d)", ciphers)), {"TLSv1.2", "TLSv1.3"})


if __name__ == "__main__":
    unittest.main()
