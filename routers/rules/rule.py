"""What a router's module says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from kyc.attestation.in_force import Standing
from routers.choices import RouterType


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a rule may look at. `standing` is that of the node which was named, if there is such a node."""

    standing: Standing | None
    recipient_address: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A router's conditions by name, and the sentence for each one that fails."""

    router: RouterType
    conditions: Callable[[Request], dict[str, bool]]
    refusals: dict[str, str] = field(default_factory=dict)
