"""What each router may pay, in versions: read through `current`, changed through `propose` and `confirm`."""

from routers.models.policy import GLOBAL
from routers.policy.changes import Change, confirm, diff, propose
from routers.policy.current import Policies, current

__all__ = ["GLOBAL", "Change", "Policies", "confirm", "current", "diff", "propose"]
