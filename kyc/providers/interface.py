"""What an outside provider is, whoever runs it: told of one subject, it says whether anything speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kyc.models import ProviderKind

# A provider that takes longer is away.
SECONDS = 10


@dataclass(frozen=True, slots=True)
class Question:
    """One subject: an address (analytics), a node operator (PEP), or a payout (Travel Rule), each by its id.

    `facts` are what the provider is told and may be kept; `private` is told and kept nowhere (a name, say).
    """

    kind: ProviderKind
    subject: str
    facts: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Opinion:
    """`clear`: nothing speaks against it; for the Travel Rule, the other side has taken what it must be told.

    `words` are for staff, without personal data, `reference` is the provider's own name for its answer.
    """

    clear: bool
    words: str
    reference: str = ""


class ProviderAway(Exception):
    """It didn't answer, or nothing that can be read: nobody knows, which is never "clear"."""


class Provider(Protocol):
    """A module of its own for each, chosen by a setting."""

    name: str

    def ask(self, question: Question) -> Opinion:
        """Within SECONDS, and never inside a transaction. Raises ProviderAway."""
