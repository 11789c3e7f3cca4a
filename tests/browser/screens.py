"""`python -m tests.browser.screens` makes the pictures in docs/screens anew: whoever passes the pages takes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER_VARIABLE = "SCREENS_FOLDER"
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
TESTS = ("tests/browser/days", "tests/browser/test_screens.py")


def main() -> int:
    """Pictures of pages that are no more go."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "browser", *TESTS]
    return subprocess.run(command, env={**os.environ, FOLDER_VARIABLE: str(FOLDER)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
