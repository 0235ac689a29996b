"""Networks that let little out: ports that are blocked, and proxies that are the only way."""

import base64
import contextlib
import select
import socket
import threading
import unittest

from harness import PATIENCE, Authority, Provider, Sallyport, Scratch, free_ports, message, outcome, smtp_upstream

LOGIN = ("squid", "ink")
LOGIN_LINES = 'proxy_username = "squid"\nproxy_password = "ink"\n'


class Server:
    """Listens; each connection is served by a thread."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(PATIENCE)
            self.serve(connection)


class Intercepting(Server):
    """What some networks put in the place of port 465: it takes connections and resets them."""

    def serve(self, connection):
        connection.recv(1)


class Proxy(Server):
    """HTTP CONNECT or SOCKS5 to the port of 127.0.0.1 that `ports` has for the one asked for; any other is refused."""

    def __init__(self, ports, login=None):
        self.asked = []
        super().__init__(ports, login)

    def go_between(self, connection, port):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as other:
            ends = {connection: other, other: connection}
            while True:
                for end in select.select(list(ends), [], [], PATIENCE)[0]:
                    octets = end.recv(65536)
                    if not octets:
                        return
                    ends[end].sendall(octets)


class HttpProxy(Proxy):
    def serve(self, connection):
        ports, login = self.arguments
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(1)
        lines = request.decode().split("\r\n")
        target = lines[0].split(" ")[1]
        self.asked.append(target)
        expected = login and "Proxy-Authorization: Basic " + base64.b64encode(":".join(login).encode()).decode()
        if expected and expected not in lines:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        elif target not in ports:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.go_between(connection, ports[target])


class Socks5Proxy(Proxy):
    def serve(self, connection):
        ports, login = self.arguments
        take = lambda count: connection.recv(count, socket.MSG_WAITALL)
        methods = take(take(2)[1])
        if login:
            if 2 not in methods:
                connection.sendall(b"\x05\xff")
                return
            connection.sendall(b"\x05\x02")
            said = take(take(2)[1]).decode(), take(take(1)[0]).decode()
            connection.sendall(b"\x01\x00" if said == login else b"\x01\x01")
            if said != login:
                return
        else:
            connection.sendall(b"\x05\x00")
        host = take(take(5)[4]).decode()
        target = f"{host}:{int.from_bytes(take(2), 'big')}"
        self.asked.append(target)
        connection.sendall((b"\x05\x00" if target in ports else b"\x05\x02") + b"\x00\x01\x00\x00\x00\x00\x00\x00")
        if target in ports:
            self.go_between(connection, ports[target])


class WayOut(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.provider = self.enterContext(Provider(self.authority))

    def gateway(self, upstreams):
        return self.enterContext(Sallyport(self.folder / "gateway", self.authority, upstreams, workers=1,
                                           extra='[session]\nupstream_timeout = "20s"\n'))

    def automatic(self, *ports, extra=""):
        """An upstream of a provider with these ports, in this order."""
        return (f'[[provider]]\nname = "here"\nlike = "smtp"\n[provider.ports]\nimplicit = {list(ports)}\n'
                + smtp_upstream("a", self.provider, self.authority, extra)
                .replace('provider = "smtp"', 'provider = "here"').replace(f"port = {self.provider.port}", 'port = "auto"'))

    def send(self, gateway, count=1):
        with gateway.client() as client:
            for number in range(count):
                code, text = outcome(client, message(f"m{number}"))
                if code != 250:
                    return code, text
        return code, text

    def test_blocked_ports_are_named_and_passed_over(self):
        refused = free_ports(1)[0]
        intercepting = self.enterContext(Intercepting())
        gateway = self.gateway(self.automatic(refused, intercepting.port, self.provider.port))
        self.assertEqual(self.send(gateway, 3)[0], 250)
        (line,) = gateway.log_lines("upstream_port_blocked")
        self.assertEqual((line["upstream"], line["port"], line["blocked"]),
                         ("a", str(self.provider.port), f"{refused} refused, {intercepting.port} open, but no SMTP"))

    def test_no_port_lets_us_out(self):
        ports = free_ports(2)
        gateway = self.gateway(self.automatic(*ports))
        code, text = self.send(gateway)
        self.assertEqual(code, 451)
        self.assertIn(f"(ports: {ports[0]} refused, {ports[1]} refused)", text)

    def test_proxies(self):
        for scheme, kind in (("http", HttpProxy), ("socks5", Socks5Proxy)):
            for login in (None, LOGIN):
                with self.subTest(scheme=scheme, login=login), \
                        kind({f"localhost:{self.provider.port}": self.provider.port}, login) as proxy:
                    extra = f'proxy = "{scheme}://127.0.0.1:{proxy.port}"\n' + (LOGIN_LINES if login else "")
                    upstream = smtp_upstream("a", self.provider, self.authority, extra)
                    with Sallyport(self.folder / f"{scheme}{bool(login)}", self.authority, upstream) as gateway:
                        self.assertEqual(self.send(gateway)[0], 250)
                    self.assertEqual(proxy.asked, [f"localhost:{self.provider.port}"])

    def test_a_proxy_that_refuses_our_login(self):
        for scheme, kind in (("http", HttpProxy), ("socks5", Socks5Proxy)):
            with self.subTest(scheme=scheme), kind({}, ("squid", "other")) as proxy:
                extra = f'proxy = "{scheme}://127.0.0.1:{proxy.port}"\n' + LOGIN_LINES
                upstream = smtp_upstream("a", self.provider, self.authority, extra)
                with Sallyport(self.folder / scheme, self.authority, upstream,
                               extra='[session]\nupstream_timeout = "20s"\n') as gateway:
                    code, text = self.send(gateway)
                    self.assertEqual(code, 451)
                    self.assertIn("the proxy refuses our login", text)
                    self.assertNotIn("ink", gateway.log())

    def test_a_proxy_that_lets_one_port_through(self):
        proxy = self.enterContext(HttpProxy({"localhost:443": self.provider.port}))
        gateway = self.gateway(self.automatic(465, 443, extra=f'proxy = "http://127.0.0.1:{proxy.port}"'))
        self.assertEqual(self.send(gateway, 2)[0], 250)
        (line,) = gateway.log_lines("upstream_port_blocked")
        self.assertEqual((line["port"], line["blocked"]), ("443", "465 refused by the proxy"))
        self.assertEqual(proxy.asked, ["localhost:465", "localhost:443"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
