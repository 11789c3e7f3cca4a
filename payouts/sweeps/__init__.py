"""Sweeps: all that a treasury key holds is sent to the one destination fixed for it at its ceremony.

`door` changes their state and nothing else does; `advancing` is the watcher's part, `sending` the sender's, and the
signer's part stands in `payouts.signer`. Neither caps nor a kill switch stop a sweep: it can only bring money home.
"""
