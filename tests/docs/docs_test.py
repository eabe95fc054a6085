"""Runs every SQL block of README.md and docs/sql.md in the system's SQLite."""

import sys

from runner import StandardDriver, run_documents

if __name__ == "__main__":
    print(f"SQLite {StandardDriver.version}")
    sys.exit(run_documents(StandardDriver))
