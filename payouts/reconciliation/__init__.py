"""Reconciliation: what the chain shows of the treasury against what the books say, hourly and when asked.

`reading` is the chain's side, `books` ours, `comparison` tells them apart and knows neither; `running` goes from one
to the other and keeps its place in its row, `cases` keeps what differs, `rebuilding` makes lost books anew.
"""
