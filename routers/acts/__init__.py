"""The acts on limits, breakers and kill switches, as the back office offers them."""

from routers.acts import breakers, killswitch, waivers

__all__ = ["breakers", "killswitch", "waivers"]
