from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from deploy.backup.age import Identity
from tests.deploy.backup.machine import Machine
from tests.devnet.fixtures import devnet, devnet_process
from tests.harness.environment import TestServers

__all__ = ["devnet", "devnet_process"]


@pytest.fixture(scope="session")
def identity() -> Identity:
    """The operator's private key, which no machine has."""
    return Identity.fresh()


@pytest.fixture
def machines(
    servers: TestServers, identity: Identity, tmp_path: Path, django_db_blocker: Any
) -> Iterator[Callable[[str], Machine]]:
    """Machines by name, with one place for their backups; Django's own connection is given back at the end."""
    made: list[Machine] = []

    def machine(name: str) -> Machine:
        made.append(Machine(tmp_path / name, tmp_path / "backup", identity))
        return made[-1]

    before = dict(connection.settings_dict)
    with django_db_blocker.unblock():
        yield machine
        for one in made:
            one.clean()
        connection.settings_dict.update(before)
