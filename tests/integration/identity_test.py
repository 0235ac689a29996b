"""Who submits, proved by what a place has already: tokens of an issuer and of a cluster, a webhook, a trusted network."""

import base64
import contextlib
import http.server
import json
import signal
import smtplib
import ssl
import subprocess
import threading
import time
import unittest

from harness import BINARY, PASSWORD, PATIENCE, USER, Authority, Sallyport, Scratch, capture_upstream, outcome, run, wait_for

SENDER = "app@shop.example.com"
TEXT = f"From: {SENDER}\r\nSubject: x\r\n\r\nx\r\n"


def url_text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class SigningKey:
    """An RSA key of an issuer."""

    def __init__(self, folder, name):
        self.name = name
        self.file = folder / f"{name}.pem"
        run("openssl", "genrsa", "-out", self.file, "2048")

    def jwk(self):
        modulus = run("openssl", "rsa", "-in", self.file, "-noout", "-modulus").stdout.strip().split("=")[1]
        return {"kty": "RSA", "kid": self.name, "use": "sig", "alg": "RS256", "e": "AQAB",
                "n": url_text(bytes.fromhex(modulus))}

    def sign(self, claims, header=None):
        header = header or {"alg": "RS256", "typ": "JWT", "kid": self.name}
        text = ".".join(url_text(json.dumps(part).encode()) for part in (header, claims))
        to_sign = self.file.parent / f"{self.name}.{threading.get_ident()}"
        to_sign.write_text(text)
        signature = self.file.parent / f"{to_sign.name}.sig"
        run("openssl", "dgst", "-sha256", "-sign", self.file, "-out", signature, to_sign)
        return f"{text}.{url_text(signature.read_bytes())}"


