"""Two pairs of people rotate at the same moment: threads, and everything commits."""

from __future__ import annotations

from functools import partial

import pytest
from django.conf import settings
from django.core.management import CommandError

from payouts import signer
from payouts.models import Sweep, TreasuryRotation
from tests.payouts.flow.test_rotation import NEW, ready, rotate
from tests.payouts.flow.world import World
from tests.payouts.test_races import at_once

__all__ = ["ready"]


@pytest.fixture
def world(committed_world: World) -> World:
    return committed_world


def test_one_pair_changes_over_and_the_other_is_told(world: World) -> None:
    told = at_once([partial(rotate, "ann", "bob"), partial(rotate, "cyd", "dan")])
    (refused,) = [one for one in told if isinstance(one, Exception)]
    assert isinstance(refused, CommandError), refused
    assert [(row.old_address, row.new_address) for row in TreasuryRotation.objects.all()] == [
        (settings.TREASURY_ADDRESS, NEW)
    ]
    assert Sweep.objects.get().address == settings.TREASURY_ADDRESS
    assert signer.keybook().retired() == {settings.TREASURY_ADDRESS}
