"""The process as an operator meets it: command line, check, reload, drain, probes."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import smtplib
import socket
import subprocess
import termios
import threading
import types
import unittest

from harness import (BINARY, PASSWORD, PATIENCE, USER, Authority, Provider, Sallyport, Scratch,
                     capture_upstream, message, outcome, run, smtp_upstream, wait_for)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        return True
    return False


class CommandLine(unittest.TestCase):
    def test_help_names_every_subcommand_and_exit_code(self):
        text = run(BINARY, "--help").stdout
        for word in ("run", "check", "hash-password", "version", "Exit codes"):
            self.assertIn(word, text)
        for subcommand in ("run", "check", "hash-password", "version"):
            self.assertIn(subcommand, run(BINARY, subcommand, "--help").stdout)

    def test_version(self):
        for word in ("version", "--version", "-V"):
            self.assertRegex(run(BINARY, word).stdout, r"^sallyport \d+\.\d+\.\d+", word)

    def test_help_is_no_error_however_it_is_asked_for(self):
        whole = run(BINARY, "--help").stdout
        for word in ("-h", "help"):
            self.assertEqual(run(BINARY, word).stdout, whole, word)
        self.assertIn("--config", run(BINARY, "help", "run").stdout)

    def test_an_unknown_word_is_named_with_what_is_close_to_it(self):
        for arguments, expected in ((["chek"], "there is no command 'chek'; did you mean 'check'?"),
                                    (["foo"], "there is no command 'foo'; expected 'run', 'check'"),
                                    (["run", "--confg", "x"], "there is no option '--confg'; did you mean '--config'?"),
                                    ([], "a command is missing; expected 'run', 'check'")):
            ended = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 64, arguments)
            self.assertIn(expected, ended.stderr)

    def test_output_that_cannot_be_written_is_no_success(self):
        for arguments in (["hash-password"], ["version"], ["--help"]):
            with open("/dev/full", "w") as full:
                ended = subprocess.run([BINARY, *arguments], input=PASSWORD + "\n", stdout=full, text=True,
                                       stderr=subprocess.PIPE)
            self.assertEqual(ended.returncode, 1, arguments)
            self.assertIn("No space left on device", ended.stderr)

    def test_unknown_arguments_exit_with_64(self):
        for arguments in ([], ["fly"], ["run", "--confg", "x"]):
            ended = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 64, arguments)
            self.assertTrue(ended.stderr)

    def test_hash_password_reads_standard_input(self):
        text = run(BINARY, "hash-password", input=PASSWORD + "\n").stdout
        self.assertRegex(text, r"^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]+\$[^$]+\n$")
        self.assertEqual(subprocess.run([BINARY, "hash-password"], input="\n", capture_output=True,
                                        text=True).returncode, 1)

    def test_hash_password_asks_a_terminal_twice_without_echo(self):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(BINARY, [BINARY, "hash-password"])
        shown = b""
        for prompt in (b"Password: ", b"The same again: "):
            while prompt not in shown:
                shown += os.read(terminal, 1000)
            os.write(terminal, PASSWORD.encode() + b"\n")
        try:
            while b"$argon2id$" not in shown or not shown.endswith(b"\n"):
                shown += os.read(terminal, 1000)
        except OSError:  # the terminal is gone when the child has ended
            pass
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertNotIn(PASSWORD.encode(), shown)
        self.assertIn(b"$argon2id$", shown)


    def test_a_signal_at_the_prompt_leaves_the_terminal_as_it_was(self):
        for prompts, key, ends_by in (((b"Password: ",), b"\x03", signal.SIGINT),
                                      ((b"Password: ", b"The same again: "), b"\x1c", signal.SIGQUIT)):
            child, terminal = self.at_the_prompt(prompts)
            self.assertFalse(termios.tcgetattr(terminal)[3] & termios.ECHO)
            os.write(terminal, key)
            self.assertEqual(os.WTERMSIG(os.waitpid(child, 0)[1]), ends_by)
            self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)

    def test_a_stopped_prompt_gives_the_terminal_back_and_asks_again(self):
        terminal, slave = pty.openpty()
        reports, report = os.pipe()
        for descriptor in (terminal, slave, reports, report):
            self.addCleanup(os.close, descriptor)
        shell = os.fork()
        if shell == 0:
            self.be_a_shell(slave, report)
        self.addCleanup(os.waitpid, shell, 0)
        self.addCleanup(os.kill, shell, signal.SIGKILL)
        read_until(terminal, b"Password: ")
        os.write(terminal, b"\x1a")
        job = int(read_until(reports, b"\n").removeprefix(b"stopped "))
        self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)
        os.killpg(job, signal.SIGCONT)
        read_until(terminal, b"Password: ")
        self.assertFalse(termios.tcgetattr(terminal)[3] & termios.ECHO)
        os.write(terminal, b"\x03")
        read_until(reports, b"ended")
        self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)

    @staticmethod
    def be_a_shell(slave, report):
        """Runs `hash-password` as a job that can be stopped, and reports when it is or has ended."""
        login_tty(slave)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.execv(BINARY, [BINARY, "hash-password"])
        while os.WIFSTOPPED(os.waitpid(job, os.WUNTRACED)[1]):
            os.write(report, f"stopped {job}\n".encode())
        os.write(report, b"ended\n")
        os._exit(0)

    def at_the_prompt(self, prompts):
        """A `hash-password` that waits behind the last of `prompts`: its pid and its terminal."""
        # A parent of its own keeps the slave open, so that the terminal can still be asked when it has ended.
        terminal, slave = pty.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, slave)
        child = os.fork()
        if child == 0:
            login_tty(slave)
            os.execv(BINARY, [BINARY, "hash-password"])
        for prompt in prompts:
            read_until(terminal, prompt)
            if prompt != prompts[-1]:
                os.write(terminal, PASSWORD.encode() + b"\n")
        return child, terminal

    def test_commands_that_see_secrets_are_protected(self):
        child, terminal = self.at_the_prompt((b"Password: ",))
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.write, terminal, b"\x03")
        with open(f"/proc/{child}/limits") as limits:
            self.assertRegex(limits.read(), r"Max core file size +0 +0")
        # What can't be dumped belongs to root: no other process of this user can read its memory.
        self.assertEqual(os.stat(f"/proc/{child}/mem").st_uid, 0)


def login_tty(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(slave, descriptor)


def read_until(terminal, text):
    """What is read up to this text, which must come within the usual patience."""
    shown = b""
    while text not in shown:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            raise AssertionError(f"{text} did not come after {shown}")
        shown += os.read(terminal, 1000)
    return shown


class Start(unittest.TestCase):
    def test_the_admin_port_opens_when_mail_is_served(self):
        """Who finds it open may send: an orchestrator that waits for the port must not be told too early."""
        folder = self.enterContext(Scratch())
        gateway = Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"))
        for _ in range(5):
            process = subprocess.Popen([BINARY, "run", "--config", gateway.config], stderr=subprocess.DEVNULL)
            self.addCleanup(process.kill)  # for when this test fails
            wait_for("the admin port", lambda: listens(gateway.admin))
            self.assertTrue(all(listens(port) for port in (gateway.implicit, gateway.submission, gateway.alternative)))
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(PATIENCE), 0)


class Check(unittest.TestCase):
    def check(self, text, *options):
        folder = self.enterContext(Scratch())
        file = folder / "sallyport.toml"
        file.write_text(text)
        ended = subprocess.run([BINARY, "check", "--config", file, *options], capture_output=True, text=True)
        return ended.returncode, (ended.stdout + ended.stderr).replace(str(file), "FILE")

    def test_says_all_errors_at_once_with_their_places(self):
        code, text = self.check('hostnme = "x"\n[[listener]]\naddress = "127.0.0.1:2525"\ntls = "maybe"\n')
        self.assertEqual(code, 2)
        self.assertRegex(text, r"FILE:1:1: .*hostnme.*hostname")
        self.assertRegex(text, r"FILE:4:\d+: .*maybe.*implicit")

    def test_a_users_file_can_be_checked_alone(self):
        users = self.enterContext(Scratch()) / "users.toml"
        one = f'[[user]]\nname = "{{}}"\npassword = "{Sallyport.hash_password()}"\n'
        users.write_text(one.format("app") + one.format("shop"))
        self.assertEqual(run(BINARY, "check", "--users", users).stdout, f"{users}: ok: 2 users\n")
        users.write_text(one.format("app") + one.format("App"))
        ended = subprocess.run([BINARY, "check", "--users", users], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 2)
        self.assertRegex(ended.stderr, r"users.toml:5:8: .*\"App\", which line 2 has already")

    def test_tries_what_a_run_needs(self):
        folder = self.enterContext(Scratch())
        gateway = Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", "/proc/mail"))
        usual = gateway.config.read_text().replace("/proc/mail", str(folder / "mail"))
        self.assertEqual(self.check(usual)[0], 0)
        self.assertRegex(self.check(gateway.config.read_text())[1], r"FILE:\d+:8: upstream\[1\].path is .*no file can be made")
        code, text = self.check(usual.replace(f"127.0.0.1:{gateway.implicit}", f"192.0.2.1:{gateway.implicit}"))
        self.assertEqual(code, 2)
        self.assertRegex(text, rf"FILE:\d+:\d+: listener: 192.0.2.1:{gateway.implicit} is no address of this machine")
        gateway.authority.issue("server", "DNS:localhost", days="-1")
        code, text = self.check(usual)
        self.assertEqual(code, 2)
        self.assertRegex(text, r"server.crt: the certificate ended on \d{4}-\d\d-\d\d: clients will refuse it")

    def test_doubts_regions_that_nobody_knows(self):
        folder = self.enterContext(Scratch())
        ses = '[[upstream]]\nname = "ses"\nprovider = "ses"\nregion = "eu-wst-1"\nusername = "u"\npassword = "p"\n'
        code, text = self.check(Sallyport(folder, Authority(folder / "pki"), ses).config.read_text())
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r'warning: FILE: upstream ses: .* did you mean "eu-west-1"\?')

    def test_needs_nothing_else_offline(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        upstream = (smtp_upstream("p", types.SimpleNamespace(port=465), authority)
                    .replace('"upstream secret"', '{ file = "/run/secrets/not-there" }').replace(str(authority.ca), "/not/there"))
        upstream += smtp_upstream("q", types.SimpleNamespace(port=466), authority).replace('"upstream secret"', '{ env = "NO" }')
        gateway = Sallyport(folder, authority, upstream + capture_upstream("c", "/proc/mail"), tls='directory = "/not/there"',
                            extra='[auth]\nfile = "/not/there/either"\n')
        text = gateway.config.read_text().replace("127.0.0.1", "192.0.2.1").replace(str(folder), "/not/there")
        self.assertEqual(self.check(text)[0], 2)
        code, said = self.check(text, "--offline")
        self.assertEqual(code, 0, said)
        self.assertIn("offline", said)
        code, said = self.check(text.replace("workers", "worker"), "--offline")
        self.assertEqual(code, 2)
        self.assertIn("unknown key", said)

    def test_run_refuses_the_same_config_with_the_same_code(self):
        folder = self.enterContext(Scratch())
        (folder / "bad.toml").write_text("listener = 3\n")
        ended = subprocess.run([BINARY, "run", "--config", folder / "bad.toml"], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 2)

    def test_accepts_what_the_harness_runs(self):
        folder = self.enterContext(Scratch())
        gateway = Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"))
        self.assertEqual(subprocess.run([BINARY, "check", "--config", gateway.config]).returncode, 0)


class Process(unittest.TestCase):
    def gateway(self, script=None, **options):
        folder = self.enterContext(Scratch())
        self.authority = Authority(folder / "pki")
        self.provider = self.enterContext(Provider(self.authority, script))
        upstream = smtp_upstream("p", self.provider, self.authority)
        return self.enterContext(Sallyport(folder, self.authority, upstream, **options))

    def test_probes_and_metrics(self):
        gateway = self.gateway()
        self.assertIn("ok", gateway.get("/livez"))
        self.assertIn("ok", gateway.get("/readyz"))
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
        self.assertEqual(gateway.metric("sallyport_messages_total", user=USER), 1)

    def test_a_transaction_is_logged_in_one_line_without_secrets(self):
        gateway = self.gateway()
        with gateway.client() as client:
            # Message-ID is logged, other fields are not.
            content = message("secret-subject", "secret body\n").replace("<secret-subject@", "<id@")
            outcome(client, content=content)
        line = wait_for("the log line", lambda: gateway.log_lines("transaction"))[0]
        self.assertEqual(line["user"], USER)
        self.assertEqual(line["from"], "invoices@example.com")
        self.assertEqual(line["message_id"], "<id@example.com>")
        self.assertEqual(line["upstream"], "p")
        self.assertIn("queued as P1", line["upstream_reply"])
        for secret in (PASSWORD, "upstream secret", "secret body", "secret-subject"):
            self.assertNotIn(secret, gateway.log())

    def test_sigterm_lets_a_transaction_end_and_says_goodbye_to_the_rest(self):
        reached, go_on = threading.Event(), threading.Event()

        def hold(_, __):
            reached.set()
            go_on.wait(PATIENCE)

        gateway = self.gateway({"content": hold})
        result = {}
        with gateway.client() as idle, gateway.client() as busy:
            sender = threading.Thread(target=lambda: result.update(reply=outcome(busy)))
            sender.start()
            self.assertTrue(reached.wait(PATIENCE))
            gateway.signal(signal.SIGTERM)
            code, text = idle.getreply()  # unasked
            self.assertEqual(code, 421)
            wait_for("the listeners to close", lambda: not listens(gateway.submission))
            go_on.set()
            sender.join()
        self.assertEqual(result["reply"][0], 250)
        self.assertEqual(gateway.process.wait(PATIENCE), 0)

    def test_sighup_takes_a_new_config_without_dropping_a_session(self):
        gateway = self.gateway()
        with gateway.client() as client:
            gateway.write_config(user_extra='senders = ["only@example.com"]')
            gateway.signal(signal.SIGHUP)
            wait_for("the reload", lambda: gateway.metric("sallyport_config_reloads_total", result="success"))
            self.assertEqual(outcome(client)[0], 550, "narrower senders reach an open session")
            with gateway.client() as newer:
                self.assertEqual(outcome(newer)[0], 550)
                self.assertEqual(outcome(newer, content=message(sender="only@example.com"),
                                         sender="only@example.com")[0], 250)

    def test_sighup_with_a_bad_config_changes_nothing_and_says_why(self):
        gateway = self.gateway()
        gateway.config.write_text(gateway.config.read_text() + "\n[nonsense]\n")
        gateway.signal(signal.SIGHUP)
        wait_for("the failed reload", lambda: gateway.metric("sallyport_config_reloads_total", result="failure"))
        wait_for("the reason in the log", lambda: "nonsense" in gateway.log())
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)

    def test_a_replaced_certificate_is_shown_to_new_clients(self):
        gateway = self.gateway()

        def serial():
            with gateway.client(login=False) as client:
                return client.sock.getpeercert()["serialNumber"]

        before = serial()
        certificate, key = self.authority.issue("renewed", "DNS:localhost,IP:127.0.0.1", algorithm="rsa")
        os.replace(key, self.authority.key)
        os.replace(certificate, self.authority.certificate)
        wait_for("the new certificate", lambda: serial() != before)

    def test_the_users_file_is_read_again_when_it_changes(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        users = folder / "users.toml"
        table = f'[[user]]\nname = "{{}}"\npassword = "{Sallyport.hash_password()}"\n'
        users.write_text(table.format("first"))
        gateway = self.enterContext(Sallyport(
            folder, authority, capture_upstream("c", folder / "mail"), extra=f'[auth]\nfile = "{users}"\n'))

        def can_log_in(name):
            with gateway.client(login=False) as client:
                try:
                    return client.login(name, PASSWORD)[0] == 235
                except smtplib.SMTPAuthenticationError:
                    return False

        self.assertTrue(can_log_in("first"))
        self.assertFalse(can_log_in("second"))
        (folder / "new").write_text(table.format("second"))
        os.replace(folder / "new", users)
        wait_for("the new user", lambda: can_log_in("second"))
        self.assertFalse(can_log_in("first"))


class Limits(unittest.TestCase):
    def test_over_the_limit_says_when_to_come_back_and_survives_a_reload(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        gateway = self.enterContext(Sallyport(folder, authority, capture_upstream("c", folder / "mail"),
                                              user_extra='limits = { messages = "3/hour" }'))
        with gateway.client() as client:
            for _ in range(3):
                self.assertEqual(outcome(client)[0], 250)
            code, text = outcome(client)
            self.assertEqual(code, 450)
            self.assertRegex(text, r"^4\.7\.1 .*3.*hour.*")
        gateway.signal(signal.SIGHUP)
        wait_for("the reload", lambda: gateway.metric("sallyport_config_reloads_total", result="success"))
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 450)
        self.assertGreaterEqual(gateway.metric("sallyport_limit_refusals_total", user=USER), 2)

    def test_connections_are_limited(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        gateway = self.enterContext(Sallyport(folder, authority, capture_upstream("c", folder / "mail"),
                                              user_extra="limits = { connections = 1 }"))
        with gateway.client():
            with self.assertRaises(smtplib.SMTPException):
                with gateway.client():
                    pass


if __name__ == "__main__":
    unittest.main()
