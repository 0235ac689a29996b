#!/usr/bin/env python3
"""Makes seeds for fuzz_session: what the client says in each transcript, behind the two octets that
say where it is and how its octets are cut.

Usage: transcript_seeds.py FOLDER-OF-TRANSCRIPTS FOLDER-OF-SEEDS
"""

import base64
import pathlib
import re
import sys

STARTTLS, LOGGED_IN, COMPAT = 1, 2, 32
GREET = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<app@example.com>\r\nRCPT TO:<someone@example.net>\r\n"
# Sizes are the transcripts' own business; here they would only make each run slow.
LARGEST = 16 * 1024
HELLO = b"\x16(client hello)\n"
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def unescape(text):
    text = re.sub(r"\\\{(.*?)\*(\d+)\}", lambda m: m[1] * int(m[2]), text)
    text = re.sub(r"\\x([0-9a-fA-F]{2})|\\([rnt0\\])",
                  lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], text)
    return text.encode("latin-1")


def expand(line):
    """{base64:TEXT} stands for TEXT, with escapes, in base64. The line is its octets as latin-1."""
    return re.sub(r"\{base64:([^}]*)\}", lambda m: base64.b64encode(unescape(m[1])).decode(), line)


def seed(transcript):
    how, said = 0, b""
    for line in transcript.read_bytes().decode("latin-1").split("\n"):
        line = expand(line)
        if line.startswith("@listener") and "compat" in line.split():
            how |= COMPAT
        if line.startswith("@listener starttls"):
            how |= STARTTLS
        elif line == "@login" and not said:
            how |= LOGGED_IN
        elif line == "@greet":
            said += GREET
        elif line == "@envelope":
            said += ENVELOPE
        elif line == "@tls":
            said += HELLO
        elif line.startswith("C:"):
            said += line[3:].encode("latin-1") + b"\r\n"
        elif line.startswith("c: "):
            said += unescape(line[3:])
    return bytes([how, 0]) + said


def main():
    transcripts, seeds = map(pathlib.Path, sys.argv[1:])
    seeds.mkdir(parents=True, exist_ok=True)
    for transcript in sorted(transcripts.glob("*.smtp")):
        octets = seed(transcript)
        if len(octets) <= LARGEST:
            (seeds / transcript.stem).write_bytes(octets)


main()
