from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.payouts.tron.scripted_node import ScriptedNode, scripted_nodes


@pytest.fixture
def scripted() -> Iterator[ScriptedNode]:
    with scripted_nodes() as (node,):
        yield node


@pytest.fixture
def two_scripted() -> Iterator[list[ScriptedNode]]:
    with scripted_nodes(2) as nodes:
        yield nodes
