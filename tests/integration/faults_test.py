"""A provider that misbehaves once, at each stage in each way, on new and on reused connections: with real sockets and TLS a part of
what tests/unit/relay/matrix_test.cc does in virtual time."""

import re
import socket
import struct
import unittest

from harness import Authority, Provider, Sallyport, Scratch, message, outcome, smtp_upstream, wait_for

OPENING = ("greeting", "ehlo", "auth")
MAIL = ("mail", "rcpt", "data", "content")
REPLIES = {"4xx": "450 4.2.0 Later", "5xx": "550 5.7.1 Never", "421": "421 4.3.2 Closing",
           "garbage": "HTTP/1.1 400 Bad Request", "overlong": "250 " + "x" * 100_000, "drop": Provider.DROP}
WAYS = (*REPLIES, "reset")


def break_off(session, _):
    """A reset, whatever was said before."""
    session.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Provider.DROP


def expected(stage, way, reused):
    """The code that the client hears."""
    if way == "4xx":
        return 451
    if way == "5xx":
        return 451 if stage in OPENING else 550
    # Nothing was handed over on a connection that had died: the message goes once more, on a new one.
    stale = reused and stage != "content" and way in ("421", "drop", "reset")
    return 250 if stale else 451


class Faults(unittest.TestCase):
    def run_all(self, stages, reused):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        provider = self.enterContext(Provider(authority, pipelining=False))
        extra = "" if reused else 'idle_timeout = "10ms"\n'
        gateway = self.enterContext(Sallyport(folder, authority, smtp_upstream("a", provider, authority, extra), workers=1))

        def once(stage, way):
            def fault(session, said):
                del provider.script[stage]
                return break_off(session, said) if way == "reset" else REPLIES[way]
            provider.script[stage] = fault

        connections = lambda state: gateway.metric("sallyport_upstream_pool_connections", state=state)
        heard = {}
        with gateway.client() as client:
            for stage in stages:
                for way in WAYS:
                    with self.subTest(stage=stage, way=way, reused=reused):
                        if reused:
                            self.assertEqual(outcome(client, message(f"warm-{stage}-{way}"))[0], 250)
                        else:
                            wait_for("no idle connection", lambda: connections("idle") == 0)
                        once(stage, way)
                        code, text = outcome(client, message(f"{stage}-{way}"))
                        self.assertEqual(code, expected(stage, way, reused), text)
                        heard[f"{stage}-{way}"] = code
                        self.assertNotIn(stage, provider.script)
        arrived = [re.search(rb"Subject: (\S+)\r\n", content)[1].decode() for _, _, content in provider.messages]
        self.assertEqual(len(arrived), len(set(arrived)))
        for name, code in heard.items():
            self.assertEqual(name in arrived, code == 250, name)
        wait_for("no busy connection", lambda: connections("busy") == 0)

    def test_on_new_connections(self):
        self.run_all(OPENING + MAIL, reused=False)

    def test_on_reused_connections(self):
        self.run_all(MAIL, reused=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
