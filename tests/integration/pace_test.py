"""`rate` against a provider that enforces it, and what the operator sees of an upstream in trouble."""

import threading
import time
import unittest
import urllib.error

from harness import Authority, Provider, Sallyport, Scratch, message, outcome, wait_for

RATE = 14
THROTTLED = "454 Throttling failure: Maximum sending rate exceeded."


class Sink:
    """Lets RATE messages a second through, and as many at once after a pause, as token buckets do."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tokens, self.at = float(RATE), time.monotonic()
        self.taken, self.throttled = [], []

    def data(self, _session, _line):
        with self.lock:
            now = time.monotonic()
            self.tokens = min(float(RATE), self.tokens + (now - self.at) * RATE)
            self.at = now
            if self.tokens < 1:
                self.throttled.append(now)
                return THROTTLED
            self.tokens -= 1
            self.taken.append(now)
            return None


def ses(provider, authority, extra=""):
    return f"""
[[upstream]]
name = "ses"
provider = "ses"
region = "eu-west-1"
host = "localhost"
port = {provider.port}
tls = "implicit"
ca = "{authority.ca}"
username = "gateway"
password = "upstream secret"
{extra}
"""


class Pace(unittest.TestCase):
    SPAN = 10.0     # seconds that count
    SETTLE = 3.0    # seconds before them

    def test_the_rate_is_used_and_kept(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        sink = Sink()
        provider = self.enterContext(Provider(authority, {"data": sink.data}))
        gateway = self.enterContext(Sallyport(folder, authority, ses(provider, authority, f'rate = "{RATE}/second"\n')))
        end = time.monotonic() + self.SETTLE + self.SPAN
        codes = []

        def send(number):
            with gateway.client() as client:
                while time.monotonic() < end:
                    codes.append(outcome(client, content=message(f"m{number}"))[0])

        clients = [threading.Thread(target=send, args=(number,)) for number in range(20)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        begin = end - self.SPAN
        taken = sum(begin <= at < end for at in sink.taken)
        throttled = sum(begin <= at < end for at in sink.throttled)
        self.assertGreaterEqual(taken, 0.95 * RATE * self.SPAN)
        self.assertLess(throttled, 0.01 * taken)
        self.assertEqual(codes.count(250), len(sink.taken))
        self.assertEqual(gateway.metric("sallyport_upstream_pace_per_minute", upstream="ses"), RATE * 60)


class Trouble(unittest.TestCase):
    def test_a_refused_login_is_shown_and_goes_away(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        provider = self.enterContext(Provider(authority, {"auth": "535 5.7.8 Authentication Credentials Invalid"}))
        gateway = self.enterContext(Sallyport(folder, authority, ses(provider, authority)))
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 451)
            with self.assertRaises(urllib.error.HTTPError) as refused:
                gateway.get("/readyz?verbose")
            said = refused.exception.read().decode()
            self.assertEqual(refused.exception.code, 503)
            self.assertIn("no upstream is left: ses: login", said)
            self.assertIn("upstream ses: login for ", said)
            self.assertEqual(gateway.metric("sallyport_upstream_trouble", upstream="ses", kind="login"), 1)
            wait_for("the line", lambda: len(gateway.log_lines("upstream_login_refused")) == 1)
            provider.script.clear()
            # The only upstream of its route is always asked.
            self.assertEqual(outcome(client)[0], 250)
        wait_for("readiness", gateway.is_ready)
        self.assertNotIn("upstream ses", gateway.get("/readyz?verbose"))
        self.assertEqual(gateway.metric("sallyport_upstream_trouble", upstream="ses"), 0)


if __name__ == "__main__":
    unittest.main()
