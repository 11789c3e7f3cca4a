"""The drill: each command of docs/ceremony.md in its order: two people, a test signature, a backup in shares."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lucid_payments.accounts.models import User
from payouts import signer
from payouts.tron import addresses, signed_messages
from payouts.tron.signing import KeyFileSigner, Secret, keyfile
from tests import softhsm
from tests.deploy.keys.pages import ROOT, arguments, commands, run
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.world import RECIPIENTS
from tests.softhsm import LABEL, PIN_TEXT

PAGE = "ceremony.md"
COLD = RECIPIENTS[0]
PASSWORD = "typed by ann, and by bob"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> dict[str, Path]:
    """The sticks, and two people at the keyboard who type what they agreed on."""
    monkeypatch.setattr(keyfile, "SCRYPT_N", 2**10)
    settings.TREASURY_KEY_FILE = settings.TREASURY_PASSWORD_FILE = ""
    typed: list[str] = []

    def answer(prompt: str) -> str:
        typed.append(prompt)
        return PASSWORD

    monkeypatch.setattr(getpass, "getpass", answer)
    sticks = {name: tmp_path / name.lower() for name in ("SIGNER", "SEALED", "ANN", "BOB", "CAROL", "NEW")}
    for stick in sticks.values():
        stick.mkdir()
    return sticks


def test_a_key_file_is_made_proven_backed_up_and_restored(table: dict[str, Path]) -> None:
    create, prove, check, backup, *drills, show = commands(PAGE, "With a key file")
    address = run(create, **table)
    assert addresses.is_valid(address)
    sheet = run(prove, **table)
    text = re.findall(r"^text +(.*)$", sheet, re.MULTILINE)[0]
    signature = re.findall(r"^signature +(.*)$", sheet, re.MULTILINE)[0]
    assert signed_messages.signer_of(text, signature) == address
    assert run(check, SIGNATURE=signature) == address
    assert run(backup, **table) == address

    secret = KeyFileSigner.open(table["SIGNER"] / "treasury.json", Secret(PASSWORD))._key.to_hex()
    for stick in table.values():
        for file in stick.iterdir():
            assert secret not in file.read_text()
            assert PASSWORD not in file.read_text()

    # On the second machine there is neither the signer's stick nor any password.
    (table["SIGNER"] / "treasury.json").rename(table["SIGNER"] / "away")
    assert len(drills) == 3
    assert [run(drill, **table) for drill in drills] == [address] * 3
    (restore,) = commands(PAGE, "Each half year")
    assert run(restore, **table) == address
    assert KeyFileSigner.open(table["NEW"] / "treasury.json", Secret(PASSWORD)).address == address
    (table["SIGNER"] / "away").rename(table["SIGNER"] / "treasury.json")
    assert run(show, **table) == address


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    with softhsm.running(tmp_path / "hsm", monkeypatch) as running:
        settings.TREASURY_PKCS11_MODULE = running.module
        settings.TREASURY_PKCS11_TOKEN = settings.TREASURY_PKCS11_KEY = LABEL
        monkeypatch.setattr(getpass, "getpass", lambda prompt: PIN_TEXT)
        yield


@pytest.mark.softhsm
def test_a_key_in_an_hsm_is_made_and_proven(token: None) -> None:
    create, prove, check, show = commands(PAGE, "With an HSM")
    address = run(create)
    signature = re.findall(r"^signature +(.*)$", run(prove), re.MULTILINE)[0]
    assert run(check, SIGNATURE=signature) == address == run(show)


def test_the_offline_machine_needs_no_more_than_its_own_settings(tmp_path: Path) -> None:
    """`manage.py` in an environment of nothing else; no server of any kind answers there."""
    (tmp_path / "password").write_text(PASSWORD)
    keyfile.import_key(tmp_path / "treasury.json", Secret("5a" * 32), Secret(PASSWORD), scrypt_n=2**10)
    show = commands(PAGE, "With a key file")[-1]
    line = " ".join(
        [
            sys.executable,
            "manage.py",
            *arguments(show, {"SIGNER": tmp_path}),
            "--password-file",
            f"{tmp_path}/password",
        ]
    )
    done = subprocess.run(
        ["bash", "-euc", f"set -a; . deploy/keys/offline.env; set +a; {line}"],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.strip() == KeyFileSigner.open(tmp_path / "treasury.json", Secret(PASSWORD)).address


@pytest.mark.django_db
def test_both_fix_where_its_money_may_go(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    for name in ("ann", "bob"):
        user("admin", name=name)
    monkeypatch.setattr(
        "lucid_payments.backoffice.prompt.getpass",
        lambda question: code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2])),
    )
    (fix,) = commands(PAGE, "Where its money may go")
    run(fix, DESTINATION=COLD)
    assert signer.keybook().destinations() == {settings.TREASURY_ADDRESS: COLD}


def test_no_command_of_the_page_is_left_out() -> None:
    parts = ("With a key file", "With an HSM", "Where its money may go", "Each half year")
    assert sum(len(commands(PAGE, part)) for part in parts) == len(commands(PAGE)) == 14
