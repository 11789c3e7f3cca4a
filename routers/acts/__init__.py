"""The acts on limits, policies, breakers and kill switches, as the back office offers them."""

from routers.acts import break_glass, breakers, killswitch, policies, waivers

__all__ = ["break_glass", "breakers", "killswitch", "policies", "waivers"]
