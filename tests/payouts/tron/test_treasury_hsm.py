"""`manage.py treasury` and a key in an HSM: made there, its address printed, its PIN shown nowhere."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from payouts import treasury_key
from payouts.tron import addresses
from tests import softhsm
from tests.payouts.tron.test_treasury_command import treasury
from tests.softhsm import LABEL, PIN_TEXT, SoftHsm

pytestmark = pytest.mark.softhsm
WRONG = "another-pin-0815"


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[SoftHsm]:
    with softhsm.running(tmp_path / "hsm", monkeypatch) as running:
        settings.TREASURY_PKCS11_MODULE = running.module
        settings.TREASURY_PKCS11_TOKEN = LABEL
        settings.TREASURY_PKCS11_KEY = "treasury"
        settings.TREASURY_PIN_FILE = str(tmp_path / "pin")
        settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
        (tmp_path / "pin").write_text(PIN_TEXT + "\n")
        yield running


def test_a_key_is_made_and_shown(token: SoftHsm) -> None:
    address = treasury("create", "--pkcs11")
    assert addresses.is_valid(address)
    assert treasury("show") == treasury("show", "--pkcs11") == address
    assert treasury_key.open_signer().address == address
    with pytest.raises(CommandError, match="never replaced"):
        treasury("create", "--pkcs11")
    assert treasury("create", "--pkcs11", "--key", "next") != address
    assert treasury("show") == address


def test_the_prompt_asks_for_the_pin(token: SoftHsm, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TREASURY_PIN_FILE = ""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return PIN_TEXT

    monkeypatch.setattr(getpass, "getpass", answer)
    assert treasury("create", "--pkcs11") == treasury("show")
    assert asked == ["PIN: ", "PIN: "]


def test_a_refused_pin_stops_the_signer_until_a_person_has_the_right_one(
    token: SoftHsm, tmp_path: Path
) -> None:
    address = treasury("create", "--pkcs11")
    token.restart()
    (tmp_path / "pin").write_text(WRONG)
    with pytest.raises(CommandError, match="refused the PIN"):
        treasury("show")
    (tmp_path / "pin").write_text(PIN_TEXT)
    with pytest.raises(Exception, match="treasury show"):
        treasury_key.open_signer()
    assert treasury("show") == address
    assert treasury_key.open_signer().address == address


def test_a_key_from_outside_isn_t_put_into_an_hsm(token: SoftHsm, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("11" * 32)
    with pytest.raises(CommandError, match="make a new one there"):
        treasury("import", "--key-file", str(tmp_path / "raw"))


@pytest.mark.parametrize(
    "missing", ["TREASURY_PKCS11_TOKEN", "TREASURY_PKCS11_KEY", "TREASURY_PKCS11_MODULE"]
)
def test_what_isn_t_set_is_named(token: SoftHsm, settings: Any, missing: str) -> None:
    setattr(settings, missing, "")
    with pytest.raises(CommandError, match=missing):
        treasury("create", "--pkcs11")


@pytest.mark.parametrize("step", ["create", "wrong pin", "taken", "no token"])
def test_the_pin_reaches_neither_output_nor_errors(
    step: str, token: SoftHsm, tmp_path: Path, settings: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = treasury("create", "--pkcs11")
    token.restart()
    (tmp_path / "pin").write_text(WRONG if step == "wrong pin" else PIN_TEXT)
    if step == "no token":
        settings.TREASURY_PKCS11_TOKEN = "none"
    try:
        shown += treasury("create" if step == "taken" else "show", "--pkcs11")
    except CommandError as error:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += "".join(whole.format(chain=True))
    shown += "".join(capfd.readouterr()) + "".join(
        path.read_text() for path in tmp_path.glob("hsm/pin-refused")
    )
    for secret in (PIN_TEXT, WRONG):
        assert secret not in shown


def test_a_pin_is_no_argument(token: SoftHsm) -> None:
    with pytest.raises(CommandError, match="unrecognized"):
        treasury("show", "--pin", PIN_TEXT)


def test_the_process_list_shows_no_pin(token: SoftHsm, tmp_path: Path, settings: Any) -> None:
    """Of the very process that holds the session: its arguments, and its environment."""
    address = treasury("create", "--pkcs11")
    program = (
        "import django; django.setup(); from payouts import treasury_key; print(treasury_key.open_signer().address);"
        "print(open('/proc/self/cmdline').read(), open('/proc/self/environ').read())"
    )
    names = ("TREASURY_PKCS11_MODULE", "TREASURY_PKCS11_TOKEN", "TREASURY_PKCS11_KEY", "TREASURY_PIN_FILE")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **{name: getattr(settings, name) for name in names}},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith(address), done.stderr
    assert "TREASURY_PIN_FILE" in done.stdout
    assert PIN_TEXT not in done.stdout + done.stderr
