"""What an upstream that does not answer costs a message, with real sockets: a stopped server still takes connections."""

import multiprocessing
import os
import signal
import time
import unittest

from harness import Authority, Provider, Sallyport, Scratch, message, outcome, smtp_upstream


def serve(authority, port):
    """A provider in a process of its own, which can be stopped."""
    with Provider(authority) as provider:
        port.send(provider.port)
        port.recv()     # until the test ends


class OtherProcess:
    def __init__(self, authority):
        here, there = multiprocessing.Pipe()
        self._line = here
        self._process = multiprocessing.get_context("fork").Process(target=serve, args=(authority, there), daemon=True)
        self._process.start()
        self.port = here.recv()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self._process.pid, signal.SIGCONT)
        self._line.send("end")
        self._process.join(10)

    def stop(self):
        os.kill(self._process.pid, signal.SIGSTOP)


class StoppedUpstream(unittest.TestCase):
    def test_on_warm_connections_each_message_is_through_within_seconds(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        first = self.enterContext(OtherProcess(authority))
        second = self.enterContext(Provider(authority))
        upstreams = smtp_upstream("first", first, authority) + smtp_upstream("second", second, authority)
        gateway = self.enterContext(Sallyport(folder, authority, upstreams, workers=1))
        with gateway.client() as client:
            self.assertEqual(outcome(client, message("warm"))[0], 250)
            self.assertEqual(len(second.messages), 0)
            first.stop()
            took = []
            for number in range(4):
                begun = time.monotonic()
                code, text = outcome(client, message(f"m{number}"))
                took.append(time.monotonic() - begun)
                self.assertEqual(code, 250, text)
        self.assertEqual(len(second.messages), 4)
        # Five seconds of silence on the warm connection, eight on a new one; then the upstream is passed over, and a
        # message that looks whether it is back gives it three.
        self.assertLess(took[0], 20, took)
        self.assertLess(max(took[1:]), 8, took)


if __name__ == "__main__":
    unittest.main(verbosity=2)
