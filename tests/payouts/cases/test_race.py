"""People and the watcher at once: exactly one ends it, and the money is given back once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lucid_payments.backoffice.models import ActState, TwoPersonAct
from payouts import ledger, watching
from payouts.models import LedgerTransfer
from tests.payouts.cases.hands import EXPLORER, case_of, hands, unseen
from tests.payouts.flow.world import FUNDS, World
from tests.payouts.test_races import at_once


@pytest.mark.parametrize("round_number", range(3))
def test_resolving_by_hand_races_the_watcher_s_own_verdict(committed_world: World, round_number: int) -> None:
    world = committed_world
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    assert by.ask("case.never", evidence).status_code == 302
    act = TwoPersonAct.objects.get()
    world.devnet.node(1, online=True)
    world.step(21)
    world.devnet.step(blocks=21)
    # The second sight of its absence is due: the next round of the watcher ends it, and so does the second person.
    path = f"/admin/backoffice/twopersonact/{act.pk}/"
    form = by.second.form(path)

    confirm: Callable[[], Any] = partial(by.second.send, path, form, decision="confirm")
    answer, looked = at_once([confirm, watching.poll])

    assert looked is True
    payout.refresh_from_db()
    assert (payout.status, payout.retries) == ("scheduled", 1)
    assert payout.attempts.get().state == "dead"
    assert payout.transitions.filter(from_status="sent").count() == 1
    assert LedgerTransfer.objects.filter(kind="void").count() == 1
    assert ledger.treasury_balance() == ledger.Balance(FUNDS, 0)
    watching.poll()
    act.refresh_from_db()
    by_people = act.state == ActState.CONFIRMED
    assert getattr(answer, "status_code", None) == (302 if by_people else 409)
    assert case_of(payout).end == ("never" if by_people else "by_itself")
    world.check()
