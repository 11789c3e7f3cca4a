"""The back office's pages on payouts; importing this puts them on the site, in the navigation's order."""

from payouts.admin import payout_list  # noqa: I001 - the navigation's order
from payouts.admin import alarms, chain, ledger, overview

__all__ = ["alarms", "chain", "ledger", "overview", "payout_list"]
