"""A reload under traffic: all or nothing, and what is under way ends as it began.

Each test runs warm, too: a message was delivered before, so that counts have been 0 and connections are idle.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import (BINARY, PATIENCE, Authority, Provider, Sallyport, Scratch, capture_upstream, outcome, smtp_upstream,
                     wait_for)


class Held:
    """A script's stage that waits for `release` from the second message on, or from the first."""

    def __init__(self, warm):
        self.warm = warm
        self.seen, self.reached, self.go_on = 0, threading.Event(), threading.Event()

    def __call__(self, *_):
        self.seen += 1
        if self.warm and self.seen == 1:
            return None
        self.reached.set()
        self.go_on.wait(PATIENCE)
        return None


def sending(client, **options):
    """Sends a message in the background; gives the thread and where its outcome comes to."""
    result = {}
    sender = threading.Thread(target=lambda: result.update(reply=outcome(client, **options)))
    sender.start()
    return sender, result


VARIANTS = ((False, 1), (True, 1), (True, 2))  # warm, workers


class UnderTraffic(unittest.TestCase):
    """What changes while one message waits for the first upstream of its route."""

    @contextlib.contextmanager
    def gateway(self, script, workers):
        with Scratch() as folder:
            self.authority = Authority(folder / "pki")
            with Provider(self.authority, script) as self.first, Provider(self.authority) as self.second:
                self.users = folder / "users.toml"
                self.write_users("other")
                with Sallyport(folder, self.authority, self.upstreams(), workers=workers,
                               extra=f'[auth]\nfile = "{self.users}"\n') as gateway:
                    yield gateway

    def upstreams(self, first=""):
        return (smtp_upstream("first", self.first, self.authority, extra=first)
                + smtp_upstream("second", self.second, self.authority))

    def write_users(self, *names):
        temporary = self.users.with_suffix(".new")
        temporary.write_text("".join(f'[[user]]\nname = "{name}"\npassword = "{Sallyport.hash_password()}"\n'
                                     for name in names))
        os.replace(temporary, self.users)

    def reload(self, gateway, change, changed):
        getattr(self, change)(gateway)
        wait_for("the reload", lambda: any(line["changed"] == changed for line in gateway.log_lines("reload")))

    def change_upstream(self, gateway):
        gateway.write_config(upstreams=self.upstreams('idle_timeout = "17s"'))
        gateway.signal(signal.SIGHUP)

    def change_users(self, _):
        self.write_users("other", "newcomer")

    def change_certificate(self, _):
        certificate, key = self.authority.issue("renewed", "DNS:localhost,IP:127.0.0.1")
        os.replace(key, self.authority.key)
        os.replace(certificate, self.authority.certificate)

    def change_nothing(self, gateway):
        gateway.signal(signal.SIGHUP)

    CHANGES = (("change_upstream", "upstream first"), ("change_users", "users"),
               ("change_certificate", "certificates"), ("change_nothing", "nothing"))

    def for_each_case(self, test):
        for warm, workers in VARIANTS:
            for change, changed in self.CHANGES:
                with self.subTest(warm=warm, workers=workers, change=change):
                    test(warm, workers, change, changed)

    @contextlib.contextmanager
    def reloaded_while_held(self, script, held, workers, change, changed):
        """A message is held at the first upstream while `change` is made and put in force, and is accepted in the end. Gives
        another client, which sent one before if it is to be warm, and the text of the reply."""
        with self.gateway(script, workers) as gateway, gateway.client() as before, gateway.client() as during:
            if held.warm:
                self.assertEqual(outcome(before)[0], 250)
            sender, result = sending(during)
            self.assertTrue(held.reached.wait(PATIENCE))
            self.reload(gateway, change, changed)
            self.assertTrue(sender.is_alive())
            held.go_on.set()
            sender.join()
            self.assertEqual(result["reply"][0], 250)
            yield before, result["reply"][1]

    def test_who_waits_for_the_final_reply_gets_it(self):
        self.for_each_case(self.wait_for_the_final_reply)

    def wait_for_the_final_reply(self, warm, workers, change, changed):
        held = Held(warm)
        with self.reloaded_while_held({"content": held}, held, workers, change, changed) as (before, text):
            self.assertIn("queued as P", text)
            self.assertEqual(outcome(before)[0], 250)
        self.assertEqual(self.first.handed_over, 3 if warm else 2)
        self.assertEqual(self.second.handed_over, 0)

    def test_who_fails_over_afterwards_reaches_the_second_upstream(self):
        self.for_each_case(self.fail_over)

    def fail_over(self, warm, workers, change, changed):
        held = Held(warm)

        def busy(*_):
            held()
            return None if warm and held.seen == 1 else "451 4.3.0 Busy"

        with self.reloaded_while_held({"mail": busy}, held, workers, change, changed):
            pass
        self.assertEqual(self.second.handed_over, 1)


