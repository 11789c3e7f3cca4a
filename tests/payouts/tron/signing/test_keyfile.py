"""The key file opens with its password alone, and nothing that handles the key ever shows it."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import stat
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from payouts.tron.signing import keyfile
from payouts.tron.signing.errors import KeyFileError, SignatureError
from payouts.tron.signing.recovery import recover_address
from payouts.tron.signing.secret import Secret
from payouts.tron.signing.signer import KeyFileSigner
from payouts.tron.signing.web3 import decode_keyfile_json
from tests.payouts.tron.vectors import KEYS, VECTORS

CANARY = KEYS["payer"]["private_key"]
PASSWORD_TEXT = "correct horse battery"
PASSWORD = Secret(PASSWORD_TEXT)
FAST = 2**10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "treasury.json"
    keyfile.import_key(path, Secret(CANARY), PASSWORD, scrypt_n=FAST)
    return path


def refusal(path: Path, password: Secret = PASSWORD) -> KeyFileError:
    with pytest.raises(KeyFileError) as caught:
        keyfile.open_key(path, password)
    return caught.value


def alter(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text())
    for where, value in changes.items():
        *parents, last = where.split("__")
        inner = document
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    path.write_text(json.dumps(document))


def test_it_opens_with_its_password(path: Path) -> None:
    signer = KeyFileSigner.open(path, PASSWORD)
    assert signer.address == KEYS["payer"]["base58"]


def test_it_is_the_common_format(path: Path) -> None:
    secret = decode_keyfile_json(json.loads(path.read_text()), PASSWORD_TEXT.encode())
    assert secret.hex() == CANARY


def test_the_library_leaves_the_recursion_limit_alone() -> None:
    program = (
        "import sys; before = sys.getrecursionlimit(); import payouts.tron.signing;"
        "assert 'py_ecc' in sys.modules; print(sys.getrecursionlimit() - before)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "0"


def test_it_belongs_to_its_owner_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["treasury.json"]


def test_new_keys_differ(tmp_path: Path) -> None:
    made = [keyfile.create(tmp_path / name, PASSWORD, scrypt_n=FAST) for name in ("one", "two")]
    assert len(set(made)) == 2
    assert KeyFileSigner.open(tmp_path / "one", PASSWORD).address == made[0]


def test_it_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        keyfile.create(path, PASSWORD, scrypt_n=FAST)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_wrong_password_is_refused(path: Path) -> None:
    assert refusal(path, Secret("wrong horse battery")).code == "WRONG_PASSWORD"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"crypto__ciphertext": "00" * 32}, "WRONG_PASSWORD"),
        ({"crypto__mac": "00" * 32}, "WRONG_PASSWORD"),
        ({"crypto__mac": "zz"}, "WRONG_PASSWORD"),
        ({"crypto__kdfparams__salt": "00" * 16}, "WRONG_PASSWORD"),
        ({"crypto__cipherparams__iv": "00" * 16}, "ALTERED"),
        ({"address": KEYS["alice"]["hex"][2:]}, "ALTERED"),
        ({"crypto__kdfparams__n": 2**21}, "MALFORMED"),
        ({"crypto__kdfparams__n": "1024"}, "MALFORMED"),
        ({"crypto__kdf": "pbkdf2"}, "MALFORMED"),
        ({"version": 4}, "MALFORMED"),
        ({"crypto": []}, "MALFORMED"),
    ],
)
def test_an_altered_file_is_refused(path: Path, changes: dict[str, Any], code: str) -> None:
    alter(path, **changes)
    assert refusal(path).code == code


def test_a_file_that_is_no_key_file_is_refused(path: Path) -> None:
    path.write_text("not a key")
    assert refusal(path).code == "MALFORMED"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").code == "MISSING"


def test_a_file_open_to_all_is_refused(path: Path) -> None:
    path.chmod(0o644)
    assert refusal(path).code == "OPEN_TO_ALL"


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="at least 12"):
        keyfile.create(tmp_path / "new", Secret("short"), scrypt_n=FAST)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("text", ["", "00" * 32, "ff" * 32, CANARY[:-1], CANARY + "0", "g" * 64])
def test_what_is_no_key_is_not_imported(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyFileError) as caught:
        keyfile.import_key(tmp_path / "new", Secret(text), PASSWORD, scrypt_n=FAST)
    assert caught.value.code == "BAD_KEY"
    assert not (tmp_path / "new").exists()


def test_signatures_equal_the_vectors(path: Path) -> None:
    signer = KeyFileSigner.open(path, PASSWORD)
    vector = VECTORS["usdt_transfer_123456.789012"]
    digest = bytes.fromhex(vector["txID"])
    assert signer.sign(digest).hex() == vector["signature"][0]
    assert recover_address(digest, signer.sign(digest)) == signer.address


def test_only_digests_are_signed(path: Path) -> None:
    with pytest.raises(SignatureError):
        KeyFileSigner.open(path, PASSWORD).sign(b"text")


def shown_by(error: BaseException) -> str:
    """All that a logger which prints every frame's locals, causes and contexts would write."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(whole.format(chain=True))


def assert_hidden(text: str) -> None:
    key = bytes.fromhex(CANARY)
    for form in (CANARY, CANARY.upper(), str(int(CANARY, 16)), repr(key)[2:-1], PASSWORD_TEXT):
        assert form not in text


def test_the_canary_would_be_seen_if_it_were_shown() -> None:
    secret = bytes.fromhex(CANARY)
    try:
        raise ValueError(len(secret))
    except ValueError as error:
        with pytest.raises(AssertionError):
            assert_hidden(shown_by(error))


@pytest.mark.parametrize(
    "changes",
    [
        {"crypto__mac": "00" * 32},
        {"crypto__cipherparams__iv": "00" * 16},
        {"address": KEYS["alice"]["hex"][2:]},
        {"crypto__ciphertext": "zz"},
        {"version": 4},
    ],
)
def test_no_refusal_shows_key_or_password(path: Path, changes: dict[str, Any]) -> None:
    alter(path, **changes)
    with pytest.raises(KeyFileError) as caught:
        KeyFileSigner.open(path, PASSWORD)
    assert caught.value.__context__ is None
    assert_hidden(shown_by(caught.value) + repr(caught.value) + str(caught.value))


def test_no_failure_to_store_shows_key_or_password(path: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        keyfile.import_key(path, Secret(CANARY), PASSWORD, scrypt_n=FAST)
    assert_hidden(shown_by(caught.value))


def test_the_signer_shows_its_address_only(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signer = KeyFileSigner.open(path, PASSWORD)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("canary").warning("%r %s %s", signer, signer, [signer])
    assert_hidden(f"{signer!r} {signer} {caplog.text}")
    assert_hidden("".join(repr(getattr(signer, slot)) for slot in KeyFileSigner.__slots__))


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, lambda s: pickle.dumps([s], 2)])
@pytest.mark.parametrize("kind", ["signer", "secret"])
def test_neither_signer_nor_secret_can_be_copied_out(path: Path, leak: Any, kind: str) -> None:
    held = KeyFileSigner.open(path, PASSWORD) if kind == "signer" else Secret(CANARY)
    with pytest.raises(TypeError):
        leak(held)


def test_a_failing_signature_shows_nothing(path: Path) -> None:
    signer = KeyFileSigner.open(path, PASSWORD)
    with pytest.raises(SignatureError) as caught:
        signer.sign(b"")
    assert_hidden(shown_by(caught.value))
