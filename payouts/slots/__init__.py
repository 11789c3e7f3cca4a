"""The schedule's batches: payouts join one when they are scheduled, and it goes when its time has come.

`joining` finds the slot, `running` opens and ends slots, `stopping` is what people do to them, `totals` counts.
"""
