"""`sallyport trace`: the story of a message, asked for over the admin socket."""

import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading
import unittest

from harness import (BINARY, PASSWORD, PATIENCE, USER, Authority, Provider, Sallyport, Scratch, capture_upstream,
                     message, outcome, smtp_upstream, wait_for)


def sallyport(*arguments):
    """Runs a command of sallyport; gives its exit code, standard output and standard error."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


class Traced(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.socket = self.folder / "admin.sock"

    def gateway(self, upstreams, trace=None, **options):
        admin = f'socket = "{self.socket}"\n' + (f"trace = {trace}\n" if trace is not None else "")
        return self.enterContext(Sallyport(self.folder, self.authority, upstreams, admin=admin, **options))

    def trace(self, *arguments):
        """The records that fit, as dictionaries; they come in an instant after the client's reply."""
        def ask():
            code, out, _ = sallyport("trace", "--json", "--socket", self.socket, *arguments)
            return code == 0 and [json.loads(line) for line in out.splitlines()]
        return wait_for(f"a trace by {arguments}", ask)

    def test_the_whole_story_of_a_message_that_failed_over(self):
        full = self.enterContext(Provider(self.authority, {"mail": "452 4.3.1 Mailbox system full"}))
        good = self.enterContext(Provider(self.authority))
        gateway = self.gateway(smtp_upstream("full", full, self.authority) +
                               smtp_upstream("good", good, self.authority))
        with gateway.client() as client:
            self.assertEqual(outcome(client, message("story"), to=("a@example.net", "b@example.net"))[0], 250)
        record, = self.trace("--message-id", "story@example.com")
        self.assertEqual(record["result"], "delivered")
        self.assertEqual(record["user"], USER)
        self.assertEqual(record["client"], "127.0.0.1")
        self.assertEqual(record["from"], "invoices@example.com")
        self.assertEqual(record["to"], ["a@example.net", "b@example.net"])
        self.assertEqual((record["upstream"], record["upstream_id"], record["code"]), ("good", "P1", 250))
        steps = [(step["step"], step["words"]) for step in record["steps"]]
        names = [name for name, _ in steps]
        for wanted in (("upstream", "full"), ("MAIL", "452 4.3.1 Mailbox system full"),
                       ("verdict", "full MAIL: 452 4.3.1 Mailbox system full"), ("upstream", "good"),
                       ("RCPT", "b@example.net: 250 2.1.5 Ok"), ("DATA", "354 Go on"),
                       ("verdict", "good end of DATA: 250 2.0.0 Ok: queued as P1"),
                       ("reply", "250 2.0.0 Ok: queued as P1")):
            self.assertIn(wanted, steps)
        self.assertTrue(steps[0][1].startswith(f"{USER} by PLAIN, TLSv1.3"), steps[0])
        for stage in ("login", "content", "limits", "route", "connect", "TLS", "greeting", "EHLO", "AUTH"):
            self.assertIn(stage, names)
        times = [step["at"] for step in record["steps"]]
        self.assertEqual(times, sorted(times))
        self.assertLessEqual(times[-1], record["total_time"] + 0.001)
        # By any other handle, too; and for people.
        for handle in ((record["id"],), ("P1",), ("--user", USER), ("--to", "B@example.net")):
            self.assertEqual(self.trace(*handle), [record])
        code, text, _ = sallyport("trace", "--config", gateway.config, record["id"])
        self.assertEqual(code, 0)
        self.assertIn("upstream    good\n", text)
        self.assertIn("verdict     full MAIL: 452 4.3.1 Mailbox system full\n", text)
        # Neither content nor a credential.
        for secret in ("Hello there", "Subject", PASSWORD, "upstream secret"):
            self.assertNotIn(secret, json.dumps(record))

    def test_refused_and_given_up_messages_have_a_story_as_well(self):
        gateway = self.gateway(capture_upstream("c", self.folder / "mail"),
                               user_extra='senders = ["*@example.com"]')
        with gateway.client() as client:
            client.mail("boss@other.example")
            client.rset()
            client.mail("invoices@example.com")
            client.rset()
        refused, = [each for each in self.trace() if each["code"] == 550]
        self.assertEqual((refused["cause"], refused["from"]), ("sender_not_allowed", "boss@other.example"))
        given_up, = [each for each in self.trace() if each["result"] == "aborted"]
        self.assertEqual(given_up["cause"], "client_reset")

    def test_a_reused_connection_is_named(self):
        provider = self.enterContext(Provider(self.authority))
        gateway = self.gateway(smtp_upstream("p", provider, self.authority), workers=1)
        with gateway.client() as client:
            outcome(client, message("one"))
            outcome(client, message("two"))
        first, = self.trace("--message-id", "one@example.com")
        second, = self.trace("--message-id", "two@example.com")
        self.assertNotIn("connection", [step["step"] for step in first["steps"]])
        self.assertIn(("connection", "a reused one, after 1 messages"),
                      [(step["step"], step["words"]) for step in second["steps"]])

    def test_waiting_for_a_connection_is_part_of_the_story(self):
        held, ended = threading.Event(), threading.Event()

        def hold(_, said):
            if b"first" in said:
                held.set()
                ended.wait(PATIENCE)

        provider = self.enterContext(Provider(self.authority, {"content": hold}))
        self.addCleanup(ended.set)
        gateway = self.gateway(smtp_upstream("p", provider, self.authority, extra="max_connections = 1"), workers=2)

        def send(subject):
            with gateway.client() as client:
                self.assertEqual(outcome(client, message(subject))[0], 250)

        threads = [threading.Thread(target=send, args=(subject,)) for subject in ("first", "second")]
        threads[0].start()
        self.assertTrue(held.wait(PATIENCE))
        threads[1].start()
        wait_for("the second to wait", lambda: gateway.metric("sallyport_upstream_pool_waiting") == 1)
        ended.set()
        for thread in threads:
            thread.join()
        second, = self.trace("--message-id", "second@example.com")
        self.assertIn(("waiting", "all 1 connections are in use"),
                      [(step["step"], step["words"]) for step in second["steps"]])

    def test_the_last_ones_are_kept_over_all_workers_and_a_reload_changes_how_many(self):
        gateway = self.gateway(capture_upstream("c", self.folder / "mail"), trace=4, workers=3)

        def send(first, last):
            for number in range(first, last):
                with gateway.client() as client:
                    self.assertEqual(outcome(client, message(f"m{number}"))[0], 250)

        def subjects():
            return [each["message_id"] for each in self.trace("--last", "100")]

        send(0, 10)
        wait_for("the last four", lambda: subjects() == [f"<m{number}@example.com>" for number in range(6, 10)])
        gateway.write_config(admin=f'socket = "{self.socket}"\ntrace = 0\n')
        gateway.signal(signal.SIGHUP)
        wait_for("the reload", lambda: gateway.log_lines("reload"))
        self.assertEqual(gateway.log_lines("reload")[0]["changed"], "admin")
        code, _, error = sallyport("trace", "--socket", self.socket)
        self.assertEqual((code, error), (1, "sallyport: messages are not traced: admin.trace is 0\n"))
        send(10, 11)


