"""`manage.py treasury sweep`, `compromise` and `status`: who begins what, and what is left when something fails."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from lucid_payments.accounts.models import MachineKey, User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import signer
from payouts.models import CompromisedKey, Sweep
from payouts.sweeps import door, outstanding
from routers import killswitch
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.world import RECIPIENTS

COLD = RECIPIENTS[0]
REASON = "the machine's disk was found in a shop"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def signers_machine(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    for role, name in (("admin", "ann"), ("admin", "bob"), ("admin", "cyd"), ("auditor", "eve")):
        user(role, name=name)
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code_asked_for)


@pytest.fixture
def destination(signers_machine: None) -> None:
    signer.keybook().fix_destination(settings.TREASURY_ADDRESS, COLD, by="ann, bob", reason="test", now_ms=0)


def code_asked_for(question: str) -> str:
    return code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2]))


def command(act: str, *, out: io.StringIO | None = None, **options: Any) -> str:
    out = out or io.StringIO()
    call_command("treasury", act, stdout=out, **options)
    return out.getvalue()


def test_two_begin_a_sweep_after_they_saw_where_it_goes(destination: None) -> None:
    told = command("sweep", actor="ann", second="bob", reason=REASON)
    assert f"to {COLD}, its destination in the signer's own file" in told
    sweep = Sweep.objects.get()
    assert (sweep.address, sweep.destination, sweep.with_trx, sweep.state) == (
        settings.TREASURY_ADDRESS, COLD, False, "open",
    )  # fmt: skip
    entry = AuditEntry.objects.get(action="sweep.begun")
    assert (entry.actor_label, entry.details["by"], entry.details["reason"]) == (
        "bob",
        ["ann", "bob"],
        REASON,
    )
    assert f"{sweep} of {settings.TREASURY_ADDRESS} to {COLD}: Under way." in command("status")


def test_without_a_destination_nothing_begins() -> None:
    with pytest.raises(CommandError, match="No destination was fixed"):
        command("sweep", actor="ann", second="bob", reason=REASON)
    assert not Sweep.objects.exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"second": "ann"}, "two administrators"),
        ({"second": "eve"}, "--second"),
        ({"reason": "why not"}, "--reason"),
    ],
)
def test_what_it_refuses_begins_nothing(destination: None, options: dict[str, Any], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        command("sweep", **{"actor": "ann", "second": "bob", "reason": REASON, **options})
    assert not Sweep.objects.exists()


def test_one_person_declares_a_compromise_and_everything_is_done(destination: None) -> None:
    service = user("service", name="service")
    key = MachineKey.objects.create(
        user=service,
        name="theirs",
        scopes=[],
        networks=[],
        created_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=9),
        created_by=user("admin", name="dan"),
        confirmed_by=User.objects.get(username="ann"),
    )
    told = command("compromise", actor="ann", reason=REASON)
    assert killswitch.is_pulled()
    assert signer.keybook().retired() == {settings.TREASURY_ADDRESS}
    sweep = Sweep.objects.get()
    assert (sweep.cause, sweep.destination, sweep.with_trx) == ("compromise", COLD, True)
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert not User.objects.filter(is_active=True, signed_out_at=None).exists()
    assert "1 machine keys revoked" in told
    assert "What is left to do by hand" in told
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {
        "killswitch.pulled",
        "signer.key_retired",
        "sweep.begun",
        "key.revoked",
        "access.ended",
    } <= actions


def test_it_may_be_declared_twice(destination: None) -> None:
    command("compromise", actor="ann", reason=REASON)
    assert "was pulled already" in command("compromise", actor="bob", reason=REASON)
    assert Sweep.objects.count() == 1
    assert len(signer.keybook().decisions()) == 2


def test_a_sweep_under_way_takes_the_trx_too_once_the_key_is_compromised(destination: None) -> None:
    command("sweep", actor="ann", second="bob", reason=REASON)
    command("compromise", actor="cyd", reason=REASON)
    sweep = Sweep.objects.get()
    assert (sweep.cause, sweep.with_trx) == ("sweep", True), "why it was begun stays what it was"
    declared = CompromisedKey.objects.get()
    assert (declared.address, declared.declared_by, declared.reason) == (sweep.address, "cyd", REASON)
    assert Event.objects.filter(type="treasury.compromised").count() == 1


def test_it_stays_declared_though_the_next_sweep_is_an_ordinary_one(destination: None) -> None:
    """What comes in later is swept by two, as ever: nothing is left behind for who knows the key."""
    command("compromise", actor="cyd", reason=REASON)
    door.end(Sweep.objects.get().pk, with_trx=True)
    command("sweep", actor="ann", second="bob", reason=REASON)
    later = Sweep.objects.get(state="open")
    assert (later.cause, later.with_trx) == ("sweep", True)
    door.end(later.pk, with_trx=True)
    assert outstanding.is_to_stay_empty(settings.TREASURY_ADDRESS)


def test_a_sweep_doesn_t_end_without_the_trx_that_were_asked_for_meanwhile(destination: None) -> None:
    """The watcher has found the key empty of USDT, and somebody declares it known before it writes the end."""
    command("sweep", actor="ann", second="bob", reason=REASON)
    looked_at = Sweep.objects.get()
    command("compromise", actor="cyd", reason=REASON)
    assert not door.end(looked_at.pk, with_trx=looked_at.with_trx)
    assert Sweep.objects.get().state == "open"


def test_without_a_destination_all_else_is_done_and_it_says_what_isn_t() -> None:
    out = io.StringIO()
    with pytest.raises(CommandError, match="NOT DONE: sweep"):
        command("compromise", out=out, actor="ann", reason=REASON)
    assert "No destination was fixed" in out.getvalue()
    assert "What is left to do by hand" in out.getvalue()
    assert killswitch.is_pulled()
    assert signer.keybook().retired() == {settings.TREASURY_ADDRESS}


def test_away_from_the_signer_s_machine_it_stops_everything_and_says_what_is_left(settings: Any) -> None:
    settings.SIGNER_JOURNAL_FILE = ""
    with pytest.raises(CommandError, match="NOT DONE: the key, sweep"):
        command("compromise", actor="ann", reason=REASON)
    assert killswitch.is_pulled()
    assert outstanding.is_to_stay_empty(settings.TREASURY_ADDRESS), "nobody is led to pay to it from now on"
    assert not User.objects.filter(is_active=True, signed_out_at=None).exists()


@pytest.mark.parametrize(("actor", "reason"), [("eve", REASON), ("ann", "too short")])
def test_a_compromise_that_is_refused_does_nothing(destination: None, actor: str, reason: str) -> None:
    with pytest.raises(CommandError):
        command("compromise", actor=actor, reason=reason)
    assert not killswitch.is_pulled()
    assert not Sweep.objects.exists()
    assert signer.keybook().retired() == frozenset()
