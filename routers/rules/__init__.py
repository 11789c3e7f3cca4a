"""The routers' rules, one module each; the first whose conditions all hold pays, unless another is asked for.

A further router is a module with a RULE, named here in the order of preference, and its name in `choices`.
"""

from routers.rules import kyc, v0
from routers.rules.rule import Request, Rule

RULES: dict[str, Rule] = {rule.router: rule for rule in (kyc.RULE, v0.RULE)}

__all__ = ["RULES", "Request", "Rule"]
