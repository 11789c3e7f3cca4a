"""Load tests: the whole system as `make demo` runs it, real processes, on the devnet with 3-second blocks."""
