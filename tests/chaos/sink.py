"""A provider that appends the subject of each message to a file and then answers 250: what was answered outlives a SIGKILL.

sink.py FOLDER PORT FILE: the folder of an Authority, the port to listen on, the file.
"""

import os
import pathlib
import re
import sys
import threading
import types

from harness import Provider


def main():
    folder, port, taken = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    file = os.open(taken, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    pair = types.SimpleNamespace(certificate=folder / "server.crt", key=folder / "server.key")

    def take(_, content):
        os.write(file, re.search(rb"Subject: (\S+)\r\n", content)[1] + b"\n")

    extensions = ("8BITMIME", "SIZE 31457280", "CHUNKING")
    with Provider(pair, {"content": take}, extensions=extensions, port=port):
        threading.Event().wait()


main()
