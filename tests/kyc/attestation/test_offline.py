"""The authority's machine: a key, a request, a signature; no network, no database, no setting."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kyc.attestation import keys, offline, signing, verification
from kyc.attestation.keys import AuthorityKeyError
from kyc.attestation.verification import Reason
from tests.kyc.attestation.documents import AUTHORITY, DEPLOYMENT, NOW, claims, facts, trusted

PASSWORD = "a password for tests alone"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    create = keys.create
    monkeypatch.setattr(keys, "create", lambda *args, **more: create(*args, **{"scrypt_n": 2, **more}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    wanted = [claims(issuer=signing.NOBODY, subject=f"node-{number}") for number in (1, 2)]
    (tmp_path / "request.json").write_text(signing.write_request(DEPLOYMENT, wanted, NOW))
    assert (
        run(tmp_path, "key", "--authority", AUTHORITY, "--file", "key.json", "--public", "public.json") == 0
    )
    return tmp_path


def run(folder: Path, *arguments: str, out: io.StringIO | None = None) -> int:
    named = {"key.json", "public.json", "request.json", "signed.json"}
    given = [str(folder / one) if one in named else one for one in arguments]
    return offline.main([*given, "--password-file", str(folder / "password")], out or io.StringIO())


def sign(folder: Path, *more: str) -> tuple[int, str]:
    out = io.StringIO()
    code = run(folder, "sign", "request.json", "--key", "key.json", "--out", "signed.json", *more, out=out)
    return code, out.getvalue()


def test_what_is_signed_is_shown_and_verifies(folder: Path) -> None:
    code, told = sign(folder, "--yes")
    assert code == 0
    for line in (
        "Wallet: TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9 (devnet)",
        "One payout: at most 500.00 USDT",
        "2 of 2 signed",
    ):
        assert line in told
    _, x = keys.read_public((folder / "public.json").read_text())
    key = keys.open_file(folder / "key.json", PASSWORD)
    assert keys.public_of(key.private) == x
    for number, document in enumerate(signing.read_answer((folder / "signed.json").read_text()), 1):
        said = verification.opened(document, trusted(key))
        assert (said.issuer, said.subject, said.audience) == (AUTHORITY, f"node-{number}", DEPLOYMENT)
        assert verification.refusals(said, facts(subject=f"node-{number}", at=said.issued_at)) in (
            [],
            [Reason.EXPIRED],
        )


def test_each_is_asked_about_and_a_no_leaves_it_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["no", "yes"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    code, told = sign(folder)
    assert (code, "1 of 2 signed" in told) == (0, True)
    assert len(signing.read_answer((folder / "signed.json").read_text())) == 1


def test_nothing_is_written_where_nothing_was_signed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "")
    assert sign(folder)[0] == 1
    assert not (folder / "signed.json").exists()


@pytest.mark.parametrize("broken", ["password", "key", "request", "other deployment", "out exists"])
def test_what_is_wrong_stops_it_and_writes_nothing(
    folder: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    match broken:
        case "password":
            (folder / "password").write_text("another password")
        case "key":
            text = (folder / "key.json").read_text()
            (folder / "key.json").write_text(text.replace(AUTHORITY, "another-authority"))
        case "request":
            text = (folder / "request.json").read_text()
            (folder / "request.json").write_text(text.replace('"seq": 2', '"seq": 2.0'))
        case "other deployment":
            text = (folder / "request.json").read_text()
            (folder / "request.json").write_text(text.replace(DEPLOYMENT, "lucid-elsewhere", 1))
        case "out exists":
            (folder / "signed.json").write_text("kept")
    assert sign(folder, "--yes")[0] == 1
    assert not (folder / "signed.json").exists() or (folder / "signed.json").read_text() == "kept"
    assert PASSWORD not in capsys.readouterr().err


def test_a_key_file_is_private_and_never_overwritten(folder: Path) -> None:
    file = folder / "key.json"
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(AuthorityKeyError, match="never overwritten"):
        keys.create(file, AUTHORITY, PASSWORD)
    assert file.read_bytes() == before
    assert "PrivateKey" not in repr(keys.open_file(file, PASSWORD))


@pytest.mark.parametrize("member", ["authority", "kid", "x", "salt", "nonce", "sealed", "scrypt_n"])
def test_a_key_file_with_any_member_changed_doesn_t_open(folder: Path, member: str) -> None:
    document: dict[str, Any] = json.loads((folder / "key.json").read_text())
    value = document[member]
    document[member] = (
        value * 2 if isinstance(value, int) else value[:-2] + ("AA" if value[-2:] != "AA" else "QQ")
    )
    (folder / "key.json").write_text(json.dumps(document))
    with pytest.raises(AuthorityKeyError):
        keys.open_file(folder / "key.json", PASSWORD)


@pytest.mark.parametrize("change", [("kid", "x"), ("kty", "RSA"), ("d", "AAAA")])
def test_a_public_key_file_that_isn_t_one_is_refused(folder: Path, change: tuple[str, str]) -> None:
    document = json.loads((folder / "public.json").read_text())
    with pytest.raises(AuthorityKeyError):
        keys.read_public(json.dumps({**document, change[0]: change[1]}))


def test_it_needs_no_setting_and_no_database(folder: Path) -> None:
    """The real command, in an environment that holds nothing."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [
            sys.executable, str(ROOT / "manage.py"), "attestation", "sign", str(folder / "request.json"),
            "--key", str(folder / "key.json"), "--out", str(folder / "signed.json"), "--yes",
            "--password-file", str(folder / "password"),
        ],
        env=bare, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(signing.read_answer((folder / "signed.json").read_text())) == 2
