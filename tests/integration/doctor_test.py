"""`sallyport doctor` and `sallyport send`, against a scripted provider and a name server of a few records."""

import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import unittest

from harness import (BINARY, PASSWORD, PATIENCE, USER, Authority, Provider, Sallyport, Scratch, capture_upstream,
                     free_ports, smtp_upstream)
from way_out_test import HttpProxy

TXT = 16


class NameServer:
    """Says the TXT records of a table over UDP; other names do not exist."""

    def __init__(self, texts):
        self.texts = texts
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, = struct.unpack("!H", query[at + 1:at + 3])
        name = ".".join(labels).lower()
        records = self.texts.get(name, []) if kind == TXT else []
        answer = query[:2] + struct.pack("!HHHHH", 0x8180 | (0 if name in self.texts else 3), 1, len(records), 0, 0)
        answer += query[12:at + 5]
        for record in records:
            parts = [record[i:i + 255].encode() for i in range(0, len(record), 255)]
            octets = b"".join(bytes([len(part)]) + part for part in parts)
            answer += struct.pack("!HHHIH", 0xc00c, TXT, 1, 300, len(octets)) + octets
        return answer


def sallyport(*arguments, **options):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE,
                          **options)
    return done.returncode, done.stdout, done.stderr


GOOD = {
    "example.com": ["v=spf1 include:_spf.provider.example -all"],
    "_spf.provider.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
    "s1._domainkey.example.com": ["v=DKIM1; p=" + "A" * 392],
    "_dmarc.example.com": ["v=DMARC1; p=reject"],
}
PROVIDER = """
[[provider]]
name = "smtp"
[provider.sender]
spf = ["_spf.provider.example"]
dkim_selectors = ["s1"]
"""


