"""A month under the default limits, from freeze to settled, with all that goes wrong in one: the books agree."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from kyc.models import Node, NodeOperator
from lucid_payments import clock, seam
from lucid_payments.money import SUN_PER_TRX, to_decimal
from payouts import devnet_clock, ledger, watching
from payouts.distribution import computing, holding, monthly, proving, reporting, settling, verify
from payouts.manager import PayoutManager
from payouts.models import Chunk, DistributionRun, Entitlement, Payout, PoolKind, Report, RunLeaf, RunRoot
from payouts.models.ledger import Currency
from payouts.reconciliation import running
from payouts.release import release_due
from payouts.reports import making
from payouts.sending import send_due
from tests.devnet.fixtures import RunningDevnet, devnet, devnet_process
from tests.kyc import attestations
from tests.payouts.distribution import month, settled
from tests.payouts.distribution.month import USDT, lines
from tests.payouts.flow import world as flow
from tests.payouts.flow.conftest import running_world
from tests.payouts.flow.mortality import Mortality
from tests.payouts.flow.world import World
from tests.payouts.reports import made
from tests.policies import administrators

__all__ = ["devnet", "devnet_process"]

TREASURY = 2_000 * USDT
# What the world funds it with.
TREASURY_SUN = 100_000 * SUN_PER_TRX
# Where the report of a month is kept, as an example: docs/examples was made by it.
EXAMPLES = "LUCID_EXAMPLES"
KILLS = ("pay_chunks.after", "succeed.before")


@pytest.fixture
def world(
    devnet: RunningDevnet, db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A treasury that doesn't hold enough for the month."""
    monkeypatch.setattr(flow, "FUNDS", TREASURY)
    settled.head_key(settings, tmp_path)
    with running_world(devnet, settings, tmp_path) as running:
        ledger.book_inflow(TREASURY_SUN, note="test funds", currency=Currency.TRX)
        yield running


@dataclass
class Month:
    """A month's run in a world that is stepped, each process for itself, twice killed."""

    world: World
    run: DistributionRun
    killed: Mortality

    def turn(self) -> None:
        """One turn of every process."""
        turns = (
            watching.poll,
            monthly.advance,
            self.world.signer_lives,
            release_due,
            self.world.signer_lives,
            send_due,
        )
        for turn in turns:
            self.killed.survive(turn)

    def hours(self, count: int) -> None:
        for _ in range(count):
            for _ in range(10):
                self.turn()
                self.world.devnet.step(blocks=10)
                devnet_clock.follow()
            self.world.devnet.step(seconds=3_300)
            devnet_clock.follow()
        self.run.refresh_from_db()

    def paid(self) -> int:
        return sum(line.paid for line in lines(self.run).values())

    def line(self, name: str) -> Entitlement:
        return self.run.entitlements.get(recipient=name)


def report(nodes: int, sessions: int) -> None:
    """So many sessions of so many nodes, all over the month; each node has one at least."""
    chance = random.Random(2026)
    for number in range(nodes):
        month.node(f"n{number}")
    seconds = int((month.OCTOBER.cut_off - month.OCTOBER.starts_at).total_seconds())
    for number in range(sessions):
        month.worked(
            f"n{number if number < nodes else chance.randrange(nodes)}",
            sessions=chance.randrange(1, 40),
            megabytes=f"{chance.randrange(0, 200)}.{chance.randrange(10**6):06}",
            at=month.OCTOBER.starts_at + timedelta(seconds=chance.randrange(seconds)),
        )


def go_through(world: World, *, nodes: int, sessions: int, pool: int) -> Month:
    report(nodes, sessions)
    monthly.advance()
    run = DistributionRun.objects.get()
    assert (run.state, run.inputs, run.recipients) == ("frozen", sessions, nodes)
    run = computing.compute(run.pk, kind=PoolKind.FIXED, amount=pool, actor=administrators()[0])
    going = Month(world, month.running(run), Mortality(KILLS))
    listed, unverified, moved = (line.recipient for line in run.entitlements.order_by("rank")[:3])
    seam.listen(going.killed)
    try:
        world.devnet.token(blacklist=[month.address(listed)])
        NodeOperator.objects.filter(nodes__node_id=unverified).update(status="suspended")
        attestations.attest(Node.objects.get(node_id=moved), wallet=month.address("moved"))
        going.hours(2)
        assert going.line(unverified).hold_reason == "kyc"
        assert going.line(moved).hold_reason == "address_changed"
        assert set(going.killed.reached) == set(KILLS)

        before = going.paid()
        world.devnet.fault("cut", "*")
        outage(going)
        assert going.paid() == before, "nothing is confirmed while no node answers"
        world.devnet.clear_faults()

        NodeOperator.objects.filter(nodes__node_id=unverified).update(status="approved")
        first, second = administrators()
        holding.confirm_address(
            going.line(moved).pk,
            actor=first,
            second=second,
            seen=month.address("moved"),
            reason="Its owner says so.",
        )
        until_dry(going)
        top_up(going, pool)
        until_only_held(going, listed)
        PayoutManager.cancel(
            Payout.objects.get(chunk__entitlement=going.line(listed), status="scheduled"),
            actor=first,
            reason="its address is blacklisted",
        )
        settling.settle(run.pk, actor=first, reason="What is held waits for the next month.")
    finally:
        seam.listen(None)
    run.refresh_from_db()
    agree(going, run, listed, pool)
    prove_and_report(run)
    return going


