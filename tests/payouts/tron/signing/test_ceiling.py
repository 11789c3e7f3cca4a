"""The signer's caps as people move them: the last change counts, and an altered file stops everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from payouts.tron.signing import JournalError, SigningCaps
from payouts.tron.signing.ceiling import Ceiling

INITIAL = SigningCaps(daily=1000, hourly=100)


@pytest.fixture
def ceiling(tmp_path: Path) -> Ceiling:
    return Ceiling.beside(tmp_path / "journal", INITIAL)


def move(ceiling: Ceiling, daily: int, hourly: int = 100) -> None:
    ceiling.move(SigningCaps(daily=daily, hourly=hourly), by="ann, bob", reason="a campaign", now_ms=1_700)


def broken(ceiling: Ceiling) -> None:
    """Neither read nor moved any more."""
    before = ceiling.path.read_bytes()
    for attempt in (ceiling.caps, lambda: move(ceiling, 5)):
        with pytest.raises(JournalError, match="was altered") as error:
            attempt()
        assert error.value.code == "BROKEN"
    assert ceiling.path.read_bytes() == before


def test_the_settings_count_until_somebody_moves_them(ceiling: Ceiling) -> None:
    assert ceiling.caps() == INITIAL
    assert not ceiling.path.exists(), "looking writes nothing"


def test_the_last_change_counts_and_all_are_kept(ceiling: Ceiling) -> None:
    move(ceiling, 2000)
    move(ceiling, 500, 50)
    assert ceiling.caps() == Ceiling(ceiling.path, SigningCaps()).caps() == SigningCaps(daily=500, hourly=50)
    told = [(change.seq, change.daily, change.by, change.reason) for change in ceiling.changes()]
    assert told == [(1, 2000, "ann, bob", "a campaign"), (2, 500, "ann, bob", "a campaign")]
    assert ceiling.path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_off_never_counted(ceiling: Ceiling) -> None:
    move(ceiling, 2000)
    whole = ceiling.path.read_bytes()
    move(ceiling, 9000)
    ceiling.path.write_bytes(ceiling.path.read_bytes()[:-1])
    assert ceiling.caps().daily == 2000
    move(ceiling, 500)
    assert ceiling.path.read_bytes().startswith(whole)
    assert [change.daily for change in ceiling.changes()] == [2000, 500]


@pytest.mark.parametrize("what", ["amount", "first line gone", "order", "a line of one's own", "no JSON"])
def test_an_altered_file_stops_everything(ceiling: Ceiling, what: str) -> None:
    for daily in (2000, 3000):
        move(ceiling, daily)
    first, second = ceiling.path.read_bytes().splitlines(keepends=True)
    forged = json.dumps({"seq": 3, "time_ms": 1, "daily": 9, "hourly": 1, "by": "", "reason": ""}).encode()
    ceiling.path.write_bytes(
        {
            "amount": first + second.replace(b"3000", b"9000"),
            "first line gone": second,
            "order": second + first,
            "a line of one's own": first + second + b"0" * 64 + b" " + forged + b"\n",
            "no JSON": first + second + b"9000\n",
        }[what]
    )
    broken(ceiling)


def test_a_disk_that_takes_nothing_moves_nothing(ceiling: Ceiling, monkeypatch: pytest.MonkeyPatch) -> None:
    move(ceiling, 2000)

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(JournalError, match="can't be written") as error:
        move(ceiling, 9000)
    assert error.value.code == "UNWRITABLE"
    assert ceiling.caps().daily == 2000
