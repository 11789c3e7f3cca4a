"""`lucid PROCESS COMMAND…`: a command runs with what the unit gives, and with nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from deploy.systemd import lucid
from deploy.systemd.lucid import Unit, Unusable

WEB = """
[Unit]
Description=web = one

[Service]
# User=somebody-else
User=root
EnvironmentFile=/nowhere/common.env
LoadCredential=key:/nowhere/key
Environment=KEY_FILE=%d/key URL=at%%2Fplace
ExecStart=/bin/python \\
    -m web
RestrictAddressFamilies=AF_UNIX
"""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("a secret\n")
    (tmp_path / "common.env").write_text(
        '# A=1\nNODES=\'[{"name": "one two"}]\'\nPLAIN=with a blank \nKEY_FILE=/elsewhere\n'
    )
    (tmp_path / "lucid-web.service").write_text(WEB.replace("/nowhere", str(tmp_path)))
    (tmp_path / "lucid-.service.d").mkdir()
    (tmp_path / "lucid-.service.d/10-all.conf").write_text("[Service]\nUMask=0077\nLimitCORE=0\n")
    (tmp_path / "lucid-web.service.d").mkdir()
    (tmp_path / "lucid-web.service.d/20-own.conf").write_text("[Service]\nLimitCORE=\nUMask=0027\n")
    return tmp_path


def test_a_unit_is_read_with_its_drop_ins_the_last_word_counts(units: Path) -> None:
    web = Unit.read("web", units)

    assert web.last("User") == "root"
    assert web.last("ExecStart") == "/bin/python -m web"
    assert web.last("UMask") == "0027"
    assert web.every("LimitCORE") == []


def test_the_environment_is_the_files_then_the_units(units: Path) -> None:
    found = Unit.read("web", units).environment(Path("/run/credentials"))

    assert found["NODES"] == '[{"name": "one two"}]'
    assert found["PLAIN"] == "with a blank"
    assert found["URL"] == "at%2Fplace"
    assert "A" not in found
    # As systemd has it: what a file says goes before what the unit says.
    assert found["KEY_FILE"] == "/elsewhere"


def test_nothing_of_the_callers_environment_comes_along(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://elsewhere")
    monkeypatch.setenv("TREASURY_KEY_FILE", "/tmp/another")

    found = Unit.read("web", units).environment(Path("/run/credentials"))

    assert {"HTTPS_PROXY", "TREASURY_KEY_FILE"}.isdisjoint(found)


def test_credentials_are_the_users_alone_and_gone_afterwards(
    units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lucid, "CREDENTIALS", units)
    monkeypatch.setattr(os, "chown", lambda *arguments: None)

    with lucid.credentials(Unit.read("web", units)) as folder:
        assert (folder / "key").read_text() == "a secret\n"
        assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o400
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    assert not folder.exists()


def test_a_credential_that_is_missing_is_named_and_leaves_nothing(
    units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lucid, "CREDENTIALS", units)
    (units / "key").unlink()

    with pytest.raises(Unusable, match="key can't be read"), lucid.credentials(Unit.read("web", units)):
        pass

    assert list(units.glob("lucid-credentials-*")) == []


def test_an_unknown_process_is_answered_with_those_there_are(units: Path) -> None:
    with pytest.raises(Unusable, match=r"no process wep; those of this machine: web\."):
        Unit.read("wep", units)


def test_root_has_the_webs_settings_without_its_user(units: Path) -> None:
    root = Unit.read("root", units)

    assert root.last("User") == ""
    assert lucid.as_user(root) == []
    assert root.environment(Path("/x"))["PLAIN"] == "with a blank"


def test_a_process_leaves_every_right_behind(units: Path) -> None:
    command = lucid.as_user(Unit.read("web", units))

    assert command[0] == "setpriv"
    assert {"--init-groups", "--no-new-privs", "--bounding-set=-all"} <= set(command)


def test_a_process_keeps_the_right_that_its_unit_gives_it_and_no_other(units: Path) -> None:
    own = units / "lucid-web.service.d"
    own.mkdir(exist_ok=True)
    (own / "20-own.conf").write_text("[Service]\nAmbientCapabilities=CAP_DAC_READ_SEARCH\n")

    command = lucid.as_user(Unit.read("web", units))

    kept = "-all,+dac_read_search"
    assert {f"--bounding-set={kept}", f"--inh-caps={kept}", f"--ambient-caps={kept}"} <= set(command)


def test_who_isnt_root_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(Unusable, match="sudo"):
        lucid.main(["web", "check"])
