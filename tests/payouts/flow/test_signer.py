"""What the signer refuses, even of somebody who owns the web's database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import InternalError, ProgrammingError
from psycopg import sql

from lucid_payments import clock
from payouts import chain, signer
from payouts.models import Attempt, ChainState, Payout, SignerState
from payouts.release import release_due
from payouts.timeline import StateConflict
from payouts.tron import encoding
from payouts.tron.networks import NETWORKS
from payouts.tron.transfer import build_transfer
from routers import killswitch
from tests.harness.environment import TREASURY_ADDRESS, TestServers, with_database
from tests.payouts.flow.world import RECIPIENTS, USDT, World, forget_process_state

THIEF = RECIPIENTS[3]


def prepared(world: World, amount: int = 5 * USDT) -> Attempt:
    payout = world.create(amount)
    assert release_due() == 1
    attempt: Attempt = payout.attempts.get()
    return attempt


def nothing_signed(world: World) -> None:
    before = len(signer.journal())
    assert world.signer_lives() == 0
    assert len(signer.journal()) == before
    assert not Attempt.objects.filter(signed_transaction__isnull=False).exists()


def set_state(**columns: Any) -> Callable[[], object]:
    return lambda: ChainState.objects.filter(pk=1).update(**columns)


# What closes the signer altogether: what is prepared stays so until it is taken back.


@pytest.mark.parametrize(
    "close",
    [
        set_state(statement_at=None),
        lambda: set_state(statement_at=clock.now() - timedelta(seconds=61))(),
        lambda: set_state(statement_at=clock.now() + timedelta(seconds=1))(),
        lambda: set_state(read_at=clock.now() - timedelta(seconds=61))(),
        set_state(clock_trips=2),
        lambda: killswitch.pull(actor=None, reason="A test pulls it."),
        lambda: SignerState.objects.filter(pk=1).update(locked_reason="A test locks it."),
    ],
    ids=[
        "no_statement",
        "old_statement",
        "future_statement",
        "old_reading",
        "clock",
        "kill_switch",
        "locked",
    ],
)
def test_nothing_is_signed_while(world: World, close: Callable[[], object]) -> None:
    attempt = prepared(world)
    close()
    nothing_signed(world)
    attempt.refresh_from_db()
    assert attempt.state == "prepared"


def test_a_statement_of_just_under_a_minute_is_good(world: World) -> None:
    prepared(world)
    set_state(statement_at=clock.now() - timedelta(seconds=59))()
    assert world.signer_lives() == 1


def test_a_kill_switch_pulled_while_the_signer_looks_at_its_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again right before the desk signs."""
    prepared(world)
    answers = iter([False, True])
    monkeypatch.setattr(killswitch, "is_pulled", lambda: next(answers))
    nothing_signed(world)


# What is refused singly: withdrawn, held, and no retry used.


def refused(world: World, attempt: Attempt) -> str:
    nothing_signed(world)
    attempt.refresh_from_db()
    payout = Payout.objects.get(pk=attempt.payout_id)
    assert attempt.state == "withdrawn"
    assert (payout.status, payout.hold_reason, payout.retries) == ("scheduled", "signer", 0)
    return payout.transitions.latest("pk").detail


@pytest.mark.parametrize("seconds", [61, -1])
def test_a_blacklist_answer_that_is_stale_or_of_the_future(world: World, seconds: int) -> None:
    attempt = prepared(world)
    at = clock.now() - timedelta(seconds=seconds)
    Attempt.objects.filter(pk=attempt.pk).update(blacklist_clear_at=at)
    assert "frozen" in refused(world, attempt)


def test_less_than_ninety_seconds_of_life(world: World) -> None:
    attempt = prepared(world)
    set_state(head_time_ms=attempt.expiration_ms - 89_999)()
    clock.freeze(clock.from_ms(attempt.expiration_ms - 89_999))
    set_state(statement_at=clock.now(), read_at=clock.now())()
    Attempt.objects.filter(pk=attempt.pk).update(blacklist_clear_at=clock.now())
    assert "90 seconds" in refused(world, attempt)


def test_more_than_its_own_hourly_cap_whatever_the_database_allows(world: World, settings: Any) -> None:
    settings.SIGNER_HOURLY_CAP = 7 * USDT
    forget_process_state()
    first = prepared(world)
    assert world.signer_lives() == 1
    second = world.create()
    assert release_due() == 1
    assert world.signer_lives() == 0
    assert second.attempts.get().state == "withdrawn"
    first.refresh_from_db()
    assert first.state == "signed"


