"""The back office's acts on cases; importing this registers them."""

from payouts.acts import cases

__all__ = ["cases"]