class Socket(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.socket = self.folder / "admin.sock"

    def gateway(self, **options):
        return Sallyport(self.folder, self.authority, capture_upstream("c", self.folder / "mail"),
                         admin=f'socket = "{self.socket}"', **options)

    def ask(self, path, at=None):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(at or self.socket))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while octets := connection.recv(65536):
                answer += octets
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    def test_it_is_the_owners_alone_and_serves_what_the_port_serves(self):
        gateway = self.enterContext(self.gateway())
        mode = os.stat(self.socket).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(self.ask("/livez"), (200, "ok\n"))
        self.assertIn("/trace", self.ask("/")[1])
        self.assertEqual(self.ask("/trace?last=many"), (400, "last is no number\n"))
        # What tells of mail is not on the port, which asks nobody who they are.
        self.assertNotIn("/trace", gateway.get("/"))

    def test_a_socket_that_a_killed_process_left_is_replaced(self):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.socket))
        with self.gateway() as gateway:
            self.assertEqual(self.ask("/readyz")[0], 200)
            ready, = wait_for("the line", lambda: gateway.log_lines("ready"))
            self.assertEqual(ready["admin_socket"], str(self.socket))
        self.assertFalse(self.socket.exists())

    def test_a_second_process_hears_who_is_there(self):
        gateway = self.enterContext(self.gateway())
        other = Sallyport(self.folder / "other", self.authority, capture_upstream("c", self.folder / "mail"),
                          admin=f'socket = "{self.socket}"')
        done = subprocess.run([BINARY, "run", "--config", other.config], capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"process {gateway.process.pid} (sallyport) listens at {self.socket}", done.stderr)
        self.assertEqual(self.ask("/readyz")[0], 200)

    def test_a_successor_takes_it_over_while_this_process_drains(self):
        held, ended = threading.Event(), threading.Event()

        def hold(_, __):
            held.set()
            ended.wait(PATIENCE)

        provider = self.enterContext(Provider(self.authority, {"content": hold}))
        self.addCleanup(ended.set)
        first = Sallyport(self.folder, self.authority, smtp_upstream("p", provider, self.authority),
                          admin=f'socket = "{self.socket}"')
        second = Sallyport(self.folder / "second", self.authority, smtp_upstream("p", provider, self.authority))
        second.config.write_text(first.config.read_text())
        second.admin = first.admin
        with first:
            with first.client() as client:
                client.mail("a@example.com")
                client.rcpt("b@example.net")
                client.putcmd("DATA")
                client.getreply()
                client.send(message("held").encode() + b"\r\n.\r\n")
                self.assertTrue(held.wait(PATIENCE))
                first.signal(signal.SIGTERM)
                wait_for("the end of its name", lambda: not self.socket.exists())
                with second:
                    self.assertEqual(self.ask("/readyz"), (200, "ok\n"))
                    ended.set()
                    self.assertEqual(client.getreply()[0], 250)
                    self.assertEqual(first.process.wait(PATIENCE), 0)
                    # The first process has ended, and left the second one's socket alone.
                    self.assertEqual(self.ask("/livez"), (200, "ok\n"))
        self.assertFalse(self.socket.exists())

    def test_a_reload_moves_it(self):
        gateway = self.enterContext(self.gateway())
        moved = self.folder / "moved.sock"
        gateway.write_config(admin=f'socket = "{moved}"')
        gateway.signal(signal.SIGHUP)
        wait_for("the new socket", moved.exists)
        self.assertEqual(self.ask("/livez", moved), (200, "ok\n"))
        wait_for("the end of the old one", lambda: not self.socket.exists())
        # One that cannot be opened changes nothing.
        gateway.write_config(admin=f'socket = "{self.folder}/missing/admin.sock"')
        gateway.signal(signal.SIGHUP)
        failed = wait_for("the complaint", lambda: gateway.log_lines("reload_failed"))
        self.assertIn("its folder cannot be opened: No such file or directory", failed[0]["error"])
        self.assertEqual(self.ask("/livez", moved), (200, "ok\n"))

    def test_a_socket_whose_file_was_removed_is_opened_again(self):
        gateway = self.enterContext(self.gateway())
        self.socket.unlink()
        gateway.signal(signal.SIGHUP)
        wait_for("the socket", self.socket.exists)
        self.assertEqual(self.ask("/livez"), (200, "ok\n"))
        gateway.signal(signal.SIGHUP)
        wait_for("the second reload", lambda: len(gateway.log_lines("reload")) == 2)
        self.assertEqual(self.ask("/livez"), (200, "ok\n"))

    def test_without_a_running_process_the_command_says_so(self):
        for config, code, words in (
                (self.gateway().config, 1, "no sallyport listens there"),
                (Sallyport(self.folder / "none", self.authority, capture_upstream("c", self.folder / "m")).config, 1,
                 "has no admin.socket"),
                (pathlib.Path("/nonexistent.toml"), 2, "nonexistent.toml")):
            done = subprocess.run([BINARY, "trace", "--config", config], capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual(done.returncode, code)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
