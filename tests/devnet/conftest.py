from tests.devnet.fixtures import devnet, devnet_process, own_devnet

__all__ = ["devnet", "devnet_process", "own_devnet"]
