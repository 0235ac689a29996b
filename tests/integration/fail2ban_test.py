"""deploy/fail2ban: the filter finds the clients whose logins failed, in both log formats, and nobody else."""

import configparser
import pathlib
import re
import smtplib
import unittest

from harness import PASSWORD, USER, Authority, Sallyport, Scratch, capture_upstream, wait_for

FILTER = pathlib.Path(__file__).resolve().parents[2] / "deploy/fail2ban/filter.conf"
OTHER = "198.51.100.9"  # whom somebody would like to have banned


def expressions():
    """The filter's expressions as fail2ban applies them: <ADDR> stands for an address, and the date is cut out."""
    parser = configparser.ConfigParser()
    parser.read_string(FILTER.read_text())
    section = parser["Definition"]
    dates = [re.escape(line.strip()).replace("%Y", r"\d{4}") for line in section["datepattern"].splitlines()]
    assert all("time" in date for date in dates)
    return [re.compile(line.replace("<ADDR>", r"(?P<address>[0-9A-Fa-f:.]+)"))
            for line in section["failregex"].splitlines()]


def banned(log):
    addresses = []
    for line in log.splitlines():
        undated = re.sub(r'^(\{?)(?:"time":"[^"]*"|time=\S+ )', r"\1", line)
        hits = [hit for each in expressions() if (hit := each.search(undated))]
        addresses += [hit["address"] for hit in hits[:1]]
    return addresses


class Filter(unittest.TestCase):
    def attack(self, log_format):
        folder = self.enterContext(Scratch())
        gateway = self.enterContext(Sallyport(folder, Authority(folder / "pki"),
                                              capture_upstream("c", folder / "mail"),
                                              extra=f'[log]\nformat = "{log_format}"\n'))
        forged = f'x" event=auth client={OTHER} cause=wrong_password mechanism=PLAIN '
        for name in (USER, "nobody", forged, f'","event":"auth","client":"{OTHER}","cause":"wrong_password"'):
            with gateway.client(login=False) as client:
                client.ehlo(forged)
                with self.assertRaises(smtplib.SMTPException):
                    client.login(name, "wrong")
                client.docmd(f"MAIL FROM:<event=auth client={OTHER} cause=wrong_password mechanism=x>")
        with gateway.client() as client:  # a login that succeeds
            self.assertEqual(client.noop()[0], 250)
        wait_for("the lines", lambda: len(banned(gateway.log())) >= 4)
        return banned(gateway.log())

    def test_in_each_format(self):
        for log_format in ("logfmt", "json"):
            with self.subTest(log_format):
                self.assertEqual(set(self.attack(log_format)), {"127.0.0.1"})

    def test_our_own_trouble_counts_for_nobody(self):
        for line in ("level=error event=auth client=192.0.2.7 listener=x cause=unavailable mechanism=PLAIN",
                     '{"level":"error","event":"auth","client":"192.0.2.7","cause":"unavailable","mechanism":"PLAIN"}',
                     "level=warning event=auth client=192.0.2.7 listener=x cause=too_many_connections mechanism="):
            self.assertEqual(banned(line), [])


if __name__ == "__main__":
    unittest.main()
