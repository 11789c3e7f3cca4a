"""A backup in shares: any two of three open it, one of them opens nothing, and a slip of the pen is noticed."""

from __future__ import annotations

import itertools
import stat
import traceback
from pathlib import Path

import pytest
from coincurve import PrivateKey

from payouts.tron.signing import keyfile, shares
from payouts.tron.signing.errors import KeyFileError
from payouts.tron.signing.secret import Secret
from tests.payouts.tron.vectors import KEYS

CANARY = KEYS["payer"]["private_key"]
ADDRESS = KEYS["payer"]["base58"]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "SCRYPT_N", 2**10)


def sealed_in(folder: Path, number: int = 3, key: str = CANARY, **more: int) -> tuple[Path, list[Path]]:
    folder.mkdir()
    sealed, paths = folder / "sealed.json", [folder / f"share-{i + 1}" for i in range(number)]
    shares.seal(PrivateKey(bytes.fromhex(key)), sealed, paths, **more)
    return sealed, paths


def refusal(sealed: Path, *paths: Path) -> str:
    with pytest.raises(KeyFileError) as caught:
        shares.unseal(sealed, paths)
    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(whole.format(chain=True))
    assert CANARY not in shown
    assert repr(bytes.fromhex(CANARY))[2:-1] not in shown
    return caught.value.code


@pytest.mark.parametrize(("number", "needed"), [(3, 2), (5, 3)])
def test_any_so_many_of_them_open_it(tmp_path: Path, number: int, needed: int) -> None:
    sealed, paths = sealed_in(tmp_path / "a", number, needed=needed)
    for some in itertools.combinations(paths, needed):
        assert shares.unseal(sealed, some).to_hex() == CANARY
    assert refusal(sealed, *paths[: needed - 1]) == "TOO_FEW_SHARES"
    assert refusal(sealed, *[paths[0]] * needed) == "TOO_FEW_SHARES"


def test_no_file_tells_the_key_and_each_is_its_owners_alone(tmp_path: Path) -> None:
    sealed, paths = sealed_in(tmp_path / "a")
    for file in (sealed, *paths):
        assert CANARY not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for share in paths:
        for half in (share.read_text().split()[4], share.read_text()):
            with pytest.raises(KeyFileError):
                keyfile.open_key(sealed, Secret(half))


def test_a_slip_of_the_pen_is_noticed(tmp_path: Path) -> None:
    sealed, paths = sealed_in(tmp_path / "a")
    line = paths[0].read_text()
    words = line.split()
    for position, letter in ((4, 0), (4, 31), (2, 0), (5, 7)):
        wrong = words[position]
        other = "1" if wrong[letter] != "1" else "2"
        changed = [*words[:position], wrong[:letter] + other + wrong[letter + 1 :], *words[position + 1 :]]
        paths[0].write_text(" ".join(changed) + "\n")
        assert refusal(sealed, *paths) == "MISCOPIED"
    for text in ("", "nothing of the kind", line + line):
        paths[0].write_text(text)
        assert refusal(sealed, *paths) == "NO_SHARE"


def test_shares_of_another_key_and_another_sealed_file_are_told(tmp_path: Path) -> None:
    sealed, paths = sealed_in(tmp_path / "a")
    other_sealed, others = sealed_in(tmp_path / "b", key=KEYS["alice"]["private_key"])
    assert refusal(sealed, paths[0], others[1]) == "MIXED_SHARES"
    assert refusal(other_sealed, paths[0], paths[1]) == "WRONG_PASSWORD"
    again, newer = sealed_in(tmp_path / "c")
    assert refusal(again, paths[0], newer[1]) == "WRONG_PASSWORD"


@pytest.mark.parametrize(("number", "needed"), [(2, 2), (1, 1), (3, 1), (10, 2)])
def test_too_few_shares_to_lose_one_are_refused(tmp_path: Path, number: int, needed: int) -> None:
    with pytest.raises(KeyFileError) as caught:
        sealed_in(tmp_path / "a", number, needed=needed)
    assert caught.value.code == "TOO_FEW_SHARES"
    assert list((tmp_path / "a").iterdir()) == []


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "share-3").write_text("somebody's")
    paths = [folder / f"share-{i}" for i in (1, 2, 3)]
    with pytest.raises(KeyFileError, match="share-3 exists already"):
        shares.seal(PrivateKey(bytes.fromhex(CANARY)), folder / "sealed.json", paths)
    assert [file.name for file in folder.iterdir()] == ["share-3"]
