"""`manage.py signer caps`: one person lowers, two raise, and who reads the file and the audit log knows who."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import signer
from payouts.tron.signing import SigningCaps
from tests.payouts.admin.world import code_of, user

USDT = 1_000_000
REASON = "the campaign's last week"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def signers_machine(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    settings.SIGNER_DAILY_CAP, settings.SIGNER_HOURLY_CAP = 15_000 * USDT, 1_500 * USDT
    for role, name in (("admin", "ann"), ("admin", "bob"), ("auditor", "eve")):
        user(role, name=name)
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code_asked_for)


def code_asked_for(question: str) -> str:
    return code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2]))


def command(**options: str) -> str:
    out = io.StringIO()
    call_command("signer", "caps", stdout=out, **options)
    return out.getvalue()


def test_it_shows_the_caps_in_force() -> None:
    assert command() == "any 60 minutes: 1,500.00 USDT\nany 24 hours: 15,000.00 USDT\nas the settings say\n"


def test_one_administrator_lowers_them() -> None:
    assert "any 24 hours: 2,000.00 USDT\nmoved 1 times" in command(daily="2,000", actor="ann", reason=REASON)
    assert signer.ceiling().caps() == SigningCaps(daily=2_000 * USDT, hourly=1_500 * USDT)


def test_two_raise_them_and_both_stand_in_file_and_audit_log() -> None:
    command(daily="20000", hourly="3000", actor="ann", second="bob", reason=REASON)

    assert signer.ceiling().caps() == SigningCaps(daily=20_000 * USDT, hourly=3_000 * USDT)
    (change,) = signer.ceiling().changes()
    assert (change.by, change.reason) == ("ann, bob", REASON)
    entry = AuditEntry.objects.get(action="signer.caps_moved")
    assert entry.details == {
        "by": ["ann", "bob"], "reason": REASON,
        "daily_usdt": ["15000.00", "20000.00"], "hourly_usdt": ["1500.00", "3000.00"],
    }  # fmt: skip
    assert Event.objects.filter(type="signer.caps_moved").count() == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"daily": "20000", "actor": "ann", "second": "ann", "reason": REASON}, "two administrators"),
        ({"hourly": "1500.01", "actor": "ann", "second": "eve", "reason": REASON}, "--second"),
        ({"daily": "100", "hourly": "50", "actor": "eve", "reason": REASON}, "--actor"),
        ({"daily": "2000", "actor": "ann", "reason": "too short for it"}, "--reason"),
        ({"daily": "1500", "actor": "ann", "reason": REASON}, "one hour empty the day"),
        ({"daily": "15000", "actor": "ann", "reason": REASON}, "in force"),
        ({"daily": "lots", "actor": "ann", "reason": REASON}, "--daily"),
        ({"hourly": "0", "actor": "ann", "reason": REASON}, "--hourly"),
    ],
)
def test_what_it_refuses_moves_nothing(options: dict[str, str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        command(**options)
    untouched()


def test_a_wrong_code_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", lambda asked: "000000")
    with pytest.raises(CommandError, match="ann: This code is wrong"):
        command(daily="20000", actor="ann", second="bob", reason=REASON)
    untouched()


def test_away_from_the_signer_s_machine_there_is_nothing_to_move(settings: Any) -> None:
    settings.SIGNER_JOURNAL_FILE = ""
    with pytest.raises(CommandError, match="on the signer's machine"):
        command()


def test_a_disk_that_takes_nothing_leaves_no_audit_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CommandError, match="can't be written"):
        command(daily="100", hourly="50", actor="ann", reason=REASON)
    untouched()


def untouched() -> None:
    assert signer.ceiling().changes() == []
    assert not AuditEntry.objects.filter(action="signer.caps_moved").exists()
