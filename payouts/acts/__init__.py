"""The back office's acts on approvals, cases, rules and slots; importing this registers them."""

from payouts.acts import approval_rules, approvals, cases, session_rule, slots

__all__ = ["approval_rules", "approvals", "cases", "session_rule", "slots"]
