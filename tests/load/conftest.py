from tests.payouts.flow.conftest import devnet, devnet_process, world

__all__ = ["devnet", "devnet_process", "world"]
