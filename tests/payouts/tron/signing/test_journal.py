"""The journal keeps every signature, survives a crash while writing, and refuses anything altered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from payouts.tron.signing.caps import DAY_MS, HOUR_MS
from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import GENESIS, Journal
from payouts.tron.transfer import TransferIntent
from tests.payouts.tron.intents import NOW_MS, intent


def numbered(number: int, amount: int = 1_000_000) -> TransferIntent:
    return intent(
        payout_id=f"payout-{number}",
        attempt_id=f"attempt-{number}",
        amount=amount,
        timestamp_ms=NOW_MS + number,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.append([numbered(1), numbered(2)], now_ms=NOW_MS)
        journal.append([numbered(3)], now_ms=NOW_MS + 1)
    return path


def broken(path: Path) -> JournalError:
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert path.read_bytes() == before
    return caught.value


def test_what_was_written_is_read_back(path: Path) -> None:
    with Journal(path) as journal:
        first = next(journal.entries())
        assert (first.seq, first.time_ms, first.txid) == (1, NOW_MS, numbered(1).txid)
        assert (first.recipient, first.amount) == (numbered(1).recipient, 1_000_000)
        assert bytes.fromhex(first.raw_data) == numbered(1).raw_data
        assert [entry.seq for entry in journal.entries()] == [1, 2, 3]
        assert [entry.seq for entry in journal.entries(after_seq=2)] == [3]
        assert len(journal) == 3
        assert journal.repaired == ""


def test_it_is_found_by_transaction_attempt_and_payout(path: Path) -> None:
    third = numbered(3)
    with Journal(path) as journal:
        found = journal.find(third.txid)
        assert found is not None
        assert found.attempt_id == "attempt-3"
        assert third.txid in journal
        assert journal.find("00" * 32) is None
        assert journal.txid_of_attempt("attempt-3") == third.txid
        assert journal.txid_of_attempt("attempt-4") == ""
        assert journal.latest_of_payout("payout-3") == (third.expiration_ms, third.txid)


def test_the_file_belongs_to_its_owner_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_numbering_and_chain_go_on_after_reopening(path: Path) -> None:
    with Journal(path) as journal:
        head = journal.head
        journal.append([numbered(4)], now_ms=NOW_MS)
        assert journal.head not in (head, GENESIS)
    with Journal(path) as journal:
        assert [entry.seq for entry in journal.entries()] == [1, 2, 3, 4]


@pytest.mark.parametrize("kept", [1, 64, 65, 100, -1])
def test_an_unfinished_last_line_is_cut_off_with_a_note(path: Path, kept: int) -> None:
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: -len(last)] + last[:kept])
    with Journal(path) as journal:
        assert [entry.seq for entry in journal.entries()] == [1, 2]
        assert "behind entry 2" in journal.repaired
        journal.append([numbered(4)], now_ms=NOW_MS)
    with Journal(path) as journal:
        assert journal.repaired == ""
        assert [entry.attempt_id for entry in journal.entries()] == ["attempt-1", "attempt-2", "attempt-4"]


def test_an_unfinished_first_line_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"\0" * 50)
    with Journal(tmp_path / "journal") as journal:
        assert len(journal) == 0
        assert journal.repaired


def test_every_changed_byte_of_a_finished_line_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(0, len(whole) - 1, 37):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert broken(path).code == "BROKEN"


@pytest.mark.parametrize(
    "order",
    [(1, 2), (0, 2), (1, 0, 2), (0, 1, 1, 2), (0, 0, 1, 2)],
    ids=lambda order: "".join(map(str, order)),
)
def test_lines_removed_moved_or_doubled_are_refused(path: Path, order: tuple[int, ...]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[index] for index in order))
    assert broken(path).code == "BROKEN"


def test_a_last_line_cut_away_whole_shows_in_the_head(path: Path) -> None:
    with Journal(path) as journal:
        head = journal.head
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    with Journal(path) as journal:
        assert journal.head != head


def test_a_second_process_is_refused(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from payouts.tron.signing.journal import Journal;"
        "from payouts.tron.signing.errors import JournalError\n"
        "try: Journal(Path(sys.argv[1]))\n"
        "except JournalError as error: print(error.code)\n"
    )
    with Journal(path):
        answer = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
        )
    assert answer.stdout.strip() == "LOCKED"


def test_a_second_opening_in_the_same_process_is_refused(path: Path) -> None:
    with Journal(path), pytest.raises(JournalError) as caught:
        Journal(path)
    assert caught.value.code == "LOCKED"


def test_a_deleted_file_is_not_written_into_the_void(path: Path) -> None:
    with Journal(path) as journal:
        path.unlink()
        with pytest.raises(JournalError) as caught:
            journal.append([numbered(4)], now_ms=NOW_MS)
        assert caught.value.code == "UNWRITABLE"


def test_after_a_failed_fsync_nothing_more_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with Journal(path) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", failing)
            with pytest.raises(JournalError):
                journal.append([numbered(4)], now_ms=NOW_MS)
        with pytest.raises(JournalError, match="failed before"):
            journal.append([numbered(5)], now_ms=NOW_MS)
        assert journal.txid_of_attempt("attempt-4") == ""


def test_a_batch_waits_for_the_disk_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    with Journal(path) as journal:
        journal.append([numbered(number) for number in range(4, 104)], now_ms=NOW_MS)
    assert len(calls) == 1


def test_totals_of_the_last_hour_and_day(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        for number, age_ms in enumerate([DAY_MS, DAY_MS - 1, HOUR_MS, HOUR_MS - 1, 0]):
            journal.append([numbered(number, amount=10**number)], now_ms=NOW_MS - age_ms)
        assert journal.signed_since(NOW_MS - DAY_MS) == 11110
        assert journal.signed_since(NOW_MS - HOUR_MS) == 11000


def test_totals_survive_reopening_and_a_clock_turned_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.append([numbered(1, amount=7)], now_ms=NOW_MS)
    with Journal(tmp_path / "journal") as journal:
        assert journal.signed_since(NOW_MS - HOUR_MS) == 7
        assert journal.signed_since(NOW_MS - 10 * HOUR_MS) == 7
