"""`manage.py gateway`: the folder, whether HAProxy must be reloaded, and what it won't write."""

from __future__ import annotations

import grp
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from lucid_payments.accounts import keyring
from lucid_payments.gateway import configuration

pytestmark = pytest.mark.haproxy


@pytest.fixture(autouse=True)
def installation(settings: Settings, tmp_path: Path) -> None:
    settings.JWT_KEYS_DIR = str(tmp_path / "jwt")
    settings.GATEWAY_TOKEN = "g" * 40
    settings.ALLOWED_HOSTS = ["payments.example.onion", "lucid"]
    keyring.create(tmp_path / "jwt")


def run(act: str, folder: Path, *arguments: str) -> str:
    out = StringIO()
    call_command("gateway", act, "--to", str(folder), *arguments, stdout=out, stderr=out)
    return out.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_it_says_whether_haproxy_must_be_reloaded(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    assert "Reload HAProxy." in run("write", folder)
    before = contents(folder)
    assert "HAProxy needs no reload." in run("write", folder)
    assert contents(folder) == before
    assert "is as it should be." in run("check", folder)
    with keyring.changing(tmp_path / "jwt"):
        added = keyring.load(tmp_path / "jwt").add()
    with pytest.raises(CommandError, match=rf"behind in haproxy\.cfg, keys/{added.keys[-1].kid}\.pem"):
        run("check", folder)
    assert f"Changed: haproxy.cfg, keys/{added.keys[-1].kid}.pem. Reload HAProxy." in run("write", folder)


def test_its_files_are_its_owner_s_or_one_group_s(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"

    def modes() -> set[int]:
        return {file.stat().st_mode & 0o777 for file in [folder, *folder.rglob("*")]}

    run("write", folder)
    assert modes() == {0o600, 0o700}
    (folder / "haproxy.cfg").unlink()
    group = grp.getgrgid(os.getgid()).gr_name
    run("write", folder, "--group", group)
    assert (folder / "haproxy.cfg").stat().st_mode & 0o777 == 0o640
    assert folder.stat().st_mode & 0o777 == 0o750
    with pytest.raises(CommandError, match="can't be written"):
        run("write", tmp_path / "other", "--group", "no-such-group")


def test_no_secret_but_its_token_is_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    run("write", folder)
    found = contents(folder)
    assert not any(b"PRIVATE" in content for content in found.values())
    assert [name for name, content in found.items() if b"g" * 40 in content] == ["gateway-token.map"]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("GATEWAY_TOKEN", ""),
        ("GATEWAY_TOKEN", "two words"),
        ("GATEWAY_TOKEN", "line\nhttp-request allow"),
        ("GATEWAY_BIND", "127.0.0.1:80 accept-proxy"),
        ("GATEWAY_API_SOCKET", "/run/a b"),
        ("WEB_SOCKET", "/run/'x'"),
        ("CORS_ALLOWED_ORIGINS", ["https://a.example }"]),
        ("JWT_KEYS_DIR", "/nonexistent"),
    ],
)
def test_what_can_t_be_written_down_safely_isn_t(tmp_path: Path, settings: Any, name: str, bad: Any) -> None:
    folder = tmp_path / "gateway"
    run("write", folder)
    before = contents(folder)
    setattr(settings, name, bad)
    with pytest.raises(CommandError):
        run("write", folder)
    assert contents(folder) == before


def test_a_configuration_that_haproxy_refuses_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gateway"
    run("write", folder)
    before = contents(folder)
    monkeypatch.setattr(configuration, "METHODS", ("GET",))
    monkeypatch.setattr(configuration, "READY", "/x\n  nonsense")
    with pytest.raises(CommandError, match="the old one stays") as refused:
        run("write", folder)
    assert "nonsense" in str(refused.value)
    assert contents(folder) == before


def test_tokens_of_an_issuer_that_can_t_be_written_down_are_told_of(
    tmp_path: Path, settings: Settings
) -> None:
    settings.JWT_OUTSIDE_ISSUERS = [
        {"name": "odd", "iss": "https://odd.example/'", "aud": "a", "jwks_file": "/nonexistent"}
    ]
    told = run("write", tmp_path / "gateway")
    assert "The tokens of odd are refused at the gateway" in told
    assert "can't be read" in told
