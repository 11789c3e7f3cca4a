from tests.payouts.flow.conftest import committed_world, devnet, devnet_process, world

__all__ = ["committed_world", "devnet", "devnet_process", "world"]
