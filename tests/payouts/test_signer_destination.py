"""`manage.py signer destination`: two people fix where a key's money may be swept, once, and nobody moves it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts import chain, signer
from payouts.tron.signing import JournalError
from payouts.tron.signing.keybook import KeyBook
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.world import RECIPIENTS

COLD, OTHER, NEXT = RECIPIENTS[:3]
REASON = "read out to both of us from the cold wallet"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def signers_machine(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    for role, name in (("admin", "ann"), ("admin", "bob"), ("auditor", "eve")):
        user(role, name=name)
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code_asked_for)


def code_asked_for(question: str) -> str:
    return code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2]))


def command(**options: Any) -> str:
    out = io.StringIO()
    call_command("signer", "destination", stdout=out, **options)
    return out.getvalue()


def fix(**options: Any) -> str:
    return command(**{"set": COLD, "actor": "ann", "second": "bob", "reason": REASON, **options})


def test_a_key_without_one_is_told_of() -> None:
    assert f"{settings.TREASURY_ADDRESS} has no destination: it can't be swept" in command()


def test_two_fix_it_and_both_stand_in_file_and_audit_log() -> None:
    assert f"{settings.TREASURY_ADDRESS} swept to {COLD} alone" in fix()
    (told,) = signer.keybook().decisions()
    assert (told.by, told.reason) == ("ann, bob", REASON)
    entry = AuditEntry.objects.get(action="signer.destination_fixed")
    assert entry.details == {
        "key": settings.TREASURY_ADDRESS, "destination": COLD, "by": ["ann", "bob"], "reason": REASON,
    }  # fmt: skip


def test_a_fixed_one_is_never_moved() -> None:
    fix()
    with pytest.raises(CommandError, match="can't be moved"):
        fix(set=OTHER)
    assert signer.keybook().destinations() == {settings.TREASURY_ADDRESS: COLD}


def test_the_file_itself_takes_only_the_first(tmp_path: Path) -> None:
    book = KeyBook(tmp_path / "keys")
    book.fix_destination(NEXT, COLD, by="ann, bob", reason=REASON, now_ms=1)
    with pytest.raises(JournalError) as refused:
        book.fix_destination(NEXT, OTHER, by="eve", reason=REASON, now_ms=2)
    assert refused.value.code == "FIXED"
    assert book.destinations() == {NEXT: COLD}


def test_an_altered_file_opens_no_other_destination(tmp_path: Path) -> None:
    book = KeyBook(tmp_path / "keys")
    book.fix_destination(NEXT, COLD, by="ann, bob", reason=REASON, now_ms=1)
    book.path.write_text(book.path.read_text().replace(COLD, OTHER))
    with pytest.raises(JournalError, match="was altered"):
        book.destinations()


def test_a_retired_key_stays_so_and_keeps_its_destination(tmp_path: Path) -> None:
    book = KeyBook(tmp_path / "keys")
    book.fix_destination(NEXT, COLD, by="ann, bob", reason=REASON, now_ms=1)
    for _ in range(2):
        book.retire(NEXT, by="ann", reason=REASON, now_ms=2)
    assert (book.retired(), book.destinations(), len(book.decisions())) == (
        frozenset({NEXT}),
        {NEXT: COLD},
        2,
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"second": "ann"}, "two administrators"),
        ({"second": "eve"}, "--second"),
        ({"reason": "too short"}, "--reason"),
        ({"set": settings.TREASURY_ADDRESS}, "own treasury"),
        ({"set": "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"}, "zero address"),
        ({"set": COLD[:-1] + "x"}, "address"),
        ({"key": COLD[:-1] + "x"}, "address"),
        ({"key": NEXT, "set": settings.TREASURY_ADDRESS}, "outside of the hot treasury"),
    ],
)
def test_what_it_refuses_fixes_nothing(options: dict[str, str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        fix(**options)
    untouched()


def test_the_token_s_contract_is_no_destination() -> None:
    with pytest.raises(CommandError, match="contract"):
        fix(set=chain.network().usdt_contract)
    untouched()


def test_a_destination_never_becomes_a_key() -> None:
    fix()
    with pytest.raises(CommandError, match="outside of the hot treasury"):
        fix(key=COLD, set=OTHER)


def test_a_disk_that_takes_nothing_leaves_no_audit_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CommandError, match="can't be written"):
        fix()
    untouched()


def untouched() -> None:
    assert signer.keybook().decisions() == []
    assert not AuditEntry.objects.filter(action="signer.destination_fixed").exists()
