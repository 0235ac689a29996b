"""Every config in deploy/examples is one that sallyport accepts."""

import tempfile
import unittest

from installation import ROOT, Installation

EXAMPLES = ROOT / "deploy/examples"
USERS = (EXAMPLES / "users.toml").read_text()


class Examples(unittest.TestCase):
    def test_every_example_is_accepted(self):
        names = sorted(file.name for file in EXAMPLES.glob("*.toml") if file.name != "users.toml")
        self.assertTrue(names)
        for name in names:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                status, output = Installation(folder).check((EXAMPLES / name).read_text(), USERS)
                self.assertEqual(status, 0, output)

    def test_a_broken_one_is_not(self):
        text = (EXAMPLES / "ses.toml").read_text().replace("provider =", "provder =")
        with tempfile.TemporaryDirectory() as folder:
            status, output = Installation(folder).check(text, USERS)
        self.assertEqual(status, 2, output)
        self.assertIn("provder", output)

    def test_a_broken_users_file_is_not(self):
        text = (EXAMPLES / "sendgrid.toml").read_text()
        with tempfile.TemporaryDirectory() as folder:
            status, output = Installation(folder).check(text, USERS.replace("$argon2id$", "$plain$"))
        self.assertEqual(status, 2, output)


if __name__ == "__main__":
    unittest.main()
