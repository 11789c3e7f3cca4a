"""A process that dies just before or just after any commit or network call of the flow pays nobody twice, and nobody
need do anything: every point of the fault seam, in the flow that comes by it. The same with real processes and real
SIGKILL stands in tests/faults.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from lucid_payments import nudge, seam
from lucid_payments.events.models import Event
from lucid_payments.seam import POINTS, STEPS
from payouts import devnet_clock, ledger, watching
from payouts.manager import PayoutManager
from payouts.models import Alarm, Attempt, OrphanSignature, Payout, PayoutSlot, SignerState
from payouts.models.payout import HoldReason
from payouts.release import release_due
from payouts.sending import send_due
from payouts.tron.signing.journal import Journal
from routers import killswitch
from tests.api_client import ApiClient
from tests.payouts.flow.mortality import Mortality, dying_at
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World
from tests.policies import release_kill_switch

PAID_ONCE = {(to, 5 * USDT): 1 for to in RECIPIENTS[:2]}
Story = Callable[[World, Mortality], None]


def two_payouts(world: World) -> list[Payout]:
    return [world.create(to=to) for to in RECIPIENTS[:2]]


def all_is_well(world: World) -> None:
    """Paid once each, by the chain's own books; nothing waits for anybody."""
    assert world.paid() == PAID_ONCE
    world.check()
    assert set(Payout.objects.values_list("status", flat=True)) == {"confirmed"}
    assert Attempt.objects.filter(state="succeeded").count() == len(PAID_ONCE)
    assert not OrphanSignature.objects.filter(state="open").exists()
    assert SignerState.objects.get().locked_reason == ""
    assert not killswitch.is_pulled()
    # The tests' treasury is fuller than a day's limit needs, and stays so.
    assert not Alarm.objects.filter(cleared_at=None).exclude(kind="hot_balance").exists()


# The stories: each comes by the points of some steps. Most steps are on every payout's way.


def everyday(world: World, mortality: Mortality) -> None:
    two_payouts(world)
    mortality.settle(world)
    all_is_well(world)


def held(world: World, mortality: Mortality) -> None:
    """The kill switch holds what is due, and is released again."""
    two_payouts(world)
    killswitch.pull(actor=None, reason="test")
    mortality.round(world)
    mortality.round(world)
    assert set(Payout.objects.values_list("status", "hold_reason")) == {("scheduled", "kill_switch")}
    release_kill_switch()
    mortality.settle(world)
    all_is_well(world)


def withdrawn(world: World, mortality: Mortality) -> None:
    """The signer doesn't come until it is too late for what was prepared."""
    two_payouts(world)
    release_due()
    assert Attempt.objects.filter(state="prepared").count() == 2
    for _ in range(2):
        world.devnet.step(blocks=40)
        mortality.survive(watching.poll)
        mortality.survive(release_due)
    mortality.settle(world)
    assert Attempt.objects.filter(state="withdrawn").count() >= 2
    all_is_well(world)


def signed_and_not_committed(world: World, mortality: Mortality) -> None:
    """The journal has the signatures, the database has not: the first death of two."""
    two_payouts(world)
    mortality.settle(world)
    assert Attempt.objects.count() == 2
    all_is_well(world)


def never_included(world: World, mortality: Mortality) -> None:
    """Taken by the nodes, never put into a block, proven dead, paid by the retry."""
    world.devnet.fault("hold", "wallet/broadcasthex")
    two_payouts(world)
    while Attempt.objects.filter(state="dead").count() != 2:
        mortality.round(world, blocks=21)
    world.devnet.clear_faults()
    mortality.settle(world)
    all_is_well(world)


def reverted(world: World, mortality: Mortality) -> None:
    two_payouts(world)
    release_due()
    world.signer_lives()
    for txid in Attempt.objects.values_list("txid", flat=True):
        world.devnet.force_result(txid, "REVERT")
    mortality.settle(world)
    assert Attempt.objects.filter(state="reverted").count() == 2
    all_is_well(world)


def reorganised(world: World, mortality: Mortality) -> None:
    """Seen in a block that is replaced by one without them."""
    two_payouts(world)
    world.tick()
    world.step(2)
    assert Attempt.objects.filter(state="included").count() == 2
    world.devnet.reorg(2, returning="never")
    mortality.settle(world)
    all_is_well(world)


