"""The whole flow with the treasury's key in an HSM: it pays; and where token or PIN fail, everything waits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F

from payouts import signer
from payouts.models import Alarm, Attempt, Payout, SignerState
from payouts.release import release_due
from payouts.tron.encoding import decode_transaction
from payouts.tron.signing.errors import HsmError
from payouts.tron.signing.hsm import HsmSigner
from payouts.tron.signing.recovery import recover_address
from tests import softhsm
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.conftest import running_world
from tests.payouts.flow.world import USDT, World, forget_process_state
from tests.softhsm import LABEL, PIN, PIN_TEXT, SoftHsm

pytestmark = pytest.mark.softhsm


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    with softhsm.running(tmp_path / "hsm", monkeypatch) as running:
        yield running


@pytest.fixture
def world(token: SoftHsm, devnet: RunningDevnet, db: None, settings: Any, tmp_path: Path) -> Iterator[World]:
    """A running system whose treasury is a key that was made inside the HSM."""
    settings.TREASURY_ADDRESS = HsmSigner.create(token.place(), PIN).address
    settings.TREASURY_PKCS11_MODULE = token.module
    settings.TREASURY_PKCS11_TOKEN = LABEL
    settings.TREASURY_PKCS11_KEY = LABEL
    settings.TREASURY_PIN_FILE = str(tmp_path / "pin")
    (tmp_path / "pin").write_text(PIN_TEXT + "\n")
    (tmp_path / "world").mkdir()
    with running_world(devnet, settings, tmp_path / "world") as running:
        yield running


def test_it_pays_and_a_session_lost_on_the_way_is_opened_again(
    world: World, token: SoftHsm, settings: Any
) -> None:
    first = world.create(5_500_000)
    world.settle()
    token.restart()
    second = world.create(7 * USDT)
    world.settle()
    for payout in (first, second):
        payout.refresh_from_db()
        assert payout.status == "confirmed"
        attempt = payout.attempts.get()
        sent = decode_transaction(bytes(attempt.signed_transaction or b""))
        assert sent.raw_data == bytes(attempt.raw_data)
        assert recover_address(bytes.fromhex(attempt.txid), sent.signatures[0]) == settings.TREASURY_ADDRESS
    world.check()


def test_a_token_that_dies_after_the_journals_line_pays_once_when_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = world.create(5 * USDT)
    assert release_due() == 1
    with monkeypatch.context() as dying:

        def dead(signer: HsmSigner, digest32: bytes) -> bytes:
            raise HsmError("LOST", "No answer for a test.")

        dying.setattr(HsmSigner, "sign", dead)
        with pytest.raises(HsmError):
            world.signer_lives()
    (entry,) = signer.journal().entries()
    assert not Attempt.objects.filter(signed_transaction__isnull=False).exists()
    world.settle()
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.get().txid, len(signer.journal())) == ("confirmed", entry.txid, 1)
    world.check()


def test_while_the_token_is_away_payouts_wait_and_an_alarm_says_why(world: World, token: SoftHsm) -> None:
    away = token.folder / "away"
    token.tokens.rename(away)
    token.tokens.mkdir()
    token.restart()
    payout = world.create(5 * USDT)
    assert release_due() == 1
    stays_unsigned(world, "NO_TOKEN")
    assert "the label or serial number" in Alarm.objects.get(kind="signer_fails", cleared_at=None).detail

    token.tokens.rmdir()
    away.rename(token.tokens)
    world.settle()
    payout.refresh_from_db()
    assert payout.status == "confirmed"
    assert not Alarm.objects.filter(kind="signer_fails", cleared_at=None).exists()
    world.check()


def test_after_a_wrong_pin_nothing_is_released_and_no_second_try_is_made(
    world: World, token: SoftHsm, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    Path(settings.TREASURY_PIN_FILE).write_text("another-pin-0815")
    token.restart()
    forget_process_state()
    stays_unsigned(world, "WRONG_PIN")
    Path(settings.TREASURY_PIN_FILE).write_text(PIN_TEXT)
    for _ in range(3):
        stays_unsigned(world, "PIN_REFUSED_BEFORE")
    assert "refused the PIN" in Alarm.objects.get(kind="signer_fails", cleared_at=None).detail
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    assert "refused the PIN" in dump.getvalue()
    for canary in (PIN_TEXT, "another-pin-0815"):
        assert canary not in dump.getvalue() + caplog.text
    SignerState.objects.update(heartbeat_at=F("heartbeat_at") - timedelta(seconds=61))
    payout = world.create(5 * USDT)
    assert release_due() == 0
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason) == ("scheduled", "signer")


def stays_unsigned(world: World, code: str) -> None:
    before = len(signer.journal()), SignerState.objects.get(pk=1).heartbeat_at
    with pytest.raises(HsmError) as caught:
        world.signer_lives()
    assert caught.value.code == code
    assert (len(signer.journal()), SignerState.objects.get(pk=1).heartbeat_at) == before
    assert not Attempt.objects.filter(signed_transaction__isnull=False).exists()
    assert not Payout.objects.filter(status="sent").exists()
