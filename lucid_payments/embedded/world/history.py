"""A month of 200 payouts, lived through on the devnet's stepped clock in a few seconds."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.audit.sealer import seal
from lucid_payments.embedded.world import desk, lists
from lucid_payments.embedded.world.people import VERIFIED_NODE, wallet
from lucid_payments.money import BASE_UNITS_PER_USDT, SUN_PER_TRX
from payouts import devnet_clock, ledger, signer, watching
from payouts.approvals import requests
from payouts.approvals.content import content_hash
from payouts.devnet.client import DevnetControl
from payouts.manager import PayoutManager
from payouts.models import Attempt, Payout
from payouts.models.attempt import UNRESOLVED, AttemptState
from payouts.models.ledger import Currency
from payouts.models.payout import ENDED
from payouts.order import PayoutOrder
from payouts.release import release_due
from payouts.sending import send_due

DAYS = 30
PAYOUTS = 200  # in as many days; fewer in fewer
# Three days of the limit: above that the hot balance is an alarm.
TREASURY_USDT = 30_000 * BASE_UNITS_PER_USDT
TREASURY_TRX = 20_000 * SUN_PER_TRX
ROUNDS_A_DAY = 40
HOUR_MS = 3_600_000
# 19 blocks of 3 seconds, and one to spare.
UNTIL_FINAL_MS = 60_000
LIVE = (AttemptState.PREPARED, *UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody of the demo asks for a payout."""

    creator: str
    order: PayoutOrder


def live_through(devnet: DevnetControl, days: int = DAYS) -> None:
    """Fund the treasury and pay people within so many days up to now: 200 payouts in 30, none in 0."""
    now_ms = time.time_ns() // 1_000_000
    began_ms = now_ms - (days + 1) * 24 * 3600 * 1000
    devnet.reset(now_ms=began_ms)
    devnet.clock("manual")
    devnet_clock.follow()
    _fund(devnet)
    lately = desk.Lately()
    lists.keep()
    for day, wishes in enumerate(itertools.islice(_wishes(), days)):
        for wish in wishes:
            PayoutManager.create(creator=User.objects.get(username=wish.creator), order=wish.order)
        _approve_what_waits()
        _finish_day(devnet)
        morning = began_ms + (day + 1) * 24 * 3600 * 1000
        _jump(devnet, max(morning, devnet.now_ms()))
        lists.keep()
        lately.until(days - day - 1)
    lately.until(0)
    _jump(devnet, max(time.time_ns() // 1_000_000 - UNTIL_FINAL_MS, devnet.now_ms()))
    devnet.clock("live", now_ms=max(time.time_ns() // 1_000_000, devnet.now_ms()))
    devnet_clock.follow()
    lists.keep()
    lists.meet()
    desk.today()
    signer.sign_prepared()
    watching.poll()
    while seal():
        continue


def _fund(devnet: DevnetControl) -> None:
    treasury = settings.TREASURY_ADDRESS
    devnet.fund(treasury, trx_sun=TREASURY_TRX, mine=True)
    devnet.fund(treasury, usdt=TREASURY_USDT, mine=True)
    devnet.step_until_solid()
    devnet_clock.follow()
    ledger.book_inflow(TREASURY_USDT, note="first deposit")
    ledger.book_inflow(TREASURY_TRX, note="first deposit", currency=Currency.TRX)


def _jump(devnet: DevnetControl, now_ms: int) -> None:
    """On to an instant, and blocks until one is final there: a chain that stood still would be an alarm."""
    devnet.clock("manual", now_ms=now_ms)
    devnet.step_until_solid()
    devnet_clock.follow()


def _approve_what_waits() -> None:
    """The day's approvals, by as many approvers as each asks for."""
    approvers = User.objects.filter(role=Role.PAYOUT_APPROVER).order_by("pk")
    for request in list(requests.waiting()):
        for approver in approvers[: request.needed]:
            seen = content_hash(request, requests.payouts_waiting(request))
            PayoutManager.approve(request.pk, actor=approver, seen=seen, note="A day of the demo.")


def _finish_day(devnet: DevnetControl) -> None:
    """Everybody's turn, block after block, until no payout of the day is open."""
    for _ in range(ROUNDS_A_DAY):
        # The signer gives its sign of life before anybody looks for it.
        signer.sign_prepared()
        watching.poll()
        signer.sign_prepared()
        release_due()
        signer.sign_prepared()
        send_due()
        if Attempt.objects.filter(state__in=LIVE).exists():
            devnet.step(blocks=20)
        elif Payout.objects.exclude(status__in=ENDED).exists():
            # An hour's limit is full: the next hour has room.
            _jump(devnet, devnet.now_ms() + HOUR_MS)
        else:
            return
        devnet_clock.follow()
    left = list(Payout.objects.exclude(status__in=ENDED).values_list("status", "hold_reason"))
    raise RuntimeError(f"The demo's history doesn't come to its end: {left}")


def _wishes() -> Iterator[list[Wish]]:
    """Each day's orders: the same in every demo."""
    chance = random.Random(2026)  # noqa: S311 - a story, not a secret
    serial = 0
    for day in range(DAYS):
        today = []
        for _ in range(PAYOUTS // DAYS + (1 if day < PAYOUTS % DAYS else 0)):
            serial += 1
            today.append(_wish(chance, serial))
        yield today


def _wish(chance: random.Random, serial: int) -> Wish:
    creator = chance.choices(("service", "node_operator", "end_user"), weights=(6, 2, 2))[0]
    amount = chance.randrange(100, 8_000) * (BASE_UNITS_PER_USDT // 100)
    if creator == "node_operator":
        order = PayoutOrder(
            recipient_address=wallet(VERIFIED_NODE),
            amount=amount,
            reason=f"Work of {VERIFIED_NODE}",
            node_id=VERIFIED_NODE,
            reference_id=f"demo-{serial:04}",
        )
    else:
        order = PayoutOrder(
            recipient_address=wallet(f"person {serial % 23}"),
            amount=amount,
            reason=f"Session {serial:04}",
            session_id=f"session-{serial:04}",
            reference_id=f"demo-{serial:04}",
        )
    return Wish(creator, order)
