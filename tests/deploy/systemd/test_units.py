"""The units of a deployment without containers: what systemd itself says of them, and what must stand in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.systemd.lucid import Unit

REPOSITORY = Path(__file__).resolve().parents[3]
DEPLOY = REPOSITORY / "deploy" / "systemd"
UNITS = DEPLOY / "units"
SERVICES = sorted(file.name for file in UNITS.glob("*.service"))
NAMES = [name.removeprefix("lucid-").removesuffix(".service") for name in SERVICES]
# systemd's own scale from 0 (no access to anything) to 10; Debian's own services stand around 9.
HIGHEST_EXPOSURE = 1.5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder as far as systemd-analyze looks: Debian's units, ours, and the programs they name."""
    system = next(at for at in (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")) if at.is_dir())
    tmp_path = tmp_path_factory.mktemp("root")
    shutil.copytree(system, tmp_path / "usr/lib/systemd/system", symlinks=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    shutil.copytree(UNITS, tmp_path / "etc/systemd/system")
    for program in {line for name in NAMES for line in _programs(name)}:
        file = tmp_path / program.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    return tmp_path


def _programs(name: str) -> list[str]:
    unit = Unit.read(name, UNITS)
    return [
        line.split()[0] for key in ("ExecStart", "ExecStartPre", "ExecReload") for line in unit.every(key)
    ]


def _verify(root: Path) -> str:
    command = ["systemd-analyze", "verify", f"--root={root}", "lucid.target", *SERVICES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


@pytest.mark.systemd
def test_systemd_has_nothing_to_say_about_the_units(root: Path) -> None:
    assert _verify(root) == ""


@pytest.mark.systemd
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("NoNewPrivileges=yes", "NoNewPriviliges=yes"),
        ("ExecStart=/opt/lucid/.venv/bin/python", "ExecStart=/opt/lucid/venv/bin/python"),
    ],
)
def test_a_mistake_in_a_unit_is_found(root: Path, tmp_path: Path, right: str, wrong: str) -> None:
    root = Path(shutil.copytree(root, tmp_path / "root", symlinks=True))
    for file in (root / "etc/systemd/system").rglob("*"):
        if file.is_file():
            file.write_text(file.read_text().replace(right, wrong))

    assert wrong.split("=")[0] in _verify(root) or "not executable" in _verify(root)


@pytest.mark.systemd
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_exposed_to_little(root: Path, service: str) -> None:
    command = ["systemd-analyze", "security", "--no-pager", f"--root={root}", "--offline=yes"]
    done = subprocess.run([*command, service], capture_output=True, text=True, check=True).stdout

    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done)
    assert found is not None, done
    assert float(found[1]) <= HIGHEST_EXPOSURE, done


@pytest.mark.systemd
def test_systemd_would_make_every_user() -> None:
    command = ["systemd-sysusers", "--dry-run", str(DEPLOY / "sysusers.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "valid" not in done.stderr


def test_the_target_starts_every_service_but_the_migration() -> None:
    wanted = re.search(r"^Wants=(.*)$", (UNITS / "lucid.target").read_text(), re.MULTILINE)

    assert wanted is not None
    assert sorted(wanted[1].split()) == sorted(set(SERVICES) - {"lucid-migrate.service"})


@pytest.mark.parametrize("name", NAMES)
def test_a_service_has_a_user_of_ours_and_folders_that_are_made(name: str) -> None:
    unit = Unit.read(name, UNITS)
    users = re.findall(r"^u (\S+)", (DEPLOY / "sysusers.conf").read_text(), re.MULTILINE)
    made = re.findall(r"^d (\S+)", (DEPLOY / "tmpfiles.conf").read_text(), re.MULTILINE)

    assert unit.last("User") in [*users, "haproxy"]
    assert [path for line in unit.every("ReadWritePaths") for path in line.split() if path not in made] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "migrate"])
def test_a_service_comes_back_by_itself_however_often_it_fails(name: str) -> None:
    unit = Unit.read(name, UNITS)

    assert unit.last("Restart") == "always"
    assert int(unit.last("RestartSec")) >= 5
    assert unit.last("StartLimitIntervalSec") == "0"


def test_the_signer_knows_no_network_and_nobody_else_its_keys() -> None:
    signer = Unit.read("signer", UNITS)

    assert signer.last("PrivateNetwork") == "yes"
    assert signer.every("JoinsNamespaceOf") == []
    assert {word for line in signer.every("RestrictAddressFamilies") for word in line.split()} == {"AF_UNIX"}
    others = [name for name in NAMES if Unit.read(name, UNITS).last("User") == "lucid-signer"]
    assert others == ["signer"]


def test_a_rotation_takes_no_more_than_its_lines_without_their_hash() -> None:
    """The address is every process's, the key the signer's; both stand where keys.md and the containers have them."""
    found = {
        file.stem: dict(re.findall(r"^#(TREASURY_OTHER_[A-Z0-9_]+)=(.*)$", file.read_text(), re.MULTILINE))
        for file in (DEPLOY / "etc").glob("*.env")
    }

    assert {stem: set(names) for stem, names in found.items() if names} == {
        "common": {"TREASURY_OTHER_ADDRESS"},
        "signer": {"TREASURY_OTHER_KEY_FILE", "TREASURY_OTHER_PASSWORD_FILE", "TREASURY_OTHER_PKCS11_KEY"},
    }
    page, example = ((REPOSITORY / name).read_text() for name in ("docs/keys.md", ".env.example"))
    for name in ("TREASURY_OTHER_KEY_FILE", "TREASURY_OTHER_PASSWORD_FILE"):
        assert f"{name}={found['signer'][name]}" in example
        assert f"`{name}`" in page
        assert Path(found["signer"][name]).name in page


@pytest.mark.parametrize("name", ["web", "worker", "signer", "beat", "migrate", "valkey", "socks"])
def test_only_tor_and_the_gateway_have_the_machines_network(name: str) -> None:
    assert Unit.read(name, UNITS).last("PrivateNetwork") == "yes"


@pytest.mark.parametrize("file", sorted((DEPLOY / "etc").glob("*.env")), ids=lambda file: file.name)
def test_the_settings_are_known_ones_and_hold_no_secret(file: Path) -> None:
    names = re.findall(r"^([A-Z_]+)=", file.read_text(), re.MULTILINE)
    known = (REPOSITORY / "docs" / "settings.md").read_text()

    assert [name for name in names if f"`{name}`" not in known] == []
    secret = {"SECRET_KEY", "WEBHOOK_KEY", "GATEWAY_TOKEN", "METRICS_TOKEN", "EMAIL_HOST_PASSWORD"}
    assert secret.isdisjoint(names)
