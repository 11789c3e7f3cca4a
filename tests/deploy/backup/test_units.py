"""The backup's units, beside those of the deployment: what systemd says of them, and what must stand in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.systemd.lucid import Unit

REPOSITORY = Path(__file__).resolve().parents[3]
BACKUP = REPOSITORY / "deploy" / "backup"
NAMES = ("backup", "backup-base")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """All units as they lie on a machine."""
    folder = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(REPOSITORY / "deploy" / "systemd" / "units", folder)
    shutil.copytree(BACKUP / "units", folder, dirs_exist_ok=True)
    return folder


@pytest.mark.systemd
def test_systemd_has_nothing_to_say_about_them(units: Path, tmp_path: Path) -> None:
    system = next(at for at in (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")) if at.is_dir())
    shutil.copytree(system, tmp_path / "usr/lib/systemd/system", symlinks=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    program = tmp_path / "opt/lucid/.venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    ours = [f"lucid-{name}.service" for name in NAMES] + ["lucid-backup-base.timer"]
    command = ["systemd-analyze", "verify", f"--root={tmp_path}", *ours]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "lucid-backup" in line]
    assert said == []


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_what_is_others_writes_its_own_and_reaches_nobody_but_tor(units: Path, name: str) -> None:
    unit = Unit.read(name, units)
    assert unit.last("CapabilityBoundingSet") == "CAP_DAC_READ_SEARCH"
    assert unit.every("ReadWritePaths") == ["/var/lib/lucid/backup"]
    assert (unit.last("PrivateNetwork"), unit.last("NoNewPrivileges")) == ("yes", "yes")
    assert unit.last("User") == "lucid-backup"
    assert unit.last("ExecStart").endswith(
        "deploy.backup " + ("base" if name == "backup-base" else "archive")
    )


def test_the_server_lets_the_role_in_by_its_account_alone() -> None:
    etc = REPOSITORY / "deploy" / "systemd" / "etc"
    hba = (etc / "pg_hba.conf").read_text()
    assert re.search(r"^local +replication +lucid_backup +peer +map=lucid$", hba, re.MULTILINE)
    assert re.search(
        r"^lucid +lucid-backup +lucid_backup$", (etc / "pg_ident.conf").read_text(), re.MULTILINE
    )
    assert "trust" not in hba


def test_the_settings_and_paths_are_those_of_the_deployment() -> None:
    signer = (REPOSITORY / "deploy" / "systemd" / "etc" / "signer.env").read_text()
    journal = re.search(r"^SIGNER_JOURNAL_FILE=.*$", signer, re.MULTILINE)
    assert journal
    assert journal[0] in (BACKUP / "etc" / "backup.env").read_text()
    password = re.search(r"^TREASURY_PASSWORD_FILE=(.*)$", signer, re.MULTILINE)
    assert password
    assert f"- {password[1]}\n" in (BACKUP / "etc" / "paths").read_text()
    page = (REPOSITORY / "docs" / "backup.md").read_text()
    for name in re.findall(r"^([A-Z_]+)=", (BACKUP / "etc" / "backup.env").read_text(), re.MULTILINE):
        assert f"`{name}`" in page
    assert subprocess.run(["bash", "-n", str(BACKUP / "install")], check=False).returncode == 0
