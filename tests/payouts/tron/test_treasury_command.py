"""`manage.py treasury` prints an address, and a secret reaches neither output nor errors."""

from __future__ import annotations

import getpass
import io
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from payouts.tron import addresses
from payouts.tron.signing import KeyFileSigner, Secret, keyfile
from tests.payouts.tron.vectors import KEYS

KEY = KEYS["payer"]["private_key"]
ADDRESS = KEYS["payer"]["base58"]
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _treasury(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "SCRYPT_N", 2**10)
    settings.TREASURY_KEY_FILE = str(tmp_path / "treasury.json")
    settings.TREASURY_PASSWORD_FILE = str(tmp_path / "password")
    (tmp_path / "password").write_text(PASSWORD + "\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "treasury.json"


def treasury(*arguments: str) -> str:
    out = io.StringIO()
    call_command("treasury", *arguments, stdout=out, stderr=out)
    return out.getvalue().strip()


def answers(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Iterator[str]:
    """What the person at the prompt types; returns what is left over."""
    typed = iter(lines)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(typed))
    return typed


def test_create_makes_a_key_that_opens_with_the_password(path: Path) -> None:
    address = treasury("create")
    assert addresses.is_valid(address)
    assert KeyFileSigner.open(path, Secret(PASSWORD)).address == address
    assert treasury("show") == address


def test_create_never_replaces_a_key(path: Path) -> None:
    treasury("create")
    before = path.read_bytes()
    with pytest.raises(CommandError, match="never overwritten"):
        treasury("create")
    assert path.read_bytes() == before


def test_import_from_a_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text(KEY + "\n")
    assert treasury("import", "--key-file", str(tmp_path / "raw")) == ADDRESS
    assert treasury("show") == ADDRESS


def test_import_asks_at_the_prompt(monkeypatch: pytest.MonkeyPatch, settings: Any, path: Path) -> None:
    settings.TREASURY_PASSWORD_FILE = ""
    left = answers(monkeypatch, KEY, PASSWORD, PASSWORD)
    assert treasury("import") == ADDRESS
    assert list(left) == []
    answers(monkeypatch, PASSWORD)
    assert treasury("show") == ADDRESS


def test_passwords_that_differ_write_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: Any, path: Path
) -> None:
    settings.TREASURY_PASSWORD_FILE = ""
    answers(monkeypatch, PASSWORD, PASSWORD + "!")
    with pytest.raises(CommandError, match="differ"):
        treasury("create")
    assert not path.exists()


def test_the_file_can_be_named(tmp_path: Path, path: Path) -> None:
    treasury("create", "--file", str(tmp_path / "other.json"))
    assert (tmp_path / "other.json").exists()
    assert not path.exists()


def test_without_a_file_it_says_what_is_missing(settings: Any) -> None:
    settings.TREASURY_KEY_FILE = ""
    with pytest.raises(CommandError, match="TREASURY_KEY_FILE"):
        treasury("create")


def test_a_key_is_no_argument(path: Path) -> None:
    with pytest.raises(CommandError, match="unrecognized"):
        treasury("import", KEY)
    assert not path.exists()


@pytest.mark.parametrize("step", ["output", "bad key", "wrong password", "taken"])
def test_secrets_reach_neither_output_nor_errors(
    step: str, tmp_path: Path, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    raw.write_text(KEY if step != "bad key" else KEY + "00")
    shown = ""
    try:
        shown += treasury("import", "--key-file", str(raw))
        if step == "wrong password":
            (tmp_path / "password").write_text("another battery!")
            shown += treasury("show")
        if step == "taken":
            shown += treasury("import", "--key-file", str(raw))
    except CommandError as error:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += "".join(whole.format(chain=True))
    shown += "".join(capfd.readouterr())
    assert shown
    for secret in (KEY, repr(bytes.fromhex(KEY))[2:-1], str(int(KEY, 16)), PASSWORD, "another battery"):
        assert secret not in shown
