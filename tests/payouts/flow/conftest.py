from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from tests.devnet.fixtures import RunningDevnet, devnet, devnet_process
from tests.payouts.flow.world import World, forget_process_state, write_key
from tests.policies import V0, set_policy

__all__ = ["devnet", "devnet_process"]

# Wednesday 2026-11-18, 10:20 UTC: far from the turn of any window, whenever the tests run.
BEGINNING_MS = 1_794_997_200_000


@contextmanager
def running_world(devnet: RunningDevnet, settings: Any, folder: Path) -> Iterator[World]:
    settings.TRON_NODES = [
        {"name": f"node{i + 1}", "operator": f"operator-{i + 1}", "url": url}
        for i, url in enumerate(devnet.urls)
    ]
    for name, value in write_key(folder).items():
        setattr(settings, name, value)
    forget_process_state()
    service = User.objects.create_user(username="service", password=None, role="service")
    running = World(devnet=devnet.control, service=service)
    running.devnet.reset(now_ms=BEGINNING_MS)
    clock.freeze(clock.from_ms(running.devnet.now_ms()))
    running.start()
    # A share of the router's own has tests of its own.
    set_policy(V0, in_flight=10)
    yield running
    forget_process_state()


@pytest.fixture
def world(devnet: RunningDevnet, db: None, settings: Any, tmp_path: Path) -> Iterator[World]:
    """A running system on a devnet of its own, its clock standing still until it is stepped."""
    with running_world(devnet, settings, tmp_path) as running:
        yield running


@pytest.fixture
def committed_world(
    devnet: RunningDevnet, cloned_database: str, settings: Any, tmp_path: Path
) -> Iterator[World]:
    """The same on a database of its own, whose transactions commit: for threads and for restores."""
    with running_world(devnet, settings, tmp_path) as running:
        yield running