def outage(going: Month) -> None:
    """Three hours in which no node answers; our clock goes on."""
    for _ in range(3):
        going.turn()
        clock.freeze(clock.now() + timedelta(hours=1))
    going.world.devnet.step(seconds=3 * 3_600)


def until_dry(going: Month) -> None:
    for _ in range(30):
        if Payout.objects.filter(hold_reason="treasury_usdt").exists():
            return
        going.hours(1)
    raise AssertionError("the treasury didn't run dry")


def top_up(going: Month, pool: int) -> None:
    going.world.devnet.fund(django_settings.TREASURY_ADDRESS, usdt=pool, mine=True)
    flow.FUNDS = TREASURY + pool


def until_only_held(going: Month, listed: str) -> None:
    """Everybody but the one whose address is blacklisted has all of it."""
    for _ in range(60):
        others = Entitlement.objects.filter(run=going.run).exclude(recipient=listed).exclude(outcome="carry")
        if not others.exclude(state="paid").exists():
            return
        going.hours(1)
    rows = Payout.objects.exclude(status="confirmed").values_list("status", "hold_reason")
    raise AssertionError(Counter(rows))


def agree(going: Month, run: DistributionRun, listed: str, pool: int) -> None:
    """Entitlements, payouts, ledger and chain tell the same story, to the base unit."""
    found = lines(run)
    assert (run.state, sum(line.share for line in found.values())) == ("settled", pool)
    held = found.pop(listed)
    assert (held.state, held.hold_reason, held.committed) == ("held", "called_off", held.paid)
    for line in found.values():
        assert line.paid == (line.amount if line.outcome == "pay" else 0)
    paid = sum(line.paid for line in found.values()) + held.paid
    assert paid == sum(amount * count for (_, amount), count in going.world.paid().items())
    assert paid == sum(Payout.objects.filter(status="confirmed").values_list("amount", flat=True))
    assert Chunk.objects.count() == Payout.objects.count()
    references = Payout.objects.values_list("reference_id", flat=True)
    assert len(set(references)) == len(references)
    going.world.check()


def prove_and_report(run: DistributionRun) -> None:
    """Proofs and report follow by themselves, and say what ledger and chain say."""
    assert running.work(seconds=600) is not None
    reporting.advance()
    assert making.make_next() is not None
    reporting.advance()
    run.refresh_from_db()
    assert run.state == "reported"
    report = Report.objects.get()
    paid = sum(line.paid for line in lines(run).values())
    payments = Payout.objects.filter(status="confirmed").count()
    assert report.verdict.startswith(
        f"Payouts, ledger and chain agree: {to_decimal(paid)} USDT in {payments} payments"
    )
    root = RunRoot.objects.get(run=run)
    proofs = [proving.proof_of(leaf) for leaf in RunLeaf.objects.select_related("root")]
    for proof in proofs:
        verify.check(proof, key=root.public_key, root=root.root)
    assert (len(proofs), sum(proof["leaf"]["paid"] for proof in proofs)) == (run.recipients, paid)
    kept = os.environ.get(EXAMPLES)
    if kept:
        keep_examples(Path(kept), report)


def keep_examples(folder: Path, report: Report) -> None:
    """The report's files, and the proof of whoever is paid the most."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in report.files.all():
        # Without the report's number, which the next month that is kept wouldn't have.
        (folder / file.name.removeprefix(f"report-{report.pk}-")).write_bytes(made.content(file))
    most = RunLeaf.objects.select_related("root").latest("entitlement__paid")
    (folder / "proof.json").write_bytes(proving.as_file(most))


def test_a_small_month_with_all_that_goes_wrong(world: World) -> None:
    go_through(world, nodes=6, sessions=40, pool=2_400 * USDT)


@pytest.mark.prove
def test_a_month_of_300_nodes_and_20_000_sessions(world: World) -> None:
    going = go_through(world, nodes=300, sessions=20_000, pool=9_000 * USDT)
    days = {payout.ended_at.date() for payout in Payout.objects.filter(status="confirmed") if payout.ended_at}
    assert len(days) >= 2, "8,000 a day"
    assert going.run.inputs == 20_000
