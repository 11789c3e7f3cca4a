from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from tests.devnet.fixtures import RunningDevnet, devnet, devnet_process
from tests.payouts.flow.world import World, forget_process_state, write_key

__all__ = ["devnet", "devnet_process"]


@pytest.fixture
def service(db: None) -> User:
    return User.objects.create_user(username="service", password=None, role="service")


@pytest.fixture
def world(devnet: RunningDevnet, service: User, settings: Any, tmp_path: Path) -> Iterator[World]:
    """A running system on a devnet of its own, its clock standing still until it is stepped."""
    settings.TRON_NODES = [
        {"name": f"node{i + 1}", "operator": f"operator-{i + 1}", "url": url}
        for i, url in enumerate(devnet.urls)
    ]
    for name, value in write_key(tmp_path).items():
        setattr(settings, name, value)
    forget_process_state()
    running = World(devnet=devnet.control, service=service)
    clock.freeze(clock.from_ms(running.devnet.now_ms()))
    running.start()
    yield running
    forget_process_state()
