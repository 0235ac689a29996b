"""Who is measured: sallyport, and beside it, in the same run, what people use instead."""

import os
import pathlib
import shutil
import subprocess

from processes import Process, accepts, wait_for

HERE = pathlib.Path(__file__).parent
USER, PASSWORD = "bench", "bench"


class Peer:
    """A gateway between the load (`port`, implicit TLS, AUTH) and the sink."""

    name = ""
    sink_tls = "implicit"
    slow = False   # measured with fewer messages
    wrapper = ()   # runs the program, as valgrind does

    def __init__(self, folder, pki, sink_port, port, workers=1, **options):
        self.folder = pathlib.Path(folder) / f"{self.name}-{port}"
        self.folder.mkdir(parents=True)
        self.pki, self.sink_port, self.port, self.workers = pki, sink_port, port, workers
        for name, value in options.items():
            setattr(self, name, value)

    @classmethod
    def available(cls):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def waiting(self):
        """Messages accepted and not yet handed on: those who queue are measured to the end of their queue."""
        return 0

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        self.process = Process(self.command(), self.folder / "log", self.environment(), cwd=self.folder)
        try:
            wait_for(f"{self.name} to listen (its log: {self.folder}/log)",
                     lambda: self.process.popen.poll() is not None or accepts(self.port))
            if self.process.popen.poll() is not None:
                raise SystemExit(f"bench: {self.name} ended: {(self.folder / 'log').read_text()[-2000:]}")
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()


class Direct(Peer):
    """Nobody in between: what load and sink can do by themselves."""

    name = "direct"

    @classmethod
    def available(cls):
        return True

    def __enter__(self):
        self.port = self.sink_port
        return self

    def __exit__(self, *_):
        pass

    pid = None


class Sallyport(Peer):
    name = "sallyport"
    binary = pathlib.Path("build/bench/sallyport")
    users = 1
    routes = 0
    limited = ""       # the limits of a second user, "limited"
    max_connections = 1000  # to the sink

    @classmethod
    def available(cls):
        return cls.binary.exists()

    def command(self):
        binary = self.binary.resolve()
        hashed = subprocess.run([binary, "hash-password"], input=PASSWORD + "\n", capture_output=True, text=True,
                                check=True).stdout.strip()
        users = [f'[[user]]\nname = "{USER}"\npassword = "{hashed}"\n']
        users += [f'[[user]]\nname = "user{n}"\npassword = "{hashed}"\n' for n in range(self.users - 1)]
        if self.limited:
            users.append(f'[[user]]\nname = "limited"\npassword = "{hashed}"\nlimits = {self.limited}\n')
        (self.folder / "users.toml").write_text("".join(users))
        routes = [f'[[route]]\nsenders = ["*@route{n}.example.org"]\nupstreams = ["sink"]\n'
                  for n in range(self.routes - 1)]
        routes += ['[[route]]\nupstreams = ["sink"]\n'] if self.routes else []
        config = self.folder / "sallyport.toml"
        text = (HERE / "peers/sallyport.toml").read_text()
        for name, value in {"workers": self.workers, "port": self.port, "pki": self.pki, "folder": self.folder,
                            "sink_port": self.sink_port, "max_connections": self.max_connections}.items():
            text = text.replace("{" + name + "}", str(value))
        config.write_text(text + "".join(routes))
        return [*self.wrapper, binary, "run", "--config", config]


class Haproxy(Peer):
    """TLS on both sides and nothing else: the floor. It relays octets, so the sink does the AUTH."""

    name = "haproxy"

    @classmethod
    def available(cls):
        return shutil.which("haproxy") is not None

    def command(self):
        pem = self.folder / "server.pem"
        pem.write_text((self.pki / "server.crt").read_text() + (self.pki / "server.key").read_text())
        config = self.folder / "haproxy.cfg"
        config.write_text((HERE / "peers/haproxy.cfg").read_text().format(
            threads=self.workers, port=self.port, pem=pem, sink_port=self.sink_port, ca=self.pki / "ca.pem"))
        return [*self.wrapper, "haproxy", "-db", "-f", config]


class Postfix(Peer):
    """Submission and a relayhost: it answers 250 when the message is in its queue, on disk."""

    name = "postfix"
    slow = True

    @classmethod
    def available(cls):
        return all(map(shutil.which, ["postfix", "saslpasswd2"])) and os.geteuid() == 0

    def command(self):
        for name in ("main.cf", "master.cf"):
            text = (HERE / "peers/postfix" / name).read_text()
            for key in ("folder", "pki", "sink_port", "port"):
                text = text.replace("{" + key + "}", str(getattr(self, key)))
            (self.folder / name).write_text(text)
        for name in ("queue", "data", "sasl"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (self.folder / "sasl_password").write_text(f"[localhost]:{self.sink_port} gateway:gateway\n")
        database = self.folder / "sasl/sasldb2"
        (self.folder / "sasl/smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: PLAIN LOGIN\n")
        subprocess.run(["saslpasswd2", "-c", "-p", "-u", "gateway.bench", "-f", database, USER], input=PASSWORD,
                       text=True, check=True)
        shutil.chown(database, "postfix")
        return ["postfix", "-c", self.folder, "start-fg"]

    def __exit__(self, *failure):
        # The script that SIGTERM would end leaves its master behind.
        subprocess.run(["postfix", "-c", self.folder, "stop"], capture_output=True, check=False)
        super().__exit__(*failure)

    def waiting(self):
        count = 0
        for name in ("maildrop", "incoming", "active", "deferred"):
            for _, _, files in os.walk(self.folder / "queue" / name):
                count += len(files)
        return count


class Haraka(Peer):
    name = "haraka"
    slow = True
    sink_tls = "starttls"
    cache = pathlib.Path(os.environ.get("SALLYPORT_CACHE") or
                         pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") /
                         "sallyport") / "bench/haraka/node_modules/Haraka"

    @classmethod
    def available(cls):
        return (cls.cache / "bin/haraka").exists() and shutil.which("node") is not None

    def environment(self):
        return {"NODE_EXTRA_CA_CERTS": str(self.pki / "ca.pem"), "HARAKA": str(self.folder)}

    def command(self):
        config = self.folder / "config"
        config.mkdir()
        (self.folder / "queue").mkdir()
        for each in (HERE / "peers/haraka").iterdir():
            text = each.read_text()
            values = {"pki": self.pki, "sink_port": self.sink_port, "port": self.port,
                      "nodes": self.workers if self.workers > 1 else 0}
            for key, value in values.items():
                text = text.replace("{" + key + "}", str(value))
            (config / each.name).write_text(text)
        (config / "me").write_text("gateway.bench\n")
        # Without this file it spends its first minute looking for primes.
        shutil.copy(self.pki / "dhparams.pem", config)
        return ["node", self.cache / "bin/haraka", "-c", self.folder]


PEERS = {peer.name: peer for peer in (Direct, Sallyport, Haproxy, Postfix, Haraka)}
