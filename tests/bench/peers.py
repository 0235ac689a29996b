"""Who is measured: sallyport, and beside it, in the same run, what people use instead."""

import pathlib
import shutil
import subprocess

from processes import Process, accepts, wait_for

HERE = pathlib.Path(__file__).parent
USER, PASSWORD = "bench", "bench"


class Peer:
    """A gateway between the load (`port`, implicit TLS, AUTH) and the sink."""

    name = ""
    understands_mail = True

    def __init__(self, folder, pki, sink_port, port, workers=1):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pki, self.sink_port, self.port, self.workers = pki, sink_port, port, workers

    @classmethod
    def available(cls):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def start(self):
        command = self.command()
        self.process = Process(command, self.folder / "log", cwd=self.folder)
        wait_for(f"{self.name} to listen (its log: {self.folder}/log)", lambda: accepts(self.port))
        return self

    def stop(self):
        self.process.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Sallyport(Peer):
    name = "sallyport"
    binary = "build/bench/sallyport"
    users = 1
    routes = 0
    user_extra = ""
    extra_users = ()

    @classmethod
    def available(cls):
        return pathlib.Path(cls.binary).exists()

    def command(self):
        binary = pathlib.Path(self.binary).resolve()
        hashed = subprocess.run([binary, "hash-password"], input=PASSWORD + "\n", capture_output=True, text=True,
                                check=True).stdout.strip()
        others = "".join(f'[[auth.user]]\nname = "user{n}"\npassword = "{hashed}"\n' for n in range(self.users - 1))
        limited = "".join(f'[[auth.user]]\nname = "{name}"\npassword = "{hashed}"\n{extra}\n'
                          for name, extra in self.extra_users)
        routes = "".join(f'[[route]]\nsenders = ["*@route{n}.example.org"]\nupstreams = ["sink"]\n'
                         for n in range(self.routes))
        config = self.folder / "sallyport.toml"
        config.write_text(f"""
hostname = "gateway.bench"
workers = {self.workers}
[[listener]]
address = "127.0.0.1:{self.port}"
tls = "implicit"
[tls]
certificate = "{self.pki / 'server.crt'}"
key = "{self.pki / 'server.key'}"
[session]
max_connections = 50000
[[auth.user]]
name = "{USER}"
password = "{hashed}"
{self.user_extra}
{limited}{others}
[[upstream]]
name = "sink"
provider = "smtp"
host = "localhost"
port = {self.sink_port}
tls = "implicit"
ca = "{self.pki / 'ca.pem'}"
username = "gateway"
password = "gateway"
max_connections = 1000
max_messages_per_connection = 1000000
max_connection_age = "1h"
{routes}
""")
        return [binary, "run", "--config", config]


class Haproxy(Peer):
    """TLS on both sides and nothing else: the floor. It relays octets, so the sink does the AUTH."""

    name = "haproxy"
    understands_mail = False

    @classmethod
    def available(cls):
        return shutil.which("haproxy") is not None

    def command(self):
        pem = self.folder / "server.pem"
        pem.write_text((self.pki / "server.crt").read_text() + (self.pki / "server.key").read_text())
        config = self.folder / "haproxy.cfg"
        config.write_text((HERE / "peers/haproxy.cfg").read_text().format(
            threads=self.workers, port=self.port, pem=pem, sink_port=self.sink_port, ca=self.pki / "ca.pem"))
        return ["haproxy", "-db", "-f", config]
