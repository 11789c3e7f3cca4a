"""Faults on request: per node and endpoint, for the next N calls or until cleared.

Every kind may carry `processed` (default false): whether the node does what it was asked before it
misbehaves. A broadcast that is `processed` and then hangs is the case that pays people twice elsewhere.
Every kind may carry `percent`: it meets so many of a hundred calls, at random but the same in every run.

| kind | what the caller sees | parameters |
| --- | --- | --- |
| cut | the connection closed without a byte | processed |
| hang | no answer until `seconds` are over or the faults are cleared, then closed | processed, seconds |
| delay | the true answer, `seconds` late | seconds |
| drip | the true answer, byte by byte | bytes_per_second (20) |
| truncate | the first half of the true answer's JSON | |
| garbage | bytes that are no HTTP | processed |
| status | an HTTP status with a body in plain text | processed, status (503), body, headers |
| text | status 200 and plain text | processed, text |
| error | {"Error": message} | processed, message |
| empty | {}: "not found", or an answer that says nothing | processed |
| result_false | {"result": false} | processed |
| answer | any JSON | processed, answer |
| code | a broadcast's refusal | processed, code, message |
| wrong_txid | the true answer with every transaction id replaced | txid |
| alter_transaction | the true answer, its transactions paying somebody else, ids to match | to, amount |
| patch | the true answer with these fields merged in | patch |
| stale | the answer of so many blocks ago | blocks (20) |
| forge_success | a SUCCESS for a transaction that is in no block | block_number |
| forge_revert | the true answer with every success in it made a revert | |
| hold | a broadcast accepted and never included | |
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

KINDS: Final = frozenset(
    {
        "cut",
        "hang",
        "delay",
        "drip",
        "truncate",
        "garbage",
        "status",
        "text",
        "error",
        "empty",
        "result_false",
        "answer",
        "code",
        "wrong_txid",
        "alter_transaction",
        "patch",
        "stale",
        "forge_success",
        "forge_revert",
        "hold",
    }
)


class UnknownFault(ValueError):
    """No fault has this name."""


@dataclass
class Fault:
    """One fault. `node` None means every node, `calls` None until cleared; `endpoint` may hold * and ?."""

    id: int
    kind: str
    endpoint: str
    node: int | None = None
    calls: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.parameters.get(name)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "node": self.node,
            "endpoint": self.endpoint,
            "fault": self.kind,
            "calls": self.calls,
            **self.parameters,
        }


class Faults:
    """The faults in force. `released` ends every hang when they are cleared."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._next_id = 1
        self._chance = random.Random(1)  # noqa: S311 - which calls go wrong is no secret
        self.released = threading.Event()

    def add(
        self, kind: str, endpoint: str, node: int | None, calls: int | None, parameters: dict[str, Any]
    ) -> Fault:
        """Raises `UnknownFault`."""
        if kind not in KINDS:
            raise UnknownFault(f"no fault is called {kind}; there are {', '.join(sorted(KINDS))}")
        fault = Fault(self._next_id, kind, endpoint, node, calls, parameters)
        self._next_id += 1
        self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        return list(self._faults)

    def take(self, node: int, endpoint: str) -> Fault | None:
        """The oldest fault that meets this call; it has one call less afterwards."""
        for fault in self._faults:
            if fault.node in (None, node) and fnmatchcase(endpoint, fault.endpoint) and self._strikes(fault):
                if fault.calls is not None:
                    fault.calls -= 1
                    if fault.calls <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        percent = fault["percent"]
        return percent is None or self._chance.random() * 100 < float(percent)

    def clear(self, fault_id: int | None = None) -> None:
        """Remove one fault or all, and let whoever hangs go."""
        self._faults = [fault for fault in self._faults if fault_id not in (None, fault.id)]
        self.released.set()
        self.released = threading.Event()
