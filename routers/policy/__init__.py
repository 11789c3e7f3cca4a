"""What each router may pay, in versions: read through `current`, changed through `change`."""

from routers.models.policy import GLOBAL
from routers.policy.changes import Change, Proposal, change, diff, locked, propose
from routers.policy.current import Policies, current

__all__ = ["GLOBAL", "Change", "Policies", "Proposal", "change", "current", "diff", "locked", "propose"]
