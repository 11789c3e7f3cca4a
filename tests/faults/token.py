"""The USDT contract's own switches, and strangers at the treasury."""

from __future__ import annotations

from pathlib import Path

import pytest

from payouts.devnet.token import SWITCHES
from payouts.tron.signing import keyfile
from payouts.tron.signing.secret import Secret
from tests.faults.inclusion import after_a_revert
from tests.faults.node_answers import BITTEN, by_first_attempts
from tests.faults.orders import manage
from tests.faults.rig import USDT, Rig, wait_until
from tests.faults.row import Row, put_right
from tests.payouts.flow.elsewhere import pay_with, touch_treasury

UPGRADED = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"
# Less than the ten cost together: a treasury fuller than its bound would be an alarm of its own.
TOP_UP = 5 * USDT
TAKEN = 7 * USDT
SEARCHED = (
    "SELECT count(*) FROM payouts_evidence e JOIN payouts_chainsearch s ON s.id = e.search_id"
    " JOIN payouts_manualcase c ON c.id = s.case_id WHERE c.closed_at IS NULL"
)
# Each case was searched when it was opened; two administrators decide by what that showed.
CLOSE_ALL = """
from lucid_payments.accounts.models import User
from payouts.manager import PayoutManager
from payouts.models.cases import Evidence
first, second = User.objects.filter(role="admin").order_by("pk")[:2]
for evidence in Evidence.objects.filter(search__case__closed_at=None):
    PayoutManager.close_manual(evidence, actor=first, second=second)
"""
ALL_AS_ASKED = "nothing stops; all paid once"


def switch(rig: Rig, **switches: object) -> None:
    rig.devnet.token(**switches)


def unpause(rig: Rig) -> None:
    put_right(rig)
    switch(rig, paused=False)


def no_fee(rig: Rig) -> None:
    put_right(rig)
    switch(rig, basis_points_rate=0, maximum_fee=0, energy_factor=SWITCHES["energy_factor"])


def undeprecated(rig: Rig) -> None:
    put_right(rig)
    switch(rig, deprecated=False)


def fee(rig: Rig) -> None:
    # Without the penalty of a busy contract: the fee's second log would take more energy than the limit allows.
    switch(rig, basis_points_rate=10, maximum_fee=40 * USDT, energy_factor=0)


def fee_that_is_known(rig: Rig) -> None:
    """The token is asked for its switches every half minute."""
    fee(rig)
    rig.pass_by(36)


def deprecate(rig: Rig) -> None:
    switch(rig, deprecated=True, upgraded_address=UPGRADED)


def set_aside_and_all_stands(rig: Rig) -> None:
    """Paid, but not as asked: people must look, and nothing else goes until two have let it."""
    assert rig.statuses() == {"manual": rig.count}, rig.explain()
    assert rig.attempts() == {"succeeded": rig.count}
    stands_until_two_release(rig)


def stands_until_two_release(rig: Rig) -> None:
    assert rig.query("SELECT 1 FROM routers_killswitch WHERE scope = 'global' AND pulled"), rig.explain()
    with pytest.raises(RuntimeError, match="kill_switch"):
        rig.ask_aside()


def ended_by_two(rig: Rig) -> None:
    """The stop, and its end by the acts made for it: what was moved is booked, and the next payout goes."""
    set_aside_and_all_stands(rig)
    wait_until(lambda: rig.one(SEARCHED) == (rig.count,), "the cases aren't searched")
    manage(rig, CLOSE_ALL)
    assert not rig.query("SELECT 1 FROM payouts_manualcase WHERE closed_at IS NULL"), rig.explain()
    rig.release_kill_switch()
    later = rig.ask_aside()
    rig.pass_by(120)
    assert rig.status_of(later) == ("confirmed", None), rig.explain()


def treasury_key_used_elsewhere(rig: Rig) -> None:
    secrets: Path = rig.stack.folder / "secrets"
    key = keyfile.open_key(secrets / "treasury.json", Secret.from_file(secrets / "treasury-password"))
    pay_with(key, rig.devnet, BITTEN, TAKEN)


def ours_paid_and_all_stands(rig: Rig) -> None:
    by_first_attempts(rig)
    stands_until_two_release(rig)


def dust(rig: Rig) -> None:
    rig.devnet.fund(rig.treasury, usdt=1)


def top_up(rig: Rig) -> None:
    rig.devnet.fund(rig.treasury, usdt=TOP_UP)


def zero_value(rig: Rig) -> None:
    touch_treasury(rig.devnet, rig.treasury, BITTEN)


ROWS = [
    Row(
        name="token fee switched on in mid-flight",
        expected="set aside for people, kill switch; two book what was moved, and release it",
        strikes="sent",
        disturb=fee,
        lasts=120,
        relieve=no_fee,
        expect=ended_by_two,
        human_acts=13,
        spoils=True,
    ),
    Row(
        name="token fee switched on before anything is released",
        expected="held until it is off; paid once",
        disturb=fee_that_is_known,
        lasts=300,
        relieve=no_fee,
        expect=by_first_attempts,
    ),
    Row(
        name="contract deprecated in mid-flight",
        expected="set aside for people, kill switch; two book what was moved, and release it",
        strikes="sent",
        disturb=deprecate,
        lasts=120,
        relieve=undeprecated,
        expect=ended_by_two,
        human_acts=13,
        spoils=True,
    ),
    Row(
        name="contract paused in mid-flight for twenty minutes",
        expected="they revert, all is given back, held while it lasts; paid by the next attempt",
        strikes="sent",
        disturb=lambda rig: switch(rig, paused=True),
        lasts=1200,
        relieve=unpause,
        expect=after_a_revert,
        daily=True,
    ),
    Row(
        name="a stranger's transferFrom of no value, with our address as payer",
        expected=ALL_AS_ASKED,
        strikes="sent",
        disturb=zero_value,
        expect=by_first_attempts,
    ),
    Row(
        name="incoming dust",
        expected="booked; all paid once",
        strikes="sent",
        disturb=dust,
        expect=by_first_attempts,
    ),
    Row(
        name="a top-up in mid-flight",
        expected="booked to the base unit; all paid once",
        strikes="sent",
        disturb=top_up,
        expect=by_first_attempts,
        daily=True,
    ),
    Row(
        name="a transfer signed with our key elsewhere",
        expected="ours are paid once; kill switch, nothing else is signed",
        strikes="included",
        disturb=treasury_key_used_elsewhere,
        expect=ours_paid_and_all_stands,
        alarms=frozenset({"nodes", "unknown_transfer"}),
        taken=TAKEN,
        spoils=True,
    ),
]