def topped_up(world: World, mortality: Mortality) -> None:
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT, mine=True)
    for _ in range(8):
        world.devnet.step(blocks=10)
        devnet_clock.follow()
        mortality.survive(watching.poll)
    assert ledger.treasury_balance() == ledger.Balance(posted=FUNDS + 7 * USDT, pending_out=0)
    assert not killswitch.is_pulled()


def withdrawn_though_signed(world: World, mortality: Mortality) -> None:
    """After the first death, between journal and commit, the attempt is withdrawn: its signature is an orphan."""
    payouts = two_payouts(world)
    release_due()
    mortality.survive(world.signer_lives)
    attempts = Attempt.objects.filter(payout__in=payouts)
    PayoutManager.withdraw(attempts, hold=HoldReason.SIGNER, detail="The signer is gone.")
    mortality.settle(world)
    assert set(OrphanSignature.objects.values_list("state", flat=True)) == {"harmless"}
    assert Attempt.objects.filter(state="withdrawn").count() >= 2
    all_is_well(world)


def paid_short(world: World, mortality: Mortality) -> None:
    """The right outcome is a stop: paid otherwise than asked, so a person must look, and nothing else goes."""
    payout = world.create()
    mortality.survive(world.tick)
    world.devnet.token(basis_points_rate=10, maximum_fee=40 * USDT, energy_factor=0)
    for _ in range(8):
        mortality.round(world)
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.get().state) == ("manual", "succeeded")
    assert killswitch.is_pulled()
    assert sum(world.paid().values()) == 2, "to the recipient and, as the fee, to the token's owner"


def cancelled(world: World, mortality: Mortality) -> None:
    """Called off after a crash, again and again; what was reserved for it is free."""
    payout = world.create()
    release_due()
    mortality.insist(lambda: _cancel(payout, world))
    for _ in range(6):
        mortality.round(world)
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.get().state) == ("cancelled", "withdrawn")
    assert world.paid() == {}
    world.check()


def _cancel(payout: Payout, world: World) -> None:
    """As a caller repeats it until it hears that it's done."""
    payout.refresh_from_db()
    if payout.status != "cancelled":
        PayoutManager.cancel(payout, actor=world.service, reason="not wanted any more")


def scheduled(world: World, mortality: Mortality) -> None:
    """Two go with the next hour's slot, which is opened and ended once, whatever dies over it."""
    for to in RECIPIENTS[:2]:
        world.create(to=to, batch_type="HOURLY")
    world.pass_by(3600)
    mortality.settle(world)
    mortality.round(world)
    all_is_well(world)
    slot = PayoutSlot.objects.get()
    assert (slot.state, slot.confirmed_payouts, slot.confirmed_amount) == ("done", 2, 10 * USDT)
    assert (
        Event.objects.filter(type="slot.opened").count()
        == Event.objects.filter(type="slot.ended").count()
        == 1
    )


# What the dead rule asks and writes.
BURIAL = ("walletsolidity.gettransactioninfobyid", "walletsolidity.gettransactionbyid", "absence", "dead")
STORIES: dict[str, Story] = {
    "cancel": cancelled,
    "inflow": topped_up,
    "open_slots": scheduled,
    "end_slots": scheduled,
    "hold": held,
    "withdraw": withdrawn,
    "take_out": reorganised,
    "revert": reverted,
    "set_aside": paid_short,
}
# What is only reached after a first death.
AFTER_A_DEATH: dict[str, Story] = {
    "compare": signed_and_not_committed,
    "orphan": withdrawn_though_signed,
    "unlock": withdrawn_though_signed,
}
# Steps of the web process: a request's own.
REQUESTS = ("request", "create", "create_batch", "nudge")
# Of a file that is submitted: tests/payouts/uploads/test_submitting.py.
FILES = ("submit_file",)
# Steps of a monthly run: tests/payouts/distribution/test_killed.py.
MONTHLY = ("draw_line", "freeze", "compute", "pay_chunks", "settle_run")
# Of a sweep: test_sweep_crashes.py.
SWEEPS = tuple(step for step in STEPS if step.startswith("sweep_"))
EVERYDAY = tuple(
    step
    for step in STEPS
    if step not in {*STORIES, *BURIAL, *AFTER_A_DEATH, *REQUESTS, *FILES, *MONTHLY, *SWEEPS}
)
# What was lost before such a commit isn't done again: a death behind it needs a story of its own.
NOT_REPEATED = ("answers", "solid_scan")


def around(step: str) -> tuple[str, str]:
    return f"{step}.before", f"{step}.after"


