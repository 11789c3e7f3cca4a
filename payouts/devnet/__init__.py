"""A TRON test node: java-tron's HTTP API with its real checks, a clock that tests step, and faults on
request.

Nothing of it may run with real money; production settings refuse it.
"""
