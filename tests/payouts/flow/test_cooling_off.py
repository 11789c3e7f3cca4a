"""A large payout to an address that is new to us waits a day from its first sight, or for two people's word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kyc.addressbook import changing
from kyc.models import AddressEntry, Wallet, WalletProof
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import watching
from payouts.api import forecast
from payouts.manager import PayoutManager
from payouts.models import Payout
from payouts.release import release_due
from tests.payouts.flow.world import RECIPIENTS, USDT, World

NEW, OTHER = RECIPIENTS[:2]
LARGE = 60 * USDT
DAY = timedelta(hours=24)


@pytest.fixture(autouse=True)
def fifty(settings: Any) -> None:
    settings.NEW_ADDRESS_LIMIT = 50 * USDT


def officer(name: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"role": "compliance_officer"})[0]


def in_the_book(address: str) -> AddressEntry:
    return changing.add(address=address, name="Exchange", actor=officer("ann"), evidence={})


def waits(payout: Payout) -> None:
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason, payout.retries) == ("scheduled", "cooling_off", 0)
    assert not payout.attempts.exists()


def goes(world: World, payout: Payout) -> None:
    world.tick()
    payout.refresh_from_db()
    assert payout.status in ("released", "sent"), (payout.status, payout.hold_reason)


def test_it_waits_a_day_from_the_first_sight_says_so_and_goes(world: World) -> None:
    payout = world.create(LARGE)
    end = payout.created_at + DAY
    before = forecast.starts([payout], clock.now())[payout.pk]
    assert before == end
    world.tick()
    waits(payout)
    assert payout.due_at == end
    assert forecast.starts([payout], clock.now())[payout.pk] == end
    detail = payout.transitions.latest("pk").detail
    assert f"until {end:%Y-%m-%d %H:%M} UTC" in detail
    assert NEW not in detail
    steps = payout.transitions.count()

    world.pass_by(23 * 3600)
    assert release_due() == 0
    waits(payout)
    assert payout.transitions.count() == steps
    world.pass_by(3600)
    goes(world, payout)


@pytest.mark.parametrize("amount", [USDT, 50 * USDT])
def test_up_to_the_limit_nothing_waits(world: World, amount: int) -> None:
    goes(world, world.create(amount))


def test_others_go_meanwhile(world: World) -> None:
    late = [world.create(LARGE) for _ in range(3)]
    small = world.create(to=OTHER)
    goes(world, small)
    for payout in late:
        waits(payout)


def _paid_before(world: World) -> None:
    world.create(USDT)
    world.settle()


def _proven(world: World) -> None:
    now = clock.now()
    Wallet.objects.create(
        user=world.service, address=NEW, proof=WalletProof.CONFIRMED, added_by=officer("ann"),
        confirmed_by=officer("bob"), counts_from=now,
    )  # fmt: skip


def _in_the_book_for_a_day(world: World) -> None:
    entry = in_the_book(NEW)
    AddressEntry.objects.filter(pk=entry.pk).update(counts_from=clock.now())


def _asked_for_a_day_ago(world: World) -> None:
    first = world.create(USDT, batch_type="WEEKLY")
    PayoutManager.cancel(first, actor=world.service, reason="asked for by mistake")
    Payout.objects.filter(pk=first.pk).update(created_at=clock.now() - DAY)


KNOWN: dict[str, Callable[[World], None]] = {
    "paid before": _paid_before,
    "a proven wallet": _proven,
    "in the book for a day": _in_the_book_for_a_day,
    "first seen a day ago": _asked_for_a_day_ago,
}


@pytest.mark.parametrize("how", KNOWN)
def test_a_known_address_is_paid_at_once(world: World, how: str) -> None:
    KNOWN[how](world)
    goes(world, world.create(LARGE))


def _added_by_one(world: World) -> None:
    in_the_book(NEW)


def _removed(world: World) -> None:
    entry = in_the_book(NEW)
    changing.confirm(entry, actor=officer("bob"), evidence={})
    changing.remove(entry, actor=officer("ann"), evidence={})


def _of_another(world: World) -> None:
    changing.confirm(in_the_book(OTHER), actor=officer("bob"), evidence={})


def _wallet_that_cools_off(world: World) -> None:
    _proven(world)
    Wallet.objects.update(counts_from=clock.now() + DAY)


def _wallet_that_is_over(world: World) -> None:
    _proven(world)
    Wallet.objects.update(ended_at=clock.now(), end="withdrawn")


UNKNOWN: dict[str, Callable[[World], None]] = {
    "added by one person just now": _added_by_one,
    "removed from the book": _removed,
    "another address is known": _of_another,
    "a wallet that cools off": _wallet_that_cools_off,
    "a wallet that is over": _wallet_that_is_over,
}


@pytest.mark.parametrize("how", UNKNOWN)
def test_an_address_that_does_not_count_waits(world: World, how: str) -> None:
    UNKNOWN[how](world)
    payout = world.create(LARGE)
    world.tick()
    waits(payout)


def test_the_signer_looks_again_at_what_was_known_when_it_was_released(world: World) -> None:
    _in_the_book_for_a_day(world)
    payout = world.create(LARGE)
    watching.poll()
    assert release_due() == 1
    changing.remove(AddressEntry.objects.get(address=NEW), actor=officer("ann"), evidence={})
    world.signer_lives()

    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason, payout.retries) == ("scheduled", "cooling_off", 0)
    assert [attempt.state for attempt in payout.attempts.all()] == ["withdrawn"]
    assert "two people confirm the address" in payout.transitions.latest("pk").detail
    world.pass_by(24 * 3600)
    goes(world, payout)


def test_two_people_end_the_wait_and_one_does_not(world: World) -> None:
    payout = world.create(LARGE)
    other = world.create(LARGE, to=OTHER)
    world.tick()
    entry = in_the_book(NEW)
    assert not changing.confirm(entry, actor=officer("ann"), evidence={})
    world.tick()
    waits(payout)

    assert changing.confirm(entry, actor=officer("bob"), evidence={})
    goes(world, payout)
    waits(other)
    assert "Two people have confirmed the address." in payout.transitions.values_list("detail", flat=True)
