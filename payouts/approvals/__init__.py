"""Approvals: how many a payout or a batch needs (`rules`), what waits (`requests`), and who agreed (`deciding`).

A request stands for one payout, or for a whole batch as one thing. Each approval binds to the hash of what the
request's payouts were when it was given (`content`): a change of any of them and it counts no more.
"""
