"""What the integration and interop tests stand on: certificates, a scripted provider, a running sallyport.

Everything listens on 127.0.0.1 with ports the kernel chose, every wait has a limit and waits for the thing
itself, and only processes started here are ended, by pid.
"""

import base64
import contextlib
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request

BINARY = os.environ.get("SALLYPORT", "build/dev/sallyport")
PATIENCE = 30.0  # seconds until a wait is a failure; sanitizer builds on busy machines are slow
USER, PASSWORD = "billing", "correct horse"


def run(*command, **options):
    """Runs a command to its end; its output is in the exception if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def wait_for(what, condition, patience=PATIENCE):
    """Polls until `condition()` gives something true, and returns it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        threading.Event().wait(0.01)
    raise AssertionError(f"waited {patience} s in vain for {what}")


def free_ports(count):
    """Ports nobody listens on now. All are held open together, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Authority:
    """A throw-away certification authority with a certificate for localhost and 127.0.0.1, good for `days`."""

    def __init__(self, folder, name="Test CA", days="2"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.ca_key = self.folder / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", self.ca_key, "-out", self.ca)
        self.certificate, self.key = self.issue("server", "DNS:localhost,IP:127.0.0.1", days=days)

    def issue(self, name, names, algorithm="ec", days="2"):
        """A certificate for `names` (an openssl subjectAltName), with its key: two paths."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        kind = (["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if algorithm == "ec" else ["rsa:2048"])
        run("openssl", "req", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", key,
            "-out", request)
        extensions.write_text(f"subjectAltName={names}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
            "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key


class Provider:
    """A scripted provider: TLS, AUTH, and whatever replies a test wants.

    `script` maps a stage (connect, tls, ehlo, auth, mail, rcpt, data, content, body) to what happens there
    instead of the usual reply: a string is sent as the reply, `DROP` closes the connection, a callable is
    given the session and what was said and returns one of these (or None for the usual reply).
    Stage `body` comes when the first octets of content arrive by DATA, `content` after the final dot or the last chunk.
    """

    DROP = object()

    def __init__(self, authority, script=None, pipelining=True, extensions=("8BITMIME", "SIZE 31457280"), port=0,
                 mechanisms="PLAIN LOGIN", tokens=(), client_ca=None):
        self.script = dict(script or {})
        self.mechanisms = mechanisms
        self.tokens = set(tokens)   # the access tokens that XOAUTH2 and OAUTHBEARER take
        self.extensions = list(extensions) + (["PIPELINING"] if pipelining else [])
        self.messages = []          # (reverse-path, [forward-path], content) of each 250 after the dot
        self.connections = 0
        self.handed_over = 0        # final dots seen, whatever was answered
        self.credentials = []
        self._lock = threading.Lock()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.certificate, authority.key)
        if client_ca:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(client_ca)
        self._socket = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._socket.getsockname()[1]
        self._open = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        self._socket.close()
        with self._lock:
            still_open = list(self._open)
        for each in still_open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.script.get("connect") is Provider.DROP:
                return
            connection.settimeout(PATIENCE)
            with self._context.wrap_socket(connection, server_side=True) as tls:
                _ProviderSession(self, tls).run()
        except (OSError, ConnectionError, EOFError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


class _ProviderSession:
    def __init__(self, provider, stream):
        self.provider, self.stream = provider, stream
        self.buffer = b""
        self.reverse_path, self.forward_paths = None, []

    def run(self):
        if not self.at("greeting", "", "220 provider.test ESMTP"):
            return
        while True:
            line = self.line()
            verb = line.split(" ", 1)[0].upper()
            if not getattr(self, "on_" + verb.lower(), self.on_unknown)(line):
                return

    def scripted(self, stage, said):
        """What the script wants at this stage, None for the usual. To be asked once: a callable may throw dice."""
        answer = self.provider.script.get(stage)
        return answer(self, said) if callable(answer) else answer

    def say(self, answer, usual):
        """Answers as wanted, or as usual; False ends the session."""
        answer = usual if answer is None else answer
        if answer is Provider.DROP:
            return False
        self.stream.sendall(answer.encode() + b"\r\n")
        return not answer.startswith("421")

    def at(self, stage, said, usual):
        return self.say(self.scripted(stage, said), usual)

    def octets(self):
        more = self.stream.recv(65536)
        if not more:
            raise EOFError
        self.buffer += more

    def line(self):
        while b"\r\n" not in self.buffer:
            self.octets()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()

    def on_ehlo(self, line):
        lines = ["provider.test", *self.provider.extensions, "ENHANCEDSTATUSCODES", f"AUTH {self.provider.mechanisms}"]
        reply = "\r\n".join(("250-" if i + 1 < len(lines) else "250 ") + text for i, text in enumerate(lines))
        return self.at("ehlo", line, reply)

    def on_auth(self, line):
        words = line.split(" ")
        if words[1].upper() == "PLAIN" and len(words) == 3:
            self.provider.credentials.append(base64.b64decode(words[2]).decode().split("\0"))
        if words[1].upper() in ("XOAUTH2", "OAUTHBEARER"):
            return self.take_token(words)
        return self.at("auth", line, "235 2.7.0 Accepted")

    def take_token(self, words):
        """A token that is not known is refused as Google and RFC 7628 do: a challenge with the reason, then 535."""
        if len(words) < 3:
            self.stream.sendall(b"334 \r\n")
            words.append(self.line())
        token = re.search("auth=Bearer ([^\1]*)\1", base64.b64decode(words[2]).decode())[1]
        self.provider.credentials.append(token)
        if token in self.provider.tokens:
            return self.at("auth", token, "235 2.7.0 Accepted")
        self.stream.sendall(b"334 " + base64.b64encode(b'{"status":"401","schemes":"bearer"}') + b"\r\n")
        self.line()
        return self.at("auth", token, "535 5.7.3 Authentication unsuccessful")

    def on_mail(self, line):
        self.reverse_path, self.forward_paths = re.search("<(.*?)>", line)[1], []
        return self.at("mail", line, "250 2.1.0 Ok")

    def on_rcpt(self, line):
        path = re.search("<(.*?)>", line)[1]
        answer = self.scripted("rcpt", line)
        if answer is None:
            self.forward_paths.append(path)
        return self.say(answer, "250 2.1.5 Ok")

    def on_data(self, line):
        if not self.forward_paths:
            return self.at("no-recipients", line, "554 5.5.1 No valid recipients")
        answer = self.scripted("data", line)
        if not self.say(answer, "354 Go on"):
            return False
        if answer is not None:
            return True
        if self.provider.script.get("body") is Provider.DROP:
            self.octets()
            return False
        while b"\r\n.\r\n" not in b"\r\n" + self.buffer:
            self.octets()
        content, self.buffer = (b"\r\n" + self.buffer).split(b"\r\n.\r\n", 1)
        content = content[2:] + b"\r\n"
        content = b"\r\n".join(row[1:] if row.startswith(b".") else row for row in content.split(b"\r\n"))
        return self.take(content)

    def on_bdat(self, line):
        """The whole content in one chunk, as the gateway sends it."""
        size = int(line.split(" ")[1])
        while len(self.buffer) < size:
            self.octets()
        content, self.buffer = self.buffer[:size], self.buffer[size:]
        if not self.forward_paths:
            return self.say(None, "503 5.5.1 RCPT first")
        return self.take(content)

    def take(self, content):
        with self.provider._lock:
            self.provider.handed_over += 1
            number = self.provider.handed_over
        if self.provider.script.get("content") is None:
            with self.provider._lock:
                self.provider.messages.append((self.reverse_path, self.forward_paths, content))
        return self.at("content", content, f"250 2.0.0 Ok: queued as P{number}")

    def on_rset(self, line):
        return self.at("rset", line, "250 2.0.0 Ok")

    def on_noop(self, line):
        return self.at("noop", line, "250 2.0.0 Ok")

    def on_quit(self, line):
        self.at("quit", line, "221 2.0.0 Bye")
        return False

    def on_unknown(self, line):
        return self.at("unknown", line, "500 5.5.2 Unknown command")


MOST_LINE = 8192  # octets, with the newline
_PAIR = re.compile(r'([a-z0-9_]+)=(?:"((?:[^"\\]|\\["\\]|\\u[0-9a-f]{4})*)"|([^\s"=\\]*))(?: |$)')
_ESCAPE = re.compile(r'\\(?:(["\\])|u([0-9a-f]{4}))')


def parse_line(line):
    """The fields of one log line, logfmt or JSON, read strictly. Fails if a log pipeline could not read it."""
    if line.startswith("{"):
        def once(pairs):
            if len(pairs) != len(dict(pairs)):
                raise AssertionError(f"a field twice: {line}")
            return dict(pairs)
        return json.loads(line, object_pairs_hook=once)
    fields, at = {}, 0
    while at < len(line):
        match = _PAIR.match(line, at)
        if not match or match[1] in fields:
            raise AssertionError(f"no log line from {line[at:at + 80]!r} on: {line}")
        text = match[3] if match[2] is None else match[2]
        fields[match[1]] = _ESCAPE.sub(lambda escape: escape[1] or chr(int(escape[2], 16)), text)
        at = match.end()
    return fields


def check_log(octets):
    """Each line of a log is UTF-8, not too long, and has nothing in it but fields."""
    if b"\0" in octets:
        raise AssertionError(f"a NUL in the log at octet {octets.index(0)}")
    for row in octets.split(b"\n")[:-1]:
        if not row.startswith((b"time=", b"{")):
            raise AssertionError(f"not a log line: {row[:200]}")
        if len(row) + 1 > MOST_LINE:
            raise AssertionError(f"a log line of {len(row) + 1} octets: {row[:200]}")
        if len(row.decode().splitlines()) != 1:
            raise AssertionError(f"a line end in a log line: {row[:200]}")
        parse_line(row.decode())
    if not octets.endswith(b"\n") and octets:
        raise AssertionError(f"half a log line: {octets[octets.rindex(10) + 1:][:200]}")


class Sallyport:
    """A running gateway with one user, three listeners and the admin endpoint."""

    _hash = None

    def __init__(self, folder, authority, upstreams, extra="", user_extra="", drain_timeout="10s", workers=2,
                 tls="", submission_extra="", prefix=(), admin=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority = authority
        self.prefix = prefix        # what runs the binary: prlimit and its arguments
        self.implicit, self.submission, self.alternative, self.admin = free_ports(4)
        self.log_file = self.folder / "log"
        self.config = self.folder / "sallyport.toml"
        self._parts = dict(upstreams=upstreams, extra=extra, user_extra=user_extra, drain_timeout=drain_timeout,
                           workers=workers, tls=tls, submission_extra=submission_extra, admin=admin)
        self.write_config()
        self.process = None

    @classmethod
    def hash_password(cls):
        if cls._hash is None:
            cls._hash = run(BINARY, "hash-password", input=PASSWORD + "\n").stdout.strip()
        return cls._hash

    def write_config(self, **changes):
        self._parts.update(changes)
        parts = self._parts
        listeners = "\n".join(
            f'[[listener]]\naddress = "127.0.0.1:{port}"\ntls = "{tls}"\n{more}'
            for port, tls, more in ((self.implicit, "implicit", ""),
                                    (self.submission, "starttls", parts["submission_extra"]),
                                    (self.alternative, "starttls", "")))
        self.config.write_text(f"""
hostname = "gateway.test"
workers = {parts['workers']}
drain_timeout = "{parts['drain_timeout']}"
{parts['extra'] if not parts['extra'].lstrip().startswith('[') else ''}
{listeners}
[tls]
certificate = "{self.authority.certificate}"
key = "{self.authority.key}"
{parts['tls']}
[admin]
address = "127.0.0.1:{self.admin}"
{parts['admin']}
[[auth.user]]
name = "{USER}"
password = "{self.hash_password()}"
{parts['user_extra']}
{parts['upstreams']}
{parts['extra'] if parts['extra'].lstrip().startswith('[') else ''}
""")

    def start(self, stderr=None):
        self._log = open(self.log_file, "ab")
        self.process = subprocess.Popen([*self.prefix, BINARY, "run", "--config", self.config], stderr=stderr or self._log,
                                        stdout=self._log)
        wait_for("readiness", self.is_ready)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"sallyport ended with {self.process.returncode}:\n{self.log()}")
        try:
            return self.get("/readyz") is not None
        except OSError:
            return False

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("sallyport did not end after SIGTERM:\n" + self.log())
        self._log.close()
        if kind is None and self.process.returncode != 0:
            raise AssertionError(f"sallyport ended with {self.process.returncode}:\n{self.log()}")
        if kind is None:
            check_log(self.log_file.read_bytes())

    def signal(self, number):
        self.process.send_signal(number)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def log_lines(self, event):
        """The log lines of an event, as dictionaries."""
        whole = self.log().rpartition("\n")[0]
        lines = [parse_line(line) for line in whole.split("\n") if "event" in line]
        return [line for line in lines if line.get("event") == event]

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=PATIENCE) as response:
            return response.read().decode()

    def metric(self, name, **labels):
        """The sum of a metric's samples that carry these labels."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name:
                got = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
                if all(got.get(key) == value for key, value in labels.items()):
                    total += float(match[3])
        return total

    def trust(self):
        return ssl.create_default_context(cafile=str(self.authority.ca))

    @contextlib.contextmanager
    def client(self, port=None, login=True):
        """A smtplib client over TLS, logged in."""
        port = port or self.implicit
        if port == self.implicit:
            client = smtplib.SMTP_SSL("localhost", port, context=self.trust(), timeout=PATIENCE)
        else:
            client = smtplib.SMTP("localhost", port, timeout=PATIENCE)
            client.starttls(context=self.trust())
        try:
            if login:
                client.login(USER, PASSWORD)
            yield client
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()


def smtp_upstream(name, provider, authority, extra="", tls="implicit"):
    """An [[upstream]] that is the scripted provider."""
    return f"""
