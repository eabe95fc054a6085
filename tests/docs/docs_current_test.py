"""Runs every SQL block of README.md and docs/sql.md in a current SQLite (the one apsw carries).

Starts itself again with NEARLITE_CURRENT_PYTHON, where scripts/install-deps --tests has put apsw.
"""

import os
import sys

from runner import CurrentDriver, run_documents

SKIPPED = 77


def main():
    python = os.environ.get("NEARLITE_CURRENT_PYTHON", "")
    if "--here" in sys.argv:
        print(f"SQLite {CurrentDriver(':memory:').version}")
        return run_documents(CurrentDriver)
    if not os.access(python, os.X_OK):
        print("No current SQLite here; run scripts/install-deps --tests.")
        return 1 if os.environ.get("CI") else SKIPPED
    os.execv(python, [python, __file__, "--here"])


if __name__ == "__main__":
    sys.exit(main())