# One story for each group of points: dead just before, and when it is done again just after.
GROUPS = [
    *((points, everyday) for step in EVERYDAY if step not in NOT_REPEATED for points in [around(step)]),
    *(((point,), everyday) for step in NOT_REPEATED for point in around(step)),
    *((around(step), story) for step, story in STORIES.items()),
    (tuple(point for step in BURIAL for point in around(step)), never_included),
]


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    yield
    seam.listen(None)


@pytest.mark.parametrize(("points", "story"), GROUPS, ids=[points[0] for points, _ in GROUPS])
def test_a_death_at_any_point_pays_nobody_twice_and_leaves_nobody_waiting(
    world: World, points: tuple[str, ...], story: Story
) -> None:
    with dying_at(*points) as mortality:
        story(world, mortality)


@pytest.mark.parametrize("step", AFTER_A_DEATH)
def test_a_second_and_a_third_death_while_the_first_is_healed_change_nothing(world: World, step: str) -> None:
    with dying_at("sign.before", *around(step), in_turn=True) as mortality:
        AFTER_A_DEATH[step](world, mortality)


def test_no_point_is_left_out() -> None:
    told = [point for points, _ in GROUPS for point in points]
    told += [
        point for step in (*AFTER_A_DEATH, *REQUESTS, *FILES, *MONTHLY, *SWEEPS) for point in around(step)
    ]
    assert sorted(told) == sorted(POINTS)


@pytest.mark.parametrize("step", REQUESTS)
def test_a_request_sent_again_after_its_process_died_is_one_payout(
    committed_world: World, settings: Settings, step: str
) -> None:
    """The caller heard nothing, and sends the same request with the same key until it is answered."""
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    settings.RATE_LIMIT_FACTOR = 10
    world = committed_world
    api = ApiClient(world.service)
    order = {"recipient_address": RECIPIENTS[0], "amount_usdt": "5", "reason": "test"}
    path, body = "/payouts", json.dumps(order)
    if step == "create_batch":
        path, body = "/payouts/batch", json.dumps({"payouts": [order], "batch_type": "IMMEDIATE"})
    for number, point in enumerate(around(step), 1):
        nudge.started("payouts.tasks.release")
        key = {"Idempotency-Key": point}
        with dying_at(point) as mortality:
            mortality.insist(partial(api.post, path, body, headers=key))
        again = api.post(path, body, headers=key)
        assert (again.status, again.headers["Idempotent-Replayed"]) == (201, "true")
        assert Payout.objects.count() == number
    world.settle()
    assert world.paid() == {(RECIPIENTS[0], 5 * USDT): 2}
    world.check()


def test_a_process_that_dies_at_every_point_in_turn_pays_once(world: World) -> None:
    """Each point once, one after the other, in one payout's life: as bad a day as there can be."""
    mortality = Mortality(POINTS)
    two_payouts(world)
    seam.listen(mortality)
    mortality.settle(world, limit=200)
    assert {f"{step}.before" for step in EVERYDAY} <= set(mortality.reached)
    all_is_well(world)


def test_an_error_at_every_point_in_turn_is_no_reason_to_pay_twice(world: World) -> None:
    """Not a death but an exception that no code expects: Celery logs it, and the next sweep goes on."""
    once_each: set[str] = set()

    def fail(point: str) -> None:
        if point not in once_each:
            once_each.add(point)
            raise seam.Fault(point)

    two_payouts(world)
    seam.listen(fail)
    for _ in range(60):
        for turn in (watching.poll, world.signer_lives, release_due, world.signer_lives, send_due):
            with suppress(seam.Fault):
                turn()
        world.devnet.step(blocks=5)
        devnet_clock.follow()
    seam.listen(None)
    world.settle()
    assert len(once_each) > len(EVERYDAY)
    all_is_well(world)


def test_a_journal_line_that_was_cut_off_is_as_if_nothing_had_been_signed(world: World) -> None:
    """The machine stops while the line is written: no signature has left, so it is signed as if for the first time."""
    two_payouts(world)
    release_due()
    with dying_at("journal.after") as mortality:
        mortality.survive(world.signer_lives)
    file = settings.SIGNER_JOURNAL_FILE
    with open(file, "r+b") as journal:
        whole = journal.read()
        journal.truncate(len(whole) - 30)
    with Journal(Path(file)) as opened:
        assert (len(opened), "unfinished" in opened.repaired) == (1, True)
    world.settle()
    all_is_well(world)
