"""PostgreSQL, Valkey and the supervisor behind `make demo` and the tests.

Standard library alone: nothing here imports Django, so that a demo whose settings are wrong still starts far
enough to say so, and still stops everything it started.
"""