[[upstream]]
name = "{name}"
provider = "smtp"
host = "localhost"
port = {provider.port}
tls = "{tls}"
ca = "{authority.ca}"
username = "gateway"
password = "upstream secret"
{extra}
"""


def capture_upstream(name, folder):
    return f'[[upstream]]\nname = "{name}"\nprovider = "capture"\npath = "{folder}"\n'


def message(subject="hello", body="Hello there.\n", sender="invoices@example.com",
            to="someone@example.net"):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
            f"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{subject}@example.com>\r\n\r\n"
            + body.replace("\n", "\r\n"))


def outcome(client, content=None, sender="invoices@example.com", to=("someone@example.net",)):
    """Sends one message; gives (code, text) of the reply that decided."""
    try:
        code, text = client.mail(sender)
        if code != 250:
            return code, text.decode()
        for path in to:
            code, text = client.rcpt(path)
            if code != 250:
                return code, text.decode()
        code, text = client.data(content or message())
        return code, text.decode()
    except smtplib.SMTPServerDisconnected:
        return 0, "disconnected"
    except smtplib.SMTPDataError as error:
        return error.smtp_code, error.smtp_error.decode()


def read_reply(stream):
    """One reply; its last line has no hyphen behind the code."""
    text = b""
    while not text.endswith(b"\r\n") or text.splitlines()[-1][3:4] == b"-":
        octets = stream.recv(65536)
        if not octets:
            break
        text += octets
    return text


def reset(connection):
    """Closes with a reset, as a client does whose process is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Scratch:
    """A folder for one test, removed when it passed."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-test."))
        return self.path

    def __exit__(self, kind, *_):
        if kind is None:
            shutil.rmtree(self.path)
