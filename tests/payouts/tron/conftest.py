from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.devnet.fixtures import RunningDevnet, devnet, devnet_process
from tests.payouts.tron.devnet_world import DevnetWorld
from tests.payouts.tron.scripted_node import ScriptedNode, scripted_nodes

__all__ = ["devnet", "devnet_process"]


@pytest.fixture
def scripted() -> Iterator[ScriptedNode]:
    with scripted_nodes() as (node,):
        yield node


@pytest.fixture
def two_scripted() -> Iterator[list[ScriptedNode]]:
    with scripted_nodes(2) as nodes:
        yield nodes


@pytest.fixture
def world(devnet: RunningDevnet) -> Iterator[DevnetWorld]:
    """A new chain with a funded treasury, and a pool that remembers nothing."""
    world = DevnetWorld(devnet)
    world.fund_treasury()
    world.calls.clear()
    yield world
    world.pool.close()
