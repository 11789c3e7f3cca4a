"""The back office's acts on approvals, cases, files, monthly runs, rules and slots; importing this registers them."""

from payouts.acts import approval_rules, approvals, cases, distribution, session_rule, slots, uploads

__all__ = ["approval_rules", "approvals", "cases", "distribution", "session_rule", "slots", "uploads"]
