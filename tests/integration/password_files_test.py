"""Users out of the password files of other programs: htpasswd, Dovecot, smtprelay."""

import os
import smtplib
import unittest

from harness import PASSWORD, Authority, Sallyport, Scratch, capture_upstream, outcome, run, wait_for

OTHER = "another password"


def crypt(password, kind="-6"):
    """As crypt(5) has it: -6 for SHA-512, -5 for SHA-256."""
    return run("openssl", "passwd", kind, "-stdin", input=password + "\n").stdout.strip()


class PasswordFiles(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Scratch())
        self.files = {name: self.folder / name for name in ("htpasswd", "dovecot", "smtprelay")}
        hashed = crypt(PASSWORD)
        self.files["htpasswd"].write_text(f"billing-cron:{hashed}\nshop:{crypt(PASSWORD, '-5')}\n")
        self.files["dovecot"].write_text(
            f"near:{{SHA512-CRYPT}}{hashed}::::::allow_nets=127.0.0.0/8,::1/128\n"
            f"far:{{SHA512-CRYPT}}{hashed}::::::userdb_mail=x allow_nets=192.0.2.0/24\n")
        self.files["smtprelay"].write_text(f"printer {hashed} printer@example.com,@devices.example\n")
        sources = "".join(f'[[auth.source]]\ntype = "passwd"\npath = "{path}"\nformat = "{name}"\n'
                          for name, path in self.files.items())
        rules = '[[auth.user]]\nmatch = "billing-*"\nsenders = ["*@billing.example"]\n'
        self.gateway = self.enterContext(Sallyport(
            self.folder, Authority(self.folder / "pki"), capture_upstream("c", self.folder / "mail"),
            extra=sources + rules))

    def log_in(self, name, password=PASSWORD):
        """A client that is logged in, or the code of the refusal."""
        client = self.enterContext(self.gateway.client(login=False))
        try:
            client.login(name, password)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code
        return client

    def test_each_format_logs_in_and_holds_to_its_senders(self):
        for name, sender, code in (("billing-cron", "a@billing.example", 250),
                                   ("Billing-Cron", "a@shop.example", 550),
                                   ("shop", "anybody@shop.example", 250),
                                   ("printer", "printer@example.com", 250),
                                   ("printer", "p1@devices.example", 250),
                                   ("printer", "root@example.com", 550),
                                   ("near", "a@b.example", 250)):
            with self.subTest(name=name, sender=sender):
                text = f"From: {sender}\r\nSubject: x\r\n\r\nx\r\n"
                self.assertEqual(outcome(self.log_in(name), text, sender)[0], code)
        for name, password in (("shop", OTHER), ("nobody", PASSWORD), ("far", PASSWORD), ("shop", crypt(PASSWORD))):
            with self.subTest(name=name):
                self.assertEqual(self.log_in(name, password), 535)
        causes = {line["authcid"]: line["cause"] for line in self.gateway.log_lines("auth") if "cause" in line}
        self.assertEqual(causes["far"], "foreign_network")

    def test_a_file_that_changes_is_read_again(self):
        before = self.log_in("shop")
        self.assertEqual(outcome(before)[0], 250)
        reloads = self.gateway.metric("sallyport_config_reloads_total", result="success")
        new = self.folder / "new"
        new.write_text(f"shop:{crypt(OTHER)}\nfresh:{crypt(PASSWORD)}\n")
        os.replace(new, self.files["htpasswd"])
        wait_for("the reload",
                 lambda: self.gateway.metric("sallyport_config_reloads_total", result="success") > reloads)
        self.assertEqual(self.log_in("shop"), 535)
        self.assertEqual(outcome(self.log_in("shop", OTHER))[0], 250)
        self.assertEqual(outcome(self.log_in("fresh"))[0], 250)
        self.assertEqual(self.log_in("billing-cron"), 535)
        # Who was logged in with a password that is none any more is told to come back.
        self.assertEqual(outcome(before)[0], 421)

    def test_a_broken_file_leaves_the_users_in_force(self):
        new = self.folder / "new"
        new.write_text(f"shop:{crypt(PASSWORD)}\nmary:$apr1$salt$hunter2\n")
        os.replace(new, self.files["htpasswd"])
        line = wait_for("the refusal", lambda: self.gateway.log_lines("reload_failed"))[0]
        self.assertIn(f"{self.files['htpasswd']}:2:6: the password of", line["error"])
        self.assertNotIn("hunter2", self.gateway.log())
        self.assertEqual(outcome(self.log_in("billing-cron"), sender="a@billing.example",
                                 content="From: a@billing.example\r\n\r\nx\r\n")[0], 250)


if __name__ == "__main__":
    unittest.main()
