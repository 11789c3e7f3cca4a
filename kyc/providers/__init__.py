"""Outside providers: chain analytics of an address, politically exposed persons, and transport of the Travel Rule.

`interface` says what a provider is; `offline` and `recording` are two. `answers` asks, keeps what was said for ever,
and says what stands: where a provider is away, or hasn't cleared, nothing goes. By default nobody is asked.
"""
