"""Access tokens for upstreams, from an HTTPS token server on loopback: fetched once, renewed, revoked, late, refused, garbage."""

import contextlib
import http.server
import json
import signal
import ssl
import threading
import time
import unittest
import urllib.parse

from harness import Authority, PATIENCE, Provider, Sallyport, Scratch, message, outcome, wait_for

SECRET = "s3cr3t-of-the-client"


class TokenServer:
    """Gives token-1, token-2, …, or whatever `answer` is: (status, body), or a callable that gives one."""

    def __init__(self, authority, lifetime=3600):
        self.lifetime = lifetime
        self.answer = None
        self.asked = []         # the form of each request
        self.given = []         # the tokens
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                with outer._lock:
                    outer.asked.append({key: value[0] for key, value in form.items()})
                answer = outer.answer() if callable(outer.answer) else outer.answer
                status, body = answer or (200, outer.token())
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):      # who asked may have had enough
                    self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self):
        with self._lock:
            self.given.append(f"token-{len(self.given) + 1}")
            return json.dumps({"token_type": "Bearer", "expires_in": self.lifetime, "access_token": self.given[-1]})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Tokens(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.server = self.enterContext(TokenServer(self.authority))
        self.provider = self.enterContext(
            Provider(self.authority, mechanisms="LOGIN XOAUTH2", tokens=[f"token-{i}" for i in range(1, 100)]))

    def upstream(self, credential=f'client_secret = "{SECRET}"', ca=None, name="office", extra=""):
        return f"""
[[upstream]]
name = "{name}"
provider = "smtp"
host = "localhost"
port = {self.provider.port}
tls = "implicit"
ca = "{self.authority.ca}"
username = "app@example.com"
{extra}
[upstream.oauth]
token_url = "{self.server.url}"
client_id = "client-1"
scope = "https://outlook.office365.com/.default"
ca = "{ca or self.authority.ca}"
{credential}
"""

    def gateway(self, upstreams=None, **options):
        gateway = self.enterContext(Sallyport(self.folder / "gateway", self.authority, upstreams or self.upstream(), **options))
        self.addCleanup(self.check_nothing_is_told, gateway)
        return gateway

    def check_nothing_is_told(self, gateway):
        log = gateway.log()
        self.assertNotIn(SECRET, log)
        for token in self.server.given + ["pod.token"]:
            self.assertNotIn(token, log)

    def send(self, gateway, subject="m"):
        with gateway.client() as client:
            return outcome(client, message(subject))

    def test_one_token_for_all_connections_of_all_workers(self):
        held = threading.Event()
        self.server.answer = lambda: held.wait(PATIENCE) and None
        gateway = self.gateway(workers=2)
        results = []
        senders = [threading.Thread(target=lambda n=n: results.append(self.send(gateway, f"m{n}"))) for n in range(8)]
        for sender in senders:
            sender.start()
        wait_for("the request", lambda: self.server.asked)
        held.set()      # those that came meanwhile waited for this one answer
        for sender in senders:
            sender.join(PATIENCE)
        self.assertEqual([code for code, _ in results], [250] * 8, results)
        self.assertEqual(len(self.server.asked), 1)
        self.assertEqual(self.server.asked[0], {
            "grant_type": "client_credentials", "client_id": "client-1", "client_secret": SECRET,
            "scope": "https://outlook.office365.com/.default"})
        self.assertEqual(set(self.provider.credentials), {"token-1"})
        self.assertEqual(gateway.metric("sallyport_upstream_token_fetches_total", upstream="office", result="success"), 1)

    def test_a_revoked_token_is_replaced_once_and_no_client_notices(self):
        gateway = self.gateway(self.upstream(extra='max_messages_per_connection = 1'), workers=1)
        self.assertEqual(self.send(gateway)[0], 250)
        self.provider.tokens.discard("token-1")
        wait_for("ten seconds of the token's life", lambda: self.refused_once(gateway), 60)
        self.assertEqual(self.send(gateway)[0], 250)
        self.assertEqual(self.server.given, ["token-1", "token-2"])
        self.assertEqual(self.provider.credentials[-1], "token-2")

    def refused_once(self, gateway):
        """A token that is refused in its first seconds is not replaced: then the login is what is wrong."""
        code, text = self.send(gateway)
        if code != 250:
            self.assertIn("451 4.7.0", f"{code} {text}")
        return code == 250

    def test_a_token_that_is_refused_for_ever_is_the_operators_fault(self):
        self.provider.tokens.clear()
        gateway = self.gateway(workers=1)
        code, text = self.send(gateway)
        self.assertIn("451 4.7.0", f"{code} {text}")
        self.assertEqual(len(self.server.asked), 1)
        line = wait_for("the log", lambda: gateway.log_lines("upstream_login_refused"))[0]
        self.assertIn("535 5.7.3", line["error"])

    def test_an_outage_is_over_when_the_server_is_back(self):
        self.server.answer = (503, "busy")
        gateway = self.gateway(workers=1)
        code, text = self.send(gateway)
        self.assertEqual(code, 451, text)
        failed = wait_for("the log", lambda: gateway.log_lines("upstream_token_failed"))[0]
        self.assertEqual(failed["upstream"], "office")
        self.assertIn("the token server localhost: it answered 503", failed["error"])
        self.server.answer = None
        wait_for("a message", lambda: self.send(gateway)[0] == 250, 60)
        self.assertEqual(self.provider.connections, 1)      # nothing was opened without a token

    def test_a_token_is_used_to_its_end_while_the_server_is_down(self):
        self.server.lifetime = 3600
        gateway = self.gateway(self.upstream(extra='max_messages_per_connection = 1'), workers=2)
        self.assertEqual(self.send(gateway)[0], 250)
        self.server.answer = (500, "")
        for number in range(5):
            self.assertEqual(self.send(gateway, f"m{number}")[0], 250)
        self.assertEqual(len(self.server.asked), 1)

    def test_answers_that_make_no_sense(self):
        gateway = None
        for number, (status, body) in enumerate([(200, "<html>Sign in</html>"), (200, "{}"), (302, ""), (200, "x" * 400000),
                                                 (400, '{"error":"invalid_client","error_description":"no"}')]):
            self.server.answer = (status, body)
            gateway = Sallyport(self.folder / f"gateway{number}", self.authority, self.upstream(), workers=1)
            with gateway:
                code, text = self.send(gateway)
                self.assertEqual(code, 451, (status, text))
                self.assertNotIn("invalid_client", text)    # the client can't mend it
        self.assertIn("it answered 400 invalid_client: no", gateway.log_lines("upstream_token_failed")[0]["error"])
        self.assertEqual(self.provider.connections, 0)

    def test_a_server_that_is_not_the_one_gets_no_secret(self):
        other = Authority(self.folder / "other", name="Other CA")
        gateway = self.gateway(self.upstream(ca=other.ca), workers=1)
        code, text = self.send(gateway)
        self.assertEqual(code, 451, text)
        self.assertIn("certificate", gateway.log_lines("upstream_token_failed")[0]["error"])
        self.assertEqual(self.server.asked, [])

    def test_the_pods_own_token_needs_no_secret_and_may_be_rotated(self):
        token_file = self.folder / "pod-token"
        token_file.write_text("pod.token.1\n")
        gateway = self.gateway(self.upstream(f'token_file = "{token_file}"'), workers=1)
        self.assertEqual(self.send(gateway)[0], 250)
        self.assertEqual(self.server.asked[0]["client_assertion"], "pod.token.1")
        self.assertEqual(self.server.asked[0]["client_assertion_type"],
                         "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        self.assertNotIn("client_secret", self.server.asked[0])

    def test_a_certificate_signs_for_the_client(self):
        certificate, key = self.authority.issue("client", "DNS:client", algorithm="rsa")
        gateway = self.gateway(self.upstream(f'certificate = "{certificate}"\nkey = "{key}"'), workers=1)
        self.assertEqual(self.send(gateway)[0], 250)
        self.assertEqual(self.server.asked[0]["client_assertion"].count("."), 2)

    def test_long_tokens_follow_a_prompt(self):
        long = "t" * 2500
        self.provider.tokens.add(long)
        self.server.answer = (200, json.dumps({"access_token": long, "expires_in": 3600}))
        gateway = self.gateway(workers=1)
        self.assertEqual(self.send(gateway)[0], 250)
        self.assertEqual(self.provider.credentials, [long])

    def test_a_reload_with_another_credential_takes_another_token(self):
        gateway = self.gateway(workers=2)
        self.assertEqual(self.send(gateway)[0], 250)
        gateway.write_config(upstreams=self.upstream(f'client_secret = "{SECRET}-2"'))
        gateway.signal(signal.SIGHUP)
        wait_for("the reload", lambda: gateway.log_lines("reload"))
        self.assertEqual(self.send(gateway)[0], 250)
        self.assertEqual(self.server.asked[-1]["client_secret"], f"{SECRET}-2")
        self.assertEqual(self.provider.credentials[-1], self.server.given[-1])

    def test_a_server_that_hangs_holds_no_shutdown(self):
        held = threading.Event()
        self.addCleanup(held.set)
        self.server.answer = lambda: held.wait(PATIENCE) and None
        gateway = Sallyport(self.folder / "gateway", self.authority, self.upstream(), workers=1).start()
        results = []
        sender = threading.Thread(target=lambda: results.append(self.send(gateway)))
        sender.start()
        wait_for("the request", lambda: self.server.asked)
        wait_for("the message", lambda: gateway.metric("sallyport_content_bytes") > 0)
        begun = time.monotonic()
        gateway.signal(signal.SIGTERM)
        wait_for("the first signal", lambda: gateway.log_lines("drain"))
        gateway.signal(signal.SIGTERM)
        gateway.process.wait(PATIENCE)
        gateway._log.close()
        self.assertLess(time.monotonic() - begun, 10)
        sender.join(PATIENCE)
        self.assertEqual(results[0][0], 451, results)


if __name__ == "__main__":
    unittest.main()
