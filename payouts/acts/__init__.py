"""The back office's acts on approvals and cases; importing this registers them."""

from payouts.acts import approval_rules, approvals, cases, session_rule

__all__ = ["approval_rules", "approvals", "cases", "session_rule"]
