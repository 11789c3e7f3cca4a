"""PayoutRouterV0: for everybody, with the lower limits. It has no conditions and may always be asked for."""

from __future__ import annotations

from routers.choices import RouterType
from routers.rules.rule import Rule

RULE = Rule(router=RouterType.V0, conditions=lambda request: {})
