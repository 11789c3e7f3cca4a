"""The acts on limits, policies, breakers and kill switches, as the back office offers them."""

from routers.acts import breakers, killswitch, policies, waivers

__all__ = ["breakers", "killswitch", "policies", "waivers"]