class Server:
    """An issuer, a cluster's API and a webhook over HTTPS, on one port. `broken`: how it answers anything: a status
    and a body, or a callable that gives them."""

    def __init__(self, authority, keys):
        self.keys = keys
        self.broken = None
        self.asked = []
        self.users = {"hooked": "hook password"}
        self.answer = {"groups": ["shops"], "senders": ["*@shop.example.com"]}
        self.gone = set()           # subjects that the cluster does not know any more
        self.review = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(None)

            def do_POST(self):
                self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, body):
                outer.asked.append((self.path, body, self.headers.get("Authorization")))
                broken = outer.broken() if callable(outer.broken) else outer.broken
                status, text = broken or outer.at(self.path, body)
                with contextlib.suppress(OSError):      # who asked may have had enough
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.certificate, authority.key)
        self._handler = Handler
        self.port = 0
        self.begin()
        self.url = f"https://localhost:{self.port}"

    def begin(self):
        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self._server.daemon_threads = True
        self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True,
                                                        do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self._server.shutdown()
        self._server.server_close()

    def at(self, path, body):
        if path.endswith("/.well-known/openid-configuration"):
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        if path in ("/keys", "/openid/v1/jwks"):
            return 200, json.dumps({"keys": [key.jwk() for key in self.keys]})
        if path == "/hook":
            if self.users.get(body["name"]) == body.get("password"):
                return 200, json.dumps(self.answer)
            return 401, ""
        if path.endswith("/tokenreviews"):
            claims = body["spec"]["token"].split(".")[1]
            subject = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
            return 201, json.dumps({"status": {"authenticated": subject not in self.gone,
                                               "user": {"username": subject}}})
        return 404, ""

    def times(self, path):
        return sum(1 for each in self.asked if each[0] == path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


# For those of whom nothing else is said: without it they may send as nobody.
# Here one client shows every wrong token there is, and wants each answer at once.
RULE = '[auth.brute_force]\nnetwork_failures = 0\naccount_failures = 0\n' \
       '[[auth.user]]\nmatch = "shop*"\nsenders = ["*@shop.example.com"]\n'


class Identity(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.key = SigningKey(self.folder, "key-1")
        self.server = self.enterContext(Server(self.authority, [self.key]))
        self.mail = self.folder / "mail"
        self.secrets = [PASSWORD, "hook password"]

    def gateway(self, extra):
        gateway = self.enterContext(Sallyport(self.folder / "gateway", self.authority, capture_upstream("c", self.mail),
                                              extra=extra + RULE))
        self.addCleanup(self.check_nothing_is_told, gateway)
        return gateway

    def check_nothing_is_told(self, gateway):
        log = gateway.log()
        for secret in self.secrets:
            self.assertNotIn(secret, log)

    def source(self, kind, more="", ca=True):
        trust = f'ca = "{self.authority.ca}"\n' if ca else ""
        return f'[[auth.source]]\ntype = "{kind}"\n{trust}{more}\n'

    def issuer(self, more="", cache="0s"):
        return self.source("token", f'issuer = "{self.server.url}"\naudience = "sallyport"\n'
                                    f'cache_lifetime = "{cache}"\n{more}')

    def token(self, key=None, header=None, **changes):
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": "sallyport", "sub": "shop", "iat": now, "exp": now + 600, **changes}
        token = (key or self.key).sign({name: value for name, value in claims.items() if value is not None}, header)
        self.secrets.append(token)
        return token

    def pod_token(self, namespace="shop", account="till", **changes):
        return self.token(**{"sub": f"system:serviceaccount:{namespace}:{account}",
                             "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account},
                                               "pod": {"name": "till-1"}}, **changes})

    def log_in(self, gateway, name, password):
        """A client that is logged in, or the reply of the refusal."""
        client = self.enterContext(gateway.client(login=False))
        try:
            client.login(name, password)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code, error.smtp_error.decode()
        return client

    def assert_sends(self, client, code=250, sender=SENDER):
        self.assertIsInstance(client, smtplib.SMTP)
        got = outcome(client, TEXT.replace(SENDER, sender), sender)
        self.assertEqual(got[0], code, got)

    def test_a_pod_sends_by_its_own_token(self):
        pod = self.folder / "pod-token"
        pod.write_text("sallyports.own.token\n")
        gateway = self.gateway(self.source(
            "kubernetes", f'url = "{self.server.url}"\ntoken = {{ file = "{pod}" }}\ncache_lifetime = "0s"\n'
                          'review = true\nsenders = "*@{namespace}.example.com"'))
        token = self.pod_token()
        for name in ("token", "shop/till", "Shop/Till"):
            self.assert_sends(self.log_in(gateway, name, token))
        self.assert_sends(self.log_in(gateway, "token", token), 550, "app@bank.example.com")
        wait_for("the log", lambda: {line["user"] for line in gateway.log_lines("transaction")} == {"shop/till"})
        self.assertEqual({each[2] for each in self.server.asked}, {"Bearer sallyports.own.token"})
        reviews = [each[1]["spec"] for each in self.server.asked if each[0].endswith("tokenreviews")]
        self.assertEqual(reviews[0], {"token": token, "audiences": ["sallyport"]})
        for password in (self.pod_token(exp=int(time.time()) - 60), self.pod_token(aud="vault"),
                         self.pod_token(iss="https://kubernetes.default.svc"), self.token(),
                         self.pod_token(sub="system:serviceaccount:bank:till"),
                         self.pod_token(key=SigningKey(self.folder, "forged"),
                                        header={"alg": "RS256", "kid": "key-1"})):
            self.assertEqual(self.log_in(gateway, "token", password)[0], 535)
        self.assertEqual(self.log_in(gateway, "bank/till", token)[0], 535)
        self.server.gone.add("system:serviceaccount:shop:till")
        self.assertEqual(self.log_in(gateway, "token", token)[0], 535)

    def test_a_token_comes_by_its_own_mechanisms(self):
        gateway = self.gateway('[auth]\nmechanisms = ["PLAIN", "OAUTHBEARER", "XOAUTH2"]\n' + self.issuer())
        for mechanism, text in (("XOAUTH2", "user=shop\x01auth=Bearer {}\x01\x01"),
                                ("OAUTHBEARER", "n,a=shop,\x01auth=Bearer {}\x01\x01")):
            with self.subTest(mechanism=mechanism), gateway.client(login=False) as client:
                client.ehlo()
                said = base64.b64encode(text.format(self.token()).encode()).decode()
                self.assertEqual(client.docmd("AUTH", f"{mechanism} {said}")[0], 235)
                self.assert_sends(client)
            with gateway.client(login=False) as client:
                client.ehlo()
                said = base64.b64encode(text.format(self.token(aud="vault")).encode()).decode()
                self.assertEqual(client.docmd("AUTH", f"{mechanism} {said}")[0], 334)
                self.assertEqual(client.docmd("" if mechanism == "XOAUTH2" else "AQ==")[0], 535)

    def test_the_command_says_which_source_said_what(self):
        extra = self.issuer() + self.source("http", f'url = "{self.server.url}/hook"')
        gateway = Sallyport(self.folder / "gateway", self.authority, capture_upstream("c", self.mail), extra=extra)

        def said(user, secret):
            result = subprocess.run([BINARY, "auth", "--config", gateway.config, "--user", user], input=secret + "\n",
                                    capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotIn(secret, result.stdout + result.stderr)
            return result.returncode, result.stdout

        self.assertEqual(said("hooked", "hook password"), (0, "\n".join((
            "file: there is no user 'hooked'", "token: not asked: it takes tokens, and this is none",
            "http: accepted as 'hooked'; may send as: *@shop.example.com; groups: shops", ""))))
        code, text = said("token", self.token(aud="vault"))
        self.assertEqual(code, 1)
        self.assertIn("token: rejected: the token is not for this audience\n", text)
        self.assertIn("http: rejected: it says no (HTTP status 401)\n", text)
        self.assertEqual(said(USER, PASSWORD)[0], 0)
        self.server.broken = (503, "")
        code, text = said("hooked", "hook password")
        self.assertEqual(code, 1)
        self.assertIn("http: it cannot say: HTTP status 503\n", text)

    def test_without_a_rule_nobody_is_anybody(self):
        gateway = self.enterContext(Sallyport(self.folder / "gateway", self.authority, capture_upstream("c", self.mail),
                                              extra=self.issuer()))
        self.assert_sends(self.log_in(gateway, "token", self.token()), 550)

    def test_a_session_ends_with_its_token(self):
        gateway = self.gateway(self.issuer('leeway = "0s"'))
        client = self.log_in(gateway, "token", self.token(exp=int(time.time()) + 3))
        self.assert_sends(client)
        code, text = wait_for("the end of the token", lambda: self.refused(client))
        self.assertEqual(code, 421)
        self.assertIn("token has expired", text)

    @staticmethod
    def refused(client):
        code, text = client.mail(SENDER)
        if code == 250:
            client.rset()
            return None
        return code, text.decode()

    def test_an_issuer_that_is_away_slow_or_mad_is_no_refusal(self):
        self.server.broken = (503, "")
        gateway = self.gateway(self.issuer('timeout = "1s"\n'))
        token = self.token()
        code, text = self.log_in(gateway, "token", token)
        self.assertEqual(code, 454)
        self.assertNotIn("localhost", text)
        self.assertEqual(self.log_in(gateway, "token", "no token")[0], 535)
        self.assertIn("source token: away", gateway.get("/readyz?verbose"))
        self.assertEqual(gateway.metric("sallyport_auth_source_away", source="token"), 1)
        for broken in ((200, "<html>"), (200, '{"keys": "none"}'), (200, "x" * (3 << 20))):
            self.server.broken = broken
            self.assertEqual(self.log_in(gateway, "token", token)[0], 454)
        held = threading.Event()
        self.server.broken = lambda: held.wait(PATIENCE) and None
        began = time.monotonic()
        self.assertEqual(self.log_in(gateway, "token", token)[0], 454)
        # Our own users do not notice.
        with gateway.client() as client:
            self.assertEqual(client.noop()[0], 250)
        self.assertLess(time.monotonic() - began, PATIENCE / 2)
        self.server.broken = None
        held.set()
        client = wait_for("the issuer", lambda: self.logged_in(gateway, "token", token), 20)
        self.assert_sends(client)
        wait_for("the news", lambda: gateway.log_lines("auth_source_back"))
        # From now on it is not needed.
        self.server.end()
        self.assert_sends(self.log_in(gateway, "token", self.token()))
        self.server.begin()

    def logged_in(self, gateway, name, password):
        got = self.log_in(gateway, name, password)
        return got if isinstance(got, smtplib.SMTP) else None

    def test_a_new_key_is_found_and_made_up_ones_are_not_looked_for(self):
        gateway = self.gateway(self.issuer())
        self.assert_sends(self.log_in(gateway, "token", self.token()))
        asked = self.server.times("/keys")
        for i in range(20):
            token = self.token(header={"alg": "RS256", "kid": f"../../key-{i}"})
            self.assertEqual(self.log_in(gateway, "token", token)[0], 535)
        self.assertEqual(self.server.times("/keys"), asked, "keys were fetched within the last minute")

    def test_a_webhook_decides_and_gives_rights(self):
        hook = self.source("http", f'url = "{self.server.url}/hook"\ntoken = "shown to the hook"\ngrace = "1h"\n'
                                   'timeout = "1s"')
        self.secrets.append("shown to the hook")
        gateway = self.gateway(hook + '[[auth.group]]\nname = "shops"\nlimits = { recipients = "1/day" }\n')
        self.assert_sends(self.log_in(gateway, "hooked", "hook password"))
        path, body, authorization = self.server.asked[-1]
        self.assertEqual(body, {"name": "hooked", "password": "hook password", "client": "127.0.0.1",
                                "mechanism": body["mechanism"]})
        self.assertEqual(authorization, "Bearer shown to the hook")
        client = self.log_in(gateway, "hooked", "hook password")
        self.assertEqual(len(self.server.asked), 1, "the second login is out of the cache")
        self.assertEqual(gateway.metric("sallyport_auth_source_answers_total", source="http", result="cached"), 1)
        self.assert_sends(client, 450)
        self.assert_sends(client, 550, "app@bank.example.com")
        self.assertEqual(self.log_in(gateway, "hooked", "wrong")[0], 535)
        # A name of our own is never asked for elsewhere.
        self.server.users[USER] = "of the hook"
        asked = len(self.server.asked)
        self.assertEqual(self.log_in(gateway, USER, "of the hook")[0], 535)
        self.assertEqual(len(self.server.asked), asked)
        # Nor does the hook speak for it.
        self.server.answer = {"name": USER}
        self.server.users["other"] = "other password"
        self.assertEqual(self.log_in(gateway, "other", "other password")[0], 535)
        for broken in ((500, ""), (302, ""), (200, "garbage"), (200, '{"senders": "*@a@b"}'),
                       (200, '{"limits": {"messages": "many"}}'), (200, '{"name": 5}')):
            self.server.broken = broken
            self.assertEqual(self.log_in(gateway, "third", "any password")[0], 454, broken)

    def test_grace_lets_in_who_was_let_in_before(self):
        hook = f'url = "{self.server.url}/hook"\ntimeout = "1s"\ncache_lifetime = "0s"\n'
        gateway = self.gateway(self.source("http", hook + 'grace = "1h"'))
        self.server.users["other"] = "other password"
        self.assert_sends(self.log_in(gateway, "hooked", "hook password"))
        self.server.end()
        self.assert_sends(self.log_in(gateway, "hooked", "hook password"))
        self.assertEqual(self.log_in(gateway, "other", "other password")[0], 454)
        self.assertEqual(gateway.metric("sallyport_auth_source_answers_total", source="http", result="grace"), 1)
        wait_for("the news", lambda: gateway.log_lines("auth_source_away"))
        self.server.begin()
        self.assert_sends(self.log_in(gateway, "other", "other password"))

    def test_a_reload_ends_who_came_by_a_source_that_is_no_more(self):
        gateway = self.gateway(self.issuer(cache="1h"))
        client = self.log_in(gateway, "token", self.token())
        self.assert_sends(client)
        gateway.write_config(extra=self.issuer(cache="1h") +
                             '[[auth.user]]\nmatch = "shop"\nsenders = ["x@example.org"]\n')
        self.reload(gateway)
        self.assert_sends(client, 550)
        gateway.write_config(extra="")
        self.reload(gateway)
        self.assertEqual(client.docmd("NOOP")[0], 421)

    def reload(self, gateway):
        before = gateway.metric("sallyport_config_reloads_total", result="success")
        gateway.signal(signal.SIGHUP)
        wait_for("the reload",
                 lambda: gateway.metric("sallyport_config_reloads_total", result="success") > before)

    def test_the_container_beside_it_needs_no_login(self):
        gateway = self.gateway(self.source("network", 'networks = ["127.0.0.0/8", "::1"]\nuser = "sidecar"\n'
                                                      f'senders = ["{SENDER}"]\n', ca=False))
        with gateway.client(login=False) as client:
            client.ehlo()
            self.assert_sends(client)
            self.assert_sends(client, 550, "root@localhost.example")
            self.assertEqual(client.docmd("AUTH PLAIN")[0], 503)
        with gateway.client() as client:        # who logs in is who it says
            self.assertEqual(outcome(client)[0], 250)
        wait_for("both in the log", lambda: {line["user"] for line in gateway.log_lines("transaction")} ==
                 {"sidecar", USER})
        with smtplib.SMTP("localhost", gateway.submission, timeout=PATIENCE) as client:
            client.ehlo()
            self.assertEqual(client.mail(SENDER)[0], 530)


if __name__ == "__main__":
    unittest.main()
