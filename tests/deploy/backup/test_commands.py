"""The programs as their units run them: from the environment, as processes of their own, ended by SIGTERM."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.backup import last
from tests.deploy.backup.machine import EMBEDDED, Machine
from tests.harness.databases import REPOSITORY

pytestmark = [pytest.mark.age, pytest.mark.prove]


def test_the_service_and_the_timer_s_command_work_together(
    machines: Callable[[str], Machine], tmp_path: Path
) -> None:
    machine = machines("first")
    machine.make()
    for name in ("treasury.json", "password"):
        (machine.signer / name).write_text(name)
    settings = machine.settings
    (tmp_path / "url").write_text(settings.database_url + "\n")
    given = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO")},
        "BACKUP_DATABASE_URL_FILE": str(tmp_path / "url"),
        "BACKUP_FOLDER": str(settings.folder),
        "BACKUP_RECIPIENTS_FILE": str(settings.recipients),
        "BACKUP_PATHS_FILE": str(settings.paths),
        "BACKUP_POSTGRES_BIN": str(EMBEDDED),
        "BACKUP_PUSH": f"cp -r {{store}} {tmp_path}/pushed",
        "SIGNER_JOURNAL_FILE": str(settings.journal),
    }

    def run(act: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.backup", act]
        return subprocess.run(command, cwd=REPOSITORY, env=given, capture_output=True, text=True, check=False)

    archive = subprocess.Popen([sys.executable, "-m", "deploy.backup", "archive"], cwd=REPOSITORY, env=given)
    try:
        done = run("base")
        assert (done.returncode, done.stderr) == (0, "")
        assert "verified" in done.stdout
        deadline = time.monotonic() + 90
        while not last.told(settings.last).get("archived_at"):
            assert archive.poll() is None
            assert time.monotonic() < deadline, last.told(settings.last)
            time.sleep(0.2)
        done = run("verify")
        assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stdout
    finally:
        archive.terminate()
        archive.wait(30)
    told = last.told(settings.last)
    assert (told["verified"], told["kept"], told["error"], told["archive_error"]) == (True, 1, "", "")
    assert told["pushed_at"]
    assert {place.name for place in (tmp_path / "pushed").iterdir()} >= {"base", "wal", "rest"}
    machine.postgres.query("SELECT 1")
    taken = next((settings.store.folder / "base").glob("*.gz.age"))
    taken.write_bytes(taken.read_bytes()[:-1])
    done = run("verify")
    assert done.returncode == 1
    assert "isn't what was verified" in done.stdout
