"""The demo's world: people of every role, a funded treasury, and a month of payouts that really happened.

Nothing of it is written into tables by hand: each payout went through the same doors as a real one, on the
devnet, while its clock was stepped. So books and chain agree by construction.
"""
