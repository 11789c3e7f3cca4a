"""The fault matrix: the real processes, ten payouts, one fault, and what the chain's own books say afterwards.

A row is a `Row` in one of the themes' lists (`node_answers.ROWS`, ..., joined in `matrix.ROWS`):

    Row(
        name="the node accepts and cuts the connection",
        expected="the same bytes are sent again; paid once",
        strikes="before",                       # or how far the ten have come: "sent", "included"
        disturb=lambda rig: rig.fault("cut", BROADCAST, processed=True),
        lasts=60,                               # seconds of chain time until `relieve` ends the fault
    )

`disturb` has the rig in hands: `rig.devnet` is the chain (faults, forks, its clock), `rig.kill("worker")` a process,
`rig.query` the books. Time moves in `rig.step` alone, and `rig.turn` gives every process its turn at the instant it
is. `expect` says what must have come of it (`expectations`): without one, all ten are paid once. Whatever a row
expects, `books.check` then compares chain, ledger, windows and alarms to the base unit.

What happens to our own processes is ordered at the points of the fault seam (`orders`: die, pause or raise at
`sign.before`, say), or done from outside: a process ended or restarted, connections cut, every process stopped.

One stack serves row after row, each on a day of its own. A row that leaves it otherwise than it was (a payout in
people's hands, money gone) says `spoils=True`; the next one gets a fresh stack. `daily=True` marks the fourteen that
`make test` runs; `make prove` runs the others, `make faults` all of them, and writes docs/faults.md.

    .venv/bin/python -m tests.faults "cuts the connection"      # the rows whose names hold these words
"""
