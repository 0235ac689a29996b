"""5,000 messages over 50 connections: every one accepted is at the upstream once, byte for byte."""

import hashlib
import threading
import unittest

from harness import Authority, Provider, Sallyport, Scratch, message, outcome, smtp_upstream

CONNECTIONS, MESSAGES_EACH = 50, 100


def content_of(name):
    """Content that is different for each message, with dots and long lines where they hurt."""
    lines = [hashlib.sha256(f"{name} {line}".encode()).hexdigest() * (1 + line % 12) for line in range(40)]
    lines[3] = "." + lines[3]
    lines[4] = "."
    lines[5] = ".."
    return message(name, "\n".join(lines) + "\n")


class Load(unittest.TestCase):
    def test_every_accepted_message_is_there_once_and_whole(self):
        folder = self.enterContext(Scratch())
        authority = Authority(folder / "pki")
        provider = self.enterContext(Provider(authority))
        gateway = self.enterContext(Sallyport(folder, authority, smtp_upstream("p", provider, authority)))
        accepted, faults = [], []

        def send_all(number):
            try:
                with gateway.client() as client:
                    for each in range(MESSAGES_EACH):
                        name = f"c{number}m{each}"
                        code, text = outcome(client, content=content_of(name))
                        (accepted if code == 250 else faults).append(name if code == 250 else (name, code, text))
            except Exception as error:  # a thread's exception would be lost
                faults.append((number, repr(error)))

        threads = [threading.Thread(target=send_all, args=(number,)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(faults, [])
        self.assertEqual(len(accepted), CONNECTIONS * MESSAGES_EACH)
        arrived = {}
        for _, _, content in provider.messages:
            name = content.split(b"Subject: ")[1].split(b"\r\n")[0].decode()
            self.assertNotIn(name, arrived, "twice at the provider")
            arrived[name] = content
        self.assertEqual(sorted(arrived), sorted(accepted))
        for name, content in arrived.items():
            self.assertEqual(content[content.index(b"From: "):], content_of(name).encode(), name)


if __name__ == "__main__":
    unittest.main()