# The owner of the database, triggers off.


def other_bytes(attempt: Attempt, **changes: Any) -> bytes:
    """The attempt's transfer with something else in it."""
    intent: dict[str, Any] = {
        "owner": TREASURY_ADDRESS,
        "recipient": attempt.recipient_address,
        "amount": attempt.amount,
        "contract": NETWORKS["devnet"].usdt_contract,
        "reference": chain.reference(chain.state()),
        "expiration_ms": attempt.expiration_ms,
        "timestamp_ms": chain.state().head_time_ms,
        "fee_limit_sun": attempt.fee_limit,
    }
    return build_transfer(**{**intent, **changes})


Change = Callable[[Attempt], tuple[str, dict[str, Any]]]


def new_bytes(**changes: Any) -> Change:
    def change(attempt: Attempt) -> tuple[str, dict[str, Any]]:
        raw_data = other_bytes(attempt, **changes)
        return "payouts_attempt", {"raw_data": raw_data, "txid": encoding.txid(raw_data)}

    return change


TAMPERINGS: dict[str, Change] = {
    "bytes_to_a_thief": new_bytes(recipient=THIEF),
    "bytes_of_more": new_bytes(amount=50 * USDT),
    "bytes_for_another_contract": new_bytes(contract=THIEF),
    "bytes_from_another_owner": new_bytes(owner=THIEF),
    "bytes_that_live_long": lambda attempt: (
        "payouts_attempt",
        {
            "raw_data": (raw := other_bytes(attempt, expiration_ms=attempt.expiration_ms + 86_400_000)),
            "txid": encoding.txid(raw),
            "expiration_ms": attempt.expiration_ms + 86_400_000,
        },
    ),
    "a_fee_limit_that_burns_the_treasury": lambda attempt: (
        "payouts_attempt",
        {
            "raw_data": (raw := other_bytes(attempt, fee_limit_sun=15_000 * USDT)),
            "txid": encoding.txid(raw),
            "fee_limit": 15_000 * USDT,
        },
    ),
    "a_txid_that_isn_t_the_bytes_own": lambda attempt: ("payouts_attempt", {"txid": "ab" * 32}),
    "the_payout_s_recipient": lambda attempt: ("payouts_payout", {"recipient_address": THIEF}),
    "the_payout_s_amount": lambda attempt: ("payouts_payout", {"amount": 50 * USDT}),
    "a_payout_that_was_cancelled": lambda attempt: ("payouts_payout", {"status": "cancelled"}),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_changed_behind_the_application_s_back_it_is_not_signed(
    committed_world: World, servers: TestServers, cloned_database: str, tampering: str
) -> None:
    attempt = prepared(committed_world)
    table, columns = TAMPERINGS[tampering](attempt)
    key = attempt.pk if table == "payouts_attempt" else attempt.payout_id
    tamper(servers, cloned_database, table, key, columns)
    with suppress(StateConflict, InternalError, ProgrammingError):
        committed_world.signer_lives()
    assert len(signer.journal()) == 0
    assert not Attempt.objects.filter(signed_transaction__isnull=False).exists()


def test_an_attempt_pulled_back_from_the_dead_is_not_signed_with_other_bytes(
    committed_world: World, servers: TestServers, cloned_database: str
) -> None:
    """The database says prepared again; the journal says what was signed for this attempt."""
    attempt = prepared(committed_world)
    assert committed_world.signer_lives() == 1
    attempt.refresh_from_db()
    signed = bytes(attempt.signed_transaction or b"")
    raw_data = other_bytes(attempt, timestamp_ms=1)
    columns = {
        "state": "prepared",
        "signed_transaction": None,
        "raw_data": raw_data,
        "txid": encoding.txid(raw_data),
    }
    tamper(servers, cloned_database, "payouts_attempt", attempt.pk, columns)
    assert committed_world.signer_lives() == 0
    (entry,) = signer.journal().entries()
    assert bytes.fromhex(entry.raw_data) in signed


def tamper(servers: TestServers, database: str, table: str, key: int, columns: dict[str, Any]) -> None:
    """As the tables' owner: the triggers that keep an intent as it is are switched off, and on again."""
    url = with_database(servers.owner_url, database)
    names = list(columns)
    setting = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names)
    name = sql.Identifier(table)
    with psycopg.connect(url) as owner:
        owner.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        owner.execute(
            sql.SQL("UPDATE {} SET {} WHERE id = %s").format(name, setting),
            [*(columns[column] for column in names), key],
        )
        owner.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
