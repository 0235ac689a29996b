#!/usr/bin/env python3
"""Makes seeds for fuzz_session: what the client says in each transcript, behind the octets that say
where it is, how its octets are cut and what its listener does.

Usage: transcript_seeds.py FOLDER-OF-TRANSCRIPTS FOLDER-OF-SEEDS
"""

import base64
import pathlib
import re
import sys

STARTTLS, LOGGED_IN, COMPAT, IMPLICIT, SETTINGS = 1, 2, 32, 64, 128
EXTENSIONS = ["8BITMIME", "BINARYMIME", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "LIMITS",
              "MT-PRIORITY", "PIPELINING", "REQUIRETLS", "SIZE", "SMTPUTF8"]
# Bits of the settings, behind those of the extensions.
REMOVE, ADD, MESSAGE_ID_DOMAIN, HIDE_CLIENT, PROXY = (1 << bit for bit in range(11, 16))
HEADER_WORK = {"remove": REMOVE, "add": ADD, "message_id_domain": MESSAGE_ID_DOMAIN,
               "hide_client": HIDE_CLIENT, "proxy_protocol": PROXY}
GREET = b"EHLO client.example\r\n"
LOGIN = GREET + b"AUTH PLAIN AGFwcABzZWNyZXQ=\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
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


def listener_of(words):
    """How and settings of an @listener."""
    how = {"starttls": STARTTLS, "implicit": IMPLICIT}.get(words[1], 0)
    settings = 0
    for word in words[2:]:
        key = word.partition("=")[0]
        how |= COMPAT if key == "compat" else 0
        settings |= HEADER_WORK.get(key, 0)
    return how, settings


def take_proxy_header(said):
    """What a proxy says first, and the rest."""
    end = said.find(b"\r\n") + 2
    if said.startswith(SIGNATURE):
        end = 16 + int.from_bytes(said[14:16], "big")
    elif not said.startswith(b"PROXY "):
        end = len(said)
    # As many octets as its length can say; less than eight would choose a header of the fuzzer's.
    end = min(max(end, 8), 255)
    return said[:end], said[end:]


def seed(transcript):
    how, settings, said = IMPLICIT, 0, b""
    plain = False
    for line in transcript.read_bytes().decode("latin-1").split("\n"):
        line = expand(line)
        if line.startswith("@listener"):
            how, settings = listener_of(line.split())
        elif line.startswith("@set disabled_extensions"):
            for keyword in line.split()[2].upper().split(","):
                settings |= 1 << EXTENSIONS.index(keyword)
        elif line == "@plain":
            plain = True
        elif line == "@login":
            said += LOGIN
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
    header = b""
    if settings & PROXY:
        header, said = take_proxy_header(said)
        header = bytes([len(header)]) + header
    if said.startswith(LOGIN):
        # The fuzzer has an opening of its own.
        how, said = how | LOGGED_IN, said[len(LOGIN):]
    elif how & IMPLICIT and not plain:
        said = HELLO + said
    if settings:
        header = settings.to_bytes(2, "little") + header
        how |= SETTINGS
    return bytes([how, 0]) + header + said


def main():
    transcripts, seeds = map(pathlib.Path, sys.argv[1:])
    seeds.mkdir(parents=True, exist_ok=True)
    for transcript in sorted(transcripts.glob("*.smtp")):
        octets = seed(transcript)
        if len(octets) <= LARGEST:
            (seeds / transcript.stem).write_bytes(octets)


main()
