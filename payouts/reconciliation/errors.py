"""Why a reconciliation ends without a verdict."""

from __future__ import annotations


class Inconclusive(Exception):
    """Nodes are away or differ, or the signer can't be asked: nothing is changed, and it is tried again later."""


class Refused(Exception):
    """What was asked for can't be done; the text says why. Nothing has changed."""
