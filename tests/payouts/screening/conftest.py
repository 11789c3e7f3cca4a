from tests.devnet.fixtures import devnet, devnet_process
from tests.payouts.flow.conftest import committed_world, world

__all__ = ["committed_world", "devnet", "devnet_process", "world"]
