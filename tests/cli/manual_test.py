"""The manual page and the completions say what the command line says."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from commandcase import CommandCase

BUILD = Path(os.environ["NEARLITE_BUILD_DIR"])


class ManualTest(CommandCase):
    def commands(self):
        """Each sub-command with its long options, as --help shows them."""
        listing = self.output("--help").split("Subcommands:")[1]
        names = re.findall(r"^  ([a-z]+) ", listing, re.MULTILINE)
        self.assertGreater(len(names), 14)
        return {name: re.findall(r"(--[a-z][a-z-]+)", self.output(name, "--help"))
                for name in names}  # fmt: skip

    def test_everything_is_in_the_manual(self):
        page = self.output("manual").replace("\\-", "-")
        for name, options in self.commands().items():
            part = re.search(rf'\.SS "nearlite {name}"\n(.*?)(?=\n\.S[SH])', page, re.DOTALL)
            self.assertIsNotNone(part, name)
            for option in set(options) - {"--help"}:
                self.assertIn(option, page if "provider" in part[1] else part[1], name)
        self.assertNotIn("demo-", page)
        self.assertNotIn("nosuch", page)

    def test_manual_page_is_well_formed(self):
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=self.output("manual"),
                              capture_output=True, text=True)  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_built_files_are_current(self):
        self.assertEqual((BUILD / "nearlite.1").read_text(), self.output("manual"))
        for shell, name in {"bash": "nearlite.bash", "zsh": "_nearlite",
                            "fish": "nearlite.fish"}.items():  # fmt: skip
            self.assertEqual((BUILD / name).read_text(), self.output("completion", shell))

    def test_bash_completes(self):
        def complete(*words):
            script = (f"source {BUILD}/nearlite.bash; COMP_WORDS=({' '.join(words)} '');"
                      f" COMP_WORDS[-1]=\"$1\"; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));"
                      ' _nearlite; echo "${COMPREPLY[@]}"')  # fmt: skip
            return lambda last: subprocess.run(
                ["bash", "-c", script, "bash", last], capture_output=True, text=True, check=True
            ).stdout.split()

        self.assertEqual(complete("nearlite")("imp"), ["import"])
        self.assertEqual(complete("nearlite", "import")("--sk"), ["--skip-bad"])
        self.assertEqual(complete("nearlite", "completion")(""), ["bash", "zsh", "fish"])

    def test_every_shell_knows_every_option(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.output("completion", shell)
            for name, options in self.commands().items():
                self.assertIn(name, script)
                for option in set(options) - {"--help"}:
                    self.assertIn(option if shell != "fish" else f"-l {option[2:]}", script)
        self.fails(2, "completion", "tcsh")

    def test_scripts_are_accepted(self):
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                script = self.write("script", self.output("completion", shell))
                subprocess.run([shell, "-n", script], check=True)


if __name__ == "__main__":
    unittest.main()
