"""The machine: any order of acts, faults, crashes and restores, judged by a witness outside the system.

`people`, `processes`, `chain` and `nodes` are what may happen, on one `stage`; `witness` remembers what neither a
crash nor a restored database takes away; `books` says what must hold after each step; `ending` takes the faults away
and lets all come to its end; `reached` says how much the examples must have seen.
"""
