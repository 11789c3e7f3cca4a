"""The code with one of its guards taken out, kept as patches: the machine, or the test that is named, goes red.

Each patch says in its header which sentence of "exactly once" it breaks, what catches it, and with which words. Where a
second guard stands behind the first, the patch takes out both.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.environment import TestServers

ROOT = Path(__file__).resolve().parents[3]
PATCHES = sorted((Path(__file__).parent / "mutants").glob("*.patch"))
FIELDS = ("Sentence", "Breaks", "Caught by", "Says")
SECONDS = 900
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "var", "node_modules", "__pycache__", ".*_cache", ".coverage*"
)


@dataclass(frozen=True)
class Mutant:
    """One patch: `caught_by` is a pytest id, `says` stands in what it prints."""

    file: Path
    sentence: str
    caught_by: str
    says: str

    @classmethod
    def read(cls, file: Path) -> Mutant:
        """Raises KeyError for a header that lacks a field."""
        header = file.read_text().partition("\ndiff --git ")[0]
        told = dict(re.findall(r"^([A-Z][a-z ]+): (.+)$", header, re.MULTILINE))
        sentence, _, caught_by, says = (told[name] for name in FIELDS)
        return cls(file, sentence, caught_by, says)


def apply(mutant: Mutant, tree: Path, *options: str) -> None:
    subprocess.run(["git", "apply", *options, str(mutant.file)], cwd=tree, check=True, capture_output=True)


def caught(mutant: Mutant, tree: Path) -> None:
    """Copy the code, break it, and run what is to catch it."""
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    apply(mutant, tree)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST_"))
    }
    # Its database is a copy of this run's template, under a name of its own.
    environment["PYTEST_XDIST_WORKER"] = f"mutant{PATCHES.index(mutant.file)}"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.caught_by],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, (
        f"not caught:\n{ended.stdout[-3000:]}{ended.stderr}"
    )
    assert mutant.says in ended.stdout, f"caught by something else:\n{ended.stdout[-3000:]}"


@pytest.mark.parametrize("file", PATCHES, ids=lambda file: file.stem)
def test_a_patch_still_fits_the_code(file: Path) -> None:
    """A patch that has rotted would prove nothing."""
    mutant = Mutant.read(file)
    apply(mutant, ROOT, "--check")
    test = mutant.caught_by.partition("::")[0]
    assert (ROOT / test).is_file()


def test_each_sentence_is_broken_by_one_patch_at_least() -> None:
    assert {str(number) for number in range(1, 10)} <= {Mutant.read(file).sentence for file in PATCHES}


@pytest.mark.prove
@pytest.mark.parametrize("file", PATCHES, ids=lambda file: file.stem)
def test_a_mutant_is_caught(file: Path, servers: TestServers, tmp_path: Path) -> None:
    caught(Mutant.read(file), tmp_path / "tree")
