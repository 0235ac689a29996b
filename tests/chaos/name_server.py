"""A name server that answers every question for an address with 127.0.0.1, or that is silent."""

import contextlib
import socket
import struct
import threading

A = 1


class NameServer(contextlib.AbstractContextManager):
    """Listens at `address`, port 53: whoever makes one may use that port."""

    def __init__(self, address):
        self.questions = 0
        self._talking = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def __exit__(self, *_):
        self._socket.close()

    def be_silent(self):
        self._talking.clear()

    def answer(self):
        self._talking.set()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, client = self._socket.recvfrom(512)
                self.questions += 1
                if self._talking.is_set():
                    self._socket.sendto(self._reply(question), client)

    @staticmethod
    def _reply(question):
        end = question.index(b"\0", 12) + 5     # of the name, its type and class
        wanted, = struct.unpack("!H", question[end - 4:end - 2])
        answers = [struct.pack("!HHHIH", 0xC00C, A, 1, 1, 4) + bytes((127, 0, 0, 1))] if wanted == A else []
        header = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(answers), 0, 0)
        return header + question[12:end] + b"".join(answers)
