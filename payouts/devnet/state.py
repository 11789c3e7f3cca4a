"""The world state: one flat table of JSON values that remembers what each block changed.

Undo layers make reorganisations and the older views of lagging or solidified nodes cheap, without a copy of
the world per block. Values are never changed in place: a new one is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

# What a layer remembers of a key that didn't exist. JSON null, so that layers survive a snapshot.
ABSENT: Final = None

Undo = dict[str, Any]


class Reader(Protocol):
    """What can be read: the present state or an older view of it."""

    def get(self, key: str, default: Any = None) -> Any: ...


class Writer(Reader, Protocol):
    """What can be changed: the present state, or a scratch over it."""

    def set(self, key: str, value: Any) -> None: ...


class State:
    """The present values, under a stack of undo layers."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self.values: dict[str, Any] = values or {}
        self._layers: list[Undo] = []

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        if self._layers:
            self._layers[-1].setdefault(key, self.values.get(key, ABSENT))
        self.values[key] = value

    def begin(self) -> None:
        """Open a layer: what is set from now on can be undone."""
        self._layers.append({})

    def undo(self) -> None:
        """Close the top layer and take back what was set since it was opened."""
        self.revert(self._layers.pop())

    def seal(self) -> Undo:
        """Close the top layer, keep its changes, and hand out how to take them back."""
        return self._layers.pop()

    def revert(self, undo: Undo) -> None:
        """Take back the changes of a sealed layer; newer ones must have been taken back before."""
        for key, old in undo.items():
            if old is ABSENT:
                self.values.pop(key, None)
            else:
                self.values[key] = old

    def top_layer(self) -> Undo:
        """The open layer, for views of what was before it."""
        return self._layers[-1]


class PastState:
    """The state as it was before the given undo layers, oldest first."""

    def __init__(self, state: State, newer: Iterable[Undo]) -> None:
        self._state = state
        self._newer: Sequence[Undo] = tuple(newer)

    def get(self, key: str, default: Any = None) -> Any:
        for undo in self._newer:
            if key in undo:
                old = undo[key]
                return default if old is ABSENT else old
        return self._state.get(key, default)


class Scratch:
    """Changes over a state that reach it only when committed: one transaction, one call, one simulation."""

    def __init__(self, below: Reader) -> None:
        self._below = below
        self._changes: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        if key in self._changes:
            return self._changes[key]
        return self._below.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self._changes[key] = value

    def commit(self, target: Writer) -> None:
        for key, value in self._changes.items():
            target.set(key, value)
