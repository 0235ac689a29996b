"""The shell scripts: clean by shellcheck, helpful when asked, and clear when called wrongly."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = [*sorted(ROOT.glob("deploy/*.sh")), ROOT / "tests/run.sh"]
PLAIN = [ROOT / ".ci/run"]


def run(*command, **environment):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})


class Scripts(unittest.TestCase):
    def test_shellcheck(self):
        outcome = run("shellcheck", *SCRIPTS, *PLAIN)
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def test_each_stops_at_the_first_fault_and_can_be_executed(self):
        for script in [*SCRIPTS, *PLAIN]:
            with self.subTest(script.name):
                self.assertTrue(os.access(script, os.X_OK))
                self.assertIn("\nset -euo pipefail\n", script.read_text())

    def test_help(self):
        for script in SCRIPTS:
            with self.subTest(script.name):
                outcome = run(script, "--help")
                self.assertEqual(outcome.returncode, 0, outcome.stderr)
                self.assertTrue(outcome.stdout.startswith("Usage: "))
                # Every option that the script knows is one that its help tells of.
                for option in re.findall(r"^\s+(--[a-z-]+)(?:\|-h)?\)", script.read_text(), re.MULTILINE):
                    self.assertIn(option, outcome.stdout)

    def test_an_unknown_argument_is_refused_by_name(self):
        for script in SCRIPTS:
            with self.subTest(script.name):
                outcome = run(script, "--nonsense")
                self.assertNotEqual(outcome.returncode, 0)
                self.assertIn("--nonsense", outcome.stderr)

    def test_no_script_names_a_mirror(self):
        # Packages come through what the machine has configured; a name in a script would go around it.
        for script in [*SCRIPTS, *PLAIN, ROOT / "Dockerfile"]:
            with self.subTest(script.name):
                # An ARG may name where a source comes from by default: who builds elsewhere says so (--build-arg).
                text = re.sub(r"^ARG \w+_URL=\S+$", "", script.read_text(), flags=re.MULTILINE)
                hosts = re.findall(r"https?://([^\s/\"':]+)", text)
                self.assertEqual([host for host in hosts if not host.startswith(("127.", "$", "…"))], [])


class BoringSsl(unittest.TestCase):
    SCRIPT = ROOT / "deploy/build-boringssl.sh"

    def root(self, *arguments, **environment):
        outcome = run(self.SCRIPT, "--print-root", *arguments, **environment)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return pathlib.Path(outcome.stdout.rstrip("\n"))

    def test_the_root_is_printed_and_not_made(self):
        with tempfile.TemporaryDirectory() as folder:
            root = self.root(SALLYPORT_CACHE=folder)
            self.assertEqual(root.parent, pathlib.Path(folder, "boringssl"))
            self.assertIn(root.name.rsplit("-", 1)[1], ("x86_64", "aarch64"))
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])

    def test_the_cache_follows_xdg_and_home(self):
        self.assertTrue(self.root(SALLYPORT_CACHE="", XDG_CACHE_HOME="/x").is_relative_to("/x/sallyport"))
        self.assertTrue(
            self.root(SALLYPORT_CACHE="", XDG_CACHE_HOME="", HOME="/h").is_relative_to("/h/.cache/sallyport"))

    def test_a_revision_has_a_folder_of_its_own(self):
        ours, other = self.root(), self.root("--git", "https://x.example/r", "feature/a b")
        self.assertEqual(ours.parent, other.parent)
        self.assertTrue(other.name.startswith("git-feature_a_b-"))

    def test_git_wants_a_revision(self):
        outcome = run(self.SCRIPT, "--git", "https://x.example/r")
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("--git", outcome.stderr)


class InstallDeps(unittest.TestCase):
    def packages(self, *sets):
        outcome = run(ROOT / "deploy/install-deps.sh", "--list", *sets)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return set(outcome.stdout.split())

    def test_sets(self):
        self.assertEqual(self.packages(), self.packages("build"))
        self.assertLess(self.packages("build"), self.packages("demo"))
        self.assertLess(self.packages("demo"), self.packages("test"))
        self.assertEqual(self.packages("run", "build"), self.packages("run") | self.packages("build"))

    def test_what_runs_needs_no_headers(self):
        self.assertEqual([name for name in self.packages("run") if name.endswith("-dev")], [])


if __name__ == "__main__":
    unittest.main()
