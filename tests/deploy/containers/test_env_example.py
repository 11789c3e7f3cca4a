"""`.env.example`: every setting there is, no other, and nothing about a default that isn't so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
ASSIGNMENT = re.compile(r"(#?)([A-Z][A-Z0-9_]*)=(.*)")
READ_BY_SETTINGS = re.compile(r'env\.\w+\(\s*"([A-Z0-9_]+)"')
SETTINGS = ("lucid_payments/settings.py", "deploy/backup/settings.py")
# What isn't read by a plain call in `settings.py`: one of two URLs, the readiness file, and what `make demo` is told.
READ_ELSEWHERE = {
    "DATABASE_URL",
    "READY_FILE",
    "DEMO_PORT",
    "DEMO_DIR",
    "DEVNET_BLOCK_SECONDS",
    "DEMO_HISTORY_DAYS",
}
# These parts show what one process is given; their lines are no defaults.
OF_ONE_PROCESS = ("The signer alone", "`manage.py migrate` alone", "Worker, signer and beat", "Demo alone")
FIRST_COLUMN = re.compile(r"^\| ([^|]*`[^|]*) \|", re.MULTILINE)
SHOW_ALL = """
import json, re
from lucid_payments import settings
shown = {name: re.sub(" at 0x[0-9a-f]+", "", repr(value)) for name, value in vars(settings).items() if name.isupper()}
print(json.dumps(shown))
"""


def lines(*, of_one_process: bool) -> list[tuple[bool, str, str]]:
    """(is it a comment, name, value) of each assignment in the parts for all, or in those for one process."""
    found = []
    for part in re.split(r"^# --- ", (ROOT / ".env.example").read_text(), flags=re.MULTILINE):
        if part.startswith(OF_ONE_PROCESS) == of_one_process:
            for line in part.splitlines():
                if match := ASSIGNMENT.fullmatch(line):
                    found.append((bool(match[1]), match[2], match[3].strip("'")))
    return found


def names() -> list[str]:
    return [name for kind in (False, True) for _, name, _ in lines(of_one_process=kind)]


def read_by_the_code() -> set[str]:
    found = (set(READ_BY_SETTINGS.findall((ROOT / file).read_text())) for file in SETTINGS)
    return READ_ELSEWHERE.union(*found)


def setting_of(name: str, known: set[str]) -> str:
    """X for the line X_FILE, where that is how X is given."""
    return name if name in known else name.removesuffix("_FILE")


def test_every_setting_stands_in_the_example_once() -> None:
    known = read_by_the_code()
    listed = [setting_of(name, known) for name in names()]
    assert known - set(listed) == set(), "settings that the example doesn't show"
    assert set(listed) - known == set(), "lines that no code reads"
    assert len(listed) == len(set(listed))


def test_every_variable_of_the_settings_page_stands_there() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    documented = {
        name for row in FIRST_COLUMN.findall(page) for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)
    }
    assert len(documented) > 100
    known = read_by_the_code()
    assert documented - {setting_of(name, known) for name in names()} == set()


def test_no_secret_is_shown_in_the_clear() -> None:
    source = (ROOT / "lucid_payments" / "settings.py").read_text()
    secrets = set(re.findall(r'env\.(?:secret|changing_secret|database)\(\s*"([A-Z0-9_]+)"', source))
    assert len(secrets) >= 5
    assert [name for name in names() if name in secrets] == []


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """A file for each secret that the example's active lines point at."""
    contents = {
        "DATABASE_URL_FILE": "postgresql://lucid_app@localhost/lucid",
        "BROKER_URL_FILE": "redis://localhost/0",
        "CACHE_URL_FILE": "redis://localhost/1",
    }
    made = {}
    for commented, name, value in lines(of_one_process=False):
        if not commented and value.startswith("/etc/lucid/secrets/"):
            (tmp_path / name).write_text(contents.get(name, "k" * 30 + "secret of a test" + "q" * 20))
            made[name] = str(tmp_path / name)
    return made


def settings_with(variables: dict[str, str]) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], **variables}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW_ALL],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    answer: dict[str, Any] = json.loads(shown.stdout)
    return answer


def test_the_example_starts_and_its_comments_are_the_defaults(secrets: dict[str, str]) -> None:
    active = {name: value for commented, name, value in lines(of_one_process=False) if not commented}
    commented = {name: value for is_comment, name, value in lines(of_one_process=False) if is_comment}
    as_it_stands = settings_with({**active, **secrets})
    assert as_it_stands["LUCID_ENV"] == "'production'"
    assert settings_with({**active, **commented, **secrets}) == as_it_stands