class AllOrNothing(unittest.TestCase):
    """One part of a new config can't be had: nothing of it comes into force."""

    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.authority = Authority(self.folder / "pki")
        self.provider = self.enterContext(Provider(self.authority))
        self.gateway = self.enterContext(Sallyport(self.folder, self.authority, self.upstream()))
        with self.gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)

    def upstream(self, extra=""):
        return smtp_upstream("p", self.provider, self.authority, extra=extra)

    def assert_refused(self, reason):
        """After SIGHUP the config is refused for this reason at the line that says it, and all is as before."""
        loaded = self.gateway.metric("sallyport_config_last_success_timestamp_seconds")
        self.gateway.signal(signal.SIGHUP)
        line = wait_for("the refusal", lambda: self.gateway.log_lines("reload_failed"))[-1]
        place = re.match(rf"{re.escape(str(self.gateway.config))}:(\d+):\d+: ", line["error"])
        self.assertTrue(place, line)
        self.assertRegex(line["error"], reason)
        self.assertRegex(self.gateway.config.read_text().splitlines()[int(place[1]) - 1], "^(ca|address) = ")
        with self.gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250, "the senders of before")
        self.assertEqual(self.gateway.log_lines("reload"), [])
        self.assertEqual(self.gateway.metric("sallyport_config_reloads_total", result="success"), 0)
        self.assertEqual(self.gateway.metric("sallyport_config_last_success_timestamp_seconds"), loaded)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def assert_mended(self, changed):
        self.gateway.signal(signal.SIGHUP)
        line = wait_for("the reload", lambda: self.gateway.log_lines("reload"))[0]
        self.assertEqual(line["changed"], changed)
        with self.gateway.client() as client:
            self.assertEqual(outcome(client)[0], 550, "the senders of the new config")
        socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()

    def more(self, address="", upstream=""):
        """Other users, an upstream with another limit, and a listener more."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        listeners = "".join(f'[[listener]]\naddress = "{each}"\ntls = "starttls"\n'
                            for each in (f"127.0.0.1:{self.port}", address) if each)
        self.gateway.write_config(user_extra='senders = ["only@example.com"]', extra=listeners,
                                  upstreams=self.upstream(upstream or "max_connections = 7"))

    def test_a_ca_file_without_a_certificate(self):
        for text in ("", "nothing of the kind\n"):
            empty = self.folder / "empty.pem"
            empty.write_text(text)
            self.more()
            self.gateway.write_config(upstreams=self.upstream().replace(str(self.authority.ca), str(empty)))
            self.assert_refused("ca is .*empty.pem.*cannot be used")
            check = subprocess.run([BINARY, "check", "--config", self.gateway.config], capture_output=True, text=True)
            self.assertEqual(check.returncode, 2)
            self.assertIn("empty.pem", check.stderr)
        self.gateway.write_config(upstreams=self.upstream("max_connections = 7"))
        self.assert_mended(f"listener 127.0.0.1:{self.port},users,upstream p")

    def test_an_address_that_is_not_ours(self):
        self.more(address="192.0.2.1:2525")
        self.assert_refused("listener: .*192.0.2.1:2525")
        self.gateway.write_config(extra=f'[[listener]]\naddress = "127.0.0.1:{self.port}"\n')
        self.assert_mended(f"listener 127.0.0.1:{self.port},users,upstream p")

    def test_an_address_that_another_process_has(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # so that a second bind would succeed
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.more(address=f"127.0.0.1:{port}")
            self.assert_refused(f"listener: another process listens on 127.0.0.1:{port}")
        self.assert_mended(f"listener 127.0.0.1:{self.port},listener 127.0.0.1:{port},users,upstream p")

    def test_an_admin_address_that_another_process_has(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            before, taken = self.gateway.admin, other.getsockname()[1]
            self.more()
            text = self.gateway.config.read_text()
            self.gateway.config.write_text(text.replace(f"127.0.0.1:{before}", f"127.0.0.1:{taken}"))
            self.assert_refused(f"admin: .*127.0.0.1:{taken}")


class TakesEffect(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        self.provider = self.enterContext(Provider(authority))
        self.gateway = self.enterContext(Sallyport(folder, authority, smtp_upstream("p", self.provider, authority)))

    def reload(self):
        before = len(self.lines())
        self.gateway.signal(signal.SIGHUP)
        return wait_for("the reload", lambda: self.lines()[before:])[0]

    def lines(self):
        return [line for line in self.gateway.log().splitlines() if re.search(r'event"?[=:]"?reload\b', line)]

    def test_the_format_and_level_of_the_log(self):
        self.gateway.write_config(extra='[log]\nformat = "json"\nlevel = "debug"\n')
        self.assertRegex(self.reload(), r'^\{.*"changed":"log"')
        with self.gateway.client():
            pass
        wait_for("a line of level debug", lambda: '"level":"debug"' in self.gateway.log())
        self.gateway.write_config(extra="")
        self.assertRegex(self.reload(), r"^time=.* changed=log")

    def test_the_address_of_the_admin_endpoint(self):
        before = self.gateway.admin
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.gateway.admin = free.getsockname()[1]
        self.gateway.write_config()
        self.assertIn("changed=admin", self.reload())
        self.assertIn("ok", self.gateway.get("/livez"))
        with self.assertRaises(OSError):
            wait_for("the old endpoint to end",
                     lambda: socket.create_connection(("127.0.0.1", before), PATIENCE).close())

    def test_a_number_of_workers_is_named_as_one_that_does_not(self):
        self.gateway.write_config(workers=3)
        line = self.reload()
        self.assertIn("changed=workers", line)
        self.assertIn("needs_restart=workers", line)
        self.gateway.write_config(workers=2)
        self.assertNotIn("needs_restart", self.reload())


class Large(unittest.TestCase):
    USERS = 80_000

    def test_probes_are_answered_while_very_many_users_are_read(self):
        folder = self.enterContext(Scratch())
        users = folder / "users.toml"
        users.write_text("")
        gateway = self.enterContext(Sallyport(folder, Authority(folder / "pki"), capture_upstream("c", folder / "mail"),
                                              extra=f'[auth]\nfile = "{users}"\n[session]\nmax_idle_commands = 1000000000\n'))
        with gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)
            new = users.with_suffix(".new")
            new.write_text("".join(f'[[user]]\nname = "user{number}"\npassword = "{Sallyport.hash_password()}"\n'
                                   for number in range(self.USERS)))
            os.replace(new, users)
            longest, answers, start = 0.0, 0, time.monotonic()
            while not gateway.log_lines("reload"):
                begun = time.monotonic()
                self.assertIn("ok", gateway.get("/livez"))
                self.assertEqual(client.noop()[0], 250)
                longest = max(longest, time.monotonic() - begun)
                answers += 1
                self.assertEqual(gateway.log_lines("reload_failed"), [])
            # A kubelet waits for 1 s by default; on a machine that is slow everything takes longer, and a reload much longer.
            self.assertLess(longest, max(1.0, (time.monotonic() - start) / 4))
            self.assertGreater(answers, 10)
            self.assertEqual(outcome(client)[0], 250)


class SecondProcess(unittest.TestCase):
    def start_second(self, gateway):
        second = Sallyport(gateway.folder / "second", gateway.authority, gateway._parts["upstreams"])
        for name in ("implicit", "submission", "alternative", "admin"):
            setattr(second, name, getattr(gateway, name))
        return second

    def setUp(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        provider = self.enterContext(Provider(authority))
        self.gateway = self.enterContext(Sallyport(folder, authority, smtp_upstream("p", provider, authority)))
        with self.gateway.client() as client:
            self.assertEqual(outcome(client)[0], 250)

    def run_second(self, second):
        second.write_config()
        ended = subprocess.run([BINARY, "run", "--config", second.config], capture_output=True, text=True,
                               timeout=PATIENCE)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("ok", self.gateway.get("/readyz"))
        return ended.stderr

    def test_on_the_same_addresses_says_so(self):
        second = self.start_second(self.gateway)
        self.assertRegex(self.run_second(second),
                         rf"event=listen .*:\d+:\d+: listener: another process listens on 127.0.0.1:{second.implicit}")

    def test_on_the_same_admin_address_says_so(self):
        second = self.start_second(self.gateway)
        own = Sallyport(self.gateway.folder / "own", self.gateway.authority, "")
        second.implicit, second.submission, second.alternative = own.implicit, own.submission, own.alternative
        self.assertRegex(self.run_second(second), rf"event=listen .*admin: .*127.0.0.1:{second.admin}.*another process")

    def test_that_comes_after_one_that_drains_begins_at_once(self):
        held, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def hold(*_):
            """Holds the first message, which is the first gateway's."""
            if not held.is_set():
                held.set()
                go_on.wait(PATIENCE)

        provider = self.enterContext(Provider(self.gateway.authority, {"content": hold}))
        self.gateway.write_config(upstreams=smtp_upstream("q", provider, self.gateway.authority))
        self.gateway.signal(signal.SIGHUP)
        wait_for("the reload", lambda: self.gateway.log_lines("reload"))
        with self.gateway.client() as client:
            sender, result = sending(client)
            self.assertTrue(held.wait(PATIENCE))
            self.gateway.signal(signal.SIGTERM)
            wait_for("the drain", lambda: self.gateway.log_lines("drain"))
            second = self.start_second(self.gateway)
            second.write_config()
            with second:
                with second.client() as newer:
                    self.assertEqual(outcome(newer)[0], 250)
                self.assertIsNone(self.gateway.process.poll(), "the first one still drains")
                go_on.set()
                sender.join()
                self.assertEqual(result["reply"][0], 250)
                self.assertEqual(self.gateway.process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