class Doctor(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")

    def examine(self, upstreams, *arguments, texts=GOOD, senders='senders = ["*@example.com"]'):
        """The exit code and the findings, as (weight, check, what)."""
        gateway = Sallyport(self.folder, self.authority, upstreams, user_extra=senders, extra=PROVIDER)
        with NameServer(texts) as server:
            code, out, error = sallyport("doctor", "--config", gateway.config, "--name-servers", server.address,
                                         "--json", *arguments)
            self.assertEqual(error, "")
            _, text, _ = sallyport("doctor", "--config", gateway.config, "--name-servers", server.address, *arguments)
        report = json.loads(out)
        for finding in report["findings"]:
            self.assertIn(re.sub(r"\d+\.\d+ s", "T s", finding["what"]), re.sub(r"\d+\.\d+ s", "T s", text))
        self.assertEqual(code, 1 if report["faults"] else 0)
        return code, [(each["weight"], each["check"], each["what"]) for each in report["findings"]]

    def test_all_is_well(self):
        with Provider(self.authority) as provider:
            code, found = self.examine(smtp_upstream("p", provider, self.authority))
        self.assertEqual(code, 0, found)
        checks = [(weight, check) for weight, check, _ in found]
        for check in ("DNS", "connect", "greeting", "TLS", "EHLO", "AUTH", "SPF", "DKIM", "DMARC"):
            self.assertIn(("ok", check), checks)
        said = " ".join(what for _, _, what in found)
        self.assertIn("TLSv1.3", said)
        self.assertRegex(said, r"certificate CN=server by CN=Test CA ends on 20\d\d-\d\d-\d\d, in \d+ days")
        self.assertIn("mail by p passes: DKIM and SPF of example.com", said)
        # The certificate of the test ends within days.
        self.assertIn(("warning", "TLS"), checks)
        self.assertEqual(provider.messages, [])
        self.assertEqual(provider.credentials[0], ["", "gateway", "upstream secret"])
        self.assertNotIn("upstream secret", said)

    def test_each_fault_of_an_upstream_is_told_with_its_stage(self):
        other = Authority(self.folder / "other", name="Another CA")
        stranger = self.enterContext(Provider(other))
        refusing = self.enterContext(Provider(self.authority, {"auth": "535 5.7.8 Wrong"}))
        busy = self.enterContext(Provider(self.authority, {"greeting": "421 4.3.2 Later"}))
        closed, = free_ports(1)

        class Closed:
            port = closed

        upstreams = "".join(smtp_upstream(name, provider, self.authority)
                            for name, provider in (("stranger", stranger), ("refusing", refusing), ("busy", busy),
                                                   ("closed", Closed)))
        code, found = self.examine(upstreams, senders="")
        faults = [(check, what) for weight, check, what in found if weight == "fault"]
        self.assertEqual(code, 1)
        self.assertEqual([check for check, _ in faults], ["TLS", "AUTH", "greeting", "connect"])
        self.assertIn("issuer", faults[0][1])
        self.assertTrue(faults[1][1].startswith("535 5.7.8 Wrong"), faults[1])
        self.assertTrue(faults[2][1].startswith("421 4.3.2 Later"), faults[2])
        self.assertIn("Connection refused", faults[3][1])
        code, found = self.examine(upstreams, "--upstream", "busy", senders="")
        self.assertEqual([check for weight, check, _ in found if weight == "fault"], ["greeting"])

    def test_each_port_that_mail_may_go_by_is_tried(self):
        provider = self.enterContext(Provider(self.authority))
        closed, = free_ports(1)
        automatic = (smtp_upstream("p", provider, self.authority).replace(f"port = {provider.port}", 'port = "auto"')
                     .replace('provider = "smtp"', 'provider = "here"') +
                     f'[[provider]]\nname = "here"\nlike = "smtp"\n[provider.ports]\n'
                     f'implicit = [{closed}, {provider.port}]\n')
        code, found = self.examine(automatic, senders="")
        self.assertEqual(code, 0, found)
        self.assertIn(("note", "connect", f"connect to 127.0.0.1:{closed}: Connection refused"), found)
        self.assertIn(("ok", "AUTH", "235 2.7.0 Accepted"), found)

    def test_behind_a_proxy_the_conversation_goes_through_it(self):
        provider = self.enterContext(Provider(self.authority))
        with HttpProxy({f"localhost:{provider.port}": provider.port}) as proxy:
            code, found = self.examine(smtp_upstream("p", provider, self.authority,
                                                     extra=f'proxy = "http://127.0.0.1:{proxy.port}"'), senders="")
            self.assertEqual(code, 0, found)
            self.assertEqual(set(proxy.asked), {f"localhost:{provider.port}"})
        self.assertNotIn("DNS", [check for _, check, _ in found])
        self.assertIn(("ok", "AUTH", "235 2.7.0 Accepted"), found)

    def test_dns_of_a_domain_is_judged(self):
        texts = dict(GOOD)
        texts["example.com"] = ["v=spf1 -all"]
        del texts["s1._domainkey.example.com"]
        texts["other.example"] = ["v=spf1 include:_spf.provider.example -all"]
        with Provider(self.authority) as provider:
            code, found = self.examine(smtp_upstream("p", provider, self.authority), "--domain", "other.example",
                                       texts=texts)
        self.assertEqual(code, 1)
        self.assertIn(("fault", "SPF", "it does not name p: its mail fails SPF"), found)
        self.assertIn(("fault", "DMARC", 'mail by p shows neither SPF nor DKIM of example.com, and the policy is '
                                         '"reject"'), found)
        self.assertIn(("ok", "SPF", "it names p"), found)

    def test_a_bad_configuration_or_question_has_its_own_code(self):
        gateway = Sallyport(self.folder, self.authority, capture_upstream("c", self.folder / "mail"))
        code, _, error = sallyport("doctor", "--config", gateway.config, "--upstream", "d")
        self.assertEqual(code, 64)
        self.assertIn('has no upstream "d"; expected "c"', error)
        gateway.config.write_text("hostnme = 1\n")
        self.assertEqual(sallyport("doctor", "--config", gateway.config)[0], 2)


class Send(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.socket = self.folder / "admin.sock"
        self.provider = self.enterContext(Provider(self.authority))

    def gateway(self, **options):
        return Sallyport(self.folder, self.authority, smtp_upstream("p", self.provider, self.authority),
                         admin=f'socket = "{self.socket}"', **options)

    def test_by_the_gate_as_a_user_the_whole_way_is_shown(self):
        gateway = self.enterContext(self.gateway(user_extra='senders = ["*@example.com", "me@example.com"]'))
        code, out, error = sallyport("send", "--config", gateway.config, "--to", "you@example.net", "--user", USER,
                                     input=PASSWORD + "\n")
        self.assertEqual((code, error), (0, ""), out)
        (reverse_path, forward_paths, content), = self.provider.messages
        self.assertEqual((reverse_path, forward_paths), ("me@example.com", ["you@example.net"]))
        self.assertIn(b"Subject: Test message from sallyport", content)
        # The client's steps, the verdict, and then what the gate tells of its own part.
        before, _, behind = out.partition("delivered: ")
        for words in ("AUTH        235 2.7.0", "EHLO        250 gateway.test", "MAIL        250", "DATA        354"):
            self.assertIn(words, before)
        self.assertIn("greeting    220 provider.test", behind)
        self.assertIn("verdict     p end of DATA: 250 2.0.0 Ok: queued as P1", behind)
        self.assertNotIn(PASSWORD, out)

    def test_by_each_listener_and_with_each_source_of_the_password(self):
        gateway = self.enterContext(self.gateway())
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        for source in (("--password-file", secret), ("--password-env", "TEST_PASSWORD")):
            for port in (gateway.implicit, gateway.submission):
                code, out, error = sallyport("send", "--config", gateway.config, "--to", "you@example.net", "--user",
                                             USER, "--listener", f"127.0.0.1:{port}", *source,
                                             env={**os.environ, "TEST_PASSWORD": PASSWORD})
                self.assertEqual((code, error), (0, ""), out)
        self.assertEqual(len(self.provider.messages), 4)

    def test_what_the_gate_refuses_is_a_failure_with_its_words(self):
        gateway = self.enterContext(self.gateway(user_extra='senders = ["me@example.com"]'))
        code, out, _ = sallyport("send", "--config", gateway.config, "--to", "you@example.net", "--user", USER,
                                 input="wrong\n")
        self.assertEqual(code, 1)
        self.assertIn("not delivered: ", out)
        self.assertIn("535 5.7.8", out)
        code, out, _ = sallyport("send", "--config", gateway.config, "--to", "you@example.net", "--user", USER,
                                 "--from", "boss@example.com", input=PASSWORD + "\n")
        self.assertEqual(code, 1)
        self.assertIn("550 5.7.1", out)
        self.assertIn("sender_not_allowed", sallyport("trace", "--socket", self.socket)[1])
        code, _, error = sallyport("send", "--config", gateway.config, "--to", "you@example.net", "--user", "nobody")
        self.assertEqual((code, error), (1, "sallyport: send: there is no user 'nobody'\n"))
        self.assertEqual(self.provider.messages, [])

    def test_another_process_in_the_gates_place_gets_no_password(self):
        impostor = self.enterContext(Provider(Authority(self.folder / "other", name="Another CA")))
        config = self.gateway()
        config.implicit = impostor.port
        config.write_config()
        code, out, _ = sallyport("send", "--config", config.config, "--to", "you@example.net", "--user", USER,
                                 input=PASSWORD + "\n")
        self.assertEqual(code, 1)
        self.assertIn("not delivered: ", out)
        self.assertEqual(impostor.credentials, [])

    def test_without_a_user_it_goes_by_the_upstreams_and_needs_no_gate(self):
        config = self.gateway().config
        code, out, error = sallyport("send", "--config", config, "--to", "you@example.net")
        self.assertEqual((code, error), (0, ""), out)
        self.assertEqual(self.provider.messages[0][:2], ("sallyport-test@gateway.test", ["you@example.net"]))
        self.assertRegex(out, r"\n +0\.\d{6}  route       route 1 to p\n")
        self.assertIn("delivered: p: 250 2.0.0 Ok: queued as P1\n", out)
        self.provider.script["mail"] = "550 5.7.1 Not you"
        code, out, _ = sallyport("send", "--config", config, "--to", "you@example.net", "--from", "a@example.com")
        self.assertEqual(code, 1)
        self.assertIn("not delivered: p: 550 5.7.1 Not you", out)
        code, _, error = sallyport("send", "--config", config, "--to", "no address")
        self.assertEqual((code, error), (1, "sallyport: send: 'no address' is no address\n"))


if __name__ == "__main__":
    unittest.main()
