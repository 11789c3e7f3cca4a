"""The compliance desk's pages: queues, the case page, and the acts that people do there.

Nothing here changes a record by itself: each button ends in one function of `kyc.review`.
"""
