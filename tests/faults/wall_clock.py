"""The machine's own clock is wrong. Every process has the database's (`lucid_now`), so it is that one that lies."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.node_answers import BROADCAST
from tests.faults.orders import as_owner
from tests.faults.rig import COUNT, Rig
from tests.faults.row import Row, all_paid_once

RIGHT = "SELECT coalesce(frozen_at, statement_timestamp() + shift) FROM lucid_clock"
MINUTES = 10


def wrong_by(minutes: int) -> Callable[[Rig], None]:
    def disturb(rig: Rig) -> None:
        _clock(rig, f"SELECT ({RIGHT}) + interval '{minutes} minutes'")

    return disturb


def set_right(rig: Rig) -> None:
    _clock(rig, RIGHT)
    rig.put_right()


def nothing_went_and_set_right(rig: Rig) -> None:
    assert set(rig.attempts()) <= {"prepared", "withdrawn"}, f"signed by a wrong clock: {rig.explain()}"
    assert "clock" in rig.alarms(), rig.explain()
    set_right(rig)


def ahead_while_no_block_takes_any(rig: Rig) -> None:
    """By the wrong clock all ten have expired; by the chain's none has."""
    rig.fault("hold", BROADCAST)
    wrong_by(MINUTES)(rig)


def by_the_first_attempt(rig: Rig) -> None:
    assert len(rig.txids()) == COUNT, rig.explain()
    all_paid_once(rig)


def _clock(rig: Rig, query: str) -> None:
    as_owner(
        rig,
        f"CREATE OR REPLACE FUNCTION lucid_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ {query} $$",
    )


ROWS = [
    *(
        Row(
            name=f"the wall clock is ten minutes {where}",
            expected="nothing is signed and the alarm says why; paid once when it is right",
            disturb=wrong_by(minutes),
            lasts=300,
            relieve=nothing_went_and_set_right,
        )
        for where, minutes in (("ahead", MINUTES), ("behind", -MINUTES))
    ),
    Row(
        name="the wall clock jumps back ten minutes in mid-flight",
        expected="what is on its way is judged by the chain's time; paid once, by the first attempt",
        disturb=wrong_by(-MINUTES),
        strikes="sent",
        lasts=300,
        relieve=set_right,
        expect=by_the_first_attempt,
    ),
    Row(
        name="the wall clock jumps ahead ten minutes while no block takes them",
        expected="nobody is called dead by it, the same bytes go out again; paid once, by the first attempt",
        disturb=ahead_while_no_block_takes_any,
        strikes="sent",
        lasts=60,
        relieve=set_right,
        expect=by_the_first_attempt,
    ),
]
