"""One private Tor network for all tests here, and in it an installation, a member of staff, a stranger, and nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lucid_payments.onion.services import OnionService
from tests.deploy.tor.installation import Installation, installed, reaches, stranger_key
from tests.deploy.tor.network import Network, private_network, remove, short_folder
from tests.devnet.fixtures import RunningDevnet, devnet, devnet_process
from tests.payouts.flow.conftest import committed_world

__all__ = ["committed_world", "devnet", "devnet_process"]


@dataclass(frozen=True)
class Visitors:
    """SOCKS ports of others' tors: `staff` has a key of the back office, `stranger` one that was never given.

    `node` is the onion address of a devnet of somebody else's.
    """

    staff: str
    stranger: str
    node: str


@pytest.fixture(scope="session")
def tor_network() -> Iterator[Network]:
    folder = short_folder()
    try:
        with private_network(folder) as network:
            yield network
    finally:
        remove(folder)


@pytest.fixture(scope="session")
def installation(tor_network: Network) -> Iterator[Installation]:
    with installed(tor_network) as found:
        yield found


@pytest.fixture(scope="session")
def visitors(installation: Installation, devnet_process: RunningDevnet) -> Visitors:
    """Once everything can be reached."""
    address = installation.admin.address()
    assert installation.staff_key is not None
    key = installation.staff_key.private_line(address)
    folder = installation.network.folder
    node = devnet_process.url.removeprefix("http://")
    staff = installation.visitor("staff", key)
    stranger = installation.visitor(
        "stranger",
        f"{address.removesuffix('.onion')}:descriptor:x25519:{stranger_key()}",
        f"HiddenServiceDir {folder}/node\nHiddenServicePort 80 {node}",
    )
    reaches(staff, installation.api)
    reaches(staff, address)
    node_address = OnionService("node", folder / "node").address()
    reaches(installation.at, node_address)
    return Visitors(staff, stranger, node_address)
